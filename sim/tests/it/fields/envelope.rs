//! Changes of the fields around the unsigned bytes, on every chain.

use super::{Attack, Ground, Mutator, plan, refused, signed};
use ringi_primitives::amount::Amount;
use ringi_primitives::approval::{Approval, Envelope, Evidence};
use ringi_primitives::asset::AssetKey;
use ringi_primitives::digest::Digest;
use ringi_primitives::fact::{Fact, SignedFact};
use ringi_primitives::httpsig::RequestSignature;
use ringi_primitives::id::{PersonId, WalletId};
use ringi_primitives::intent::Intent;
use ringi_primitives::key::{PublicKey, SignatureBytes};
use ringi_primitives::limits;
use ringi_primitives::plan::Plan;
use ringi_primitives::request::{PayloadKind, SigningRequest};
use ringi_primitives::wallet::{VaultIndex, WalletRef};
use ringi_sim::people::Someone;
use ringi_sim::requests::{BITCOIN, EVM, STRANGER, WALLET, approvers, initiator};
use ringi_sim::witnesses::{AGE_S, Source};

pub const MUTATORS: &[(&str, Mutator)] = &[
    ("version", |g| each(g, |r, out| out.extend([0, 2, 255].map(|v| at(r, "request.malformed", |r| r.version = v))))),
    ("genesis", |g| {
        each(g, |r, out| out.extend(digests(&r.genesis).map(|d| at(r, "genesis.mismatch", |r| r.genesis = d))))
    }),
    ("intent", |g| each(g, intent)),
    ("initiator.method", |g| texts(g, &["GET", "PUT", "post", "POST ", ""], |s| &mut s.method)),
    ("initiator.path", |g| texts(g, &["/v1/wallets", "/v1/transfers/", "/V1/TRANSFERS", "/", ""], |s| &mut s.path)),
    ("initiator.idempotency_key", |g| texts(g, &["n-2", "", "n-1\n", "n\"1"], |s| &mut s.idempotency_key)),
    ("initiator.key", |g| each(g, initiator_key)),
    ("initiator.created_s", |g| each(g, created)),
    ("initiator.expires_s", |g| each(g, expires)),
    ("initiator.nonce", |g| texts(g, &["n-2", "", "n-1\"", "n 1"], |s| &mut s.nonce)),
    ("initiator.signature", |g| each(g, initiator_signature)),
    ("approvals.person", |g| each(g, approval_person)),
    ("approvals.evidence", approval_evidence),
    ("approvals", approval_list),
    ("policy", |g| {
        each(g, |r, out| out.extend(digests(&r.policy).map(|d| at(r, "policy.mismatch", |r| r.policy = d))))
    }),
    ("facts.statement", |g| each(g, fact_statement)),
    ("facts.signature", |g| each(g, fact_signature)),
    ("facts", fact_list),
    ("unsigned.kind", |g| each(g, kinds)),
];

fn each(ground: &Ground, change: impl Fn(&SigningRequest, &mut Vec<Attack>)) -> Vec<Attack> {
    let mut attacks = Vec::new();
    ground.bases().into_iter().for_each(|base| change(base, &mut attacks));
    attacks
}

/// The request after a change that must be refused with this code.
pub fn at(base: &SigningRequest, code: &'static str, change: impl FnOnce(&mut SigningRequest)) -> Attack {
    let mut request = base.clone();
    change(&mut request);
    let what = first_change(base, &request);
    refused(what, request, code)
}

/// Where two requests begin to differ, as text.
fn first_change(base: &SigningRequest, request: &SigningRequest) -> String {
    let (old, new) = (format!("{base:?}"), format!("{request:?}"));
    let at = old.bytes().zip(new.bytes()).take_while(|(a, b)| a == b).count().saturating_sub(40);
    String::from_utf8_lossy(&new.as_bytes()[at..]).chars().take(120).collect()
}

/// The request after a change within its bound.
pub fn fine(what: &str, base: &SigningRequest, change: impl FnOnce(&mut SigningRequest)) -> Attack {
    let mut request = base.clone();
    change(&mut request);
    signed(what, request)
}

fn digests(digest: &Digest) -> [Digest; 3] {
    let mut flipped = *digest;
    flipped.0[31] ^= 1;
    [Digest::ZERO, flipped, Digest([0xff; 32])]
}

fn intent(base: &SigningRequest, out: &mut Vec<Attack>) {
    let edit = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut value: serde_json::Value = serde_json::from_slice(&base.intent).unwrap();
        change(&mut value);
        serde_json::to_vec(&value).unwrap()
    };
    let changed = [
        edit(&|v| v["actions"][0]["amount"] = "1".into()),
        edit(&|v| v["actions"][0]["to"] = STRANGER.into()),
        edit(&|v| v["max_fee"] = "1000000".into()),
        edit(&|v| v["expires_at"] = "2027-01-01T00:00:00Z".into()),
        edit(&|v| v["wallet"] = WalletId::from_bytes([1; 16]).to_string().into()),
        edit(&|v| v["id"] = "int_00000000000000000000000009".into()),
        edit(&|v| v["reference"] = "r".into()),
        [&base.intent[..], b" "].concat(),
        [b" ", &base.intent[..]].concat(),
    ];
    out.extend(changed.into_iter().map(|body| at(base, "intent.signature", |r| r.intent = body)));
    let broken = [vec![], b"{}".to_vec(), [&base.intent[..], b"{}"].concat(), b"null".to_vec()];
    out.extend(broken.into_iter().map(|body| at(base, "intent.malformed", |r| r.intent = body)));
    // Another workspace's, truly signed by the initiator.
    let foreign = edit(&|v| v["genesis"] = Digest([3; 32]).hex().into());
    out.push(at(base, "genesis.mismatch", |r| {
        initiator().seal_request(&mut r.initiator, &foreign);
        r.intent = foreign;
    }));
}

fn texts(ground: &Ground, values: &[&str], field: fn(&mut RequestSignature) -> &mut String) -> Vec<Attack> {
    let mut attacks = each(ground, |base, out| {
        out.extend(values.iter().map(|v| at(base, "intent.signature", |r| *field(&mut r.initiator) = (*v).into())));
    });
    // The initiator's true signature for another operation is no intent; a nonce or idempotency key is theirs to choose.
    for base in ground.bases() {
        for value in values.iter().filter(|_| field(&mut base.initiator.clone()) != "n-1") {
            attacks.push(at(base, "intent.signature", |r| {
                *field(&mut r.initiator) = (*value).into();
                initiator().seal_request(&mut r.initiator, &r.intent);
            }));
        }
    }
    attacks
}

fn initiator_key(base: &SigningRequest, out: &mut Vec<Attack>) {
    let [approver, ..] = approvers();
    let stranger = Someone::number(77, "Mallory");
    let keys = [stranger.public(), approver.public(), PublicKey::Ed25519([0; 32]), PublicKey::P256([2; 33])];
    out.extend(keys.map(|key| at(base, "intent.signature", |r| r.initiator.key = key)));
    // Truly signed, by somebody who may not initiate.
    for person in [stranger, approver, Someone::number(201, "Ada")] {
        out.push(at(base, "intent.signature", |r| person.seal_request(&mut r.initiator, &r.intent)));
    }
}

fn created(base: &SigningRequest, out: &mut Vec<Attack>) {
    let now = base.initiator.created_s;
    for created_s in [0, now - 1, now + 1, u64::MAX] {
        out.push(at(base, "intent.signature", |r| r.initiator.created_s = created_s));
    }
    // Truly signed, but of the future.
    out.push(at(base, "intent.expired", |r| {
        (r.initiator.created_s, r.initiator.expires_s) = (now + 120, now + 180);
        initiator().seal_request(&mut r.initiator, &r.intent);
    }));
}

fn expires(base: &SigningRequest, out: &mut Vec<Attack>) {
    let until = base.initiator.expires_s;
    for expires_s in [0, until - 1, until + 1, u64::MAX] {
        out.push(at(base, "intent.signature", |r| r.initiator.expires_s = expires_s));
    }
    // Truly signed, but for longer than a request lives.
    out.push(at(base, "intent.expired", |r| {
        r.initiator.expires_s = until + 1;
        initiator().seal_request(&mut r.initiator, &r.intent);
    }));
}

fn initiator_signature(base: &SigningRequest, out: &mut Vec<Attack>) {
    for byte in [0, 31, 32, 63] {
        out.push(at(base, "intent.signature", |r| r.initiator.signature.0[byte] ^= 1));
    }
    out.push(at(base, "intent.signature", |r| r.initiator.signature = SignatureBytes([0; 64])));
}

fn approval_person(base: &SigningRequest, out: &mut Vec<Attack>) {
    let [_, _, carl] = approvers();
    for person in [carl.id, initiator().id, PersonId::NIL, PersonId::from_bytes([201; 16])] {
        out.push(at(base, "approval.unknown_key", |r| r.approvals[0].person = person));
    }
}

/// The envelope that a right request's approvers signed.
pub fn envelope(ground: &Ground, base: &SigningRequest) -> Envelope {
    Envelope {
        version: 1,
        genesis: ground.standard.policy.genesis,
        intent: Intent::digest(&base.intent),
        wallet: WALLET,
        plan: plan(&ground.standard, base),
        policy: ground.standard.policy_digest(),
    }
}

fn approval_evidence(ground: &Ground) -> Vec<Attack> {
    let mut out = Vec::new();
    for base in ground.bases() {
        let refused = |code, evidence: Evidence| at(base, code, |r| r.approvals[0].evidence = evidence);
        let with = |evidence: Evidence| refused("approval.bad_signature", evidence);
        let Evidence::Signature { key, signature } = base.approvals[0].evidence.clone() else { panic!("a signature") };
        for byte in [0, 63] {
            let mut changed = signature;
            changed.0[byte] ^= 1;
            out.push(with(Evidence::Signature { key, signature: changed }));
        }
        for other in
            [initiator().public(), Someone::number(113, "Carl").public(), Someone::number(77, "Mallory").public()]
        {
            out.push(refused("approval.unknown_key", Evidence::Signature { key: other, signature }));
        }
        let empty = Vec::new;
        let passkey = Evidence::WebAuthn {
            credential: empty(),
            authenticator_data: empty(),
            client_data: empty(),
            signature: empty(),
        };
        out.push(refused("approval.unknown_key", passkey));
        let person = approvers().into_iter().find(|a| a.id == base.approvals[0].person).unwrap();
        out.extend(other_envelopes(ground, base).into_iter().map(|e| with(person.approve(&e).evidence)));
    }
    out
}

/// I2: envelopes that differ from the right one in one part each.
pub fn other_envelopes(ground: &Ground, base: &SigningRequest) -> Vec<Envelope> {
    let right = || envelope(ground, base);
    let planned = |change: &dyn Fn(&mut Plan)| {
        let mut other = right();
        change(&mut other.plan);
        other
    };
    let other_plan =
        ground.bases().into_iter().find(|b| b.intent != base.intent).map(|b| plan(&ground.standard, b)).unwrap();
    let elsewhere = WalletRef { vault: VaultIndex(2), ..WALLET };
    vec![
        Envelope { version: 2, ..right() },
        Envelope { genesis: Digest::ZERO, ..right() },
        Envelope { intent: Digest::ZERO, ..right() },
        Envelope { wallet: elsewhere, ..right() },
        Envelope { wallet: WalletRef { wallet: WalletId::from_bytes([1; 16]), ..WALLET }, ..right() },
        Envelope { policy: Digest::ZERO, ..right() },
        Envelope { plan: other_plan, ..right() },
        planned(&|p| p.max_fee = p.max_fee.checked_add(ringi_primitives::amount::Amount::from_u64(1)).unwrap()),
        planned(&|p| p.expires_at = p.expires_at.plus_ms(1)),
        planned(&|p| p.effects.clear()),
        planned(&|p| p.effects.push(p.effects[0].clone())),
    ]
}

fn approval_list(ground: &Ground) -> Vec<Attack> {
    let (base, envelope) = (&ground.coin, envelope(ground, &ground.coin));
    let [a, b, c] = approvers().map(|s| s.approve(&envelope));
    let with = |list: &[&Approval]| {
        let list: Vec<Approval> = list.iter().map(|a| (*a).clone()).collect();
        move |r: &mut SigningRequest| r.approvals = list
    };
    let too_many = vec![&a; 33];
    let mut bad = b.clone();
    bad.person = c.person;
    let mut out = vec![
        fine("other two", base, with(&[&b, &c])),
        fine("all three", base, with(&[&c, &a, &b])),
        fine("one twice beside another", base, with(&[&a, &a, &b])),
        // I1: people count, not signatures.
        at(base, "approval.missing", with(&[&a, &a])),
        at(base, "approval.missing", with(&[&a])),
        at(base, "approval.missing", with(&[])),
        at(base, "approval.unknown_key", with(&[&a, &b, &bad])),
        at(base, "request.malformed", with(&too_many)),
    ];
    // Where none is demanded, none or more of them change nothing.
    for base in [&ground.token, &ground.bitcoin] {
        let envelope = self::envelope(ground, base);
        let all = approvers().map(|s| s.approve(&envelope));
        out.push(fine("none", base, |r| r.approvals.clear()));
        out.push(fine("all", base, |r| r.approvals = all.to_vec()));
        out.push(at(base, "approval.bad_signature", |r| r.approvals.push(a.clone())));
    }
    out
}

/// Every part of what a witness signed, under the signature as it was.
fn fact_statement(base: &SigningRequest, out: &mut Vec<Attack>) {
    let other = Fact::Price { asset: AssetKey::native(EVM), price: Amount::from_u64(1) };
    let token = Fact::Price { asset: AssetKey::native(BITCOIN), price: Amount::from_u64(1000) };
    for fact in [other, token] {
        out.push(at(base, "fact.signature", |r| r.facts[0].statement.fact = fact));
    }
    let second = base.facts[1].statement.witness;
    out.push(at(base, "fact.signature", |r| r.facts[0].statement.witness = second));
    out.push(at(base, "fact.witness", |r| r.facts[0].statement.witness = initiator().public()));
    out.push(at(base, "fact.malformed", |r| r.facts[0].statement.version = 2));
    out.extend(digests(&base.genesis).map(|d| at(base, "fact.genesis", |r| r.facts[0].statement.genesis = d)));
    for ms in [1, 1000] {
        let later = base.facts[0].statement.at.plus_ms(ms);
        out.push(at(base, "fact.signature", |r| r.facts[0].statement.at = later));
    }
}

fn fact_signature(base: &SigningRequest, out: &mut Vec<Attack>) {
    for byte in [0, 31, 32, 63] {
        out.push(at(base, "fact.signature", |r| r.facts[0].signature.0[byte] ^= 1));
    }
    let second = base.facts[1].signature;
    out.push(at(base, "fact.signature", |r| r.facts[0].signature = second));
    out.push(at(base, "fact.signature", |r| r.facts[1].signature = SignatureBytes([0; 64])));
}

fn fact_list(ground: &Ground) -> Vec<Attack> {
    let mut out = Vec::new();
    for base in ground.bases() {
        let [one, two] = base.facts.as_slice() else { panic!("two facts") };
        let price = |n: u8, price, at| Source::number(n).price(base.genesis, AssetKey::native(EVM), price, at);
        let (now, three) = (one.statement.at, price(3, 900, one.statement.at));
        let with = |list: &[&SignedFact]| {
            let list: Vec<SignedFact> = list.iter().map(|f| (*f).clone()).collect();
            move |r: &mut SigningRequest| r.facts = list
        };
        out.push(fine("none", base, with(&[])));
        out.push(fine("in another order", base, with(&[two, one])));
        out.push(fine("one", base, with(&[two])));
        out.push(fine("another witness's", base, with(&[one, &three])));
        out.push(fine("three that do not agree", base, with(&[one, two, &three])));
        out.push(at(base, "fact.repeated", with(&[one, one])));
        out.push(at(base, "fact.too_many", with(&vec![one; limits::FACTS + 1])));
        let truly = |code, fact: SignedFact| at(base, code, with(&[one, two, &fact]));
        out.push(truly("fact.witness", price(9, 1000, now)));
        out.push(truly("fact.purpose", price(4, 1000, now)));
        out.push(truly("fact.malformed", price(3, 0, now)));
        out.push(truly("fact.stale", price(3, 1000, now.minus_ms(AGE_S * 1000 + 60_001))));
        out.push(truly("fact.future", price(3, 1000, now.plus_ms(3_600_000))));
        out.push(at(base, "fact.older", with(&[two, &price(1, 1000, now.minus_ms(1))])));
    }
    out
}

fn kinds(base: &SigningRequest, out: &mut Vec<Attack>) {
    for kind in [PayloadKind::TypedData, PayloadKind::Message, PayloadKind::Authorization] {
        out.push(at(base, "bytes.refused", |r| r.unsigned.kind = kind));
    }
}
