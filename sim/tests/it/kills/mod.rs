//! Cosigners killed at every named point, from a seed, while a host that may lose, repeat, reorder and hold back frames asks
//! different pairs for the same intents at different places, on an EVM chain and on Bitcoin, has keys refreshed meanwhile and
//! starts second copies; beside it the real orchestrator pays and dies at its own crash points. What holds is checked from what was signed and what is durable.

mod chain;
mod copies;
mod host;
mod office;
mod payments;
mod points;
mod promises;
mod refresh;
mod settle;
mod store;

use host::Host;
use points::KillPoint;
use ringi_orchestrator::ports::CrashPoint;
use ringi_sim::requests::{BITCOIN, EVM};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Seeds of one run; KILL_SEEDS asks for more. A failure names its seed: KILL_SEED repeats it alone.
const SEEDS: u64 = 14;
/// What the host does with one seed.
const STEPS: u32 = 1_500;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn l1_i3_s1_b1_k2_cosigners_killed_at_any_point_keep_what_they_promised() {
    let seeds: Vec<u64> = match number("KILL_SEED") {
        Some(one) => vec![one],
        None => (1..=number("KILL_SEEDS").unwrap_or(SEEDS)).collect(),
    };
    let (reached, crashed) = (Mutex::new(BTreeSet::new()), Mutex::new(BTreeSet::new()));
    let [signed, coins, refreshed, paid] = [0; 4].map(AtomicU64::new);
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(usize::try_from(next.fetch_add(1, Ordering::SeqCst)).unwrap()) {
                    let mut host = Host::new(*seed);
                    (0..STEPS).for_each(|_| host.step());
                    host.settle();
                    signed.fetch_add(host.promises.count(EVM), Ordering::SeqCst);
                    coins.fetch_add(host.promises.count(BITCOIN), Ordering::SeqCst);
                    refreshed.fetch_add(host.refreshes.count(), Ordering::SeqCst);
                    reached.lock().unwrap().extend(host.reached);
                    crashed.lock().unwrap().extend(host.office.reached());
                    paid.fetch_add(host.office.mined() as u64, Ordering::SeqCst);
                }
            });
        }
    });
    if seeds.len() > 1 {
        let missed: Vec<KillPoint> =
            KillPoint::ALL.into_iter().filter(|point| !reached.lock().unwrap().contains(point)).collect();
        assert!(missed.is_empty(), "never killed at {missed:?}");
        let crashed = crashed.into_inner().unwrap();
        let missed: Vec<CrashPoint> = CrashPoint::ALL.into_iter().filter(|point| !crashed.contains(point)).collect();
        assert!(missed.is_empty(), "the orchestrator never died at {missed:?}");
        let [signed, coins, refreshed, paid] = [signed, coins, refreshed, paid].map(AtomicU64::into_inner);
        println!(
            "{signed} EVM and {coins} Bitcoin intents signed, {refreshed} refreshes, {paid} payments of the orchestrator's, {} seeds",
            seeds.len()
        );
        let enough = signed > seeds.len() as u64 && coins > seeds.len() as u64 / 2 && refreshed > 0;
        assert!(
            enough,
            "{signed} EVM and {coins} Bitcoin intents, {refreshed} refreshes: too little to prove anything"
        );
    }
}
