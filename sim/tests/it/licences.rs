//! Every crate and npm package has an allowed licence and comes from the default registry.

use crate::repository::{files, metadata, none, text};

/// DESIGN §10.
const ALLOWED: &[&str] = &[
    "Apache-2.0",
    "MIT",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "0BSD",
    "ISC",
    "MPL-2.0",
    "CC0-1.0",
    "Zlib",
    "Unicode-3.0",
    "BlueOak-1.0.0",
    "CDLA-Permissive-2.0",
    "MITNFA",
    "LLVM-exception",
];

/// Whether an SPDX expression can be met with allowed licences alone: any arm of an OR, every part of an AND.
fn allowed(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    either(&words, &mut at) == Some(true) && at == words.len()
}

/// `None` where the expression is malformed.
fn either(words: &[&str], at: &mut usize) -> Option<bool> {
    let mut met = both(words, at)?;
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        met |= both(words, at)?;
    }
    Some(met)
}

fn both(words: &[&str], at: &mut usize) -> Option<bool> {
    let mut met = one(words, at)?;
    while matches!(words.get(*at), Some(&"AND" | &"WITH")) {
        *at += 1;
        met &= one(words, at)?;
    }
    Some(met)
}

fn one(words: &[&str], at: &mut usize) -> Option<bool> {
    let word = words.get(*at)?;
    *at += 1;
    if *word != "(" {
        return Some(ALLOWED.contains(word));
    }
    let met = either(words, at)?;
    let closed = words.get(*at) == Some(&")");
    *at += 1;
    closed.then_some(met)
}

#[test]
fn expressions_are_read_as_spdx_means_them() {
    for good in
        ["MIT", "MIT OR GPL-3.0", "MIT/Apache-2.0", "(MIT OR GPL-2.0) AND ISC", "Apache-2.0 WITH LLVM-exception"]
    {
        assert!(allowed(good), "{good}");
    }
    for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR ISC", "MIT OR", "AGPL-3.0-only OR GPL-2.0", "MIT)"] {
        assert!(!allowed(bad), "{bad}");
    }
}

#[test]
fn every_crate_has_an_allowed_licence() {
    let packages = &metadata().packages;
    assert!(packages.len() > 100, "cargo metadata was not understood");
    let wrong = packages.iter().filter(|p| !p.license.as_deref().is_some_and(allowed));
    none("licences", wrong.map(|p| format!("{} {}: {:?}", p.name, p.version, p.license)).collect());
}

#[test]
fn every_crate_comes_from_the_default_registry() {
    let wrong = metadata().packages.iter().filter(|p| match &p.source {
        None => !metadata().workspace_members.contains(&p.id),
        Some(source) => !source.is_crates_io(),
    });
    none("sources", wrong.map(|p| format!("{} {}: {:?}", p.name, p.version, p.source)).collect());
}

#[test]
fn npm_packages_are_pinned_allowed_and_name_no_registry() {
    let mut wrong = Vec::new();
    for file in files().iter().filter(|f| f.ends_with("package-lock.json")) {
        let lock = text(file).expect("a lock file is text");
        if lock.contains("\"resolved\"") {
            wrong.push(format!("{file} names a registry: npm install --omit-lockfile-registry-resolved"));
        }
        let json: serde_json::Value = serde_json::from_str(&lock).expect("a lock file is JSON");
        for (path, package) in json["packages"].as_object().expect("lock file version 3").iter() {
            if path.is_empty() {
                continue;
            }
            if !package["integrity"].is_string() {
                wrong.push(format!("{file}: {path} has no integrity hash"));
            }
            if !package["license"].as_str().is_some_and(allowed) {
                wrong.push(format!("{file}: {path} has licence {}", package["license"]));
            }
        }
    }
    none("npm packages", wrong);
}
