//! What documents claim: links resolve, commands exist, recipes are thin.

use crate::repository::{files, none, root, text};
use std::collections::BTreeSet;

fn documents() -> impl Iterator<Item = (&'static String, String)> {
    files().iter().filter(|f| f.ends_with(".md")).map(|f| (f, text(f).expect("a document is text")))
}

/// Targets of `[text](target)` outside of code blocks.
fn links(page: &str) -> Vec<String> {
    let mut fenced = false;
    let mut found = Vec::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        for (at, _) in line.match_indices("](") {
            let target = line[at + 2..].split([')', ' ']).next().unwrap_or_default();
            found.push(target.to_string());
        }
    }
    found
}

/// A heading as an anchor: lower case, spaces to hyphens, other marks dropped.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|l| l.starts_with('#')).map(|l| l.trim_start_matches('#').trim());
    let slug = |h: &str| -> String {
        let kept = h.to_lowercase().replace(' ', "-");
        kept.chars().filter(|c| c.is_alphanumeric() || *c == '-' || *c == '_').collect()
    };
    headings.map(slug).collect()
}

#[test]
fn every_relative_link_resolves() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (file, page) in documents() {
        for link in links(&page).into_iter().filter(|l| !l.contains("://") && !l.starts_with("mailto:")) {
            seen += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let folder = root().join(file).parent().expect("a file lies in a folder").to_owned();
            let target = if path.is_empty() { root().join(file) } else { folder.join(path) };
            if !target.exists() {
                wrong.push(format!("{file}: {link}"));
            } else if !anchor.is_empty()
                && !anchors(&std::fs::read_to_string(&target).unwrap_or_default()).contains(anchor)
            {
                wrong.push(format!("{file}: {link} has no such heading"));
            }
        }
    }
    assert!(seen > 0, "no link found in any document");
    none("links that lead nowhere", wrong);
}

/// Targets of the Makefile, each with its number of recipe lines.
fn recipes() -> Vec<(String, usize)> {
    let makefile = text("Makefile").expect("Makefile is text");
    let mut recipes: Vec<(String, usize)> = Vec::new();
    for line in makefile.lines() {
        if line.starts_with('\t') {
            recipes.last_mut().expect("a recipe line follows a target").1 += 1;
        } else if let Some((target, rest)) = line.split_once(':').filter(|(t, _)| !t.starts_with(['.', '#', ' '])) {
            recipes.push((target.to_string(), rest.matches(';').count()));
        }
    }
    recipes
}

#[test]
fn recipes_are_thin_and_their_scripts_exist() {
    let recipes = recipes();
    for wanted in ["demo", "test", "check", "bench", "up"] {
        assert!(recipes.iter().any(|(t, n)| t == wanted && (1..5).contains(n)), "make {wanted} is missing or fat");
    }
    none("recipes of five lines or more", recipes.into_iter().filter(|(_, n)| *n >= 5).map(|(t, _)| t).collect());
    let makefile = text("Makefile").unwrap_or_default();
    let scripts = makefile.split_whitespace().filter_map(|w| w.trim_start_matches('@').strip_prefix("scripts/"));
    for script in scripts {
        assert!(root().join("scripts").join(script).is_file(), "scripts/{script} does not exist");
    }
}

/// Commands in fenced `sh` blocks, comments cut off, continued lines joined.
fn commands(page: &str) -> Vec<String> {
    let mut inside = false;
    let mut found: Vec<String> = Vec::new();
    let mut open = String::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside && matches!(line.trim(), "```sh" | "```bash" | "```console");
            continue;
        }
        let line = line.split(" #").next().unwrap_or_default().trim().trim_start_matches("$ ");
        if !inside || line.is_empty() || line.starts_with('#') {
            continue;
        }
        open.push_str(line.trim_end_matches('\\'));
        if !line.ends_with('\\') {
            found.push(std::mem::take(&mut open));
        }
    }
    found
}

/// Why a command of a document cannot work here; `None` if it can.
fn objection(command: &str) -> Option<String> {
    // Variables set for one command stand before it.
    let is_set = |word: &&str| {
        word.split_once('=').is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
    };
    let words: Vec<&str> = command.split_whitespace().skip_while(is_set).collect();
    let program = words.first().copied().unwrap_or_default();
    match program {
        "make" => {
            let target = words.get(1).copied().unwrap_or_default();
            (!recipes().iter().any(|(t, _)| t == target)).then(|| format!("make has no target {target}"))
        }
        "ringi" | "target/release/ringi" => {
            let parsed = ringi::command().try_get_matches_from(&words);
            parsed.err().filter(clap::Error::use_stderr).map(|e| e.to_string())
        }
        _ if program.starts_with("scripts/") || program.starts_with(".ci/") => {
            (!root().join(program).is_file()).then(|| format!("{program} does not exist"))
        }
        "cargo" | "git" | "cd" | "curl" | "sudo" | "export" | "cast" => None,
        other => Some(format!("{other} is no program of ours")),
    }
}

#[test]
fn commands_in_documents_exist() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (file, page) in documents() {
        for command in commands(&page) {
            seen += 1;
            wrong.extend(objection(&command).map(|why| format!("{file}: `{command}`: {why}")));
        }
    }
    assert!(seen > 3, "only {seen} commands found in documents");
    none("commands that do not exist", wrong);
}

#[test]
fn the_changelog_marks_what_can_be_signed() {
    let page = text("CHANGELOG.md").expect("CHANGELOG.md is text");
    assert!(page.contains("**[signs]**"), "CHANGELOG.md lost its mark");
    assert!(page.contains("## Unreleased") || page.contains("## 0."), "CHANGELOG.md has no section");
}

#[test]
fn words_have_one_meaning() {
    let page = text("GLOSSARY.md").expect("GLOSSARY.md is text");
    let terms: Vec<_> = page.lines().filter_map(|l| l.strip_prefix("**")?.split_once("**")).map(|(t, _)| t).collect();
    let unique: BTreeSet<_> = terms.iter().collect();
    assert_eq!(terms.len(), unique.len(), "GLOSSARY.md defines a word twice");
    for wanted in [
        "intent", "effects", "decision", "approval", "permit", "cosigner", "share", "epoch", "ceremony", "manifest",
        "receipt", "posting",
    ] {
        assert!(terms.contains(&wanted), "GLOSSARY.md does not define {wanted}");
    }
}
