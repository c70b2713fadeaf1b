//! The references: the bare libraries with their own serialisation, both parties on one thread.

use crate::clock::thread_ns;
use dkls23_core::protocols::re_key::re_key;
use dkls23_core::protocols::signing::{Broadcast3to4, SignData, TransmitPhase1to2, TransmitPhase2to3};
use dkls23_core::protocols::{Parameters, Party, PartyIndex as DklsIndex};
use k256::{Scalar, Secp256k1};
use rand_core::OsRng;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

fn per_party_ms(from: u64, parties: u64, rounds: u64) -> f64 {
    (thread_ns() - from) as f64 / 1e6 / (parties * rounds) as f64
}

fn parties() -> Vec<Party<Secp256k1>> {
    let parameters = Parameters::new(2, 3).expect("sizes");
    re_key::<Secp256k1>(&parameters, &[7; 32], &Scalar::from(12345u64), None, |_| String::new()).0
}

/// Both parties' phases on one thread, every message through postcard once each way. CPU milliseconds of one party.
pub fn dkls(rounds: u64) -> f64 {
    let parties = parties();
    let from = thread_ns();
    for round in 0..rounds {
        dkls_once(&parties[..2], round);
    }
    per_party_ms(from, 2, rounds)
}

/// Signatures per second of this many threads that do nothing else. A signature costs both signers' CPU: each thread does
/// both parties' phases.
pub fn dkls_per_second(threads: usize, length: Duration) -> f64 {
    let parties = parties();
    let began = Instant::now();
    let run = || {
        let mut signed = 0u64;
        while began.elapsed() < length {
            dkls_once(&parties[..2], signed);
            signed += 1;
        }
        signed
    };
    let signed: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        threads.into_iter().map(|t| t.join().expect("a thread that signs")).sum()
    });
    signed as f64 / began.elapsed().as_secs_f64()
}

fn dkls_once(parties: &[Party<Secp256k1>], round: u64) {
    let data: Vec<SignData> = [2, 1]
        .iter()
        .map(|other| SignData {
            sign_id: round.to_be_bytes().repeat(4),
            counterparties: vec![DklsIndex::new(*other).expect("index")],
            message_hash: [5; 32],
        })
        .collect();
    let (mut kept1, mut wire1) = (Vec::new(), Vec::new());
    for (party, data) in parties.iter().zip(&data) {
        let (unique, kept, sent) = party.sign_phase1(data).expect("phase 1");
        kept1.push((unique, kept));
        wire1.push(postcard::to_allocvec(&sent).expect("postcard"));
    }
    let (mut kept2, mut wire2) = (Vec::new(), Vec::new());
    for (i, (unique, kept)) in kept1.into_iter().enumerate() {
        let received: Vec<TransmitPhase1to2> = postcard::from_bytes(&wire1[1 - i]).expect("postcard");
        let (unique, kept, sent) = parties[i].sign_phase2(&data[i], unique, kept, &received).expect("phase 2");
        kept2.push((unique, kept));
        wire2.push(postcard::to_allocvec(&sent).expect("postcard"));
    }
    let (mut r, mut wire3) = (Vec::new(), Vec::new());
    for (i, (unique, kept)) in kept2.into_iter().enumerate() {
        let received: Vec<TransmitPhase2to3<Secp256k1>> = postcard::from_bytes(&wire2[1 - i]).expect("postcard");
        let (x, sent) = parties[i].sign_phase3(&data[i], unique, kept, &received).expect("phase 3");
        r.push(x);
        wire3.push(postcard::to_allocvec(&sent).expect("postcard"));
    }
    for i in 0..2 {
        let received: Vec<Broadcast3to4<Secp256k1>> =
            wire3.iter().map(|bytes| postcard::from_bytes(bytes).expect("postcard")).collect();
        parties[i].sign_phase4(&data[i], &r[i], &received, true).expect("phase 4");
    }
}

/// Both parties commit, sign, aggregate and verify once; messages serialised once each way.
pub fn frost<C: frost_core::Ciphersuite>(rounds: u64) -> f64 {
    use frost_core::keys::{IdentifierList, KeyPackage, generate_with_dealer};
    use frost_core::{round1, round2};
    let (shares, public) = generate_with_dealer::<C, _>(3, 2, IdentifierList::Default, &mut OsRng).expect("dealer");
    let keys: Vec<KeyPackage<C>> = shares.into_values().take(2).map(|s| s.try_into().expect("share")).collect();
    let from = thread_ns();
    for _ in 0..rounds {
        let (mut nonces, mut sent) = (Vec::new(), BTreeMap::new());
        for key in &keys {
            let (own, commitments) = round1::commit(key.signing_share(), &mut OsRng);
            nonces.push(own);
            sent.insert(*key.identifier(), commitments.serialize().expect("bytes"));
        }
        let mut wire = BTreeMap::new();
        let mut packages = Vec::new();
        for (key, own) in keys.iter().zip(&nonces) {
            let mut list = BTreeMap::from([(*key.identifier(), *own.commitments())]);
            for (id, bytes) in sent.iter().filter(|(id, _)| *id != key.identifier()) {
                list.insert(*id, round1::SigningCommitments::deserialize(bytes).expect("bytes"));
            }
            let package = frost_core::SigningPackage::new(list, &[6; 32]);
            wire.insert(*key.identifier(), round2::sign(&package, own, key).expect("sign").serialize());
            packages.push(package);
        }
        for package in &packages {
            let shares = wire
                .iter()
                .map(|(id, bytes)| (*id, round2::SignatureShare::deserialize(bytes).expect("bytes")))
                .collect();
            frost_core::aggregate(package, &shares, &public).expect("aggregate");
        }
    }
    per_party_ms(from, 2, rounds)
}
