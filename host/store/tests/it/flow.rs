//! The orchestrator over the embedded store: the ways a transfer can go.

use crate::world::*;
use ringi_orchestrator::ports::Page;
use ringi_orchestrator::service::{NewWallet, SubmitMode, TransferView};
use ringi_orchestrator::{Orchestrator, Service};
use ringi_primitives::cbor;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::id::OrderId;
use ringi_primitives::order::{KeyId, Order, OrderAction};
use ringi_primitives::policy_set::RootIndex;
use ringi_primitives::receipt::Receipt;
use ringi_primitives::scheme::Scheme;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wire::Retry;
use std::sync::Arc;
use std::time::Duration;

/// Genesis, policy, key and wallet: once per data folder, safe to repeat.
pub async fn prepare_workspace(orchestrator: &Orchestrator) {
    let installed = orchestrator.install_genesis(vec![genesis()]).await.unwrap();
    assert!(installed.in_force);
    assert!(orchestrator.install_policy(policy(1, None)).await.unwrap().in_force);
    let now = UnixMs(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64);
    let key = KeyId { scheme: Scheme::EcdsaSecp256k1, root: RootIndex(0) };
    let order = Order {
        version: 1,
        id: OrderId::from_bytes([1; 16]),
        genesis: root(),
        issued_at: now,
        expires_at: now.plus_ms(60_000),
        action: OrderAction::KeyGeneration { key },
    };
    let done = orchestrator.submit_order(by_admin(cbor::encode(&order), Domain::Order)).await.unwrap();
    assert!(done.in_force && done.certificate.is_some());
    let wallet = NewWallet { id: Some(wallet().wallet), vault: "hot".into(), name: "ops".into() };
    orchestrator.create_wallet(wallet).await.unwrap();
}

pub async fn submit(orchestrator: &Orchestrator, n: u8, amount: u64) -> TransferView {
    let (body, signature) = transfer_to(n, amount, 0x11, "");
    orchestrator.submit(&body, &signature, SubmitMode::Keep).await.unwrap().transfer
}

pub async fn status(orchestrator: &Orchestrator, n: u8) -> (String, String) {
    let view = orchestrator.transfer(intent_id(n)).await.unwrap();
    (view.status.to_string(), view.sub_status.to_string())
}

/// Until the transfer has this status; mines and announces blocks meanwhile.
pub async fn until(world: &World, orchestrator: &Orchestrator, n: u8, wanted: &str) -> TransferView {
    for _ in 0..400 {
        let view = orchestrator.transfer(intent_id(n)).await.unwrap();
        if view.status == wanted {
            return view;
        }
        if wanted == "completed" || wanted == "cancelled" {
            world.mine();
            orchestrator.block_seen(EVM);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("transfer {n} is {:?}, not {wanted}", status(orchestrator, n).await);
}

async fn ready() -> (Arc<World>, tempfile::TempDir, Orchestrator) {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let orchestrator = start(&world, folder.path()).await;
    prepare_workspace(&orchestrator).await;
    (world, folder, orchestrator)
}

fn nothing_broken(world: &World) {
    assert_eq!(world.seen.lock().unwrap().violations, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_transfer_goes_through_and_leaves_a_receipt() {
    let (world, _folder, orchestrator) = ready().await;
    let mut feed = orchestrator.subscribe();
    let view = submit(&orchestrator, 1, 500).await;
    assert_eq!((view.status, view.sub_status), ("queued", "waiting_for_slot"));
    feed.changed().await.unwrap();
    let done = until(&world, &orchestrator, 1, "completed").await;
    assert_eq!(done.transaction.unwrap().nonce, Some(0));
    let receipt = orchestrator.receipt(intent_id(1)).await.unwrap();
    let receipt: Receipt = cbor::decode(&receipt.bytes, 1 << 22).unwrap();
    assert_eq!((receipt.policy, receipt.verdicts.len(), receipt.boots.len()), (policy(1, None), 2, 2));
    assert_eq!(receipt.certificates, vec![certificate()]);
    let events = orchestrator.events_after(0, 100).await.unwrap();
    let kinds: Vec<&str> = events.iter().filter(|e| e.subject == intent_id(1).to_string()).map(|e| &*e.kind).collect();
    for kind in ["transfer.queued", "transfer.signing", "transfer.broadcasting", "transfer.completed"] {
        assert!(kinds.contains(&kind), "{kind} is missing in {kinds:?}");
    }
    let again = submit(&orchestrator, 2, 500).await;
    assert_eq!(
        until(&world, &orchestrator, again.id.bytes()[0], "completed").await.transaction.unwrap().nonce,
        Some(1)
    );
    nothing_broken(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_i2_a_large_transfer_waits_for_two_people() {
    let (world, _folder, orchestrator) = ready().await;
    let view = submit(&orchestrator, 1, 5_000_000).await;
    assert_eq!((view.status, view.missing[0].count), ("awaiting_approval", 2));
    let envelope = view.envelope_digest.unwrap();
    let wrong = orchestrator.approve(intent_id(1), approval(2, &Digest([1; 32]))).await.unwrap_err();
    assert_eq!(wrong.code, "approval.bad_signature");
    let mut stranger = approval(2, &envelope);
    stranger.person = person(3);
    assert_eq!(orchestrator.approve(intent_id(1), stranger).await.unwrap_err().code, "approval.unknown_key");
    let initiator = orchestrator.approve(intent_id(1), approval(1, &envelope)).await.unwrap_err();
    assert_eq!(initiator.code, "approval.unknown_key", "an initiating key approves nothing");
    let one = orchestrator.approve(intent_id(1), approval(2, &envelope)).await.unwrap();
    assert_eq!((one.status, one.approvals.len()), ("awaiting_approval", 1));
    let same = orchestrator.approve(intent_id(1), approval(2, &envelope)).await.unwrap();
    assert_eq!((same.status, same.approvals.len()), ("awaiting_approval", 1), "people count, not signatures");
    orchestrator.approve(intent_id(1), approval(4, &envelope)).await.unwrap();
    let done = until(&world, &orchestrator, 1, "completed").await;
    assert_eq!(done.approvals.len(), 2);
    nothing_broken(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_to_the_list_is_denied_with_the_rule() {
    let (world, _folder, orchestrator) = ready().await;
    let (body, signature) = transfer_to(1, 5, 0x66, "");
    let dry = orchestrator.submit(&body, &signature, SubmitMode::DryRun).await.unwrap();
    assert_eq!((dry.outcome, dry.decision.verdict), ("dry_run", "deny"));
    assert_eq!(orchestrator.transfer(intent_id(1)).await.unwrap_err().code, "transfer.not_found");
    let denied = orchestrator.submit(&body, &signature, SubmitMode::Keep).await.unwrap();
    assert_eq!((denied.transfer.status, denied.decision.rules), ("rejected", vec!["strangers".to_string()]));
    assert_eq!(denied.transfer.error.unwrap().code, "policy.denied");
    assert!(world.seen.lock().unwrap().attempts.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_g1_what_is_not_signed_for_here_is_refused() {
    let (_world, _folder, orchestrator) = ready().await;
    let code =
        async |body: &[u8], signature| orchestrator.submit(body, &signature, SubmitMode::Keep).await.unwrap_err().code;
    let (body, signature) = transfer_to(1, 5, 0x11, "");
    let mut changed = body.clone();
    let at = changed.windows(3).position(|w| w == b"\"5\"").unwrap();
    changed[at + 1] = b'9';
    assert_eq!(code(&changed, signature.clone()).await, "auth.bad_signature");
    assert_eq!(code(&body, request_signature(2, 1, &body)).await, "auth.unknown_key");
    assert_eq!(code(&body[1..], signature.clone()).await, "intent.malformed");
    let other = String::from_utf8(body.clone()).unwrap().replace(&root().hex(), &Digest([7; 32]).hex()).into_bytes();
    assert_eq!(code(&other, request_signature(1, 1, &other)).await, "intent.genesis");
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() * 1000;
    let text = String::from_utf8(body.clone()).unwrap();
    let from = text.find("expires_at\":\"").unwrap() + 13;
    for (at, wanted) in [(now - 1000, "intent.expired"), (now + 31 * 24 * 3_600_000, "intent.life")] {
        let late = format!("{}{}{}", &text[..from], UnixMs(at), &text[from + 20..]).into_bytes();
        assert_eq!(code(&late, request_signature(1, 1, &late)).await, wanted);
    }
    let first = orchestrator.submit(&body, &signature, SubmitMode::Keep).await.unwrap();
    let again = orchestrator.submit(&body, &signature, SubmitMode::Keep).await.unwrap();
    assert_eq!((first.outcome, again.outcome), ("created", "repeated"));
    let (second, signed) = transfer_to(1, 6, 0x11, "");
    assert_eq!(code(&second, signed).await, "intent.id_used");
    let (third, _) = transfer_to(3, 6, 0x11, "");
    assert_eq!(code(&third, request_signature(1, 1, &third)).await, "auth.nonce_reused");
    let (a, signed) = transfer_to(4, 6, 0x11, r#","reference":"r""#);
    orchestrator.submit(&a, &signed, SubmitMode::Keep).await.unwrap();
    let (b, signed) = transfer_to(5, 6, 0x11, r#","reference":"r""#);
    assert_eq!(code(&b, signed).await, "intent.reference_used");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_cosigner_can_refuse_without_stopping_the_others() {
    let (world, _folder, orchestrator) = ready().await;
    let no = Mood::Refuse("policy.limit_exceeded", Retry::Never);
    world.seen.lock().unwrap().moods.insert(2, vec![no; 9]);
    submit(&orchestrator, 1, 5).await;
    until(&world, &orchestrator, 1, "completed").await;
    assert_eq!(world.seen.lock().unwrap().attempts.last(), Some(&vec![1, 3]));
    nothing_broken(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn i3_a_refused_transfer_gives_its_nonce_to_the_next() {
    let (world, _folder, orchestrator) = ready().await;
    let no = Mood::Refuse("policy.limit_exceeded", Retry::Never);
    for n in 1..=3 {
        world.seen.lock().unwrap().moods.insert(n, vec![no.clone(); 2]);
    }
    submit(&orchestrator, 1, 5).await;
    let refused = until(&world, &orchestrator, 1, "rejected").await;
    assert_eq!(refused.error.unwrap().code, "policy.limit_exceeded");
    world.seen.lock().unwrap().moods.clear();
    submit(&orchestrator, 2, 5).await;
    assert_eq!(until(&world, &orchestrator, 2, "completed").await.transaction.unwrap().nonce, Some(0));
    nothing_broken(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn i3_a_slot_that_may_be_pinned_stays_and_a_cancel_takes_it_over() {
    let (world, _folder, orchestrator) = ready().await;
    for n in 1..=3 {
        world.seen.lock().unwrap().moods.insert(n, vec![Mood::ReserveThenSilent; 9]);
    }
    submit(&orchestrator, 1, 5).await;
    until(&world, &orchestrator, 1, "blocked").await;
    world.seen.lock().unwrap().moods.clear();
    submit(&orchestrator, 2, 5).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(status(&orchestrator, 2).await.0, "signing", "it waits for the lower nonce");
    let (body, signature) = transfer_to(3, 0, 0, &format!(r#","replaces":"{}""#, intent_id(1)));
    orchestrator.submit(&body, &signature, SubmitMode::Keep).await.unwrap();
    assert_eq!(until(&world, &orchestrator, 3, "completed").await.transaction.unwrap().nonce, Some(0));
    let first = until(&world, &orchestrator, 1, "cancelled").await;
    assert_eq!(first.replaced_by, Some(intent_id(3)));
    assert_eq!(until(&world, &orchestrator, 2, "completed").await.transaction.unwrap().nonce, Some(1));
    nothing_broken(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn i3_a_speed_up_takes_the_same_nonce_and_one_of_them_confirms() {
    let (world, _folder, orchestrator) = ready().await;
    submit(&orchestrator, 1, 5).await;
    until(&world, &orchestrator, 1, "broadcasting").await;
    let (body, signature) = transfer_to(2, 5, 0x11, &format!(r#","replaces":"{}""#, intent_id(1)));
    orchestrator.submit(&body, &signature, SubmitMode::Keep).await.unwrap();
    for _ in 0..100 {
        if world.seen.lock().unwrap().pool.len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(until(&world, &orchestrator, 2, "completed").await.transaction.unwrap().nonce, Some(0));
    assert_eq!(until(&world, &orchestrator, 1, "cancelled").await.replaced_by, Some(intent_id(2)));
    nothing_broken(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_cosigner_is_given_up_and_the_others_sign() {
    let (world, _folder, orchestrator) = ready().await;
    for n in 1..=2 {
        world.seen.lock().unwrap().moods.insert(n, vec![Mood::Silent; 1]);
    }
    submit(&orchestrator, 1, 5).await;
    until(&world, &orchestrator, 1, "completed").await;
    assert!(world.seen.lock().unwrap().attempts.len() > 1);
    nothing_broken(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_have_no_gap_and_no_double() {
    let (world, _folder, orchestrator) = ready().await;
    for n in 1..=20 {
        submit(&orchestrator, n, 5).await;
    }
    for n in 1..=20 {
        until(&world, &orchestrator, n, "completed").await;
    }
    let counted = {
        let seen = world.seen.lock().unwrap();
        (seen.mined.len(), seen.signed.len())
    };
    assert_eq!(counted, (20, 20));
    nothing_broken(&world);
    let (first, next) = {
        let page = Page { cursor: None, limit: 15 };
        let listing = orchestrator.transfers(&Default::default(), &page).await.unwrap();
        (listing.items.len(), listing.next)
    };
    assert_eq!((first, next.is_some()), (15, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_or_quorum_that_is_away_is_waited_for() {
    let (world, _folder, orchestrator) = ready().await;
    world.seen.lock().unwrap().node_down = true;
    world.seen.lock().unwrap().down = [1, 2].into();
    submit(&orchestrator, 1, 5).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(status(&orchestrator, 1).await.0, "queued");
    world.seen.lock().unwrap().node_down = false;
    until(&world, &orchestrator, 1, "signing").await;
    world.seen.lock().unwrap().down = [1].into();
    world.bump();
    until(&world, &orchestrator, 1, "completed").await;
    nothing_broken(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_initiator_withdraws_and_only_in_time() {
    let (world, _folder, orchestrator) = ready().await;
    submit(&orchestrator, 1, 5_000_000).await;
    let stranger = orchestrator.cancel(intent_id(1), person(2)).await.unwrap_err();
    assert_eq!(stranger.code, "transfer.not_initiator");
    let view = orchestrator.cancel(intent_id(1), person(1)).await.unwrap();
    assert_eq!((view.status, view.sub_status), ("cancelled", "withdrawn"));
    submit(&orchestrator, 2, 5).await;
    until(&world, &orchestrator, 2, "broadcasting").await;
    assert_eq!(orchestrator.cancel(intent_id(2), person(1)).await.unwrap_err().code, "transfer.signed");
}

#[tokio::test(flavor = "multi_thread")]
async fn i2_a_new_policy_voids_the_approvals_given_under_the_old() {
    let (world, _folder, orchestrator) = ready().await;
    let before = submit(&orchestrator, 1, 5_000_000).await.envelope_digest.unwrap();
    orchestrator.approve(intent_id(1), approval(2, &before)).await.unwrap();
    let next = policy(2, Some(policy(1, None).digest(Domain::PolicySet)));
    orchestrator.install_policy(next).await.unwrap();
    let view = orchestrator.transfer(intent_id(1)).await.unwrap();
    assert_eq!((view.status, view.approvals.len(), view.missing[0].count), ("awaiting_approval", 0, 2));
    let after = view.envelope_digest.unwrap();
    assert_ne!(before, after);
    assert_eq!(
        orchestrator.approve(intent_id(1), approval(3, &before)).await.unwrap_err().code,
        "approval.bad_signature"
    );
    for who in [2, 3] {
        orchestrator.approve(intent_id(1), approval(who, &after)).await.unwrap();
    }
    until(&world, &orchestrator, 1, "completed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_transfer_does_not_make_the_node_look_for_the_others() {
    let (world, _folder, orchestrator) = ready().await;
    for n in 1..=8 {
        submit(&orchestrator, n, 1).await;
        until(&world, &orchestrator, n, "broadcasting").await;
    }
    until_looked(&world, 8).await;
    // A block makes it look for each, once.
    orchestrator.block_seen(EVM);
    until_looked(&world, 16).await;
    nothing_broken(&world);
}

/// Until the node was asked so often, and no more often a moment later.
async fn until_looked(world: &World, times: u64) {
    let looks = || world.seen.lock().unwrap().looks;
    for _ in 0..200 {
        if looks() >= times {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(looks(), times);
}
