//! The repository as the rule tests see it: tracked files, parsed sources, cargo's own view.

use cargo_metadata::{Metadata, MetadataCommand};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The repository's root folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("sim lies in the root").to_owned()
}

/// Runs a program in the root and gives its output.
pub fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(root()).output().expect("program starts");
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("output is text")
}

/// Every file that is part of the project, relative to the root: tracked, or new and not ignored. In a copy without
/// history, every file outside of ignored folders.
pub fn files() -> &'static [String] {
    static FILES: OnceLock<Vec<String>> = OnceLock::new();
    FILES.get_or_init(|| {
        let listed = if root().join(".git").exists() {
            let text = run("git", &["ls-files", "--cached", "--others", "--exclude-standard"]);
            text.lines().map(str::to_string).collect()
        } else {
            let mut found = Vec::new();
            walk(&root(), "", &mut found);
            found
        };
        let present: Vec<_> = listed.into_iter().filter(|f| root().join(f).is_file()).collect();
        assert!(present.len() > 100, "only {} files found", present.len());
        present
    })
}

fn walk(folder: &Path, prefix: &str, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("folder is readable").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if ["target", "node_modules", ".git", "data", ".cache"].contains(&name.as_str()) {
            continue;
        }
        let path = format!("{prefix}{name}");
        if entry.path().is_dir() {
            walk(&entry.path(), &format!("{path}/"), found);
        } else {
            found.push(path);
        }
    }
}

/// A file's text; `None` for one that is not UTF-8.
pub fn text(file: &str) -> Option<String> {
    String::from_utf8(std::fs::read(root().join(file)).expect("file is readable")).ok()
}

/// The workspace's own packages and everything they need.
pub fn metadata() -> &'static Metadata {
    static METADATA: OnceLock<Metadata> = OnceLock::new();
    METADATA.get_or_init(|| {
        let manifest = root().join("Cargo.toml");
        let mut command = MetadataCommand::new();
        command.manifest_path(manifest).other_options(["--locked".to_string()]);
        command.exec().expect("cargo metadata runs")
    })
}

/// One Rust file: where it is, its lines, and which of them are test code.
pub struct Source {
    pub file: String,
    pub text: String,
    pub syntax: syn::File,
}

impl Source {
    /// Test code by place: integration tests, benches, examples, or a module that only tests compile.
    pub fn is_test_file(&self) -> bool {
        is_test_path(&self.file)
    }
}

/// Whether a path holds test code only.
pub fn is_test_path(file: &str) -> bool {
    file.contains("/tests/")
        || file.contains("/benches/")
        || file.contains("/examples/")
        || cfg_test_files().contains(file)
}

/// Files of modules declared under `#[cfg(test)]`.
fn cfg_test_files() -> &'static std::collections::BTreeSet<String> {
    static FILES: OnceLock<std::collections::BTreeSet<String>> = OnceLock::new();
    FILES.get_or_init(|| {
        let mut found = std::collections::BTreeSet::new();
        for file in files().iter().filter(|f| f.ends_with(".rs")) {
            let text = text(file).unwrap_or_default();
            let folder = module_folder(file);
            let mut lines = text.lines().map(str::trim).peekable();
            while let Some(line) = lines.next() {
                let next = lines.peek().copied().unwrap_or_default();
                if line == "#[cfg(test)]" && next.ends_with(';') {
                    let name = next.trim_end_matches(';').rsplit(' ').next().unwrap_or_default();
                    found.insert(format!("{folder}/{name}.rs"));
                    found.insert(format!("{folder}/{name}/mod.rs"));
                }
            }
        }
        found
    })
}

/// Where the modules declared in a file lie.
fn module_folder(file: &str) -> String {
    let path = Path::new(file);
    let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
    let folder = path.parent().and_then(Path::to_str).unwrap_or_default();
    match stem {
        "lib" | "main" | "mod" => folder.to_string(),
        other => format!("{folder}/{other}"),
    }
}

/// Every Rust file of the project, parsed.
pub fn sources() -> Vec<Source> {
    let rust = files().iter().filter(|f| f.ends_with(".rs"));
    rust.map(|file| {
        let text = text(file).unwrap_or_else(|| panic!("{file} is not UTF-8"));
        let syntax = syn::parse_file(&text).unwrap_or_else(|e| panic!("{file}: {e}"));
        Source { file: file.clone(), text, syntax }
    })
    .collect()
}

/// Fails with every complaint, one per line.
pub fn none(what: &str, complaints: Vec<String>) {
    assert!(complaints.is_empty(), "{what}:\n  {}", complaints.join("\n  "));
}
