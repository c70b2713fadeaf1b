//! S1: a party that lies the same way to everybody passes the echo; then the check behind it must name the liar.

use std::collections::{BTreeMap, BTreeSet};

use ringi_mpc::{Ceremony, Envelope, Fault};
use ringi_primitives::scheme::{PartyIndex, Scheme};
use sha2::{Digest, Sha256};

use crate::net::{cached, keygen, party, run, start_keygen, start_refresh};

type Bodies = BTreeMap<u8, BTreeMap<PartyIndex, Vec<u8>>>;

fn body(envelope: &Envelope) -> Vec<u8> {
    envelope.payload[..envelope.payload.len() - 32].to_vec()
}

fn framed(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// The transcript hash before `round`, from all broadcasts so far: an independent writing of what the machines do.
fn transcript(parameters: [u8; 32], bodies: &Bodies, round: u8) -> [u8; 32] {
    let mut state = parameters;
    for (number, of_round) in bodies.range(..round).filter(|(_, b)| b.values().any(|body| !body.is_empty())) {
        let number = [*number];
        let indices: Vec<[u8; 1]> = of_round.keys().map(|p| [p.number()]).collect();
        let mut parts: Vec<&[u8]> = vec![b"ringi/mpc/transcript/v1", &state, &number];
        for (index, body) in indices.iter().zip(of_round.values()) {
            parts.extend([index.as_slice(), body]);
        }
        state = framed(&parts);
    }
    state
}

/// Party 1 broadcasts `edit(body)` in `round` to all and keeps to that story; the verdicts of the others.
fn lie<C: Ceremony>(
    started: Vec<(PartyIndex, C, Vec<Envelope>)>,
    round: u8,
    edit: &dyn Fn(Vec<u8>) -> Vec<u8>,
) -> Vec<Result<C::Output, Fault>> {
    let first = &started[0].2[0].payload;
    let parameters: [u8; 32] = first[first.len() - 32..].try_into().unwrap();
    let (mut told, mut truth) = (Bodies::new(), Bodies::new());
    let mut wire = |to: PartyIndex, mut envelope: Envelope| {
        let mut sent = body(&envelope);
        if envelope.to.is_none() {
            truth.entry(envelope.round).or_default().insert(envelope.from, sent.clone());
            if envelope.from == party(1) && envelope.round == round {
                sent = edit(sent);
            }
            told.entry(envelope.round).or_default().insert(envelope.from, sent.clone());
        }
        if envelope.from == party(1) || to == party(1) {
            // The liar's machine believes its own words; each side gets the hash it expects.
            let story = if to == party(1) { &truth } else { &told };
            envelope.payload = [sent, transcript(parameters, story, envelope.round).to_vec()].concat();
        }
        vec![envelope]
    };
    let mut endings = run(started, &mut wire);
    endings.remove(&party(1));
    endings.into_values().map(|ending| ending.result).collect()
}

fn expect_peer<T>(results: Vec<Result<T, Fault>>, expected: &[&str]) {
    assert!(!results.is_empty());
    for result in results {
        let Err(Fault::Peer { culprits, reason, .. }) = result else { panic!("{:?}", result.err()) };
        assert_eq!(culprits, BTreeSet::from([party(1)]));
        assert!(expected.contains(&reason), "{reason}");
    }
}

fn flip(at: usize) -> impl Fn(Vec<u8>) -> Vec<u8> {
    move |mut body| {
        body[at] ^= 1;
        body
    }
}

#[test]
fn the_story_is_kept() {
    for scheme in [Scheme::Bip340, Scheme::Ed25519] {
        assert!(lie(start_keygen(scheme, 2, 3, 1), 1, &|body| body).iter().all(Result::is_ok));
    }
}

#[test]
fn frost_commitment_of_another_degree() {
    for scheme in [Scheme::Bip340, Scheme::Ed25519] {
        let longer = body(&start_keygen(scheme, 3, 3, 1)[0].2[0]);
        let results = lie(start_keygen(scheme, 2, 3, 1), 1, &|_| longer.clone());
        expect_peer(results, &["commitment of another degree"]);
        let longer = body(&start_refresh(&keygen(scheme, 3, 3), 1)[0].2[0]);
        let results = lie(start_refresh(cached(scheme), 1), 1, &|_| longer.clone());
        expect_peer(results, &["commitment of another degree"]);
    }
}

#[test]
fn frost_proof_of_knowledge() {
    for scheme in [Scheme::Bip340, Scheme::Ed25519] {
        let replay = body(&start_keygen(scheme, 2, 3, 1)[1].2[0]);
        // Another party's commitment and proof as one's own: the rogue-key attack.
        expect_peer(lie(start_keygen(scheme, 2, 3, 1), 1, &|_| replay.clone()), &["proof of knowledge fails"]);
    }
}

#[test]
fn frost_chain_code_chosen_late() {
    for scheme in [Scheme::Bip340, Scheme::Ed25519] {
        let results = lie(start_keygen(scheme, 2, 3, 1), 3, &flip(5));
        expect_peer(results, &["chain code commitment does not open"]);
    }
}

/// 2-of-2 for time. The opening: 33 bytes of the share's point, then its proof; the chain code is at the end.
#[test]
fn ecdsa_opening_that_does_not_fit() {
    let start = || start_keygen(Scheme::EcdsaSecp256k1, 2, 2, 1);
    expect_peer(
        lie(start(), 4, &|body| flip(body.len() / 2)(body)),
        &["proof of the share fails", "malformed message"],
    );
    expect_peer(lie(start(), 4, &|body| flip(body.len() - 3)(body)), &["chain code commitment does not open"]);
}
