//! Many payments at once against one limit, over the API, on a database, real cosigner processes and a real node; a cosigner and
//! the host die in the middle (rules L1, L2, I3).

use crate::commands::{Scene, a_policy_is_installed_once_and_signed, a_wallet_is_made_and_funded};
use crate::node::Node;
use crate::platform::{INITIATOR, Platform, ringi};
use serde_json::Value;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const GENESIS: &str = "data/genesis.ringi";
const ADMINS: [&str; 2] = ["data/development/admin-1.key", "data/development/admin-2.key"];
/// Payments at once.
const PAYMENTS: usize = 24;
/// Their window.
const WINDOW: Duration = Duration::from_secs(60);
/// What a payment pays, and what it may cost besides at most, in wei.
const CENT: u128 = 10_000_000_000_000_000;
const MAX_FEE: &str = "500000000000000";
/// The limit, in wei; in the file as a decimal.
const CAP: u128 = 8 * CENT + CENT / 2;
const CAP_TEXT: &str = "0.085";

/// The policy in force, and so much a window besides.
fn limit_policy(folder: &Path, platform: &Platform) {
    let limit = format!(
        "temperature = \"hot\"\nlimits = [{{ name = \"window\", of = \"native-31337\", most = \"{CAP_TEXT}\", \
         window = {{ rolling_s = {} }}, per = \"vault\" }}]\n",
        WINDOW.as_secs()
    );
    let text = std::fs::read_to_string(folder.join("next.toml")).unwrap();
    let text = text.replace("temperature = \"hot\"\n", &limit);
    let text = text.replace("allow = { max_fees", "allow = { limits = [\"window\"], max_fees");
    std::fs::write(folder.join("limited.toml"), text).unwrap();
    platform.good(&["policy", "fetch", "--key", INITIATOR, "--genesis", GENESIS, "--out", "before.ringi"]);
    let new = ["policy", "new", "--from", "limited.toml", "--genesis", GENESIS, "--previous", "before.ringi"];
    platform.good(&[&new[..], &["--out", "limited.ringi"]].concat());
    for admin in ADMINS {
        platform.good(&["policy", "sign", "limited.ringi", "--key", admin, "--genesis", GENESIS]);
    }
    platform.good(&["install", "policy", "--key", ADMINS[0], "limited.ringi"]);
}

/// Processes that this one started, by number and name.
fn children(of: u32) -> Vec<(u32, String)> {
    let stat = |entry: std::fs::DirEntry| {
        let text = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let (id, rest) = text.split_once(" (")?;
        let (name, rest) = rest.rsplit_once(") ")?;
        let parent: u32 = rest.split_whitespace().nth(1)?.parse().ok()?;
        (parent == of).then(|| (id.parse().unwrap_or(0), name.to_string()))
    };
    std::fs::read_dir("/proc").unwrap().flatten().filter_map(stat).collect()
}

/// Ends one cosigner at once.
fn kill_a_cosigner(platform: &Platform) {
    let all = children(platform.process());
    let (id, _) =
        all.iter().find(|(_, name)| name.starts_with("ringi-cosigner")).expect("cosigners run beside the host");
    assert!(crate::platform::signal("9", &id.to_string()));
}

/// Submits these intents, so many at a time; an intent that the platform did not take is left out.
fn submit_at_once(folder: &Path, url: &str, intents: &[String], taken: &AtomicUsize) {
    std::thread::scope(|scope| {
        for intent in intents {
            scope.spawn(|| {
                let found = ringi(folder, url, &["transfer", "submit", "--key", INITIATOR, intent]);
                taken.fetch_add(usize::from(found.exit == Some(0)), Ordering::SeqCst);
            });
        }
    });
}

/// Where a transfer has come to an end, and why.
fn end_of(platform: &Platform, transfer: &str) -> Value {
    let began = Instant::now();
    loop {
        let now = platform.good(&["transfer", "show", "--key", INITIATOR, transfer]);
        let status = now["status"].as_str().unwrap_or_default();
        if ["completed", "rejected", "blocked", "failed", "cancelled", "expired"].contains(&status) {
            return now;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "{transfer} comes to no end: {now}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// All at once; meanwhile a cosigner and then the host itself are killed, and whoever was not heard asks again.
fn paid_through_two_deaths<'a>(scene: Scene<'a>, intents: &[String]) -> Scene<'a> {
    let Scene { node, platform, wallet, account } = scene;
    let (folder, url, taken) = (platform.folder.clone(), platform.url.clone(), AtomicUsize::new(0));
    let platform = std::thread::scope(|scope| {
        scope.spawn(|| submit_at_once(&folder, &url, intents, &taken));
        let few = |n: usize| {
            let began = Instant::now();
            while taken.load(Ordering::SeqCst) < n && began.elapsed() < Duration::from_secs(60) {
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        few(PAYMENTS / 4);
        kill_a_cosigner(&platform);
        few(PAYMENTS / 2);
        platform.kill();
        Platform::up(&folder)
    });
    submit_at_once(&folder, &platform.url, intents, &AtomicUsize::new(0));
    Scene { node, platform, wallet, account }
}

#[test]
fn l1_l2_payments_at_once_stay_within_the_limit_through_two_deaths() {
    let (node, folder) = (Node::start(), tempfile::tempdir().unwrap());
    let folder = folder.path();
    Platform::settle(folder, &node);
    let platform = Platform::up(folder);
    a_policy_is_installed_once_and_signed(folder, &platform);
    limit_policy(folder, &platform);
    let scene = a_wallet_is_made_and_funded(&node, platform);
    let funds = node.balance(&scene.account);
    let intents: Vec<String> = (0..PAYMENTS).map(|n| format!("{n}.json")).collect();
    intents.iter().for_each(|intent| scene.drafted(intent, &[("--max-fee", MAX_FEE)]));
    let began = Instant::now();
    let scene = paid_through_two_deaths(scene, &intents);
    let ids: Vec<String> = intents.iter().map(|intent| scene.submitted(intent)).collect();
    let ends: Vec<Value> = ids.iter().map(|id| end_of(&scene.platform, id)).collect();
    let windows = 1 + u128::from(began.elapsed().as_secs() / WINDOW.as_secs());
    let completed = ends.iter().filter(|end| end["status"] == "completed").count() as u128;
    // What left the account, fees included, is within the limit of every window that has begun since.
    let left = funds - node.balance(&scene.account);
    assert!(left <= CAP * windows, "{left} wei left in {windows} windows");
    assert_eq!(node.nonce(&scene.account), completed, "what was signed was mined, once");
    assert!(completed >= 4, "{completed} of {PAYMENTS} were paid: too few to prove anything");
    for end in ends.iter().filter(|end| end["status"] != "completed") {
        let why = end.to_string();
        assert!(why.contains("policy.limit_exceeded") || why.contains("limit.busy"), "{why}");
    }
    println!("{completed} of {PAYMENTS} paid, {left} wei of {CAP}, {windows} windows");
    // The window passes, and others may go: from another account, for what was blocked keeps its nonces until it is cancelled.
    let wallet = scene.platform.good(&["wallet", "new", "--key", INITIATOR, "--vault", "treasury", "second"]);
    let wallet = wallet["id"].as_str().unwrap().to_string();
    let addresses = scene.platform.good(&["wallet", "addresses", "--key", INITIATOR, &wallet]);
    node.fund(addresses["items"][0]["address"].as_str().unwrap(), funds);
    let pays = |out: &str| scene.pay(out, &[("--wallet", &wallet), ("--max-fee", MAX_FEE)]);
    if began.elapsed() < WINDOW / 2 {
        let early = end_of(&scene.platform, &pays("early.json"));
        assert!(early.to_string().contains("policy.limit_exceeded"), "the limit is the vault's: {early}");
    }
    std::thread::sleep(WINDOW);
    scene.platform.until(&pays("later.json"), "completed");
    assert_eq!(scene.platform.stop(), Some(0));
}
