//! Recovery kits through the real program: recipients' keys, kits verified, an order, parts opened for it (rule K3).

use crate::ceremonies::{founded, good, public, refused};
use rand_core::OsRng;
use ringi::keys::SecretKey;
use ringi::recovery::{KitFile, Kits};
use ringi_mpc::kit::{self, Part};
use ringi_mpc::{Ceremony, Envelope, KeyShare, Keygen, KeygenParams, Progress, SessionId};
use ringi_primitives::cbor;
use ringi_primitives::certificate::{KeyCertificate, SignedCertificate};
use ringi_primitives::digest::Domain;
use ringi_primitives::genesis::GenesisChain;
use ringi_primitives::kit::{RecoveryKit, SealedPart};
use ringi_primitives::order::KeyId;
use ringi_primitives::policy_set::RootIndex;
use ringi_primitives::scheme::{PartyIndex, Scheme};
use ringi_primitives::signed::Signed;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

fn party(n: u8) -> PartyIndex {
    PartyIndex::new(n).unwrap()
}

/// The shares of a 2-of-3 key.
fn shares() -> Vec<KeyShare> {
    let mut queue: VecDeque<Envelope> = VecDeque::new();
    let mut machines = Vec::new();
    for n in 1..=3 {
        let params = KeygenParams {
            scheme: Scheme::Ed25519,
            session: SessionId([1; 32]),
            threshold: 2,
            parties: 3,
            me: party(n),
            transcript: [2; 32],
        };
        let (machine, sent) = Keygen::start(params, &mut OsRng).unwrap();
        machines.push((party(n), machine, None));
        queue.extend(sent);
    }
    while let Some(envelope) = queue.pop_front() {
        for (me, machine, share) in &mut machines {
            if *me == envelope.from || envelope.to.is_some_and(|to| to != *me) {
                continue;
            }
            match machine.receive(envelope.clone()).unwrap() {
                Progress::Send(sent) => queue.extend(sent),
                Progress::Done(sent, made) => {
                    queue.extend(sent);
                    *share = Some(made);
                }
                Progress::Waiting | Progress::Hold => {}
            }
        }
    }
    machines.into_iter().map(|(_, _, share)| share.expect("made")).collect()
}

fn chain(folder: &Path, name: &str) -> GenesisChain {
    let versions: Vec<Signed> = cbor::decode(&std::fs::read(folder.join(name)).unwrap(), usize::MAX).unwrap();
    GenesisChain::verify(&versions).unwrap()
}

/// A signed document of both admins.
fn both_sign(at: &Path, what: &str, file: &str, more: &[&str]) {
    for key in ["ada", "grace"] {
        good(at, &[&[what, "sign", file, "--key", key], more].concat());
    }
}

/// A workspace whose genesis names three recipients of each cosigner, with keys `recipient-<cosigner>-<n>`.
fn recoverable() -> tempfile::TempDir {
    let folder = founded();
    let at = folder.path();
    let mut text = std::fs::read_to_string(at.join("genesis.toml")).unwrap();
    for (cosigner, n) in (1..=3).flat_map(|c| (1..=3).map(move |n| (c, n))) {
        let key = good(at, &["recovery", "keygen", "--out", &format!("recipient-{cosigner}-{n}")]);
        let key = key["public"].as_str().unwrap();
        text.push_str(&format!("[[recovery]]\ncosigner = {cosigner}\nkey = \"{key}\"\n"));
    }
    std::fs::write(at.join("recoverable.toml"), text).unwrap();
    good(at, &["genesis", "new", "--from", "recoverable.toml", "--out", "first"]);
    both_sign(at, "genesis", "first", &[]);
    assert_eq!(good(at, &["genesis", "show", "first"])["recovery"].as_array().unwrap().len(), 9);
    folder
}

/// Kits of all cosigners, kept as a platform keeps them.
fn kits(at: &Path, shares: &[KeyShare]) -> Vec<PathBuf> {
    let genesis = chain(at, "first");
    let certificate = KeyCertificate {
        version: 1,
        genesis: genesis.root(),
        key: KeyId { scheme: Scheme::Ed25519, root: RootIndex(0) },
        epoch: 0,
        public_key: shares[0].public_key().to_vec(),
        chain_code: shares[0].chain_code(),
    };
    let sign = |n: u8| {
        (party(n), SecretKey::load(&at.join(format!("cosigner-{n}"))).unwrap().sign_digest(&certificate.digest()))
    };
    let signed = SignedCertificate { certificate: certificate.clone(), signatures: (1..=3).map(sign).collect() };
    let store = Kits::new(at.join("kits"));
    let keep = |share: &KeyShare| {
        let head = genesis.head();
        let recipients: Vec<_> = head.recovery_recipients(share.index()).cloned().collect();
        let quorum = head.recovery_quorum(share.index());
        let made = kit::make(share, &certificate, &recipients, quorum, &mut OsRng).unwrap();
        let file =
            KitFile { kit: cbor::encode(&made.kit).into(), sealed: made.sealed.into(), certificate: signed.clone() };
        store.keep(&file).unwrap()
    };
    assert!(!store.has_any(party(4)));
    let kept = shares.iter().map(keep).collect();
    assert!((1..=3).all(|n| store.has_any(party(n))));
    kept
}

/// The next version of genesis: cosigner 1 was lost, its replacement has this channel secret.
fn replaced(at: &Path, channel_secret: &[u8; 32]) {
    let identity = public(at, "cosigner-1-again", "ed25519");
    let text = std::fs::read_to_string(at.join("recoverable.toml")).unwrap();
    let old = SecretKey::load(&at.join("cosigner-1")).unwrap().public().text();
    let channel = hex::encode(kit::public(channel_secret));
    let text = text.replacen(&hex::encode([1; 32]), &channel, 1).replacen(&old, &identity, 1);
    std::fs::write(at.join("next.toml"), text).unwrap();
    good(at, &["genesis", "new", "--from", "next.toml", "--previous", "first", "--out", "second"]);
    both_sign(at, "genesis", "second", &[]);
    good(at, &["genesis", "verify", "second"]);
}

/// A policy set in file `policy`.
fn policy(at: &Path) {
    let [initiator, approver] = ["initiator", "approver"].map(|n| {
        public(at, n, "ed25519");
        SecretKey::load(&at.join(n)).unwrap()
    });
    std::fs::write(at.join("policy.toml"), crate::workspace::policy_text(&initiator, &approver)).unwrap();
    good(at, &["policy", "new", "--from", "policy.toml", "--genesis", "second", "--out", "policy"]);
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn k3_kits_are_verified_against_the_pinned_genesis() {
    let folder = recoverable();
    let at = folder.path();
    let kits = kits(at, &shares());
    let names: Vec<&str> = kits.iter().map(|k| text(k)).collect();
    let verify = |kits: &[&str], genesis| good(at, &[&["recovery", "verify", "--genesis", genesis], kits].concat());
    let all = verify(&names, "first");
    assert_eq!((all["kits"].as_array().unwrap().len(), &all["keys"][0]["complete"]), (3, &true.into()));
    assert_eq!((&all["kits"][0]["needs"], &all["kits"][0]["recipients"]), (&2.into(), &3.into()));
    assert_eq!(verify(&names[..2], "first")["keys"][0]["complete"], false);
    // A byte of the kit, of the share beside it and of another workspace's genesis.
    let (file, kit) = KitFile::read(&kits[0]).unwrap();
    let bad = |file: &KitFile| {
        std::fs::write(at.join("bad.kit"), cbor::encode(file)).unwrap();
        refused(at, &["recovery", "verify", "bad.kit", "--genesis", "first"])
    };
    let mut changed = kit.clone();
    changed.recipients[2].repetitions.swap(3, 4);
    assert_eq!(bad(&KitFile { kit: cbor::encode(&changed).into(), ..file.clone() }), "cli.kit");
    assert_eq!(bad(&KitFile { sealed: vec![1; 64].into(), ..file.clone() }), "cli.kit");
    let mut few = file.clone();
    few.certificate.signatures.pop();
    assert_eq!(bad(&few), "cli.kit");
    assert_eq!(refused(at, &["recovery", "verify", names[0], "--genesis", "genesis"]), "cli.kit");
    // A cosigner that made its kit of another share: alone it verifies, the set does not.
    let others = self::kits(at, &shares());
    let (other, _) = KitFile::read(&others[0]).unwrap();
    let mut lie: RecoveryKit = cbor::decode(&other.kit, usize::MAX).unwrap();
    lie.certificate = kit.certificate;
    assert_eq!(bad(&KitFile { kit: cbor::encode(&lie).into(), ..file }), "cli.kit", "bound to its certificate");
}

#[test]
fn k3_recipients_open_their_part_for_the_admins_order_alone() {
    let folder = recoverable();
    let at = folder.path();
    let shares = shares();
    let kits = kits(at, &shares);
    let (first, other) = (text(&kits[0]), text(&kits[1]));
    let channel = [42; 32];
    let order = |kit: &str, genesis: &str, out: &str| {
        vec![
            "order",
            "recovery",
            "--cosigner",
            "1",
            "--kit",
            kit,
            "--policy",
            "policy",
            "--genesis",
            genesis,
            "--out",
            out,
        ]
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>()
    };
    let run = |arguments: &[String]| good(at, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let not = |arguments: &[String]| refused(at, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    replaced(at, &channel);
    policy(at);
    assert_eq!(not(&order(first, "first", "order")), "cli.recovery", "genesis names no replacement");
    assert_eq!(not(&order(other, "second", "order")), "cli.recovery", "another cosigner's kit");
    let with_nonce = [order(first, "second", "order"), vec!["--nonce".into(), "eip155:1:0x70=1".into()]].concat();
    assert_eq!(not(&with_nonce), "cli.argument");
    let account = "eip155:1:0x70997970C51812dc3A010C7d01b50e0d17dc79C8=57".to_owned();
    run(&[order(first, "second", "order"), vec!["--nonce".into(), account]].concat());

    let open = |kit: &str, n: u8, genesis: &str, out: &str| {
        let key = format!("recipient-1-{n}");
        ["recovery", "open", kit, "--key", &key, "--order", "order", "--genesis", genesis, "--out", out]
            .map(str::to_owned)
            .to_vec()
    };
    assert_eq!(not(&open(first, 1, "second", "part-1")), "cli.recovery", "the admins have not signed");
    both_sign(at, "order", "order", &["--genesis", "second"]);
    assert_eq!(not(&open(other, 1, "second", "part-1")), "cli.recovery", "the order does not name this kit");
    assert_eq!(not(&open(first, 1, "first", "part-1")), "cli.recovery", "genesis names another channel key");
    let mut stranger = open(first, 1, "second", "part-1");
    stranger[4] = "recipient-2-1".into();
    assert_eq!(not(&stranger), "cli.recovery");
    assert!(!at.join("part-1").exists(), "nothing was opened");
    run(&open(first, 1, "second", "part-1"));
    run(&open(first, 3, "second", "part-3"));

    let (file, kit) = KitFile::read(&kits[0]).unwrap();
    let digest =
        cbor::decode::<Signed>(&std::fs::read(at.join("order")).unwrap(), usize::MAX).unwrap().digest(Domain::Order);
    let parts: Vec<Part> = ["part-1", "part-3"]
        .into_iter()
        .map(|name| {
            let sealed: SealedPart = cbor::decode(&std::fs::read(at.join(name)).unwrap(), usize::MAX).unwrap();
            Part::unseal(&kit, &sealed, &digest, &channel).unwrap()
        })
        .collect();
    let restored = kit::restore(&kit, &file.sealed, &parts).unwrap();
    assert_eq!(restored.facts(), shares[0].facts());
    // The operator's command sees what is missing before it asks the platform.
    let restore = ["recovery", "restore", "--key", "ada", "--order", "order", "--genesis", "second", "--kit", first];
    assert_eq!(refused(at, &[&restore[..], &["--part", "part-1"]].concat()), "cli.recovery");
}
