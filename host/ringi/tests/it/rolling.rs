//! Cosigners of a running platform move to another program one after the other, under orders that admins signed elsewhere, and
//! payments go on meanwhile (rule E1).

use crate::attested::changed_program;
use crate::node::Node;
use crate::platform::{Platform, cosigner, refused, ringi};
use crate::production::{GENESIS, Office, ROOT, founded, registers, two_sign, with_registers};
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};

pub const NEXT: &str = "genesis-2.ringi";

/// The version of genesis that allows the image, signed by two admins and installed.
pub fn allow(office: &mut Office, program: &Path) {
    let data = office.folder.join("data");
    std::fs::rename(program, data.join("next-image")).unwrap();
    let form = data.join("next.toml");
    let began = Instant::now();
    while !form.exists() {
        assert!(began.elapsed() < Duration::from_secs(60), "no form for the next image");
        std::thread::sleep(Duration::from_millis(100));
    }
    let new = ["genesis", "new", "--from", "data/next.toml", "--previous", GENESIS, "--out", NEXT];
    office.platform.good(&new);
    for key in ["ada", "grace"] {
        office.platform.good(&["genesis", "sign", NEXT, "--key", key]);
    }
    assert_eq!(office.platform.good(&["install", "genesis", "--key", "ada", NEXT])["in_force"], true);
    office.genesis = NEXT;
}

pub fn order(platform: &Platform, cosigner: &str, pcrs: &[String]) -> String {
    let file = format!("upgrade-{cosigner}.ringi");
    let order = ["order", "upgrade", "--cosigner", cosigner, "--genesis", NEXT, "--out", &file];
    platform.good(&with_registers(&order, pcrs));
    file
}

/// Moves one by a signed order, and pays until that is done; gives how many payments ended meanwhile.
pub fn moved_while_paying(office: &mut Office, file: &str) -> usize {
    let (folder, url, order) = (office.folder.to_owned(), office.platform.url.clone(), file.to_string());
    let moving = std::thread::spawn(move || ringi(&folder, &url, &["install", "order", "--key", "ada", &order]));
    let mut during = 0;
    loop {
        office.pay();
        if moving.is_finished() {
            break;
        }
        during += 1;
    }
    let done = moving.join().unwrap();
    assert_eq!((done.exit, &done.out["in_force"]), (Some(0), &Value::Bool(true)), "{done:?}");
    during
}

pub fn until_ready(platform: &Platform) {
    let began = Instant::now();
    loop {
        let status = platform.good(&["status", "--key", "ada"]);
        if status["items"].as_array().unwrap().iter().all(|c| c["ready"] == true) {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "{status}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn audited(platform: &Platform) -> Vec<Value> {
    let shown = platform.good(&["audit", "--key", "ada", "--kind", "cosigner.upgraded"]);
    shown["items"].as_array().unwrap().clone()
}

/// Like a power cut, and on with these flags.
pub fn killed_and_up(office: Office, flags: &[&str]) -> Platform {
    let folder = office.folder;
    office.platform.kill();
    Platform::up_with(folder, flags)
}

#[test]
fn e1_cosigners_move_one_after_the_other_while_payments_go_on() {
    let node = Node::start();
    let folder = tempfile::tempdir().unwrap();
    let mut office = founded(folder.path(), &node);
    let old = registers(&office.platform, &cosigner());
    let changed = changed_program(folder.path());
    let program = folder.path().join("kept");
    std::fs::copy(&changed, &program).unwrap();
    let new = registers(&office.platform, &changed);
    let order_now = ["order", "upgrade", "--cosigner", "1", "--genesis", GENESIS, "--out", "early"];
    office.platform.refuses(&with_registers(&order_now, &new), "cli.genesis");
    allow(&mut office, &changed);

    let first = order(&office.platform, "1", &new);
    let install = ["install", "order", "--key", "ada", first.as_str()];
    office.platform.refuses(&install, "order.signatures");
    two_sign(&office.platform, "order", &first, NEXT);
    // Another image than the one that the admins meant.
    let data = folder.path().join("data");
    std::fs::rename(data.join("next-image"), data.join("hidden")).unwrap();
    office.platform.refuses(&install, "upgrade.image");
    std::fs::copy(cosigner(), data.join("next-image")).unwrap();
    office.platform.refuses(&install, "upgrade.image");
    std::fs::rename(data.join("hidden"), data.join("next-image")).unwrap();
    let mut during = moved_while_paying(&mut office, &first);
    // The same order again finds it done.
    assert_eq!(office.platform.good(&install)["in_force"], true);
    assert_eq!(audited(&office.platform).len(), 1);

    // One runs the new program and two the old one, through a power cut too.
    let started_old = ["--cosigner", cosigner().to_str().unwrap().to_string().leak()];
    let (wallet, paid) = (office.wallet.clone(), office.paid);
    let platform = killed_and_up(office, &started_old);
    let mut office = Office { folder: folder.path(), platform, genesis: NEXT, wallet, paid };
    until_ready(&office.platform);
    office.pay();
    for n in ["2", "3"] {
        let file = order(&office.platform, n, &new);
        two_sign(&office.platform, "order", &file, NEXT);
        during += moved_while_paying(&mut office, &file);
        until_ready(&office.platform);
    }
    assert!(during > 0, "no payment ended while a cosigner was away");
    let audit = audited(&office.platform);
    assert_eq!(audit.len(), 3);
    let done = office.pay();
    let image = |registers: &[String]| registers.iter().find_map(|r| r.strip_prefix("0=")).unwrap().to_string();
    assert!(office.images(&done).iter().all(|i| *i == image(&new)) && image(&new) != image(&old));
    let attest = ["cosigner", "attest", "--key", "ada", "3", "--genesis", NEXT, "--root", ROOT];
    assert_eq!(office.platform.good(&attest)["image"], image(&new).as_str());

    // From now on the new program is the present one; the old one starts none of them.
    std::fs::remove_file(data.join("next-image")).unwrap();
    let (wallet, paid) = (office.wallet.clone(), office.paid);
    office.platform.kill();
    let up = ["up", "--data", "data", "--listen", "127.0.0.1:0", started_old[0], started_old[1]];
    refused(&ringi(folder.path(), "", &up), &up, "cli.other_program");
    let platform = Platform::up_with(folder.path(), &["--cosigner", program.to_str().unwrap()]);
    let mut office = Office { folder: folder.path(), platform, genesis: NEXT, wallet, paid };
    until_ready(&office.platform);
    office.pay();
}

#[test]
fn e1_a_stopped_platform_moves_under_orders_signed_elsewhere() {
    let node = Node::start();
    let folder = tempfile::tempdir().unwrap();
    let mut office = founded(folder.path(), &node);
    let changed = changed_program(folder.path());
    let program = folder.path().join("kept");
    std::fs::copy(&changed, &program).unwrap();
    let new = registers(&office.platform, &changed);
    allow(&mut office, &changed);
    let orders: Vec<String> = ["1", "2", "3"].iter().map(|n| order(&office.platform, n, &new)).collect();
    let Office { platform, wallet, paid, .. } = office;
    for file in &orders[..2] {
        two_sign(&platform, "order", file, NEXT);
    }
    let old = cosigner();
    let with = |files: &[String]| -> Vec<String> {
        let fixed = ["cosigner", "upgrade", "kept", "--cosigner", old.to_str().unwrap(), "--genesis", NEXT];
        let fixed = fixed.iter().map(|s| s.to_string());
        fixed.chain(files.iter().flat_map(|f| ["--order".to_string(), f.clone()])).collect()
    };
    let run = |files: &[String]| {
        let arguments = with(files);
        ringi(folder.path(), "", &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    refused(&run(&orders[..1]), &["upgrade"], "store.locked");
    let sign = ["order", "sign", orders[2].as_str(), "--key", "ada", "--genesis", NEXT];
    platform.good(&sign);
    assert_eq!(platform.stop(), Some(0));
    // Signed by one admin only: nothing moves.
    refused(&run(&orders), &["upgrade"], "order.signatures");
    let moved = run(&orders[..2]);
    assert_eq!((moved.exit, moved.out.as_array().map(Vec::len)), (Some(0), Some(2)), "{moved:?}");
    let sign = ["order", "sign", orders[2].as_str(), "--key", "grace", "--genesis", NEXT];
    assert_eq!(ringi(folder.path(), "", &sign).exit, Some(0));
    let moved = run(&orders);
    assert_eq!((moved.exit, moved.out.as_array().map(Vec::len)), (Some(0), Some(1)), "{moved:?}");
    let platform = Platform::up_with(folder.path(), &["--cosigner", program.to_str().unwrap()]);
    let mut office = Office { folder: folder.path(), platform, genesis: NEXT, wallet, paid };
    until_ready(&office.platform);
    office.pay();
}
