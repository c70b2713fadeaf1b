//! How the code reads: sizes, names, headers, nothing that panics in the enclave, and the tags of PROTOCOL.md.

use crate::repository::{Source, files, is_test_path, none, sources, text};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

const FILE_LINES: usize = 800;
const FUNCTION_LINES: usize = 70;

/// Words no name may hold: they say nothing about what a thing is.
const EMPTY_WORDS: &[&str] = &["manager", "helper", "helpers", "util", "utils", "common", "misc"];

/// The rules of PROTOCOL.md that are enforced from the first step on.
const TAGS: &[&str] =
    &["G1", "G2", "G3", "K1", "K2", "A1", "I1", "I2", "I3", "I4", "S1", "L1", "L2", "T1", "C1", "C2", "R1"];

/// What a walk over one file collects.
#[derive(Default)]
struct Walk {
    /// Lines of items that only tests compile.
    test_lines: Vec<RangeInclusive<usize>>,
    /// Functions: name, first line, lines.
    functions: Vec<(String, usize, usize)>,
    /// Names of types, functions, modules, with their lines.
    names: Vec<(String, usize)>,
    /// Expressions that can panic, with their lines.
    panics: Vec<(String, usize)>,
    /// Public functions with a parameter of type bool.
    bools: Vec<(String, usize)>,
    /// Whether the walk is inside test code.
    in_test: bool,
}

/// Whether others may call a function.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Public,
    Private,
}

impl Open {
    fn of(visibility: &syn::Visibility) -> Open {
        if matches!(visibility, syn::Visibility::Public(_)) { Open::Public } else { Open::Private }
    }
}

fn only_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|a| {
        let last = a.path().segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
        let cfg_test = last == "cfg" && matches!(&a.meta, syn::Meta::List(l) if l.tokens.to_string().trim() == "test");
        cfg_test || last == "test"
    })
}

fn lines_of(item: &impl Spanned) -> RangeInclusive<usize> {
    item.span().start().line..=item.span().end().line
}

impl Walk {
    fn function(
        &mut self,
        attributes: &[syn::Attribute],
        open: Open,
        signature: &syn::Signature,
        whole: &impl Spanned,
    ) {
        let name = signature.ident.to_string();
        let from = signature.span().start().line;
        let to = whole.span().end().line;
        if self.in_test || only_for_tests(attributes) {
            return;
        }
        self.names.push((name.clone(), from));
        self.functions.push((name.clone(), from, to - from + 1));
        for input in &signature.inputs {
            if open == Open::Public
                && let syn::FnArg::Typed(argument) = input
                && matches!(&*argument.ty, syn::Type::Path(p) if p.path.is_ident("bool"))
            {
                self.bools.push((name.clone(), from));
            }
        }
    }

    fn within_test(
        &mut self,
        attributes: &[syn::Attribute],
        lines: RangeInclusive<usize>,
        walk: impl FnOnce(&mut Walk),
    ) {
        let before = self.in_test;
        if only_for_tests(attributes) {
            self.test_lines.push(lines);
            self.in_test = true;
        }
        walk(self);
        self.in_test = before;
    }

    fn panics(&mut self, what: &str, at: &impl Spanned) {
        if !self.in_test {
            self.panics.push((what.to_string(), at.span().start().line));
        }
    }
}

impl<'a> Visit<'a> for Walk {
    fn visit_item_mod(&mut self, item: &'a syn::ItemMod) {
        self.within_test(&item.attrs, lines_of(item), |walk| {
            if !walk.in_test {
                walk.names.push((item.ident.to_string(), item.span().start().line));
            }
            visit::visit_item_mod(walk, item);
        });
    }

    fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
        self.function(&item.attrs, Open::of(&item.vis), &item.sig, item);
        self.within_test(&item.attrs, lines_of(item), |walk| visit::visit_item_fn(walk, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        self.function(&item.attrs, Open::of(&item.vis), &item.sig, item);
        self.within_test(&item.attrs, lines_of(item), |walk| visit::visit_impl_item_fn(walk, item));
    }

    fn visit_trait_item_fn(&mut self, item: &'a syn::TraitItemFn) {
        self.function(&item.attrs, Open::Public, &item.sig, item);
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_impl(&mut self, item: &'a syn::ItemImpl) {
        self.within_test(&item.attrs, lines_of(item), |walk| visit::visit_item_impl(walk, item));
    }

    fn visit_item_struct(&mut self, item: &'a syn::ItemStruct) {
        if !self.in_test && !only_for_tests(&item.attrs) {
            self.names.push((item.ident.to_string(), item.ident.span().start().line));
        }
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'a syn::ItemEnum) {
        if !self.in_test && !only_for_tests(&item.attrs) {
            self.names.push((item.ident.to_string(), item.ident.span().start().line));
        }
        visit::visit_item_enum(self, item);
    }

    fn visit_item_trait(&mut self, item: &'a syn::ItemTrait) {
        self.names.push((item.ident.to_string(), item.ident.span().start().line));
        visit::visit_item_trait(self, item);
    }

    fn visit_expr_method_call(&mut self, call: &'a syn::ExprMethodCall) {
        let name = call.method.to_string();
        if ["unwrap", "expect", "unwrap_err", "expect_err", "unwrap_unchecked"].contains(&name.as_str()) {
            self.panics(&name, &call.method);
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, call: &'a syn::Macro) {
        let name = call.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
        if ["panic", "todo", "unimplemented", "unreachable"].contains(&name.as_str()) {
            self.panics(&format!("{name}!"), call);
        }
        visit::visit_macro(self, call);
    }

    fn visit_expr_index(&mut self, index: &'a syn::ExprIndex) {
        let whole = matches!(&*index.index, syn::Expr::Range(r) if r.start.is_none() && r.end.is_none());
        if !whole {
            self.panics("index", index);
        }
        visit::visit_expr_index(self, index);
    }
}

fn walk(source: &Source) -> Walk {
    let mut walk = Walk { in_test: source.is_test_file(), ..Walk::default() };
    walk.visit_file(&source.syntax);
    walk
}

/// Lines that are neither empty, nor comment, nor test.
pub fn code_lines(source: &Source) -> impl Iterator<Item = &str> {
    let tests = walk(source).test_lines;
    source.text.lines().enumerate().filter_map(move |(i, line)| {
        let line_number = i + 1;
        let code = !line.trim().is_empty() && !line.trim_start().starts_with("//");
        (code && !tests.iter().any(|t| t.contains(&line_number))).then_some(line)
    })
}

fn complain(check: impl Fn(&Source, &Walk) -> Vec<String>) -> Vec<String> {
    sources()
        .iter()
        .flat_map(|s| check(s, &walk(s)).into_iter().map(|c| format!("{}:{c}", s.file)).collect::<Vec<_>>())
        .collect()
}

#[test]
fn files_and_functions_stay_small() {
    let wrong = complain(|source, walk| {
        if source.is_test_file() {
            return vec![];
        }
        let tested = |line: &usize| walk.test_lines.iter().any(|t| t.contains(line));
        let lines = (1..=source.text.lines().count()).filter(|l| !tested(l)).count();
        let mut wrong: Vec<_> = (lines > FILE_LINES).then(|| format!("1: {lines} lines")).into_iter().collect();
        let long = walk.functions.iter().filter(|(_, _, lines)| *lines > FUNCTION_LINES);
        wrong.extend(long.map(|(name, at, lines)| format!("{at}: fn {name} has {lines} lines")));
        wrong
    });
    none(&format!("files over {FILE_LINES} or functions over {FUNCTION_LINES} lines"), wrong);
}

#[test]
fn nothing_in_the_enclave_panics() {
    let wrong = complain(|source, walk| {
        let fuzz =
            |line: usize| walk.functions.iter().any(|(n, at, len)| n == "fuzz" && (*at..at + len).contains(&line));
        let enclave = source.file.starts_with("enclave/") && !source.is_test_file();
        let found = walk.panics.iter().filter(|(_, line)| enclave && !fuzz(*line));
        found.map(|(what, line)| format!("{line}: {what}")).collect()
    });
    none("code that can panic in the measured image", wrong);
}

/// The crates that may not forbid unsafe code, the one file of each that allows it (SECURITY.md), and how many lines it has at
/// most: system calls and their reasons.
const UNSAFE: [(&str, &str, usize); 2] = [
    ("enclave/guest/Cargo.toml", "enclave/guest/src/calls.rs", 150),
    ("host/enclave-host/Cargo.toml", "host/enclave-host/src/calls.rs", 300),
];

#[test]
fn unsafe_code_is_forbidden_but_in_two_files() {
    let crates = files().iter().filter(|f| f.ends_with("/Cargo.toml") && !f.starts_with("fuzz/"));
    let lints = |f: &&String| !text(f).unwrap_or_default().contains("[lints]\nworkspace = true");
    let without: Vec<_> = crates.filter(lints).collect();
    assert_eq!(without, UNSAFE.map(|(manifest, ..)| manifest), "crates without the workspace's lints");
    let root = text("Cargo.toml").unwrap_or_default();
    assert!(root.contains("unsafe_code = \"forbid\""), "the workspace no longer forbids unsafe code");
    // Put together here, so that this file does not find itself.
    let allow = ["allow(unsafe", "_code"].concat();
    let allows = |f: &&String| f.ends_with(".rs") && text(f).unwrap_or_default().contains(&allow);
    let allowing: Vec<_> = files().iter().filter(allows).collect();
    assert_eq!(allowing, UNSAFE.map(|(_, file, _)| file), "files that allow unsafe code");
    for (manifest, file, most) in UNSAFE {
        assert!(text(manifest).unwrap_or_default().contains("unsafe_code = \"deny\""), "{manifest} denies it");
        let lines = text(file).unwrap_or_default().lines().count();
        assert!(lines <= most, "{file} has {lines} lines");
    }
}

#[test]
fn every_source_says_its_purpose_first() {
    let wrong =
        files().iter().filter(|f| f.ends_with(".rs")).filter(|f| !text(f).unwrap_or_default().starts_with("//! "));
    none("files without a purpose line", wrong.cloned().collect());
}

#[test]
fn names_say_what_things_are() {
    let words = |name: &str| -> Vec<String> {
        let mut spaced = String::new();
        for c in name.chars() {
            if c.is_uppercase() {
                spaced.push('_');
            }
            spaced.extend(c.to_lowercase());
        }
        spaced.split('_').map(str::to_string).collect()
    };
    let mut wrong = complain(|_, walk| {
        let empty = |n: &&(String, usize)| words(&n.0).iter().any(|w| EMPTY_WORDS.contains(&w.as_str()));
        let getter = |n: &&(String, usize)| n.0.starts_with("get_");
        let names = walk.names.iter().filter(|n| empty(n) || getter(n));
        names.map(|(name, line)| format!("{line}: {name}")).collect()
    });
    for file in files() {
        let parts = file.split(['/', '.', '-', '_']);
        if parts.into_iter().any(|p| EMPTY_WORDS.contains(&p)) {
            wrong.push(format!("{file}: the path itself"));
        }
    }
    none("names that say nothing, or get_", wrong);
}

#[test]
fn no_public_function_takes_a_bool() {
    let wrong = complain(|_, walk| walk.bools.iter().map(|(name, line)| format!("{line}: fn {name}")).collect());
    none("bool parameters", wrong);
}

#[test]
fn tracked_files_name_no_machine_and_leave_nothing_open() {
    // Put together here, so that this file does not find itself.
    let open = ["TO", "FIX"].map(|half| half.to_string() + if half == "TO" { "DO" } else { "ME" });
    let folders = ["work", "root", "home"].map(|name| format!("/{name}/"));
    let registries = ["crates.io", "npmjs.org", "pypi.org"].map(|host| format!("index.{host}")).into_iter();
    let registries: Vec<String> =
        registries.chain([["registry.npmjs", ".org"].concat(), ["static.crates", ".io"].concat()]).collect();
    let mut wrong = Vec::new();
    for file in files().iter().filter(|f| *f != "Cargo.lock") {
        let Some(text) = text(file) else { continue };
        for (i, line) in text.lines().enumerate() {
            let word = |w: &String| has_word(line, w);
            let path = |p: &String| line.match_indices(p.as_str()).any(|(at, _)| starts_a_path(line, at));
            let bad = open.iter().any(word)
                || folders.iter().any(path)
                || registries.iter().any(|r| line.contains(r.as_str()));
            if bad {
                wrong.push(format!("{file}:{}: {}", i + 1, line.trim().chars().take(100).collect::<String>()));
            }
        }
    }
    none("machine paths, registry hosts or open ends", wrong);
}

/// Whether a `/` at this place begins an absolute path, and is not the middle of a longer one or of an address.
fn starts_a_path(line: &str, at: usize) -> bool {
    line[..at].chars().next_back().is_none_or(|c| !(c.is_alphanumeric() || "._-~}$/".contains(c)))
}

/// Whether a line holds a word with no letter or digit beside it.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let plain = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric());
        plain(line[..at].chars().next_back()) && plain(line[at + word.len()..].chars().next())
    })
}

/// Where a tag stands: in measured code, and in tests.
fn places() -> BTreeMap<&'static str, (usize, usize)> {
    let mut places: BTreeMap<_, (usize, usize)> = TAGS.iter().map(|t| (*t, (0, 0))).collect();
    for source in sources() {
        let tests = walk(&source).test_lines;
        for (i, line) in source.text.lines().enumerate() {
            let line_number = i + 1;
            let test = is_test_path(&source.file) || tests.iter().any(|t| t.contains(&line_number));
            for (tag, (code, tested)) in &mut places {
                let named = line.trim_start().starts_with("fn ") && has_word(line, &tag.to_lowercase());
                if test && (has_word(line, tag) || named) {
                    *tested += 1;
                }
                if !test && source.file.starts_with("enclave/") && has_word(line, tag) {
                    *code += 1;
                }
            }
        }
    }
    places
}

#[test]
fn every_rule_of_the_protocol_stands_in_code_and_in_a_test() {
    let mut wrong = Vec::new();
    for (tag, (code, tested)) in places() {
        if code == 0 {
            wrong.push(format!("{tag} stands in no file of enclave/"));
        }
        if tested == 0 {
            wrong.push(format!("{tag} has no test that names it"));
        }
    }
    none("PROTOCOL.md", wrong);
}

#[test]
fn i3_digests_reach_the_signer_in_one_file_only() {
    let call = ["expose_to", "_signer"].concat();
    let allowed = |f: &str| f.starts_with("enclave/chain/") || f == "enclave/cosigner/src/sign.rs";
    let holds = |f: &&String| f.ends_with(".rs") && text(f).unwrap_or_default().contains(&call);
    let holders: Vec<_> = files().iter().filter(holds).cloned().collect();
    assert!(holders.iter().any(|f| f == "enclave/cosigner/src/sign.rs"), "the signing file is gone");
    none("files that take a digest out of a SigHash", holders.into_iter().filter(|f| !allowed(f)).collect());
}
