//! Real processes that die: the platform at each of its crash points, cosigners and platform at any moment. A real node
//! says what happened: each intent is carried out exactly once.

mod damage;
mod frames;
pub mod life;
mod streams;

use life::{Life, Payment};
use ringi::demo::anvil::Anvil;
use ringi::platform::settings::{EnclaveKind, Machines};
use ringi::platform::start::Hazards;
use ringi_orchestrator::ports::{CrashPoint, CrashPoints};
use std::path::PathBuf;
use std::time::Duration;

/// Names the data folder of a platform that dies where its `crash-at` file says; without it the test below does nothing.
const FOLDER: &str = "FRAGILE_PLATFORM_FOLDER";

/// Aborts at the point that the file names, once.
struct AsTheFileSays(PathBuf);

impl CrashPoints for AsTheFileSays {
    fn reached(&self, point: CrashPoint) {
        if std::fs::read_to_string(&self.0).is_ok_and(|name| name == point.name()) {
            let _ = std::fs::remove_file(&self.0);
            std::process::abort();
        }
    }
}

/// Not a test of its own: the others start this program again with it.
#[test]
#[ignore = "the platform's process, started by the other tests"]
fn the_platform() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let crash = std::sync::Arc::new(AsTheFileSays(folder.join("crash-at")));
    let hazards = Hazards { crash, between: streams::between(folder.join("parent-does")) };
    let args = ringi::cli::UpArgs {
        data: folder,
        listen: None,
        cosigner: None,
        enclave: None,
        machines: Default::default(),
        found_by: None,
        log: None,
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(ringi::up::up_among(args, ringi::output::Output::Text, hazards)).unwrap();
}

#[test]
fn i3_killed_at_every_crash_point_each_intent_is_carried_out_once() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let anvil = Anvil::start(&life::anvil()).await.unwrap();
        let mut life = Life::found(&anvil).await;
        for (number, point) in (1u64..).zip(CrashPoint::ALL) {
            std::fs::write(life.folder().join("crash-at"), point.name()).unwrap();
            let payment = Payment::of(number);
            let deaths = life.deaths;
            life.carry_out(&anvil, &payment).await;
            assert!(!life.folder().join("crash-at").exists(), "{}: never reached", point.name());
            // The last point is passed when the client sees the end already: the death may be noticed with the next one.
            assert!(life.deaths > deaths || point == CrashPoint::AfterEndStored, "{}: nobody died", point.name());
            life.check(&anvil, number).await;
        }
    });
}

#[test]
fn i3_killed_at_any_moment_each_intent_is_carried_out_once() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let anvil = Anvil::start(&life::anvil()).await.unwrap();
        let mut life = Life::found(&anvil).await;
        for number in 1..=6u64 {
            let payment = Payment::of(number);
            // Moments spread over what a transfer takes: one cosigner each time, and now and then the platform.
            let wait = Duration::from_millis(number * 17 % 60);
            life.kill_cosigner_after(number, wait);
            if number % 3 == 0 {
                life.kill_platform_after(wait * 2);
            }
            life.carry_out(&anvil, &payment).await;
            life.check(&anvil, number).await;
        }
    });
}

/// `make demo` tells its story from the same function; a point that does not happen as told is an error.
#[test]
fn the_demo_tells_all_nine_points() {
    the_demo_is_told(EnclaveKind::Plain);
}

#[test]
fn the_demo_is_told_of_attested_cosigners_too() {
    the_demo_is_told(EnclaveKind::Process);
}

fn the_demo_is_told(enclave: EnclaveKind) {
    let folder = tempfile::tempdir().unwrap();
    let demo = ringi::demo::Demo {
        cosigner: life::cosigner(),
        enclave,
        machines: Machines::default(),
        anvil: life::anvil(),
        folder: folder.path().to_owned(),
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(ringi::demo::run(&demo, ringi::output::Output::Text)).unwrap();
    let receipts = std::fs::read_dir(folder.path()).unwrap().flatten();
    let receipts = receipts.filter(|file| file.file_name().to_string_lossy().starts_with("receipt-")).count();
    assert!(receipts >= 6, "only {receipts} receipts");
}
