//! Every clause of a rule, by a stable tag. `docs/rules.md` is generated from here; a test fails when it is stale.

use ringi_primitives::decision::DenyReason;

/// A clause of a rule. The tag never changes: policy files, explanations and documents use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clause {
    /// The stable tag; also the name of its file.
    pub tag: &'static str,
    /// Whether it says where a rule applies, or what it then demands.
    pub part: Part,
    /// What it means, in a sentence or two.
    pub means: &'static str,
    /// Rules of PROTOCOL.md that it enforces.
    pub enforces: &'static [&'static str],
    /// The reason of its deny, apart from [`DenyReason::Overflow`] and unknown facts; `None` if it never denies by itself.
    pub denies_with: Option<DenyReason>,
}

/// The part of a rule that a clause belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Where the rule applies.
    When,
    /// What it says there.
    Then,
}

const fn when(tag: &'static str, means: &'static str, enforces: &'static [&'static str]) -> Clause {
    Clause { tag, part: Part::When, means, enforces, denies_with: None }
}

const fn then(
    tag: &'static str,
    means: &'static str,
    enforces: &'static [&'static str],
    denies_with: Option<DenyReason>,
) -> Clause {
    Clause { tag, part: Part::Then, means, enforces, denies_with }
}

/// Every clause, in the order of the document.
pub const CLAUSES: [Clause; 19] = [
    when(
        "kinds",
        "The effect is one of these kinds. Dangerous kinds (`delegate`, `raw_call`, `raw_typed_data`, `raw_message`, `deploy`) \
         are allowed only by rules that name them; a block without kinds holds for them too.",
        &[],
    ),
    when("networks", "The effect is on one of these chains.", &[]),
    when("assets", "The effect takes one of these assets; a call or raw bytes the coin, be it none of it.", &[]),
    when("initiators", "The intent is signed by one of these people, or by a member of one of these groups.", &[]),
    when("sources", "The wallet that acts is one of these, or has one of these tags in the signed set.", &["G3"]),
    when(
        "destinations",
        "Recipient, spender, called contract or delegate is on one of these lists, has one of these tags, is a wallet of the \
         workspace (`internal`), is on no list and no such wallet (`unlisted`), or is this contract. Always on exactly that \
         network. A self-cancel or ownership proof passes where the rule allows; no block of destinations \
         means it. Bytes without a target are unlisted.",
        &["G3"],
    ),
    when(
        "amounts",
        "All effects of the intent together take more than `above` and at most `at_most` of the asset or in dollars, fee \
         included. No price, deny.",
        &["M1"],
    ),
    when("hours", "Now is on one of these days and within these minutes in a named zone.", &["T1"]),
    when("validity", "Now is not before `from`, and before `until`.", &["T1"]),
    when(
        "calls",
        "The effect calls this function of this contract, and each named argument of a static type is as the rule says.",
        &[],
    ),
    when(
        "messages",
        "The effect is a signed EIP-712 message of this type of this contract, and each named field is as the rule says.",
        &["C2"],
    ),
    when(
        "coins",
        "A Bitcoin transaction has at most so many inputs and outputs, and its inputs hold at most so much.",
        &[],
    ),
    when(
        "within",
        "The intent still fits into these limits of the vault; it is charged to them. Where it does not fit, the next rule is \
         looked at.",
        &["L1"],
    ),
    then(
        "block",
        "Denies the intent, whatever other rules say and wherever the block stands.",
        &[],
        Some(DenyReason::Denied),
    ),
    then(
        "caps",
        "The intent takes at most so much of an asset or in dollars, fee included, or at most this share of the wallet's \
         balance as witnesses signed it.",
        &["L2", "M1", "G3"],
        Some(DenyReason::TransactionCap),
    ),
    then(
        "limits",
        "The intent is charged to these limits of the vault and must fit: at most so much of an asset, in dollars, or so many \
         intents, over a rolling or calendar window or until final, per vault, wallet, initiator or destination (the fee counts for \
         each). Replacements charge the maximum of their versions, not the sum. What takes nothing is charged nothing.",
        &["L1", "L2", "L3", "I3", "M1", "T1"],
        Some(DenyReason::LimitExceeded),
    ),
    then(
        "max_fee",
        "The fee on a network is at most so much. Bitcoin transactions need one; elsewhere the intent's signed maximum suffices.",
        &["C1"],
        Some(DenyReason::FeeCap),
    ),
    then(
        "approvals",
        "All seats of one of these lists are taken: so many distinct people of each group. The initiator counts only where the \
         rule says so. With an independent display, one of them approved with a key of their own. The list that lacks the fewest \
         people, the first of several, is named as missing.",
        &["I1", "P2"],
        None,
    ),
    then("signers", "These cosigners are all among those who sign.", &[], Some(DenyReason::SignerMissing)),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;
    use std::path::{Path, PathBuf};

    const HEAD: &str = "\
# The rules of a policy

Generated from `enclave/policy/src/catalogue.rs`; `UPDATE_DOCS=1 cargo test -p ringi-policy` rewrites it.

A vault has a list of rules. A rule says where it applies (`when`: every condition that is there must hold; a list holds if
one of its entries does) and what then: block, or allow on terms. A block that matches any effect of an intent denies it,
wherever the block stands. Otherwise each effect belongs to the first rule that matches it, and the terms of all these rules
hold. An effect that no rule matches is denied. A deny beats a missing approval, which beats an allow. Denies that no rule
spoke are named `default`, which no rule may be called.

Amounts are 256-bit integers in base units, dollars in units of 10^-12: what an intent takes of each asset, times the price of
a whole unit, rounded up, summed. An intent whose sum or product does not fit denies with `policy.overflow`, a limit whose sum
does not fit is exceeded. A rule that is reached and needs a price or a balance that no witness signed denies with
`policy.price_missing` or `policy.balance_missing`; nothing of an asset needs neither. A rule is reached by an effect that meets
its conditions on single effects (`kinds`, `networks`, `assets`, `calls`, `messages`, `destinations`) and that, unless the rule
blocks, no earlier rule took. Then its conditions on the intent are looked at, `amounts` and `within` last, each list in its
order, until one does not hold.

Of several denies one is named, the first of: unknown; cold vault; in the order of the rules, a block that matches or a rule
that is reached and cannot know its conditions; an effect without a rule (`policy.not_permitted`); no fee cap on Bitcoin; the
terms of the rules in their order, of each rule `signers`, `max_fee`, `caps`, `within`, `limits`.

| part | clause | what it means | denies with | enforces |
|---|---|---|---|---|
";

    const TAIL: &str = "
Apart from rules: a cold vault denies with `policy.cold_vault` online; a vault, initiator, network or asset that the signed
set does not name, or an effect on another chain than the transaction's, with `policy.unknown` (rule G3).
";

    fn document() -> String {
        let mut text = HEAD.to_string();
        for clause in CLAUSES {
            let part = if clause.part == Part::When { "when" } else { "then" };
            let code = clause.denies_with.map_or("-".into(), |r| format!("`{}`", r.code()));
            let enforces = if clause.enforces.is_empty() { "-".into() } else { clause.enforces.join(", ") };
            writeln!(text, "| {part} | `{}` | {} | {code} | {enforces} |", clause.tag, clause.means).unwrap();
        }
        text + TAIL
    }

    fn here(path: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
    }

    #[test]
    fn the_document_is_fresh() {
        let path = here("../../docs/rules.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, document()).unwrap();
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(stored, document(), "docs/rules.md is stale: UPDATE_DOCS=1 cargo test -p ringi-policy");
    }

    /// A clause's text with that of its folder.
    fn text_of(tag: &str) -> String {
        let file = std::fs::read_to_string(here("src/clauses").join(format!("{tag}.rs"))).unwrap();
        file + &std::fs::read_to_string(here("src/clauses").join(tag).join("tests.rs")).unwrap_or_default()
    }

    /// One clause, one file, with a test in it.
    #[test]
    fn every_clause_has_its_file_and_every_file_its_clause() {
        let mut tags: Vec<_> = CLAUSES.map(|k| format!("{}.rs", k.tag)).into();
        // `words` is what `calls` and `messages` share.
        tags.extend(["limits", "mod.rs", "words.rs"].map(String::from));
        tags.sort();
        let entries = std::fs::read_dir(here("src/clauses")).unwrap();
        let mut files: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        assert_eq!(files, tags);
        for clause in CLAUSES {
            let text = text_of(clause.tag);
            assert!(text.starts_with(&format!("//! `{}`: ", clause.tag)), "{}", clause.tag);
            assert!(text.contains("#[test]"), "{} has no test", clause.tag);
            for rule in clause.enforces {
                let name = format!("fn {}_", rule.to_lowercase());
                assert!(text.contains(&name), "{} has no test named for rule {rule}", clause.tag);
            }
        }
    }
}
