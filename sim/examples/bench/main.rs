//! `make bench`: every figure beside its reference, measured in one run. Prints a table and writes `target/bench.json`.
//!
//! Times are CPU time of this thread unless the name says otherwise. Arguments: names of parts to run (default: all).

mod bare;
mod cosigner;
mod report;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let runs = |part: &str| wanted.is_empty() || wanted.iter().any(|w| w == part);
    let mut rows = Vec::new();
    if runs("cosigner") {
        rows.extend(cosigner::rows());
    }
    report::print(&rows);
    report::write(&rows);
}

/// CPU nanoseconds of this thread: the first field of schedstat, brought up to date by giving the core away.
fn cpu_ns() -> u64 {
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    text.split_whitespace().next().and_then(|n| n.parse().ok()).expect("schedstat")
}
