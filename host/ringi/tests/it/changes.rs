//! The policy changes under its own rules: planned, reviewed, approved by a quorum of admins, applied, on a real platform.

use crate::commands::{ADMINS, GENESIS, write_policy};
use crate::node::Node;
use crate::platform::{INITIATOR, Platform};
use serde_json::{Value, json};

/// A step of a change, by whoever has this key.
fn step(platform: &Platform, step: &str, what: &str, key: &str) -> Value {
    platform.good(&arguments(step, what, key))
}

fn arguments<'a>(step: &'a str, what: &'a str, key: &'a str) -> Vec<&'a str> {
    let offline = ["apply", "discard"].contains(&step);
    let genesis: &[&str] = if offline { &[] } else { &["--genesis", GENESIS] };
    [&["policy", step, what, "--key", key], genesis].concat()
}

fn planned(platform: &Platform, file: &str) -> String {
    step(platform, "plan", file, INITIATOR)["id"].as_str().unwrap().to_string()
}

fn drafts(platform: &Platform) -> Value {
    platform.good(&["policy", "drafts", "--key", INITIATOR])["items"].clone()
}

#[test]
fn a_change_is_planned_reviewed_approved_and_applied() {
    let (node, folder) = (Node::start(), tempfile::tempdir().unwrap());
    let folder = folder.path();
    Platform::settle(folder, &node);
    let platform = Platform::up(folder);
    write_policy(folder, &platform);
    let refuses = |what: &str, of: &str, key: &str, code: &str| platform.refuses(&arguments(what, of, key), code);
    let plan = step(&platform, "plan", "next.toml", INITIATOR);
    let id = plan["id"].as_str().unwrap();
    assert_eq!((&plan["state"], &plan["signed_by"], &plan["quorum"]), (&json!("open"), &json!([]), &json!(2)));
    let places = plan["changes"].as_array().unwrap().iter().map(|c| c["at"].as_str().unwrap());
    let kinds = ["people.", "groups.", "allow_lists.", "vaults.treasury.rules."];
    let places: Vec<&str> = places.collect();
    assert!(kinds.iter().all(|kind| places.iter().any(|at| at.starts_with(kind))), "{places:?}");
    assert_eq!(plan["preview"], json!({ "compared": 0, "changed": [], "not_compared": [] }));
    assert_eq!(drafts(&platform)[0]["id"], id);
    assert_eq!(step(&platform, "review", id, ADMINS[0]), plan, "rebuilt from the document, it is what was planned");

    refuses("approve", id, INITIATOR, "cli.not_admin");
    refuses("apply", id, ADMINS[0], "policy.signatures");
    let once = step(&platform, "approve", id, ADMINS[0]);
    assert_eq!((&once["review"]["changes"], &once["draft"]["state"]), (&plan["changes"], &json!("open")));
    refuses("approve", id, ADMINS[0], "draft.signed_already");
    refuses("apply", id, ADMINS[0], "policy.signatures");
    refuses("apply", id, INITIATOR, "auth.key_purpose");
    assert_eq!(step(&platform, "approve", id, ADMINS[1])["draft"]["state"], "ready");
    let reviewed = step(&platform, "review", id, INITIATOR);
    assert_eq!((&reviewed["state"], reviewed["signed_by"].as_array().unwrap().len()), (&json!("ready"), 2));
    let done = step(&platform, "apply", id, ADMINS[0]);
    assert_eq!((&done["in_force"], &done["digest"], &done["acknowledged"]), (&json!(true), &json!(id), &json!(3)));
    assert_eq!(drafts(&platform), json!([]));
    refuses("review", id, ADMINS[0], "draft.not_found");
    overtaken(&platform, folder);
    wrong(&platform, folder);
    announced(&platform, folder);
}

/// P1: under a set with a delay the next one is announced when it is applied, and comes in force when it is applied again, later.
fn announced(platform: &Platform, folder: &std::path::Path) {
    let text = std::fs::read_to_string(folder.join("next.toml")).unwrap();
    std::fs::write(folder.join("patient.toml"), format!("change_delay_s = 5\n{text}")).unwrap();
    let approved = |file: &str| {
        let id = planned(platform, file);
        ADMINS.iter().for_each(|key| drop(step(platform, "approve", &id, key)));
        id
    };
    let patient = approved("patient.toml");
    assert_eq!(step(platform, "apply", &patient, ADMINS[0])["in_force"], true, "the set before has no delay");
    let hasty = approved("fast.toml");
    let apply = arguments("apply", &hasty, ADMINS[0]);
    platform.refuses(&apply, "policy.pending");
    let audit = platform.good(&["audit", "--key", ADMINS[0], "--kind", "policy.announced"]);
    assert!(audit.to_string().contains(&hasty), "{audit}");
    assert_eq!(step(platform, "review", &hasty, ADMINS[0])["state"], "ready", "it stays a draft");
    std::thread::sleep(std::time::Duration::from_millis(5_500));
    assert_eq!(step(platform, "apply", &hasty, ADMINS[0])["in_force"], true);
    let now = platform.good(&["policy", "fetch", "--key", INITIATOR, "--genesis", GENESIS, "--out", "hasty.ringi"]);
    assert_eq!(now["digest"], hasty.as_str(), "{now}");
}

/// Of two drafts on one set the second to be applied is stale.
fn overtaken(platform: &Platform, folder: &std::path::Path) {
    let text = std::fs::read_to_string(folder.join("next.toml")).unwrap();
    for (name, most) in [("slow.toml", "2"), ("fast.toml", "3")] {
        std::fs::write(folder.join(name), text.replace("at_most = \"1\"", &format!("at_most = \"{most}\""))).unwrap();
    }
    let (slow, fast) = (planned(platform, "slow.toml"), planned(platform, "fast.toml"));
    step(platform, "approve", &slow, ADMINS[0]);
    ADMINS.iter().for_each(|key| drop(step(platform, "approve", &fast, key)));
    assert_eq!(step(platform, "apply", &fast, ADMINS[1])["in_force"], true);
    assert_eq!(step(platform, "review", &slow, ADMINS[1])["state"], "stale");
    for what in ["approve", "apply"] {
        platform.refuses(&arguments(what, &slow, ADMINS[1]), "draft.stale");
    }
    assert_eq!(step(platform, "discard", &slow, ADMINS[1])["state"], "stale");
    platform.refuses(&arguments("discard", &slow, ADMINS[1]), "draft.not_found");
}

fn wrong(platform: &Platform, folder: &std::path::Path) {
    let text = std::fs::read_to_string(folder.join("next.toml")).unwrap();
    let over = format!(
        "{text}[[vaults.rules]]\nname = \"late\"\nkinds = [\"transfer\"]\nto = [\"list:suppliers\"]\nallow = {{}}\n"
    );
    std::fs::write(folder.join("over.toml"), over).unwrap();
    platform.refuses(&arguments("plan", "over.toml", INITIATOR), "draft.findings");
    platform.refuses(&arguments("plan", "missing.toml", INITIATOR), "cli.file");
    platform.refuses(&arguments("plan", GENESIS, INITIATOR), "cli.document");
    platform.refuses(&arguments("plan", "next.toml", "amir"), "access.no_role");
    let nothing = "00".repeat(32);
    for what in ["review", "approve", "apply", "discard"] {
        platform.refuses(&arguments(what, "x", ADMINS[0]), "cli.digest");
        platform.refuses(&arguments(what, &nothing, ADMINS[0]), "draft.not_found");
    }
    assert_eq!(drafts(platform), json!([]), "nothing is left of what was refused");
}
