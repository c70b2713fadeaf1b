//! What a brake must be to count, each way that it can be none, and what a freeze covers.

use super::*;
use crate::approval::Evidence;
use crate::genesis::{Admin, Assurance, CosignerIdentity, Genesis, RelyingParty};
use crate::id::{WalletId, WorkspaceId};
use crate::key::{PublicKey, SignatureBytes};
use crate::passkey::{Passkey, PasskeyError};
use crate::policy_set::{Group, KeyPurpose, Person, PersonKey};
use crate::scheme::PartyIndex;
use crate::signed::{PersonSignature, Signed};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;

const NOW: UnixMs = UnixMs(2_000_000_000_000);
const FREEZE: BrakeAction = BrakeAction::Freeze { target: FreezeTarget::Workspace };
const VETO: BrakeAction = BrakeAction::Veto { intent: IntentId::NIL };
const WITHDRAWAL: BrakeAction = BrakeAction::Withdraw { intent: IntentId::NIL };

fn secret(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

fn key(n: u8) -> PublicKey {
    PublicKey::Ed25519(secret(n).verifying_key().to_bytes())
}

fn person(n: u8) -> PersonId {
    PersonId::from_bytes([n; 16])
}

fn passkey_secret() -> p256::ecdsa::SigningKey {
    p256::ecdsa::SigningKey::from_slice(&[9; 32]).unwrap()
}

/// One admin, two cosigners, one relying party.
fn genesis() -> GenesisChain {
    let cosigner = |n: u8| CosignerIdentity {
        index: PartyIndex::new(n).unwrap(),
        name: format!("c{n}"),
        channel_key: [n; 32],
        identity_key: key(n),
    };
    let first = Genesis {
        version: 1,
        workspace: WorkspaceId::NIL,
        sequence: 0,
        previous: None,
        created_at: UnixMs(0),
        admins: vec![Admin { id: person(1), name: "a".into(), key: key(1) }],
        admin_quorum: 1,
        threshold: 2,
        cosigners: [1, 2].map(cosigner).into(),
        measurements: vec![],
        trust_roots: vec![],
        relying_parties: vec![RelyingParty {
            id: "my-rp.example".into(),
            origins: vec!["https://my-rp.example".into()],
        }],
        kms_keys: vec![],
        recovery: vec![],
        assurance: Assurance::Process,
    };
    let body = cbor::encode(&first);
    let digest = Digest::of(Domain::Genesis, &body);
    let signature = SignatureBytes(secret(1).sign(&digest.0).to_bytes());
    let signatures = vec![PersonSignature { person: person(1), key: key(1), signature }];
    GenesisChain::verify(&[Signed { body, signatures }]).unwrap()
}

/// Person 1 freezes, person 2 vetoes, person 3 does neither; 1 has a passkey too.
fn policy() -> PolicySet {
    let point = passkey_secret().verifying_key().to_sec1_point(true);
    let passkey = Passkey {
        credential: vec![9; 16],
        key: PublicKey::P256(point.as_bytes().try_into().unwrap()),
        relying_party: "my-rp.example".into(),
        backup_eligible: false,
    };
    let person = |n: u8| Person {
        id: person(n),
        name: format!("p{n}"),
        keys: vec![PersonKey { key: key(n), purpose: KeyPurpose::Initiate }],
        passkeys: if n == 1 { vec![passkey.clone()] } else { vec![] },
    };
    let group = |name: &str, id: PersonId| Group { name: name.into(), members: BTreeSet::from([id]) };
    PolicySet {
        version: 1,
        genesis: genesis().root(),
        sequence: 1,
        previous: None,
        issued_at: UnixMs(0),
        groups: vec![group("freezers", self::person(1)), group("vetoers", self::person(2))],
        people: [1, 2, 3].map(person).into(),
        networks: vec![],
        assets: vec![],
        allow_lists: vec![],
        functions: vec![],
        permits: vec![],
        vaults: vec![],
        wallets: vec![],
        messages: vec![],
        freezers: Some("freezers".into()),
        vetoers: Some("vetoers".into()),
        change_delay_s: None,
        trust: None,
    }
}

fn brake(n: u8, action: BrakeAction) -> Brake {
    Brake { version: 1, genesis: genesis().root(), id: BrakeId::NIL, by: person(n), issued_at: NOW, action }
}

/// Signed by the key of this number.
fn signed(brake: &Brake, n: u8) -> SignedBrake {
    let body = cbor::encode(brake);
    let signature = SignatureBytes(secret(n).sign(&Digest::of(Domain::Brake, &body).0).to_bytes());
    SignedBrake { body, evidence: Evidence::Signature { key: key(n), signature } }
}

/// An assertion of the one passkey, with this counter.
fn asserted(brake: &Brake, counter: u32) -> SignedBrake {
    use p256::ecdsa::Signature;
    use p256::ecdsa::signature::Signer as _;
    let body = cbor::encode(brake);
    let challenge = URL_SAFE_NO_PAD.encode(Digest::of(Domain::Brake, &body).0);
    let client_data =
        format!(r#"{{"type":"webauthn.get","challenge":"{challenge}","origin":"https://my-rp.example"}}"#).into_bytes();
    let mut authenticator_data = Sha256::digest(b"my-rp.example").to_vec();
    authenticator_data.push(0b101);
    authenticator_data.extend(counter.to_be_bytes());
    let said = [authenticator_data.as_slice(), &Sha256::digest(&client_data)].concat();
    let signature: Signature = passkey_secret().sign(&said);
    let signature = signature.to_der().as_bytes().to_vec();
    let evidence = Evidence::WebAuthn { credential: vec![9; 16], authenticator_data, client_data, signature };
    SignedBrake { body, evidence }
}

fn verdict(signed: &SignedBrake) -> Result<VerifiedBrake, BrakeError> {
    signed.verify(&policy(), &genesis())
}

#[test]
fn p1_a_freeze_covers_what_it_names() {
    let wallet = |vault, n| WalletRef { vault: VaultIndex(vault), wallet: WalletId::from_bytes([n; 16]) };
    let own = wallet(1, 1);
    for (target, covered) in [
        (FreezeTarget::Workspace, [true, true, true]),
        (FreezeTarget::Vault(VaultIndex(1)), [true, true, false]),
        (FreezeTarget::Wallet(own), [true, false, false]),
    ] {
        let said = [own, wallet(1, 2), wallet(2, 1)].map(|other| target.covers(&other));
        assert_eq!(said, covered, "{target:?}");
    }
}

/// P1: freezes and vetoes are by the groups for each, a withdrawal is by anybody.
#[test]
fn p1_who_may_brake_is_named_for_each_action() {
    for (action, may) in
        [(FREEZE, [true, false, false]), (VETO, [false, true, false]), (WITHDRAWAL, [true, true, true])]
    {
        for (n, may) in [1, 2, 3].into_iter().zip(may) {
            let brake = brake(n, action);
            let expected = if may { Ok(brake) } else { Err(BrakeError::NotMember) };
            let signed = signed(&brake, n);
            assert_eq!(verdict(&signed).map(|v| *v.brake()), expected, "{action:?} by {n}");
            if let Ok(verified) = verdict(&signed) {
                assert_eq!((verified.digest(), verified.counted()), (signed.digest(), None));
            }
        }
    }
    let nobody = PolicySet { freezers: None, vetoers: None, ..policy() };
    for (n, action) in [(1, FREEZE), (2, VETO)] {
        let signed = signed(&brake(n, action), n);
        assert_eq!(signed.verify(&nobody, &genesis()).map(drop), Err(BrakeError::NotMember), "no group is named");
    }
}

#[test]
fn p1_a_brake_is_of_its_workspace_and_signed_by_its_person() {
    let other = Brake { genesis: Digest::ZERO, ..brake(1, FREEZE) };
    assert_eq!(verdict(&signed(&other, 1)), Err(BrakeError::Genesis));
    let key_error = Err(BrakeError::Evidence(ApprovalError::Key));
    assert_eq!(verdict(&signed(&brake(1, FREEZE), 2)), key_error, "another person's key");
    assert_eq!(verdict(&signed(&brake(4, WITHDRAWAL), 1)), key_error, "a person whom the set does not know");
    let mut wrong = signed(&brake(1, FREEZE), 1);
    wrong.body = cbor::encode(&brake(1, WITHDRAWAL));
    assert_eq!(verdict(&wrong), Err(BrakeError::Evidence(ApprovalError::Signature)), "signed for other bytes");
}

/// P2: a passkey brakes too, and its counter is told.
#[test]
fn p2_a_passkey_brakes_and_its_counter_is_told() {
    let freeze = asserted(&brake(1, FREEZE), 7);
    let counted = Counted { credential: vec![9; 16], counter: 7, envelope: freeze.digest() };
    assert_eq!(verdict(&freeze).unwrap().counted(), Some(&counted));
    assert_eq!(verdict(&asserted(&brake(1, FREEZE), 0)).unwrap().counted(), None, "it keeps no counter");
    let mut wrong = asserted(&brake(1, FREEZE), 7);
    wrong.body = cbor::encode(&brake(1, WITHDRAWAL));
    assert_eq!(verdict(&wrong), Err(BrakeError::Evidence(PasskeyError::Challenge.into())));
    let others = asserted(&brake(2, VETO), 7);
    assert_eq!(verdict(&others), Err(BrakeError::Evidence(ApprovalError::Key)), "another person's passkey");
}

#[test]
fn a_brake_is_a_small_document_of_version_1() {
    for version in [0, 2] {
        let brake = Brake { version, ..brake(1, FREEZE) };
        assert_eq!(signed(&brake, 1).read_unverified(), Err(BrakeError::Malformed), "{version}");
    }
    let sound = signed(&brake(1, FREEZE), 1);
    assert_eq!(sound.read_unverified(), Ok(brake(1, FREEZE)));
    let mut torn = sound.clone();
    torn.body.pop();
    assert_eq!(torn.read_unverified(), Err(BrakeError::Malformed));
    // The bound is on the whole: what the evidence adds may fill it to the last byte, and not one more.
    let padded = |more: usize| {
        let empty = Evidence::WebAuthn {
            credential: vec![],
            authenticator_data: vec![],
            client_data: vec![0; more],
            signature: vec![],
        };
        SignedBrake { evidence: empty, ..sound.clone() }
    };
    let around = cbor::encode(&padded(1000)).len() - 1000;
    let most = limits::BRAKE_BYTES - around;
    assert_eq!(cbor::encode(&padded(most)).len(), limits::BRAKE_BYTES);
    assert_eq!(padded(most).read_unverified(), Ok(brake(1, FREEZE)));
    assert_eq!(padded(most + 1).read_unverified(), Err(BrakeError::Malformed));
}

/// P1, T1: handed in within a month, and signed at most a clock's skew ahead.
#[test]
fn p1_a_brake_has_its_time() {
    let brake = brake(1, FREEZE);
    let (skew, life) = (limits::CLOCK_SKEW_MS, limits::BRAKE_LIFE_MS);
    for (now, verdict) in [
        (NOW, Ok(())),
        (NOW.minus_ms(skew), Ok(())),
        (NOW.minus_ms(skew + 1), Err(BrakeError::Time)),
        (NOW.plus_ms(life), Ok(())),
        (NOW.plus_ms(life + 1), Err(BrakeError::Time)),
    ] {
        assert_eq!(brake.check_age(now), verdict, "{now}");
    }
    assert_eq!(brake.outlived_at(), NOW.plus_ms(life + 2 * skew));
}

#[test]
fn heads_are_equal_for_the_same_freezes_only() {
    let head = |all: &[u8]| head_of(all.iter().map(|n| Digest([*n; 32])));
    assert_eq!(head(&[1, 2]), head(&[2, 1, 2]));
    let heads: BTreeSet<Digest> = [head(&[]), head(&[1]), head(&[2]), head(&[1, 2])].into();
    assert_eq!(heads.len(), 4);
}

#[test]
fn names_and_codes_are_stable() {
    assert_eq!([FREEZE, VETO, WITHDRAWAL].map(|a| a.name()), ["freeze", "veto", "withdrawal"]);
    let errors = [
        BrakeError::Malformed,
        BrakeError::Genesis,
        BrakeError::NotMember,
        BrakeError::Time,
        BrakeError::Evidence(ApprovalError::Key),
    ];
    let codes = ["brake.malformed", "brake.genesis", "brake.not_member", "brake.time", "brake.signature"];
    assert_eq!(errors.map(|e| e.code()), codes);
}
