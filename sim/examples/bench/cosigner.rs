//! One signature, everything inside the cosigner: one initiator signature, no approvals, decode, policy, limits, channel,
//! sealing. Two cosigners and the relay run on this thread; storage acknowledges at once.

use crate::report::Row;
use crate::{bare, cpu_ns};
use ringi_sim::requests::{Draft, Standard, outcomes};

const ROUNDS: u64 = 100;
const PER_DAY: u64 = 20;

/// ECDSA against bare dkls23, interleaved so that both see the same machine.
pub fn rows() -> Vec<Row> {
    let (mut ours, mut reference) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        reference.push(bare::dkls(2, ROUNDS));
        ours.push(ecdsa(ROUNDS));
    }
    let row = Row {
        name: "2-of-3 ECDSA signature, CPU per cosigner".into(),
        ours: median(ours),
        reference: Some(median(reference)),
        unit: "ms",
        goal: 1.25,
        higher_is_better: false,
    };
    vec![row]
}

fn ecdsa(rounds: u64) -> f64 {
    let (mut world, standard) = Standard::world(7);
    let mut spent_ns = 0;
    // Twenty a day: the standard policy's window holds no more. Requests are made beforehand: their cost is the clients'.
    for day in 0..rounds.div_ceil(PER_DAY) {
        let first = day * PER_DAY;
        let requests: Vec<Vec<u8>> = (first..first + PER_DAY)
            .map(|n| Draft::payment(&world, u8::try_from(n).expect("few rounds"), 1, n).bytes(&standard))
            .collect();
        let from = cpu_ns();
        for request in &requests {
            assert_eq!(outcomes(&world.sign(request, &[1, 2])), ["signed", "signed"]);
        }
        spent_ns += cpu_ns() - from;
        world.pass(86_400_001);
    }
    spent_ns as f64 / 1e6 / (2 * rounds) as f64
}

/// The middle value.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
