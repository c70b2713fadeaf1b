//! `docs/attack-tests.md`: each clause of a rule has a check with its tag and a test that `scripts/mutants.sh` turns red.

use crate::repository::{none, sources, text};
use std::collections::BTreeSet;

/// Rules of PROTOCOL.md that hold from the first step on, with at least one clause in the table each.
const MUTATED: &[&str] = &["G2", "K1", "K2", "I1", "I2", "I3", "S1", "L1", "L2", "B1", "T1"];

/// A row: rule, clause, file and function of the check, the text that is replaced and by what, the test.
struct Row {
    rule: String,
    file: String,
    function: String,
    search: String,
    test: String,
}

fn rows() -> Vec<Row> {
    let page = text("docs/attack-tests.md").expect("the table is text");
    let cells =
        |line: &str| line.trim_matches('|').split(" | ").map(|c| c.trim().trim_matches('`').to_string()).collect();
    let lines = page.lines().filter(|l| l.starts_with("| ") && !l.starts_with("| rule"));
    let row = |line: &str| {
        let cells: Vec<String> = cells(line);
        let [rule, _, file, function, search, _, test] = cells.as_slice() else { panic!("not seven cells: {line}") };
        let [rule, file, function, search, test] = [rule, file, function, search, test].map(Clone::clone);
        Row { rule, file, function, search, test }
    };
    lines.map(row).collect()
}

#[test]
fn every_row_names_a_check_and_a_test_that_exist() {
    let functions: BTreeSet<String> = sources()
        .iter()
        .flat_map(|s| {
            let names = s.text.split("fn ").skip(1);
            names.map(|n| n.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()).collect::<Vec<String>>()
        })
        .collect();
    let mut wrong = Vec::new();
    for row in rows() {
        let code = text(&row.file).unwrap_or_default();
        if code.matches(&row.search).count() != 1 {
            wrong.push(format!("{}: `{}` does not stand exactly once", row.file, row.search));
        }
        if !code.contains(&format!("fn {}(", row.function)) {
            wrong.push(format!("{}: no function {}", row.file, row.function));
        }
        if !code.contains(&row.rule) {
            wrong.push(format!("{}: the tag {} is missing", row.file, row.rule));
        }
        if !functions.contains(&row.test) || !row.test.starts_with(&row.rule.to_lowercase()) {
            wrong.push(format!("{}: no test {}", row.rule, row.test));
        }
    }
    none("docs/attack-tests.md", wrong);
}

#[test]
fn every_mutated_rule_has_a_row() {
    let found: BTreeSet<String> = rows().into_iter().map(|r| r.rule).collect();
    none("rules without a row", MUTATED.iter().filter(|r| !found.contains(**r)).map(|r| (*r).to_string()).collect());
}
