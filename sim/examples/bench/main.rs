//! `make bench`: every figure beside its reference, measured in one run. Prints a table and writes `target/bench.json`.
//!
//! Times are CPU time of this thread unless the name says otherwise. Measurements that are compared take turns.

mod api;
mod bare;
mod clock;
mod cosigner;
mod enclaves;
mod machines;
mod policy;
mod progress;
mod report;

use clap::Parser;
use progress::Progress;
use std::path::{Path, PathBuf};

/// Measures everything beside its reference in one run.
#[derive(Parser)]
struct Arguments {
    /// Only these parts.
    #[arg(value_parser = ["cosigner", "policy", "enclaves", "api"])]
    parts: Vec<String>,
    /// Print the list of bench.json instead of the table.
    #[arg(long)]
    json: bool,
    /// The cosigner program.
    #[arg(long, default_value = "target/enclave/release/ringi-cosigner")]
    cosigner: PathBuf,
    /// The enclave image that is booted.
    #[arg(long, env = "RINGI_IMAGE")]
    image: Option<PathBuf>,
    /// QEMU.
    #[arg(long, env = "RINGI_QEMU")]
    qemu: Option<PathBuf>,
    /// vhost-device-vsock.
    #[arg(long, env = "RINGI_VSOCK")]
    vsock: Option<PathBuf>,
    /// Seconds under load per round of the throughput figures.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
}

fn main() {
    let arguments = Arguments::parse();
    let runs = |part: &str| arguments.parts.is_empty() || arguments.parts.iter().any(|p| p == part);
    let progress = Progress::start();
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let mut rows = Vec::new();
    let mut profile = String::new();
    if runs("cosigner") {
        rows.extend(cosigner::rows(&progress));
    }
    if runs("policy") {
        progress.step("policy decisions");
        rows.extend(policy::rows());
    }
    if runs("enclaves") {
        let machine = enclaves::Machine { image: arguments.image, qemu: arguments.qemu, vsock: arguments.vsock };
        rows.extend(enclaves::rows(&arguments.cosigner, &target.join("bench"), &machine, &progress));
    }
    if runs("api") {
        let figures = api::run(&arguments.cosigner, &target.join("bench"), arguments.seconds, &progress);
        rows.extend(figures.rows);
        profile = figures.profile;
    }
    match arguments.json {
        true => print!("{}", report::list(&rows)),
        false => print!("{profile}\n{}", report::table(&rows)),
    }
    let file = target.join("bench.json");
    if let Err(error) = std::fs::write(&file, report::list(&rows)) {
        eprintln!("bench.json not written: {error}");
        std::process::exit(1);
    }
}
