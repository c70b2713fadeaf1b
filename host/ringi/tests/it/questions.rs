//! `ringi policy lint|diff|explain|can` as commands: what they answer, in text and JSON, and what wrong input is told.

use crate::ceremonies::{founded, good, public, refused};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};

const SUPPLIER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const STRANGER: &str = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";

/// Small payments to suppliers alone, larger ones with two treasurers; nothing to find fault with.
const RULES: &str = r#"
[[vaults.rules]]
name = "small"
kinds = ["transfer"]
to = ["list:suppliers"]
amounts = [{ of = "usdc", at_most = "100" }]
allow = { limits = ["day"], max_fees = [{ network = "eip155:31337", most = "0.01" }] }
[[vaults.rules]]
name = "large"
kinds = ["transfer"]
to = ["list:suppliers"]
allow = { approvals = "2 of treasurers", max_fees = [{ network = "eip155:31337", most = "0.01" }] }
"#;

/// The head of the file: people, groups, assets, lists, one limit.
fn head(at: &Path) -> String {
    let [ines, amir, bea] = ["ines", "amir", "bea"].map(|name| public(at, name, "ed25519"));
    format!(
        r#"
networks = ["eip155:31337"]
people = [
  {{ name = "Ines", initiate = ["{ines}"] }},
  {{ name = "Amir", approve = ["{amir}"] }},
  {{ name = "Bea", approve = ["{bea}"] }},
]
groups = [{{ name = "treasurers", members = ["Amir", "Bea"] }}]
assets = [
  {{ id = "eth", network = "eip155:31337", decimals = 18 }},
  {{ id = "usdc", network = "eip155:31337", token = "0x5FbDB2315678afecb367f032d93F642f64180aa3", decimals = 6 }},
]
allow_lists = [{{ name = "suppliers", entries = [{{ network = "eip155:31337", address = "{SUPPLIER}" }}] }}]
[[vaults]]
index = 1
name = "desk"
temperature = "hot"
limits = [{{ name = "day", of = "usdc", most = "1000", window = {{ rolling_s = 86400 }}, per = "vault" }}]
"#
    )
}

/// A founded workspace with `policy.toml`, and the file's head for others.
fn desk() -> (tempfile::TempDir, String) {
    let folder = founded();
    let head = head(folder.path());
    write(folder.path(), "policy.toml", &format!("{head}{RULES}"));
    (folder, head)
}

fn write(at: &Path, name: &str, text: &str) {
    std::fs::write(at.join(name), text).unwrap();
}

fn run(at: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ringi")).current_dir(at).args(arguments).output().unwrap()
}

/// What people read.
fn said(at: &Path, arguments: &[&str]) -> String {
    let output = run(at, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What each of these is told: its code and, in text, the next step (of usage clap has its own words).
fn told(at: &Path, wrong: &[(&[&str], &str, &str)]) {
    for (arguments, code, next) in wrong {
        assert_eq!(refused(at, arguments), *code, "{arguments:?}");
        if *code == "cli.usage" {
            continue;
        }
        let output = run(at, arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(&format!("code: {code}")) && text.contains(next), "{arguments:?}: {text}");
        assert!(output.stdout.is_empty(), "{arguments:?} failed and still said something");
    }
}

fn intent(at: &Path, name: &str, changes: &[(&str, &str)]) {
    let mut flags = vec![
        ("--genesis", "genesis"),
        ("--wallet", "wal_00000000000000000000000001"),
        ("--vault", "desk"),
        ("--network", "eip155:31337"),
        ("--asset", "usdc"),
        ("--to", SUPPLIER),
        ("--amount", "5000000"),
        ("--max-fee", "1000"),
        ("--out", name),
    ];
    for (flag, value) in changes {
        flags.iter_mut().filter(|(f, _)| f == flag).for_each(|row| row.1 = value);
    }
    let flags: Vec<&str> = flags.into_iter().flat_map(|(flag, value)| [flag, value]).collect();
    good(at, &[&["transfer", "draft"], flags.as_slice()].concat());
}

#[test]
fn lint_names_what_is_wrong_and_fails_on_errors_only() {
    let (folder, head) = desk();
    let at = folder.path();
    assert_eq!(good(at, &["policy", "lint", "policy.toml"]), json!([]));
    assert_eq!(said(at, &["policy", "lint", "policy.toml"]).trim_end(), "nothing found");
    let free = format!("{head}{RULES}[[vaults.rules]]\nname = \"free\"\nkinds = [\"approve\"]\nallow = {{}}\n");
    write(at, "free.toml", &free);
    let found = good(at, &["policy", "lint", "free.toml"]);
    let codes: Vec<_> = found.as_array().unwrap().iter().map(|f| (&f["rule"], &f["code"], &f["severity"])).collect();
    let warning = |code: &'static str| (json!("free"), json!(code), json!("warning"));
    let (a, b) = (warning("pays_anybody"), warning("unbounded"));
    assert_eq!(codes, [(&a.0, &a.1, &a.2), (&b.0, &b.1, &b.2)], "warnings do not fail it");
    let late =
        "kinds = [\"transfer\"]\nassets = [\"usdc\"]\nto = [\"list:suppliers\"]\nallow = { limits = [\"day\"] }\n";
    write(at, "over.toml", &format!("{head}{RULES}[[vaults.rules]]\nname = \"late\"\n{late}"));
    let output = run(at, &["--json", "policy", "lint", "over.toml"]);
    let value = |stream: &[u8]| serde_json::from_slice::<Value>(stream).unwrap();
    assert!(!output.status.success());
    assert_eq!(value(&output.stdout)[0]["code"], "shadowed", "the finding is shown, and the command fails");
    let failure = value(&output.stderr);
    assert_eq!(
        (&failure["code"], &failure["next"]),
        (&json!("cli.policy_findings"), &json!("correct the rules that are named"))
    );
    let text = String::from_utf8(run(at, &["policy", "lint", "over.toml"]).stdout).unwrap();
    assert!(
        text.starts_with("error: desk: late: never decides: `large` takes everything it matches (shadowed)"),
        "{text}"
    );
}

#[test]
fn a_set_is_asked_like_its_file_whoever_signed_it() {
    let (folder, head) = desk();
    let at = folder.path();
    good(at, &["policy", "new", "--from", "policy.toml", "--genesis", "genesis", "--out", "first"]);
    assert_eq!(good(at, &["policy", "lint", "first"]), json!([]));
    assert_eq!(good(at, &["policy", "diff", "first", "policy.toml"]), json!([]));
    assert_eq!(said(at, &["policy", "diff", "policy.toml", "first"]).trim_end(), "no change");
    let changed = RULES.replace("\"100\"", "\"250\"").replace("2 of treasurers", "1 of treasurers");
    let more = head.replace("members = [\"Amir\", \"Bea\"]", "members = [\"Amir\"]");
    write(at, "next.toml", &format!("{more}{changed}"));
    let changes = good(at, &["policy", "diff", "first", "next.toml"]);
    let places: Vec<&str> = changes.as_array().unwrap().iter().map(|c| c["at"].as_str().unwrap()).collect();
    let small = "vaults.desk.rules.small.amounts";
    let large = "vaults.desk.rules.large.allow.approvals";
    assert_eq!(places, ["groups.treasurers.members", small, small, large], "{changes}");
    assert_eq!(changes[0], json!({ "at": places[0], "before": "Bea" }));
    let amounts = (changes[1]["before"].as_str().unwrap(), changes[2]["after"].as_str().unwrap());
    assert!(amounts.0.contains("\"100\"") && amounts.1.contains("\"250\""), "{changes}");
    assert_eq!(changes[3], json!({ "at": large, "before": "2 of treasurers", "after": "1 of treasurers" }));
    let text = said(at, &["policy", "diff", "first", "next.toml"]);
    assert!(text.contains("groups.treasurers.members: Bea -> nothing"), "{text}");
    assert!(text.contains("vaults.desk.rules.large.allow.approvals: 2 of treasurers -> 1 of treasurers"), "{text}");
    std::fs::write(at.join("torn"), &std::fs::read(at.join("first")).unwrap()[..80]).unwrap();
    write(at, "unknown.toml", &format!("{head}{RULES}permits_all = true\n"));
    write(at, "stranger.toml", &format!("{head}{}", RULES.replace("treasurers", "strangers")));
    told(
        at,
        &[
            (&["policy", "lint", "missing.toml"], "cli.file", "check the path"),
            (&["policy", "lint", "torn"], "cli.document", "next:"),
            (&["policy", "lint", "unknown.toml"], "cli.form", "correct the key that the message names"),
            (&["policy", "lint", "stranger.toml"], "cli.policy", "correct the policy file"),
            (&["policy", "diff", "first", "missing"], "cli.file", "check the path"),
            (&["policy", "diff", "genesis", "first"], "cli.document", "next:"),
            (&["policy", "diff", "first"], "cli.usage", "next:"),
        ],
    );
}

#[test]
fn explain_says_what_becomes_of_an_intent_and_why() {
    let (folder, _) = desk();
    let at = folder.path();
    intent(at, "small.json", &[]);
    intent(at, "large.json", &[("--amount", "500000000")]);
    intent(at, "strange.json", &[("--to", STRANGER)]);
    let explain = |intent: &str, more: &[&str]| {
        good(at, &[&["policy", "explain", "policy.toml", "--initiator", "Ines", "--intent", intent], more].concat())
    };
    let small = explain("small.json", &[]);
    assert_eq!(small["decision"], "allowed by small");
    assert_eq!(small["effects"], json!([format!("pay 5 usdc to {SUPPLIER} on eip155:31337")]));
    let rules = |of: &Value| -> Vec<(String, String)> {
        let line = |r: &Value| (r["rule"].as_str().unwrap().to_string(), r["says"].as_str().unwrap().to_string());
        of["rules"].as_array().unwrap().iter().map(line).collect()
    };
    assert_eq!(rules(&small)[0], ("small".into(), "matches".into()));
    let large = explain("large.json", &[]);
    assert_eq!(large["decision"], "waits for 2 more of treasurers by large");
    assert!(rules(&large)[0].1.starts_with("does not match: "), "says which condition: {large}");
    assert_eq!(
        explain("large.json", &["--approved-by", "Amir"])["decision"],
        "waits for 1 more of treasurers by large"
    );
    assert_eq!(
        explain("large.json", &["--approved-by", "Amir", "--approved-by", "Bea"])["decision"],
        "allowed by large"
    );
    let strange = explain("strange.json", &[]);
    assert!(strange["decision"].as_str().unwrap().starts_with("denied by default"), "{strange}");
    let text = said(at, &["policy", "explain", "policy.toml", "--initiator", "Ines", "--intent", "small.json"]);
    assert!(text.starts_with("allowed by small\n") && text.contains("  small: matches"), "{text}");
    assert!(text.trim_end().ends_with("with empty limits, without prices"), "says what it does not know: {text}");
    write(at, "broken.json", "{}");
    intent(at, "elsewhere.json", &[("--vault", "cellar")]);
    intent(at, "unknown.json", &[("--asset", "doge")]);
    let ask = |intent: &'static str, who: &'static str| {
        ["policy", "explain", "policy.toml", "--intent", intent, "--initiator", who]
    };
    told(
        at,
        &[
            (&ask("missing.json", "Ines"), "cli.file", "check the path"),
            (&ask("broken.json", "Ines"), "cli.intent", "correct the intent"),
            (&ask("elsewhere.json", "Ines"), "cli.intent", "correct the intent"),
            (&ask("unknown.json", "Ines"), "cli.intent", "correct the intent"),
            (&ask("small.json", "Nobody"), "cli.policy", "use a name of the policy"),
            (
                &[ask("small.json", "Ines").as_slice(), &["--approved-by", "Nobody"]].concat(),
                "cli.policy",
                "use a name of the policy",
            ),
            (&["policy", "explain", "policy.toml", "--intent", "small.json"], "cli.usage", "next:"),
        ],
    );
}

#[test]
fn can_answers_over_all_inputs() {
    let (folder, _) = desk();
    let at = folder.path();
    let ask = |more: &[&'static str]| [&["policy", "can", "policy.toml", "--asset", "usdc"], more].concat();
    let ways = good(at, &ask(&[]));
    let rules: Vec<_> = ways.as_array().unwrap().iter().map(|w| w["rule"].as_str().unwrap()).collect();
    assert_eq!(rules, ["small", "large"]);
    assert_eq!((&ways[0]["vault"], &ways[0]["initiator"]), (&json!("desk"), &json!("Ines")));
    assert_eq!(ways[0]["approvals"], json!([]), "nobody approves a small one");
    let over = good(at, &ask(&["--above", "100"]));
    assert_eq!((over.as_array().unwrap().len(), &over[0]["rule"]), (1, &json!("large")));
    assert_eq!(good(at, &ask(&["--above", "100", "--without", "Amir"])), json!([]), "two of two are needed");
    assert_eq!(good(at, &ask(&["--above", "100", "--without", "treasurers"])), json!([]));
    assert_eq!(good(at, &ask(&["--to", STRANGER])), json!([]));
    assert_eq!(good(at, &ask(&["--kind", "approve"])), json!([]));
    assert_eq!(said(at, &ask(&["--to", STRANGER])).trim_end(), "no: over all inputs");
    let text = said(at, &ask(&["--above", "100"]));
    assert!(text.starts_with("yes: desk / large: asked by Ines, "), "{text}");
    told(
        at,
        &[
            (&["policy", "can", "policy.toml", "--asset", "doge"], "cli.policy", "ringi policy can --help"),
            (&["policy", "can", "missing.toml", "--asset", "usdc"], "cli.file", "check the path"),
            (&ask(&["--to", "0x1"]), "cli.policy", "ringi policy can --help"),
            (&ask(&["--above", "0.0000001"]), "cli.policy", "ringi policy can --help"),
            (&ask(&["--above", "much"]), "cli.policy", "ringi policy can --help"),
            (&ask(&["--without", "Nobody"]), "cli.policy", "use a name of the policy"),
            (&ask(&["--kind", "gift"]), "cli.policy", "ringi policy can --help"),
            (&["policy", "can", "policy.toml"], "cli.usage", "next:"),
        ],
    );
}
