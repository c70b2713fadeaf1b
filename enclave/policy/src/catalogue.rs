//! Every rule there is, by a stable tag. `docs/rules.md` is generated from here; a test fails when it is stale.

use ringi_primitives::decision::DenyReason;
use ringi_primitives::policy_set::Demand;

/// A kind of rule. The tag never changes: policy files, receipts and documents use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleKind {
    /// [`crate::rules::permit`].
    Permit,
    /// [`crate::rules::deny`].
    Deny,
    /// [`crate::rules::allow_list`].
    AllowList,
    /// [`crate::rules::cap_per_transaction`].
    CapPerTransaction,
    /// [`crate::rules::cap_per_window`].
    CapPerWindow,
    /// [`crate::rules::approvals`].
    Approvals,
    /// [`crate::rules::initiator_may_not_approve`].
    InitiatorMayNotApprove,
    /// [`crate::rules::max_fee`].
    MaxFee,
}

impl RuleKind {
    /// Every kind, in the order of the document.
    pub const ALL: [RuleKind; 8] = [
        RuleKind::Permit,
        RuleKind::Deny,
        RuleKind::AllowList,
        RuleKind::CapPerTransaction,
        RuleKind::CapPerWindow,
        RuleKind::Approvals,
        RuleKind::InitiatorMayNotApprove,
        RuleKind::MaxFee,
    ];

    /// The kind of a demand.
    pub fn of(demand: &Demand) -> RuleKind {
        match demand {
            Demand::Permit => RuleKind::Permit,
            Demand::Deny => RuleKind::Deny,
            Demand::AllowList { .. } => RuleKind::AllowList,
            Demand::CapPerTransaction { .. } => RuleKind::CapPerTransaction,
            Demand::CapPerWindow { .. } => RuleKind::CapPerWindow,
            Demand::Approvals { .. } => RuleKind::Approvals,
            Demand::InitiatorMayNotApprove => RuleKind::InitiatorMayNotApprove,
            Demand::MaxFee { .. } => RuleKind::MaxFee,
        }
    }

    /// The stable tag; also the name of the rule's file.
    pub fn tag(self) -> &'static str {
        match self {
            RuleKind::Permit => "permit",
            RuleKind::Deny => "deny",
            RuleKind::AllowList => "allow_list",
            RuleKind::CapPerTransaction => "cap_per_transaction",
            RuleKind::CapPerWindow => "cap_per_window",
            RuleKind::Approvals => "approvals",
            RuleKind::InitiatorMayNotApprove => "initiator_may_not_approve",
            RuleKind::MaxFee => "max_fee",
        }
    }

    /// What it demands, in a sentence or two.
    pub fn demands(self) -> &'static str {
        match self {
            RuleKind::Permit => {
                "Permits the effect, if every other matching rule agrees. Without one for each effect, deny. `opaque` and \
                 `delegate` only where it names them."
            }
            RuleKind::Deny => "Denies the effect, whatever permits it.",
            RuleKind::AllowList => {
                "Recipient, spender, called contract or delegate is on one of the lists, on exactly that network. \
                 A self-cancel or ownership proof passes; opaque bytes without a target are on no list."
            }
            RuleKind::CapPerTransaction => {
                "All effects of the intent together take at most `amount` of the asset, fee included where it pays fees."
            }
            RuleKind::CapPerWindow => {
                "At most `amount` of the asset signed in any `window_s` seconds, fees included, per vault, wallet or \
                 initiator. A spending counts until exactly one window later. Replacements charge the maximum of their \
                 versions, not the sum."
            }
            RuleKind::Approvals => {
                "`count` distinct people of `group` approve: always, or where the intent takes more than `above` of an \
                 asset, fee included where it pays fees. Exactly `above` is free."
            }
            RuleKind::InitiatorMayNotApprove => "The initiator's own approval counts for no rule of the vault.",
            RuleKind::MaxFee => {
                "The fee on `network` is at most `amount`. Bitcoin transactions need one; elsewhere the intent's signed \
                 maximum suffices."
            }
        }
    }

    /// Rules of PROTOCOL.md that it enforces.
    pub fn enforces(self) -> &'static [&'static str] {
        match self {
            RuleKind::Permit | RuleKind::Deny => &[],
            RuleKind::AllowList => &["G3"],
            RuleKind::CapPerTransaction => &["L2"],
            RuleKind::CapPerWindow => &["L1", "L2", "I3"],
            RuleKind::Approvals | RuleKind::InitiatorMayNotApprove => &["I1"],
            RuleKind::MaxFee => &["C1"],
        }
    }

    /// The reason of its deny, apart from [`DenyReason::Overflow`]; `None` if it waits or only takes part.
    pub fn denies_with(self) -> Option<DenyReason> {
        match self {
            RuleKind::Permit => Some(DenyReason::NotPermitted),
            RuleKind::Deny => Some(DenyReason::Denied),
            RuleKind::AllowList => Some(DenyReason::NotOnAllowList),
            RuleKind::CapPerTransaction => Some(DenyReason::TransactionCap),
            RuleKind::CapPerWindow => Some(DenyReason::LimitExceeded),
            RuleKind::Approvals | RuleKind::InitiatorMayNotApprove => None,
            RuleKind::MaxFee => Some(DenyReason::FeeCap),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;
    use std::path::{Path, PathBuf};

    const HEAD: &str = "\
# The rules of a policy

Generated from `enclave/policy/src/catalogue.rs`; `UPDATE_DOCS=1 cargo test -p ringi-policy` rewrites it.

A vault has a list of rules. A rule applies to an effect where each non-empty list of its `when` (kinds, networks,
assets, groups of initiators) contains the effect's property; an empty list means any. Except: a `permit` matches `opaque`
and `delegate` effects only if it names these kinds. Every other rule without kinds holds for them too. Every matching
rule's demand holds, a deny wins, and an effect that no `permit` matches is denied. A deny beats a missing approval, which
beats an allow; of several denies the first in policy order is named. Denies that no rule spoke are named `default`, which
no rule may be called.
Amounts are 256-bit integers in base units; an intent whose sum does not fit denies with `policy.overflow`, a window whose sum
does not fit is over every cap.

| tag | what it demands | denies with | enforces |
|---|---|---|---|
";

    const TAIL: &str = "
Apart from rules: a cold vault denies with `policy.cold_vault` online; a vault, initiator, network or asset that the signed
set does not name, or an effect on another chain than the transaction's, with `policy.unknown` (rule G3).
";

    fn document() -> String {
        let mut text = HEAD.to_string();
        for kind in RuleKind::ALL {
            let code = kind.denies_with().map_or("-".into(), |r| format!("`{}`", r.code()));
            let enforces = if kind.enforces().is_empty() { "-".into() } else { kind.enforces().join(", ") };
            writeln!(text, "| `{}` | {} | {code} | {enforces} |", kind.tag(), kind.demands()).unwrap();
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

    /// One rule, one file, with a test in it.
    #[test]
    fn every_rule_has_its_file_and_every_file_its_rule() {
        let mut tags: Vec<_> = RuleKind::ALL.map(|k| format!("{}.rs", k.tag())).into();
        tags.push("mod.rs".into());
        tags.sort();
        let entries = std::fs::read_dir(here("src/rules")).unwrap();
        let mut files: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        assert_eq!(files, tags);
        for kind in RuleKind::ALL {
            let text = std::fs::read_to_string(here("src/rules").join(format!("{}.rs", kind.tag()))).unwrap();
            assert!(text.starts_with(&format!("//! `{}`: ", kind.tag())), "{}", kind.tag());
            assert!(text.contains("#[test]"), "{} has no test", kind.tag());
            for rule in kind.enforces() {
                let name = format!("fn {}_", rule.to_lowercase());
                assert!(text.contains(&name), "{} has no test named for rule {rule}", kind.tag());
            }
        }
    }
}
