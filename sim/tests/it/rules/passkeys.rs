//! P2: a passkey approves only as it was registered, on a page of its relying party, with its user verified, once.

use super::{SIGNED, restart};
use ringi_primitives::approval::{Approval, Envelope, Evidence};
use ringi_primitives::cbor;
use ringi_primitives::intent::Intent;
use ringi_primitives::policy_set::{Display, KeyPurpose, PersonKey, Ruling, Terms};
use ringi_primitives::request::SigningRequest;
use ringi_sim::authenticator::{Authenticator, Said, VERIFIED};
use ringi_sim::people::Someone;
use ringi_sim::requests::{Draft, Standard, WALLET, approvers, outcomes};
use ringi_sim::world::World;

/// A world in which the first approver has this passkey, and a payment that two must approve.
struct Desk {
    world: World,
    standard: Standard,
    authenticator: Authenticator,
    ben: Someone,
    other: Someone,
}

impl Desk {
    fn new(seed: u64) -> Desk {
        let (mut world, mut standard) = Standard::world(seed);
        let [ben, other, _] = approvers();
        let authenticator = Authenticator::number(7);
        let passkey = authenticator.passkey();
        standard.amend(&mut world, |policy| {
            policy.people.iter_mut().find(|p| p.id == ben.id).unwrap().passkeys.push(passkey);
        });
        Desk { world, standard, authenticator, ben, other }
    }

    /// On the next day: the day's cap is less than two of them.
    fn payment(&mut self, id: u8, nonce: u64) -> (SigningRequest, Envelope) {
        self.world.pass(86_400_001);
        let request = Draft::payment(&self.world, id, 700_000, nonce).request(&self.standard);
        let intent = Intent::parse(&request.intent).unwrap();
        let envelope = Envelope {
            version: 1,
            genesis: self.world.root(),
            intent: Intent::digest(&request.intent),
            wallet: WALLET,
            plan: ringi_chain::plan(&self.standard.policy, &intent).unwrap(),
            policy: self.standard.policy_digest(),
        };
        (request, envelope)
    }

    /// What is said to a payment that the other approves by key, and the first by this.
    fn said(&mut self, mut request: SigningRequest, envelope: &Envelope, approval: Approval) -> Vec<String> {
        request.approvals = vec![self.other.approve(envelope), approval];
        outcomes(&self.world.sign(&cbor::encode(&request), &[1, 2]))
    }

    /// The same for a passkey's approval after `change`.
    fn with(&mut self, id: u8, nonce: u64, change: impl FnOnce(&mut Said)) -> Vec<String> {
        let (request, envelope) = self.payment(id, nonce);
        let approval = self.authenticator.approve(self.ben.id, &envelope, change);
        self.said(request, &envelope, approval)
    }
}

#[test]
fn p2_a_passkey_approves() {
    let mut desk = Desk::new(401);
    assert_eq!(desk.with(1, 0, |_| {}), SIGNED);
    // What a client or an authenticator may add changes nothing.
    assert_eq!(
        desk.with(2, 1, |said| said.more = r#","other_keys_can_be_added_here":"do not compare""#.into()),
        SIGNED
    );
    let extended = |said: &mut Said| (said.flags, said.extensions) = (VERIFIED | 0x80, vec![0xa0]);
    assert_eq!(desk.with(3, 2, extended), SIGNED);
}

/// A change to what browser and authenticator say.
type Change = fn(&mut Said);

#[test]
fn p2_an_assertion_that_differs_is_refused_by_name() {
    let mut desk = Desk::new(402);
    let changes: [(&str, Change); 15] = [
        ("approval.passkey_type", |s| s.kind = "webauthn.create".into()),
        ("approval.passkey_challenge", |s| s.challenge = "AAAA".into()),
        ("approval.passkey_challenge", |s| s.challenge.push('=')),
        ("approval.passkey_origin", |s| s.origin = "https://approve.example.evil.example".into()),
        ("approval.passkey_origin", |s| s.origin = "http://approve.example".into()),
        ("approval.passkey_cross_origin", |s| s.more = r#","crossOrigin":true"#.into()),
        ("approval.passkey_cross_origin", |s| s.more = r#","topOrigin":"https://evil.example""#.into()),
        ("approval.passkey_relying_party", |s| s.rp_id = "login.example".into()),
        ("approval.passkey_unverified", |s| s.flags = 0b001),
        ("approval.passkey_unverified", |s| s.flags = 0b100),
        ("approval.passkey_backup", |s| s.flags = VERIFIED | 0b1000),
        ("approval.passkey_backup", |s| s.flags = VERIFIED | 0b10000),
        ("approval.passkey_malformed", |s| s.flags = VERIFIED | 0b100_0000),
        ("approval.passkey_malformed", |s| s.extensions = vec![0xa0]),
        ("approval.passkey_malformed", |s| s.more = r#","origin":"https://approve.example""#.into()),
    ];
    for (code, change) in changes {
        assert_eq!(desk.with(1, 0, change), [code; 2]);
    }
    let long = |s: &mut Said| s.more = format!(r#","x":"{}""#, "x".repeat(4096));
    assert_eq!(desk.with(1, 0, long), ["approval.passkey_malformed"; 2]);
    assert_eq!(desk.with(1, 0, |_| {}), SIGNED);
}

/// What was signed is held to the signature, and to the person whose passkey it is.
#[test]
fn p2_every_part_is_under_the_signature() {
    let mut desk = Desk::new(403);
    let (request, envelope) = desk.payment(1, 0);
    let approval = desk.authenticator.approve(desk.ben.id, &envelope, |_| {});
    let Evidence::WebAuthn { credential, authenticator_data, client_data, signature } = approval.evidence.clone()
    else {
        panic!("an assertion")
    };
    let assertion = |a: &[u8], c: &[u8], s: &[u8]| Evidence::WebAuthn {
        credential: credential.clone(),
        authenticator_data: a.to_vec(),
        client_data: c.to_vec(),
        signature: s.to_vec(),
    };
    // The counter is the last of the authenticator data; a space more in the client data reads the same.
    let mut counted = authenticator_data.clone();
    *counted.last_mut().unwrap() += 1;
    let spaced = [&client_data[..], b" "].concat();
    let mut bent = signature.clone();
    *bent.last_mut().unwrap() ^= 1;
    for evidence in [
        assertion(&counted, &client_data, &signature),
        assertion(&authenticator_data, &spaced, &signature),
        assertion(&authenticator_data, &client_data, &bent),
        assertion(&authenticator_data, &client_data, &[]),
    ] {
        let changed = Approval { evidence, ..approval.clone() };
        assert_eq!(desk.said(request.clone(), &envelope, changed), ["approval.passkey_signature"; 2]);
    }
    let carl = Approval { person: approvers()[2].id, ..approval.clone() };
    assert_eq!(desk.said(request.clone(), &envelope, carl), ["approval.unknown_key"; 2]);
    // Somebody else's authenticator under Ben's credential.
    let mut forged = Authenticator::number(8).approve(desk.ben.id, &envelope, |_| {});
    if let Evidence::WebAuthn { credential: of, .. } = &mut forged.evidence {
        of.clone_from(&credential);
    }
    assert_eq!(desk.said(request.clone(), &envelope, forged), ["approval.passkey_signature"; 2]);
    assert_eq!(desk.said(request, &envelope, approval), SIGNED);
}

/// A counter's value serves one envelope, also after a restart; a clone gives itself away.
#[test]
fn p2_a_cloned_authenticator_is_refused() {
    let mut desk = Desk::new(404);
    let clone = desk.authenticator.clone();
    assert_eq!(desk.with(1, 0, |_| {}), SIGNED);
    let genuine = std::mem::replace(&mut desk.authenticator, clone);
    assert_eq!(desk.with(2, 1, |_| {}), ["approval.passkey_counter"; 2]);
    (1..=3).for_each(|n| restart(&mut desk.world, n));
    desk.authenticator.counter = 1;
    assert_eq!(desk.with(2, 1, |_| {}), ["approval.passkey_counter"; 2]);
    desk.authenticator = genuine;
    assert_eq!(desk.with(2, 1, |_| {}), SIGNED);
    // The same approval of the same envelope is no second use: the payment may be signed again with another fee.
    let (request, envelope) = desk.payment(3, 2);
    let approval = desk.authenticator.approve(desk.ben.id, &envelope, |_| {});
    assert_eq!(desk.said(request.clone(), &envelope, approval.clone()), SIGNED);
    assert_eq!(desk.said(request, &envelope, approval), SIGNED);
    // Authenticators that keep no counter say 0 for ever.
    desk.authenticator.counter = 0;
    assert_eq!(desk.with(4, 3, |_| {}), SIGNED);
    assert_eq!(desk.with(5, 4, |_| {}), SIGNED);
}

/// Two passkeys were asked on pages that the host served; a key of one's own, by code that it did not.
#[test]
fn p2_a_passkey_is_no_independent_display() {
    let mut desk = Desk::new(406);
    let mut second = Authenticator::number(8);
    let (passkey, other) = (second.passkey(), desk.other.id);
    desk.standard.amend(&mut desk.world, |policy| {
        policy.people.iter_mut().find(|p| p.id == other).unwrap().passkeys.push(passkey);
        for rule in &mut policy.vaults[0].rules {
            if let Ruling::Allow(Terms { approvals: Some(approvals), .. }) = &mut rule.then {
                approvals.display = Display::Independent;
            }
        }
    });
    let (mut request, envelope) = desk.payment(1, 0);
    let first = desk.authenticator.approve(desk.ben.id, &envelope, |_| {});
    request.approvals = vec![first.clone(), second.approve(other, &envelope, |_| {})];
    assert_eq!(outcomes(&desk.world.sign(&cbor::encode(&request), &[1, 2])), ["approval.missing"; 2]);
    assert_eq!(desk.said(request, &envelope, first), SIGNED, "the other by key");
}

/// A credential is for one thing: no passkey is a plain key too, and a relying party is genesis's or nobody's.
#[test]
fn p2_a_passkey_is_nothing_else() {
    let mut desk = Desk::new(405);
    let passkey = desk.authenticator.passkey();
    let policy = &desk.standard.policy;
    for purpose in [KeyPurpose::Initiate, KeyPurpose::Approve] {
        let mut twice = policy.clone();
        twice.people[0].keys.push(PersonKey { key: passkey.key, purpose });
        assert!(twice.validate().is_err(), "{purpose:?}");
    }
    let mut shared = policy.clone();
    shared.people.iter_mut().find(|p| p.id == desk.other.id).unwrap().passkeys.push(passkey);
    assert!(shared.validate().is_err(), "one credential of two people");
    let ben = desk.ben.id;
    desk.standard.amend(&mut desk.world, |policy| {
        policy.people.iter_mut().find(|p| p.id == ben).unwrap().passkeys[0].relying_party = "other.example".into();
    });
    assert_eq!(desk.with(1, 0, |s| s.rp_id = "other.example".into()), ["approval.passkey_relying_party"; 2]);
    // On a page of genesis's relying party it is not that one's passkey either.
    assert_eq!(desk.with(1, 0, |_| {}), ["approval.passkey_relying_party"; 2]);
}
