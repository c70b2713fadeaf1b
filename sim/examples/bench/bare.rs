//! The references: the bare libraries with their own serialisation, both parties on one thread.

use crate::cpu_ns;
use dkls23_core::protocols::re_key::re_key;
use dkls23_core::protocols::signing::{Broadcast3to4, SignData, TransmitPhase1to2, TransmitPhase2to3};
use dkls23_core::protocols::{Parameters, Party, PartyIndex as DklsIndex};
use k256::{Scalar, Secp256k1};

fn per_party_ms(from: u64, parties: u64, rounds: u64) -> f64 {
    (cpu_ns() - from) as f64 / 1e6 / (parties * rounds) as f64
}

/// Both parties' phases on one thread, every message through postcard once each way.
pub fn dkls(threshold: u8, rounds: u64) -> f64 {
    let parameters = Parameters::new(threshold, 3).expect("sizes");
    let (parties, _) = re_key::<Secp256k1>(&parameters, &[7; 32], &Scalar::from(12345u64), None, |_| String::new());
    let from = cpu_ns();
    for round in 0..rounds {
        dkls_once(&parties[..2], round);
    }
    per_party_ms(from, 2, rounds)
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
