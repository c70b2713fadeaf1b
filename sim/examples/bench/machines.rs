//! The threshold machines alone: what our engine costs beside the bare libraries, no cosigner around it.
//!
//! No chain of this version signs with Ed25519, so for that scheme this is all there is to measure.

use crate::clock::thread_ns;
use rand_core::{OsRng, RngCore};
use ringi_mpc::{Ceremony, Envelope, KeyShare, Keygen, KeygenParams, Progress, SessionId, SignTask, Signing, Tweak};
use ringi_primitives::scheme::{PartyIndex, Scheme};
use std::collections::BTreeMap;

/// The depth of a wallet's key.
const PATH: [u32; 5] = [1, 60, 7, 0, 0];

/// Shares of a fresh 2-of-3 key.
pub fn keys(scheme: Scheme) -> Vec<KeyShare> {
    let (mut machines, mut queue) = (BTreeMap::new(), Vec::new());
    for me in (1..=3).filter_map(PartyIndex::new) {
        let session = SessionId([1; 32]);
        let params = KeygenParams { scheme, session, threshold: 2, parties: 3, me, transcript: [0; 32] };
        let (machine, sent) = Keygen::start(params, &mut OsRng).expect("start");
        machines.insert(me, machine);
        queue.extend(sent);
    }
    deliver(&mut machines, queue)
}

/// CPU milliseconds per party of a signature under a wallet's key.
pub fn sign(shares: &[KeyShare], rounds: u64) -> f64 {
    let signers: Vec<PartyIndex> = (1..=2).filter_map(PartyIndex::new).collect();
    let from = thread_ns();
    for _ in 0..rounds {
        let mut session = [0; 32];
        OsRng.fill_bytes(&mut session);
        let (mut machines, mut queue) = (BTreeMap::new(), Vec::new());
        for share in &shares[..2] {
            let tasks = vec![SignTask { path: &PATH, tweak: Tweak::None, message: session.to_vec() }];
            let (machine, sent) =
                Signing::start(share, SessionId(session), &signers, tasks, &mut OsRng).expect("start");
            machines.insert(share.index(), machine);
            queue.extend(sent);
        }
        assert_eq!(deliver(&mut machines, queue).len(), 2);
    }
    (thread_ns() - from) as f64 / 1e6 / (2 * rounds) as f64
}

/// Hands every envelope to its receivers until nothing is left; the outputs in the order of the parties.
fn deliver<C: Ceremony>(machines: &mut BTreeMap<PartyIndex, C>, mut queue: Vec<Envelope>) -> Vec<C::Output> {
    let mut outputs = BTreeMap::new();
    while !queue.is_empty() {
        for envelope in std::mem::take(&mut queue) {
            let receivers = machines.iter_mut().filter(|(p, _)| **p != envelope.from);
            for (me, machine) in receivers.filter(|(p, _)| envelope.to.is_none_or(|to| to == **p)) {
                let mut progress = machine.receive(envelope.clone()).expect("honest");
                if matches!(progress, Progress::Hold) {
                    progress = machine.release().expect("held");
                }
                match progress {
                    Progress::Send(sent) => queue.extend(sent),
                    Progress::Done(sent, output) => {
                        queue.extend(sent);
                        outputs.insert(*me, output);
                    }
                    Progress::Waiting | Progress::Hold => {}
                }
            }
        }
    }
    outputs.into_values().collect()
}
