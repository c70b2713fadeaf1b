//! Drafts of the next policy set: who may, what is taken, what is told, and what comes of them.

use crate::desk::{ADMIN, APPROVER, Desk, INITIATOR, intent, submission};
use crate::http::Ask;
use crate::world;
use ed25519_dalek::Signer as _;
use ringi_primitives::amount::Amount;
use ringi_primitives::cbor;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::key::SignatureBytes;
use ringi_primitives::policy_set::{PolicySet, Ruling};
use ringi_primitives::signed::{PersonSignature, Signed};
use ringi_primitives::time::UnixMs;
use serde_json::{Value, json};

const DRAFTS: &str = "/v1/policy/drafts";

/// The second set, unsigned and changed; on the first.
pub fn second(change: impl FnOnce(&mut PolicySet)) -> Signed {
    next(2, Some(world::policy(1, None).digest(Domain::PolicySet)), change)
}

fn next(sequence: u64, previous: Option<Digest>, change: impl FnOnce(&mut PolicySet)) -> Signed {
    let mut set: PolicySet = world::policy(sequence, previous).decode_unverified(1 << 20).unwrap();
    change(&mut set);
    Signed { body: cbor::encode(&set), signatures: vec![] }
}

/// Payments that nobody approves end at 3 wei and the 100,000 of their fee.
pub fn stricter(set: &mut PolicySet) {
    set.vaults[0].rules[1].when.amounts[0].at_most = Some(Amount::from_u64(100_003));
}

fn id(signed: &Signed) -> Digest {
    signed.digest(Domain::PolicySet)
}

fn draft(signed: &Signed) -> Ask {
    Ask::cbor(DRAFTS, cbor::encode(signed)).by(INITIATOR)
}

pub fn at(signed: &Signed, tail: &str) -> String {
    format!("{DRAFTS}/{}{tail}", id(signed))
}

/// This person's signature over a document, made with their key.
pub fn signature(n: u8, signed: &Signed) -> PersonSignature {
    let signature = SignatureBytes(world::key(n).sign(&id(signed).0).to_bytes());
    PersonSignature { person: world::person(n), key: world::public(n), signature }
}

fn sign(signed: &Signed, with: &PersonSignature) -> Ask {
    Ask::cbor(&at(signed, "/signatures"), cbor::encode(with)).by(ADMIN)
}

async fn shown(desk: &Desk, signed: &Signed) -> Value {
    desk.good(&Ask::get(&at(signed, "")).by(APPROVER)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_says_what_it_changes_and_comes_in_force_once_signed() {
    let desk = Desk::ready().await;
    desk.good(&submission(intent(1, 5))).await;
    desk.until(1, "completed").await;
    desk.good(&submission(intent(2, 2))).await;
    desk.until(2, "completed").await;
    let signed = second(stricter);
    let kept = desk.good(&draft(&signed)).await;
    assert_eq!((&kept["state"], &kept["sequence"], &kept["quorum"]), (&json!("open"), &json!(2), &json!(1)));
    assert_eq!((&kept["drafted_by_name"], &kept["signatures"]), (&json!("p1"), &json!([])));
    let before = desk.kept().await;
    assert_eq!(desk.good(&draft(&signed)).await, kept, "the same again says how it stands");
    assert_eq!(desk.kept().await, before, "and changes nothing");
    let told = shown(&desk, &signed).await;
    assert_eq!(told["draft"], kept);
    let places: Vec<&str> = told["changes"].as_array().unwrap().iter().map(|c| c["at"].as_str().unwrap()).collect();
    assert_eq!(places, ["vaults.hot.rules.small.amounts", "vaults.hot.rules.small.amounts"], "{told}");
    assert!(told["findings"].as_array().unwrap().iter().all(|f| f["severity"] == "warning"), "{told}");
    let preview = &told["preview"];
    assert_eq!((&preview["compared"], &preview["not_compared"]), (&json!(2), &json!([])), "{told}");
    let changed = preview["changed"].as_array().unwrap();
    assert_eq!((changed.len(), &changed[0]["intent"]), (1, &json!(world::intent_id(1))), "{told}");
    assert_eq!(changed[0]["after"], "waits for 2 more of board by large");
    let last = desk.good(&Ask::get(&at(&signed, "")).query("last=1").by(APPROVER)).await;
    assert_eq!((&last["preview"]["compared"], &last["preview"]["changed"]), (&json!(1), &json!([])), "the newest only");
    let ready = desk.good(&sign(&signed, &signature(ADMIN, &signed))).await;
    assert_eq!((&ready["state"], &ready["signatures"][0]["person"]), (&json!("ready"), &json!(world::person(ADMIN))));
    let done = desk.good(&Ask::new("POST", &at(&signed, "/publish")).by(ADMIN)).await;
    assert_eq!((&done["in_force"], &done["digest"]), (&json!(true), &json!(id(&signed))));
    assert_eq!(desk.good(&Ask::get("/v1/policy").by(APPROVER)).await["digest"], json!(id(&signed)));
    assert_eq!(desk.good(&Ask::get(DRAFTS).by(APPROVER)).await["items"], json!([]), "it is a draft no more");
    desk.refuses(&Ask::get(&at(&signed, "")).by(APPROVER), 404, "draft.not_found").await;
    desk.good(&submission(intent(3, 5))).await;
    let waits = desk.good(&Ask::get(&format!("/v1/transfers/{}", world::intent_id(3))).by(INITIATOR)).await;
    assert_eq!(waits["status"], "awaiting_approval", "it is in force");
    let kinds: Vec<String> =
        desk.audited().await.into_iter().map(|e| e.kind).filter(|k| k.starts_with("policy.")).collect();
    assert_eq!(kinds, ["policy.installed", "policy.drafted", "policy.draft_signed", "policy.installed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_next_set_is_no_draft() {
    let desk = Desk::ready().await;
    let first = id(&world::policy(1, None));
    for (wrong, status, code) in [
        (next(3, Some(first), |_| ()), 409, "policy.succession"),
        (next(2, None, |_| ()), 409, "policy.succession"),
        (next(2, Some(Digest([1; 32])), |_| ()), 409, "policy.succession"),
        (next(1, None, |_| ()), 409, "policy.succession"),
        (second(|set| set.genesis = Digest([9; 32])), 400, "policy.genesis"),
        (second(|set| set.groups[0].name = String::new()), 400, "policy.senseless"),
        (second(|set| set.vaults[0].rules[2].when.until = Some(UnixMs(1))), 422, "draft.findings"),
        (world::policy(2, Some(first)), 400, "draft.signed"),
        (Signed { body: vec![0xff], signatures: vec![] }, 400, "policy.malformed"),
    ] {
        desk.refuses(&draft(&wrong), status, code).await;
    }
    desk.refuses(&Ask::cbor(DRAFTS, vec![0xff]).by(INITIATOR), 400, "request.body").await;
    desk.refuses(&Ask::json(DRAFTS, "{}").by(INITIATOR), 415, "request.media_type").await;
    desk.refuses(&Ask::cbor(DRAFTS, cbor::encode(&second(stricter))).by(APPROVER), 403, "access.not_permitted").await;
    assert_eq!(desk.good(&Ask::get(DRAFTS).by(APPROVER)).await["items"], json!([]));
    let findings = second(|set| {
        if let Ruling::Allow(terms) = &mut set.vaults[0].rules[2].then {
            terms.approvals = None;
        }
    });
    desk.good(&draft(&findings)).await;
    let warned = shown(&desk, &findings).await;
    assert!(warned["findings"].to_string().contains("pays_anybody"), "warnings are told, not refused: {warned}");
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_only_an_admins_own_signature_over_the_draft_is_taken_and_once() {
    let desk = Desk::ready().await;
    let (signed, other) = (second(stricter), second(|set| set.vetoers = None));
    desk.refuses(&sign(&signed, &signature(ADMIN, &signed)), 404, "draft.not_found").await;
    desk.good(&draft(&signed)).await;
    desk.refuses(&Ask::new("POST", &at(&signed, "/publish")).by(ADMIN), 400, "policy.signatures").await;
    desk.refuses(&sign(&signed, &signature(2, &signed)), 403, "draft.signer").await;
    let borrowed = PersonSignature { person: world::person(ADMIN), ..signature(2, &signed) };
    desk.refuses(&sign(&signed, &borrowed), 403, "draft.signer").await;
    desk.refuses(&sign(&signed, &signature(ADMIN, &other)), 422, "draft.signature").await;
    let mut flipped = signature(ADMIN, &signed);
    flipped.signature.0[5] ^= 1;
    desk.refuses(&sign(&signed, &flipped), 422, "draft.signature").await;
    let whole = |of: &Signed, signatures| Signed { body: of.body.clone(), signatures };
    let document = |of: Signed| Ask::cbor(&at(&signed, "/signatures"), cbor::encode(&of)).by(ADMIN);
    desk.refuses(&document(whole(&other, vec![signature(ADMIN, &other)])), 400, "draft.other").await;
    desk.refuses(&document(whole(&signed, vec![flipped])), 422, "draft.signature").await;
    desk.refuses(&Ask::cbor(&at(&signed, "/signatures"), vec![0xff]).by(ADMIN), 400, "request.body").await;
    let by_approver = Ask::cbor(&at(&signed, "/signatures"), cbor::encode(&signature(ADMIN, &signed))).by(APPROVER);
    desk.refuses(&by_approver, 403, "auth.key_purpose").await;
    assert_eq!(shown(&desk, &signed).await["draft"]["signatures"], json!([]));
    let own = whole(&signed, vec![signature(ADMIN, &signed)]);
    assert_eq!(desk.good(&document(own.clone())).await["state"], "ready", "a signed document does as well");
    desk.refuses(&document(own), 409, "draft.signed_already").await;
    desk.refuses(&sign(&signed, &signature(ADMIN, &signed)), 409, "draft.signed_already").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_that_another_set_overtook_is_stale() {
    let desk = Desk::ready().await;
    let (slow, fast) = (second(stricter), second(|set| set.vetoers = None));
    desk.good(&draft(&slow)).await;
    desk.good(&sign(&slow, &signature(ADMIN, &slow))).await;
    let fast = world::by_admin(fast.body, Domain::PolicySet);
    assert_eq!(desk.good(&Ask::cbor("/v1/policy", cbor::encode(&fast)).by(ADMIN)).await["in_force"], true);
    assert_eq!(shown(&desk, &slow).await["draft"]["state"], "stale");
    desk.refuses(&Ask::new("POST", &at(&slow, "/publish")).by(ADMIN), 409, "draft.stale").await;
    desk.refuses(&sign(&slow, &signature(ADMIN, &slow)), 409, "draft.stale").await;
    let gone = desk.good(&Ask::new("DELETE", &at(&slow, "")).by(ADMIN)).await;
    assert_eq!(gone["state"], "stale");
    desk.refuses(&Ask::new("DELETE", &at(&slow, "")).by(ADMIN), 404, "draft.not_found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn drafts_are_bounded_outlive_the_process_and_are_discarded_by_who_may_govern() {
    let desk = Desk::ready().await;
    let numbered = |n: u64| second(move |set| set.issued_at = UnixMs(100 + n));
    for n in 0..16 {
        desk.good(&draft(&numbered(n))).await;
    }
    desk.refuses(&draft(&numbered(16)), 409, "draft.too_many").await;
    desk.good(&draft(&numbered(3))).await;
    desk.good(&sign(&numbered(3), &signature(ADMIN, &numbered(3)))).await;
    let listed = desk.good(&Ask::get(DRAFTS).by(APPROVER)).await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 16);
    let desk = desk.restarted().await;
    assert_eq!(desk.good(&Ask::get(DRAFTS).by(APPROVER)).await, listed, "signatures too");
    desk.refuses(&Ask::new("DELETE", &at(&numbered(0), "")).by(INITIATOR), 403, "auth.key_purpose").await;
    desk.good(&Ask::new("DELETE", &at(&numbered(0), "")).by(ADMIN)).await;
    desk.good(&draft(&numbered(16))).await;
    for wrong in ["x", "AB", &"AB".repeat(32)] {
        desk.refuses(&Ask::get(&format!("{DRAFTS}/{wrong}")).by(APPROVER), 400, "request.id").await;
    }
    for wrong in ["last=0", "last=201", "last=x", "first=1"] {
        desk.refuses(&Ask::get(&at(&numbered(1), "")).query(wrong).by(APPROVER), 400, "request.query").await;
    }
}
