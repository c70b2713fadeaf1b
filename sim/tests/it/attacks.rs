//! `docs/attack-tests.md`: each clause of a rule has a check with its tag and a test that `scripts/mutants.sh` turns red.

use crate::repository::{none, sources, text};
use std::collections::BTreeSet;

/// Every rule of the protocol that holds, in format or in full, from the first step on.
const HELD: &[&str] = &[
    "G1", "G2", "G3", "K1", "K2", "K3", "A1", "I1", "I2", "I3", "I4", "S1", "L1", "L2", "B1", "T1", "C1", "C2", "R1",
    "E1", "E2", "E3", "P1", "P2", "M1", "L3",
];
/// The host's own door: no rule of the protocol, but checks all the same.
const DOOR: &str = "H1";

/// A row: rule, clause, file and function of the check, the text that is replaced and by what, the package whose test it
/// is (with cargo's choice of its test programs), the test.
struct Row {
    rule: String,
    file: String,
    function: String,
    search: String,
    package: String,
    test: String,
}

fn rows() -> Vec<Row> {
    let page = text("docs/attack-tests.md").expect("the table is text");
    let cells =
        |line: &str| line.trim_matches('|').split(" | ").map(|c| c.trim().trim_matches('`').to_string()).collect();
    let lines = page.lines().filter(|l| l.starts_with("| ") && !l.starts_with("| rule"));
    let row = |line: &str| {
        let cells: Vec<String> = cells(line);
        let [rule, _, file, function, search, _, package, test] = cells.as_slice() else {
            panic!("not eight cells: {line}")
        };
        let [rule, file, function, search, package, test] =
            [rule, file, function, search, package, test].map(Clone::clone);
        Row { rule, file, function, search, package, test }
    };
    lines.map(row).collect()
}

/// Every test function with the folder of the package it stands in and its kind of test program.
fn tests() -> BTreeSet<(String, &'static str, String)> {
    let marked = |attributes: &str| attributes.contains("#[test]") || attributes.contains("tokio::test");
    let mut found = BTreeSet::new();
    for source in sources() {
        let (folder, program) = match (source.file.split_once("/tests/it/"), source.file.split_once("/src/")) {
            (Some((folder, _)), _) => (folder, "--test it"),
            (None, Some((folder, _))) => (folder, "--lib"),
            (None, None) => continue,
        };
        let pieces: Vec<&str> = source.text.split("fn ").collect();
        for pair in pieces.windows(2).filter(|pair| marked(tail(pair[0]))) {
            let name = pair[1].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            found.insert((folder.to_string(), program, name));
        }
    }
    found
}

/// What stands right before a function: the lines after the last empty one.
fn tail(before: &str) -> &str {
    before.rsplit("\n\n").next().unwrap_or_default()
}

/// Whether the row's test is one of the row's package and test program.
fn exists(row: &Row, tests: &BTreeSet<(String, &'static str, String)>) -> bool {
    let Some((package, program)) = row.package.split_once(' ') else { return false };
    let of = |t: &&(String, &str, String)| t.1 == program && t.2 == row.test;
    let named = |folder: &str| text(&format!("{folder}/Cargo.toml")).is_some_and(|t| t.contains(&name_line(package)));
    tests.iter().filter(of).any(|(folder, _, _)| named(folder))
}

fn name_line(package: &str) -> String {
    format!("[package]\nname = \"{package}\"\n")
}

#[test]
fn every_row_names_a_check_and_a_test_that_exist() {
    let tests = tests();
    let mut wrong = Vec::new();
    for row in rows() {
        let code = text(&row.file).unwrap_or_default();
        if code.matches(&row.search).count() != 1 {
            wrong.push(format!("{}: `{}` does not stand exactly once", row.file, row.search));
        }
        if !["(", "<"].iter().any(|after| code.contains(&format!("fn {}{after}", row.function))) {
            wrong.push(format!("{}: no function {}", row.file, row.function));
        }
        if !code.contains(&row.rule) {
            wrong.push(format!("{}: the tag {} is missing", row.file, row.rule));
        }
        if !exists(&row, &tests) || !row.test.starts_with(&format!("{}_", row.rule.to_lowercase())) {
            wrong.push(format!("{}: no test {} in {}", row.rule, row.test, row.package));
        }
    }
    none("docs/attack-tests.md", wrong);
}

#[test]
fn every_rule_that_holds_has_a_row_with_a_test() {
    let tests = tests();
    let found: BTreeSet<String> = rows().into_iter().filter(|r| exists(r, &tests)).map(|r| r.rule).collect();
    let wanted = || HELD.iter().chain([&DOOR]);
    none("rules without a row", wanted().filter(|r| !found.contains(**r)).map(|r| (*r).to_string()).collect());
    none("rows of no rule", found.into_iter().filter(|r| !wanted().any(|w| w == r)).collect());
}
