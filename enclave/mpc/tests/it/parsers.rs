//! Arbitrary and mutated bytes never make a machine panic, nor accept.

use std::cell::RefCell;

use proptest::prelude::*;
use ringi_mpc::{Envelope, KeyShare, fuzz, fuzz_shares};
use ringi_primitives::scheme::{PartyIndex, Scheme};

use crate::ceremonies::{task, verify};
use crate::net::{cached, dealt, party, run, start_keygen, start_refresh, start_signing};

fn targets() -> Vec<KeyShare> {
    let bytes = Scheme::ALL.map(|scheme| cached(scheme)[0].expose_bytes().unwrap());
    bytes.iter().map(|b| KeyShare::unseal_bytes(b).unwrap()).collect()
}

/// Messages with plausible headers and random bodies.
fn messages() -> impl Strategy<Value = Vec<u8>> {
    let message = (0u8..4, 1u8..4, any::<u8>(), prop::collection::vec(any::<u8>(), 0..400)).prop_map(
        |(round, from, form, body)| {
            let len = (body.len() as u16).to_be_bytes();
            [&[round, from, form], &len[..], &body].concat()
        },
    );
    (any::<[u8; 2]>(), prop::collection::vec(message, 0..6))
        .prop_map(|(head, parts)| [head.to_vec(), parts.concat()].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_messages(data in messages()) {
        thread_local!(static TARGETS: RefCell<Vec<KeyShare>> = RefCell::new(targets()));
        TARGETS.with(|targets| fuzz_shares(&data, &targets.borrow()));
        fuzz(&data);
    }

    /// Valid messages with one byte changed or the end cut off, in any round of any protocol: party 2 may end in a
    /// verdict or well, but whatever it signs verifies.
    #[test]
    fn mutated_messages(scheme in 1usize..3, protocol in 0u8..3, round in 1u8..5, at in any::<prop::sample::Index>(),
                        xor in 1u8.., cut in any::<bool>()) {
        let scheme = Scheme::ALL[scheme];
        let mut wire = |to: PartyIndex, mut envelope: Envelope| {
            if envelope.from == party(1) && to == party(2) && envelope.round == round {
                let at = at.index(envelope.payload.len());
                if cut { envelope.payload.remove(at); } else { envelope.payload[at] ^= xor; }
            }
            vec![envelope]
        };
        match protocol {
            0 => drop(run(start_keygen(scheme, 2, 2, 1), &mut wire)),
            1 => drop(run(start_refresh(cached(scheme), 1), &mut wire)),
            _ => check_signing(scheme, &mut wire),
        }
    }

    #[test]
    fn mutated_ecdsa_signing(round in 1u8..4, at in any::<prop::sample::Index>(), xor in 1u8.., cut in any::<bool>()) {
        let mut wire = |to: PartyIndex, mut envelope: Envelope| {
            if envelope.from == party(1) && to == party(2) && envelope.round == round {
                let at = at.index(envelope.payload.len());
                if cut { envelope.payload.remove(at); } else { envelope.payload[at] ^= xor; }
            }
            vec![envelope]
        };
        check_signing(Scheme::EcdsaSecp256k1, &mut wire);
    }
}

fn check_signing(scheme: Scheme, wire: &mut crate::net::Wire<'_>) {
    let tasks = [task(&[1], 1)];
    let ending = run(start_signing(cached(scheme), &[1, 2], &tasks, 3), wire).remove(&party(2)).unwrap();
    if let Ok(signatures) = ending.result {
        verify(&cached(scheme)[0], &tasks[0], &signatures[0]);
    }
}

/// The heavy messages of dkls23's setup, a byte changed or missing at 3 places of each.
#[test]
fn mutated_ecdsa_setup() {
    let shares = dealt(2, 2);
    for step in 0..3 {
        let mut wire = |to: PartyIndex, mut envelope: Envelope| {
            if to == party(2) && envelope.round == 4 && envelope.to.is_some() {
                let at = envelope.payload.len() * (step * 2 + 1) / 6;
                if step % 3 == 0 {
                    envelope.payload.remove(at);
                } else {
                    envelope.payload[at] ^= 0x80;
                }
            }
            vec![envelope]
        };
        let ending = run(start_refresh(&shares, 1), &mut wire).remove(&party(2)).unwrap();
        assert!(ending.result.is_err(), "step {step}");
    }
}
