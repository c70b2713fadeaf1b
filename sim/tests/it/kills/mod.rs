//! Cosigners killed at every named point, from a seed, while a host that may lose, repeat and hold back frames asks different
//! pairs for the same intents under different nonces. What holds is checked from what was signed and what is durable.

mod host;

use host::{Host, KillPoint};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Seeds of one run; KILL_SEEDS asks for more. A failure names its seed: KILL_SEED repeats it alone.
const SEEDS: u64 = 32;
/// What the host does with one seed.
const STEPS: u32 = 600;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn l1_i3_s1_cosigners_killed_at_any_point_keep_what_they_promised() {
    let seeds: Vec<u64> = match number("KILL_SEED") {
        Some(one) => vec![one],
        None => (1..=number("KILL_SEEDS").unwrap_or(SEEDS)).collect(),
    };
    let (reached, signed) = (Mutex::new(BTreeSet::new()), AtomicU64::new(0));
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(usize::try_from(next.fetch_add(1, Ordering::SeqCst)).unwrap()) {
                    let mut host = Host::new(*seed);
                    (0..STEPS).for_each(|_| host.step());
                    host.settle();
                    signed.fetch_add(host.signed_intents(), Ordering::SeqCst);
                    reached.lock().unwrap().extend(host.reached);
                }
            });
        }
    });
    if seeds.len() > 1 {
        let missed: Vec<KillPoint> =
            KillPoint::ALL.into_iter().filter(|point| !reached.lock().unwrap().contains(point)).collect();
        assert!(missed.is_empty(), "never killed at {missed:?}");
        let signed = signed.load(Ordering::SeqCst);
        assert!(signed > seeds.len() as u64, "only {signed} intents were signed: too little to prove anything");
    }
}
