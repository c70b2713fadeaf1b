//! Rules G1, G2 and I1 on genesis: who must sign which version, how versions follow, and what a version may say.

use ed25519_dalek::{Signer, SigningKey};
use ringi_primitives::cbor;
use ringi_primitives::certificate::{KeyCertificate, SignedCertificate};
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::genesis::{
    Admin, Assurance, CosignerIdentity, Genesis, GenesisChain, GenesisError, Measurement, RecoveryRecipient,
};
use ringi_primitives::id::{PersonId, WorkspaceId};
use ringi_primitives::key::{PublicKey, SignatureBytes};
use ringi_primitives::kit::{KitRecipient, RecoveryKit};
use ringi_primitives::limits;
use ringi_primitives::order::KeyId;
use ringi_primitives::policy_set::RootIndex;
use ringi_primitives::scheme::{PartyIndex, Scheme};
use ringi_primitives::signed::{PersonSignature, Signed};
use ringi_primitives::time::UnixMs;

fn secret(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

fn public(n: u8) -> PublicKey {
    PublicKey::Ed25519(secret(n).verifying_key().to_bytes())
}

fn person(n: u8) -> PersonId {
    PersonId::from_bytes([n; 16])
}

fn admin(n: u8) -> Admin {
    Admin { id: person(n), name: format!("admin {n}"), key: public(n) }
}

fn cosigner(n: u8) -> CosignerIdentity {
    let index = PartyIndex::new(n).unwrap();
    CosignerIdentity { index, name: format!("cosigner {n}"), channel_key: [n; 32], identity_key: public(100 + n) }
}

/// Three admins of whom two are a quorum, three cosigners of whom two sign.
fn first() -> Genesis {
    Genesis {
        version: 1,
        workspace: WorkspaceId::from_bytes([1; 16]),
        sequence: 0,
        previous: None,
        created_at: UnixMs(1),
        admins: [1, 2, 3].map(admin).into(),
        admin_quorum: 2,
        threshold: 2,
        cosigners: [1, 2, 3].map(cosigner).into(),
        measurements: vec![],
        trust_roots: vec![],
        relying_parties: vec![],
        kms_keys: vec![],
        recovery: vec![],
        assurance: Assurance::Process,
    }
}

/// Person `who` signs with key `with`.
fn signature(body: &[u8], domain: Domain, who: u8, with: u8) -> PersonSignature {
    let over = Digest::of(domain, body);
    PersonSignature {
        person: person(who),
        key: public(with),
        signature: SignatureBytes(secret(with).sign(&over.0).to_bytes()),
    }
}

fn signed(genesis: &Genesis, by: &[u8]) -> Signed {
    let body = cbor::encode(genesis);
    let signatures = by.iter().map(|n| signature(&body, Domain::Genesis, *n, *n)).collect();
    Signed { body, signatures }
}

fn founded() -> GenesisChain {
    GenesisChain::verify(&[signed(&first(), &[1, 2, 3])]).unwrap()
}

/// The next version, with a change.
fn next(chain: &GenesisChain, change: impl FnOnce(&mut Genesis)) -> Genesis {
    let mut next = chain.head().clone();
    next.sequence += 1;
    next.previous = Some(chain.head_digest());
    change(&mut next);
    next
}

#[test]
fn g1_the_first_version_is_signed_by_every_admin() {
    let found = |by: &[u8]| GenesisChain::verify(&[signed(&first(), by)]).map(|c| c.root());
    let root = Digest::of(Domain::Genesis, &cbor::encode(&first()));
    assert_eq!(found(&[1, 2, 3]), Ok(root));
    assert_eq!(found(&[3, 1, 2]), Ok(root), "in any order");
    assert_eq!(found(&[1, 2, 3, 9]), Ok(root), "a stranger's signature spoils nothing");
    for few in [&[][..], &[1], &[1, 2], &[1, 3], &[2, 3], &[1, 2, 9]] {
        assert_eq!(found(few), Err(GenesisError::Signatures), "{few:?}");
    }
}

/// I1: people count, not signatures and not keys.
#[test]
fn i1_an_admin_who_signs_twice_counts_once() {
    let twice = |genesis: &Genesis, by: &[u8]| signed(genesis, by);
    assert_eq!(GenesisChain::verify(&[twice(&first(), &[1, 1, 2])]).err(), Some(GenesisError::Signatures));
    assert_eq!(GenesisChain::verify(&[twice(&first(), &[1, 2, 2, 2])]).err(), Some(GenesisError::Signatures));
    let chain = founded();
    let second = next(&chain, |_| ());
    assert_eq!(chain.succeed(&twice(&second, &[2, 2])).err(), Some(GenesisError::Signatures));
    assert!(chain.succeed(&twice(&second, &[2, 2, 3])).is_ok());
}

#[test]
fn i1_a_signature_counts_only_for_the_person_whose_key_made_it() {
    let body = cbor::encode(&first());
    let with = |third: PersonSignature| {
        let two = [1, 2].map(|n| signature(&body, Domain::Genesis, n, n));
        GenesisChain::verify(&[Signed { body: body.clone(), signatures: [&two[..], &[third]].concat() }]).is_ok()
    };
    assert!(with(signature(&body, Domain::Genesis, 3, 3)));
    assert!(!with(signature(&body, Domain::Genesis, 3, 1)), "another admin's key");
    assert!(!with(signature(&body, Domain::Genesis, 3, 9)), "a stranger's key");
    assert!(!with(signature(&body, Domain::PolicySet, 3, 3)), "signed as something else");
    assert!(!with(PersonSignature { key: public(3), ..signature(&body, Domain::Genesis, 3, 1) }), "a claimed key");
    let mut other = body.clone();
    *other.last_mut().unwrap() ^= 1;
    assert!(!with(signature(&other, Domain::Genesis, 3, 3)), "signed another document");
}

#[test]
fn g1_next_versions_are_signed_by_the_quorum_before() {
    let chain = founded();
    let handover = next(&chain, |g| g.admins = [4, 5].map(admin).into());
    for few in [&[][..], &[1], &[4, 5], &[1, 4, 5]] {
        assert_eq!(chain.succeed(&signed(&handover, few)).err(), Some(GenesisError::Signatures), "{few:?}");
    }
    let after = chain.succeed(&signed(&handover, &[1, 3])).unwrap();
    assert_eq!(after.root(), chain.root(), "the workspace keeps its name");
    assert_eq!(after.head_digest(), Digest::of(Domain::Genesis, &cbor::encode(&handover)));
    assert_eq!(after.head(), &handover);
    let third = next(&after, |_| ());
    assert_eq!(after.succeed(&signed(&third, &[1, 2, 3])).err(), Some(GenesisError::Signatures), "no longer admins");
    assert!(after.succeed(&signed(&third, &[4, 5])).is_ok());
    let whole = [signed(&first(), &[1, 2, 3]), signed(&handover, &[1, 3]), signed(&third, &[4, 5])];
    assert_eq!(GenesisChain::verify(&whole).map(|c| (c.root(), c.head().sequence)), Ok((chain.root(), 2)));
    assert!(GenesisChain::verify(&[whole[0].clone(), whole[2].clone()]).is_err(), "one left out");
    assert!(GenesisChain::verify(&[whole[0].clone(), whole[1].clone(), whole[1].clone()]).is_err(), "one twice");
}

#[test]
fn g1_versions_follow_one_another() {
    let chain = founded();
    let refused = |change: fn(&mut Genesis)| chain.succeed(&signed(&next(&chain, change), &[1, 2, 3])).err();
    let follows = |what| Some(GenesisError::Succession(what));
    assert_eq!(refused(|_| ()), None);
    assert_eq!(refused(|g| g.previous = Some(Digest::ZERO)), follows("previous digest"));
    assert_eq!(refused(|g| (g.sequence, g.previous) = (0, None)), follows("previous digest"));
    assert_eq!(refused(|g| g.sequence = 2), follows("sequence"));
    assert_eq!(refused(|g| g.workspace = WorkspaceId::from_bytes([2; 16])), follows("workspace"));
    let used = || follows("cosigner key (used before)");
    assert_eq!(refused(|g| g.cosigners[0].channel_key = [9; 32]), used(), "half of a replacement");
    assert_eq!(refused(|g| g.cosigners[0].identity_key = public(99)), used(), "the other half");
    assert_eq!(refused(|g| drop(g.cosigners.pop())), follows("cosigners"));
    assert_eq!(refused(|g| g.threshold = 3), follows("cosigners"));
    let attested = |g: &mut Genesis| {
        g.assurance = Assurance::Nitro;
        g.measurements = vec![Measurement { pcr: 0, value: vec![0; 48] }];
    };
    assert_eq!(refused(attested), follows("assurance (E3)"));
}

#[test]
fn g1_a_chain_begins_with_a_first_version() {
    assert_eq!(GenesisChain::verify(&[]), Err(GenesisError::Malformed));
    let later = next(&founded(), |_| ());
    let begun = GenesisChain::verify(&[signed(&later, &[1, 2, 3])]);
    assert_eq!(begun, Err(GenesisError::Succession("the first version has sequence 0")));
    let mut behind = signed(&first(), &[1, 2, 3]);
    behind.body.push(0);
    assert_eq!(GenesisChain::verify(&[behind]), Err(GenesisError::Malformed));
    let mut large = first();
    large.kms_keys = vec!["k".repeat(limits::GENESIS_BYTES)];
    assert_eq!(GenesisChain::verify(&[signed(&large, &[1, 2, 3])]), Err(GenesisError::Malformed));
}

#[test]
fn g1_what_a_version_says_makes_sense() {
    assert_eq!(first().validate(), Ok(()));
    let nine = |g: &mut Genesis, n: u8, t: u8| {
        g.cosigners = (1..=n.min(9)).map(cosigner).collect();
        if n > 9 {
            g.cosigners.push(CosignerIdentity { channel_key: [77; 32], identity_key: public(77), ..cosigner(9) });
        }
        g.threshold = t;
    };
    type Change = Box<dyn Fn(&mut Genesis)>;
    let cases: Vec<(&str, Change)> = vec![
        ("version", Box::new(|g| g.version = 0)),
        ("version", Box::new(|g| g.version = 2)),
        ("previous digest", Box::new(|g| g.previous = Some(Digest::ZERO))),
        ("previous digest", Box::new(|g| g.sequence = 1)),
        ("number of admins", Box::new(|g| g.admins.clear())),
        ("number of admins", Box::new(|g| g.admins = (1..=33).map(admin).collect())),
        ("admin (repeated)", Box::new(|g| g.admins[1].id = person(1))),
        ("admin (repeated)", Box::new(|g| g.admins[1].key = public(1))),
        ("admin quorum", Box::new(|g| g.admin_quorum = 0)),
        ("admin quorum", Box::new(|g| g.admin_quorum = 1)),
        ("admin quorum", Box::new(|g| g.admin_quorum = 4)),
        ("admin quorum", Box::new(|g| g.admins.push(admin(4)))),
        ("number of cosigners", Box::new(move |g| nine(g, 1, 2))),
        ("number of cosigners", Box::new(move |g| nine(g, 10, 6))),
        ("cosigner numbering", Box::new(|g| g.cosigners.swap(0, 1))),
        ("cosigner numbering", Box::new(|g| g.cosigners[2].index = PartyIndex::new(4).unwrap())),
        ("cosigner key (repeated)", Box::new(|g| g.cosigners[1].channel_key = [1; 32])),
        ("cosigner key (repeated)", Box::new(|g| g.cosigners[1].identity_key = public(101))),
        ("threshold", Box::new(|g| g.threshold = 1)),
        ("threshold", Box::new(|g| g.threshold = 4)),
        ("threshold", Box::new(move |g| nine(g, 4, 2))),
        ("name", Box::new(|g| g.admins[0].name.clear())),
        ("name", Box::new(|g| g.admins[0].name = "line\nbreak".into())),
        ("name", Box::new(|g| g.cosigners[0].name = "x".repeat(limits::TEXT_BYTES + 1))),
        ("list of measurements", Box::new(|g| g.assurance = Assurance::Qemu)),
        ("list of measurements", Box::new(|g| g.assurance = Assurance::Nitro)),
    ];
    for (at, (what, change)) in cases.iter().enumerate() {
        let mut bad = first();
        change(&mut bad);
        assert_eq!(bad.validate(), Err(GenesisError::Field(what)), "case {at}");
        let by: Vec<u8> = (1..=33).collect();
        assert!(GenesisChain::verify(&[signed(&bad, &by)]).is_err(), "case {at}: signed all the same");
    }
    for (n, t) in [(2, 2), (3, 2), (3, 3), (4, 3), (9, 5), (9, 9)] {
        let mut good = first();
        nine(&mut good, n, t);
        assert_eq!(good.validate(), Ok(()), "{t} of {n}");
        assert_eq!(good.grant_size(), usize::from(n - t + 1));
    }
}

/// K3: the format names who can open each cosigner's kit: known cosigners, a person once per kit, no key for two kits.
#[test]
fn k3_recovery_recipients_are_of_this_genesis_and_share_no_key() {
    let to = |cosigner: u8, who: u8, key: u8| RecoveryRecipient {
        cosigner: PartyIndex::new(cosigner).unwrap(),
        person: person(who),
        key: [key; 32],
    };
    let with = |recovery: Vec<RecoveryRecipient>| Genesis { recovery, ..first() }.validate();
    let sound = vec![to(1, 4, 14), to(1, 5, 15), to(2, 4, 24), to(2, 5, 25), to(3, 6, 36)];
    assert_eq!(with(sound.clone()), Ok(()));
    let wrong = Err(GenesisError::Field("recovery recipient"));
    for (what, more) in [
        ("a cosigner that is none", to(4, 4, 44)),
        ("a person twice for one kit, so that the threshold among people is less", to(3, 6, 37)),
        ("a key that opens another cosigner's kit", to(3, 7, 24)),
        ("one twice", to(3, 6, 36)),
    ] {
        assert_eq!(with([&sound[..], &[more]].concat()), wrong, "{what}");
    }
    let many = (0..=limits::KIT_RECIPIENTS).map(|n| to(1, n as u8, n as u8)).collect::<Vec<_>>();
    assert_eq!(with(many[1..].to_vec()), Ok(()));
    assert_eq!(with(many), wrong, "too many for one kit");
    // In production nobody serves t cosigners, or the people of one kit could have the key.
    let measurements = vec![Measurement { pcr: 0, value: vec![7; 48] }];
    let nitro = |recovery: &[RecoveryRecipient]| {
        let (recovery, measurements) = (recovery.to_vec(), measurements.clone());
        Genesis { recovery, measurements, assurance: Assurance::Nitro, ..first() }.validate()
    };
    assert_eq!((first().threshold, nitro(&sound)), (2, wrong.clone()), "4 and 5 serve cosigners 1 and 2");
    let apart = [to(1, 4, 14), to(1, 5, 15), to(2, 7, 24), to(2, 8, 25), to(3, 6, 36), to(3, 9, 37)];
    assert_eq!(nitro(&apart), Ok(()));
    assert_eq!(nitro(&[&apart[..], &[to(3, 4, 34)]].concat()), wrong, "one of them too");
    // More than half of them open a kit.
    let quorum = |count: u8| {
        let recovery = (1..=count).map(|n| to(2, n, n)).collect();
        Genesis { recovery, ..first() }.recovery_quorum(PartyIndex::new(2).unwrap())
    };
    assert_eq!([0, 1, 2, 3, 4, 5].map(quorum), [0, 1, 2, 2, 3, 3]);
    // The recipients are in what every admin signs: other recipients are another workspace.
    let root = |g: &Genesis| GenesisChain::verify(&[signed(g, &[1, 2, 3])]).unwrap().root();
    let (one, other) =
        (Genesis { recovery: sound.clone(), ..first() }, Genesis { recovery: sound[1..].into(), ..first() });
    assert_ne!(root(&one), root(&other));
    let mut swapped = signed(&one, &[1, 2, 3]);
    swapped.body = cbor::encode(&other);
    assert_eq!(GenesisChain::verify(&[swapped]), Err(GenesisError::Signatures));
}

/// K3: a kit is of this workspace, and of exactly the recipients that the version in force names.
#[test]
fn k3_a_kit_is_of_the_recipients_that_genesis_names() {
    let to = |who: u8| RecoveryRecipient { cosigner: PartyIndex::new(1).unwrap(), person: person(who), key: [who; 32] };
    let genesis = Genesis { recovery: [4, 5, 6].map(to).into(), ..first() };
    let chain = GenesisChain::verify(&[signed(&genesis, &[1, 2, 3])]).unwrap();
    let recipient = |who| KitRecipient { person: person(who), key: [who; 32], repetitions: vec![] };
    let kit = RecoveryKit {
        version: 1,
        certificate: KeyCertificate {
            version: 1,
            genesis: chain.root(),
            key: KeyId { scheme: Scheme::Ed25519, root: RootIndex(0) },
            epoch: 0,
            public_key: vec![2; 32],
            chain_code: [3; 32],
        },
        cosigner: PartyIndex::new(1).unwrap(),
        commitments: vec![vec![1].into(), vec![2].into()],
        recipients: [4, 5, 6].map(recipient).into(),
        sealed: Digest::ZERO,
    };
    assert!(kit.is_of(&chain));
    type Change = fn(&mut RecoveryKit);
    let changes: [(&str, Change); 8] = [
        ("another workspace", |k| k.certificate.genesis = Digest::ZERO),
        ("a cosigner without recipients", |k| k.cosigner = PartyIndex::new(2).unwrap()),
        ("fewer needed", |k| k.commitments.truncate(1)),
        ("more needed", |k| k.commitments.push(vec![3].into())),
        ("a recipient less", |k| k.recipients.truncate(2)),
        ("another person", |k| k.recipients[0].person = person(9)),
        ("another key", |k| k.recipients[2].key = [9; 32]),
        ("another version", |k| k.version = 2),
    ];
    for (what, change) in changes {
        let mut changed = kit.clone();
        change(&mut changed);
        assert!(!changed.is_of(&chain), "{what}");
    }
}

/// K3: a cosigner whose keys are lost is replaced by one with new keys; nobody comes back under keys that were given up.
#[test]
fn k3_a_replaced_cosigner_has_keys_that_no_version_named() {
    let to = |g: &mut Genesis, at: usize, n: u8| {
        (g.cosigners[at].channel_key, g.cosigners[at].identity_key) = ([n; 32], public(n));
    };
    let chain = founded();
    let second = next(&chain, |g| to(g, 0, 50));
    let replaced = chain.succeed(&signed(&second, &[1, 2])).unwrap();
    let indices = [1, 2, 3].map(|n| PartyIndex::new(n).unwrap());
    assert_eq!(indices.map(|p| chain.is_replacement(p)), [false; 3]);
    assert_eq!(indices.map(|p| replaced.is_replacement(p)), [true, false, false]);
    let used = Some(GenesisError::Succession("cosigner key (used before)"));
    type Change<'a> = Box<dyn Fn(&mut Genesis) + 'a>;
    let lies: [(&str, Change<'_>); 3] = [
        ("its own first keys", Box::new(|g| g.cosigners[0] = cosigner(1))),
        (
            "keys given up, in another place",
            Box::new(|g| {
                let (index, name) = (g.cosigners[1].index, g.cosigners[1].name.clone());
                g.cosigners[1] = CosignerIdentity { index, name, ..cosigner(1) };
            }),
        ),
        ("one new key of two", Box::new(|g| g.cosigners[1].identity_key = public(60))),
    ];
    for (what, lie) in lies {
        let third = next(&replaced, |g| lie(g));
        assert_eq!(replaced.succeed(&signed(&third, &[1, 2])).err(), used, "{what}");
    }
    let third = next(&replaced, |g| {
        to(g, 0, 51);
        to(g, 1, 52);
    });
    assert!(replaced.succeed(&signed(&third, &[1, 2])).is_ok());
}

/// K3: a certificate is all n cosigners' as one version names them, never as two do.
#[test]
fn k3_a_certificate_outlives_a_replacement() {
    let certificate = KeyCertificate {
        version: 1,
        genesis: founded().root(),
        key: KeyId { scheme: Scheme::Ed25519, root: RootIndex(0) },
        epoch: 0,
        public_key: vec![2; 32],
        chain_code: [3; 32],
    };
    let digest = certificate.digest();
    let by = |keys: [u8; 3]| {
        let one =
            |(n, key): (u8, u8)| (PartyIndex::new(n).unwrap(), SignatureBytes(secret(key).sign(&digest.0).to_bytes()));
        let signatures = (1..).zip(keys).map(one).collect();
        SignedCertificate { certificate: certificate.clone(), signatures }
    };
    let chain = founded();
    let second = next(&chain, |g| (g.cosigners[0].channel_key, g.cosigners[0].identity_key) = ([50; 32], public(150)));
    let replaced = chain.succeed(&signed(&second, &[1, 2])).unwrap();
    let third =
        next(&replaced, |g| (g.cosigners[1].channel_key, g.cosigners[1].identity_key) = ([51; 32], public(151)));
    let twice = replaced.succeed(&signed(&third, &[1, 2])).unwrap();
    for (keys, within) in [
        ([101, 102, 103], [true, true, true]),
        ([150, 102, 103], [false, true, true]),
        ([150, 151, 103], [false, false, true]),
        ([101, 151, 103], [false, false, false]),
    ] {
        let chains = [&chain, &replaced, &twice];
        assert_eq!(chains.map(|c| by(keys).signed_within(c)), within, "{keys:?}");
    }
    assert!(by([101, 102, 103]).signed_by_all(chain.head()) && !by([101, 102, 103]).signed_by_all(twice.head()));
}

/// G2: what the admin quorum orders is signed as an order, by distinct admins.
#[test]
fn g2_an_order_needs_the_quorum() {
    let body = b"an order".to_vec();
    let quorum = |by: &[(u8, u8)], domain| {
        let signatures = by.iter().map(|(who, with)| signature(&body, domain, *who, *with)).collect();
        first().quorum_signed(&Signed { body: body.clone(), signatures }, Domain::Order)
    };
    assert!(quorum(&[(1, 1), (3, 3)], Domain::Order));
    for (few, domain) in [
        (&[][..], Domain::Order),
        (&[(1, 1)], Domain::Order),
        (&[(1, 1), (1, 1)], Domain::Order),
        (&[(1, 1), (2, 1)], Domain::Order),
        (&[(1, 1), (9, 9)], Domain::Order),
        (&[(1, 1), (2, 2), (3, 3)], Domain::PolicySet),
    ] {
        assert!(!quorum(few, domain), "{few:?} {domain:?}");
    }
}

/// A1: all n cosigners, each once, in order, over this certificate.
#[test]
fn a1_a_key_certificate_is_signed_by_every_cosigner() {
    let certificate = KeyCertificate {
        version: 1,
        genesis: Digest::ZERO,
        key: KeyId { scheme: Scheme::Bip340, root: RootIndex(0) },
        epoch: 1,
        public_key: vec![2; 33],
        chain_code: [3; 32],
    };
    let word = |n: u8, with: u8| {
        let signature = secret(100 + with).sign(&certificate.digest().0);
        (PartyIndex::new(n).unwrap(), SignatureBytes(signature.to_bytes()))
    };
    let all = |certificate: &KeyCertificate, by: &[(u8, u8)]| {
        let signatures = by.iter().map(|(n, with)| word(*n, *with)).collect();
        SignedCertificate { certificate: certificate.clone(), signatures }.signed_by_all(&first())
    };
    assert!(all(&certificate, &[(1, 1), (2, 2), (3, 3)]));
    for bad in [
        &[][..],
        &[(1, 1), (2, 2)],
        &[(1, 1), (1, 1), (2, 2)],
        &[(1, 1), (3, 3), (2, 2)],
        &[(1, 1), (2, 2), (3, 2)],
        &[(1, 1), (2, 2), (4, 4)],
        &[(1, 1), (2, 2), (3, 3), (4, 4)],
    ] {
        assert!(!all(&certificate, bad), "{bad:?}");
    }
    assert!(!all(&KeyCertificate { epoch: 2, ..certificate.clone() }, &[(1, 1), (2, 2), (3, 3)]));
}
