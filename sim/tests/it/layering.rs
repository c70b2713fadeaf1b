//! Imports run downward only, and the trusted base is exactly what docs/tcb.md says.

use crate::repository::{files, metadata, none, root, run, sources, text};
use cargo_metadata::{DependencyKind, Package};
use std::collections::{BTreeMap, BTreeSet};

/// What each folder may import, by folder names. Nothing else; dev-dependencies have their own rule below.
const ARROWS: &[(&str, &[&str])] = &[
    ("enclave/primitives", &[]),
    ("enclave/attestation", &["primitives"]),
    ("enclave/chain", &["primitives"]),
    ("enclave/policy", &["primitives"]),
    ("enclave/mpc", &["primitives"]),
    ("enclave/cosigner", &["primitives", "attestation", "guest", "chain", "policy", "mpc"]),
    ("enclave/guest", &["attestation"]),
    ("enclave/init", &["guest", "attestation", "primitives"]),
    ("host/nsm", &["attestation", "primitives"]),
    ("host/nsm-device", &["nsm", "attestation"]),
    ("host/eif", &["attestation"]),
    ("host/kms", &["attestation", "primitives"]),
    ("host/provider", &["primitives", "chain", "policy", "mpc"]),
    ("host/ledger", &["primitives", "chain", "policy", "mpc"]),
    ("host/relay", &["primitives", "chain", "policy", "mpc"]),
    ("host/enclave-host", &["nsm", "nsm-device", "eif", "attestation", "primitives", "chain", "policy", "mpc"]),
    (
        "host/orchestrator",
        &["provider", "ledger", "relay", "enclave-host", "policy-tools", "primitives", "chain", "policy", "mpc"],
    ),
    ("host/access", &["orchestrator", "primitives"]),
    ("host/policy-tools", &["policy", "chain", "primitives"]),
    ("host/store", &["orchestrator", "ledger", "relay", "primitives"]),
    (
        "host/gateway",
        &[
            "access",
            "orchestrator",
            "provider",
            "ledger",
            "relay",
            "enclave-host",
            "primitives",
            "chain",
            "policy",
            "mpc",
        ],
    ),
    ("host/witness", &["gateway", "provider", "primitives"]),
    (
        "host/ringi",
        &[
            "access",
            "policy-tools",
            "gateway",
            "witness",
            "store",
            "orchestrator",
            "provider",
            "ledger",
            "relay",
            "enclave-host",
            "nsm",
            "eif",
            "kms",
            "attestation",
            "primitives",
            "chain",
            "policy",
            "mpc",
        ],
    ),
    (
        "sim",
        &[
            "model",
            "ringi",
            "cosigner",
            "gateway",
            "store",
            "orchestrator",
            "provider",
            "ledger",
            "relay",
            "enclave-host",
            "nsm",
            "attestation",
            "primitives",
            "chain",
            "policy",
            "mpc",
        ],
    ),
    ("sim/model", &[]),
];

/// The folder of a workspace package, relative to the root.
fn folder(package: &Package) -> String {
    let manifest = package.manifest_path.strip_prefix(root().to_str().expect("root is text")).expect("inside the root");
    manifest.parent().expect("a manifest lies in a folder").to_string()
}

fn last(folder: &str) -> &str {
    folder.rsplit('/').next().unwrap_or(folder)
}

/// Own packages by package name, each with its folder.
fn own() -> BTreeMap<String, (&'static Package, String)> {
    metadata().workspace_packages().into_iter().map(|p| (p.name.to_string(), (p, folder(p)))).collect()
}

#[test]
fn imports_run_downward_only() {
    let own = own();
    let mut wrong = Vec::new();
    for (package, at) in own.values() {
        let Some((_, allowed)) = ARROWS.iter().find(|(f, _)| f == at) else {
            wrong.push(format!("{at} is in no layer: give it a line in ARROWS and in ARCHITECTURE.md"));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development) {
            let Some((_, to)) = own.get(&dependency.name) else { continue };
            if !allowed.contains(&last(to)) {
                wrong.push(format!("{at} imports {to}"));
            }
        }
    }
    none("arrows that point up or sideways", wrong);
    assert_eq!(own.len(), ARROWS.len(), "a line of ARROWS has no package");
}

#[test]
fn tests_of_the_enclave_know_nothing_of_the_host() {
    let own = own();
    let mut wrong = Vec::new();
    for (package, at) in own.values() {
        for dependency in &package.dependencies {
            let Some((_, to)) = own.get(&dependency.name) else { continue };
            let crosses = at.starts_with("enclave/") && !to.starts_with("enclave/");
            let up = last(to) == "sim" || (last(to) == "cosigner" && at != "sim");
            if crosses || up {
                wrong.push(format!("{at} needs {to} ({:?})", dependency.kind));
            }
        }
    }
    none("dependencies that cross the border, tests included", wrong);
}

#[test]
fn package_names_follow_folders() {
    let names = |(p, at): &(&Package, String)| {
        let wanted = if at == "host/ringi" { "ringi".to_string() } else { format!("ringi-{}", last(at)) };
        (p.name.as_str() != wanted).then(|| format!("{at} is called {}", p.name))
    };
    none("package names", own().values().filter_map(names).collect());
}

/// Name and version of every crate in the measured programs, cosigner and init, ours included.
fn trusted_crates() -> BTreeSet<(String, String)> {
    let programs = ["-p", "ringi-cosigner", "-p", "ringi-init"];
    let rest = ["-e", "normal", "--locked", "--prefix", "none"];
    let tree = run("cargo", &[&["tree"][..], &programs, &rest].concat());
    let crates = tree.lines().filter_map(|line| {
        let mut words = line.split(' ');
        Some((words.next()?.to_string(), words.next()?.to_string()))
    });
    let crates: BTreeSet<_> = crates.filter(|(name, _)| !name.is_empty()).collect();
    for program in ["ringi-cosigner", "ringi-init"] {
        assert!(crates.iter().any(|(name, _)| name == program), "cargo tree was not understood");
    }
    crates
}

/// Crate names that docs/tcb.md lists, each with its reason.
fn listed() -> BTreeMap<String, String> {
    let page = text("docs/tcb.md").expect("docs/tcb.md is text");
    let mut listed = BTreeMap::new();
    for line in page.lines().filter(|l| l.starts_with("| `")) {
        let mut cells = line.trim_matches('|').split('|');
        let (names, reason) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default().trim());
        for name in names.split('`').skip(1).step_by(2) {
            assert!(listed.insert(name.to_string(), reason.to_string()).is_none(), "docs/tcb.md lists {name} twice");
        }
    }
    listed
}

#[test]
fn every_trusted_crate_is_listed_with_its_reason() {
    let third: BTreeSet<String> =
        trusted_crates().into_iter().map(|(name, _)| name).filter(|n| !n.starts_with("ringi-")).collect();
    let listed = listed();
    let mut wrong: Vec<_> =
        third.iter().filter(|n| !listed.contains_key(*n)).map(|n| format!("{n} is not listed")).collect();
    wrong.extend(
        listed.iter().filter(|(n, _)| !third.contains(*n)).map(|(n, _)| format!("{n} is listed and not linked")),
    );
    wrong.extend(listed.iter().filter(|(_, reason)| reason.len() < 10).map(|(n, _)| format!("{n} has no reason")));
    println!("third-party crate names in the measured programs: {} (budget 200)", third.len());
    none("docs/tcb.md and the trusted base differ", wrong);
    assert!(third.len() < 200, "{} third-party crates in the measured programs", third.len());
}

#[test]
fn one_cbor_crate_is_trusted() {
    let cbor: BTreeSet<_> = trusted_crates().into_iter().map(|(n, _)| n).filter(|n| n.contains("cbor")).collect();
    let minicbor = ["minicbor", "minicbor-derive"].map(str::to_string).into_iter().collect();
    assert_eq!(cbor, minicbor, "CBOR crates in the measured programs");
}

#[test]
fn own_lines_in_the_enclave_are_within_budget() {
    let lines: usize = sources()
        .iter()
        .filter(|s| s.file.starts_with("enclave/") && !s.is_test_file() && !s.file.contains("/fuzz/"))
        .map(|s| crate::tidy::code_lines(s).count())
        .sum();
    println!("own lines in enclave/ without tests: {lines} (budget 20000)");
    assert!((1000..20_000).contains(&lines), "{lines} own lines in enclave/");
}

#[test]
fn every_crate_is_in_the_table_of_the_architecture() {
    assert!(files().iter().any(|f| f == "ARCHITECTURE.md"), "ARCHITECTURE.md is missing");
    let page = text("ARCHITECTURE.md").unwrap_or_default();
    let table: Vec<_> = page.lines().filter(|l| l.starts_with('|')).collect();
    let named = |at: &str| table.iter().any(|l| l.contains(&format!("`{at}`")));
    none(
        "crates missing from the table in ARCHITECTURE.md",
        own().values().map(|(_, at)| at.clone()).filter(|at| !named(at)).collect(),
    );
}
