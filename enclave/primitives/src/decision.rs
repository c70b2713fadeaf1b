//! The decision: what a policy says of an intent, with the rules that decided. Deny is a value, not an error.

use crate::amount::Amount;
use crate::id::{IntentId, PersonId, WalletId};
use crate::policy_set::{AllowEntry, Display, Measure, Window};
use crate::time::UnixMs;
use crate::wallet::VaultIndex;
use minicbor::{Decode, Encode};

/// Allow, deny or wait, each with the names of the rules that spoke.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Decision {
    /// Permitted now, at the price of these charges.
    #[n(0)]
    Allow {
        /// What each window limit is charged.
        #[n(0)]
        charges: Vec<Charge>,
        /// The rules that matched, in policy order.
        #[n(1)]
        rules: Vec<String>,
    },
    /// Denied.
    #[n(1)]
    Deny {
        /// The rule that decided, or `default` when none permitted.
        #[n(0)]
        rule: String,
        /// Why, as a stable code.
        #[n(1)]
        reason: DenyReason,
    },
    /// Permitted once these people have approved.
    #[n(2)]
    NeedsApproval {
        /// What is missing.
        #[n(0)]
        missing: Vec<MissingApproval>,
        /// The rules that matched, in policy order.
        #[n(1)]
        rules: Vec<String>,
    },
}

/// Why a policy denies. Each has a stable code `policy.<name>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum DenyReason {
    /// No rule permits the effect.
    #[n(0)]
    NotPermitted,
    /// A rule denies it.
    #[n(1)]
    Denied,
    /// The balance that a rule takes a share of is not signed by a witness (rule G3).
    #[n(2)]
    BalanceMissing,
    /// Over a cap per transaction.
    #[n(3)]
    TransactionCap,
    /// Over a cap per window.
    #[n(4)]
    LimitExceeded,
    /// Over a fee cap, or no fee cap exists (rule C1).
    #[n(5)]
    FeeCap,
    /// The vault is cold.
    #[n(6)]
    ColdVault,
    /// Vault, asset or network unknown.
    #[n(7)]
    Unknown,
    /// A sum does not fit 256 bits.
    #[n(8)]
    Overflow,
    /// A rule counts dollars, and an asset has no price that enough witnesses agree on (rule M1).
    #[n(9)]
    PriceMissing,
    /// A cosigner that a rule designates is not among the signers.
    #[n(10)]
    SignerMissing,
}

impl DenyReason {
    /// The stable code, `policy.<name>`.
    pub fn code(self) -> &'static str {
        match self {
            DenyReason::NotPermitted => "policy.not_permitted",
            DenyReason::Denied => "policy.denied",
            DenyReason::BalanceMissing => "policy.balance_missing",
            DenyReason::TransactionCap => "policy.transaction_cap",
            DenyReason::LimitExceeded => "policy.limit_exceeded",
            DenyReason::FeeCap => "policy.fee_cap",
            DenyReason::ColdVault => "policy.cold_vault",
            DenyReason::Unknown => "policy.unknown",
            DenyReason::Overflow => "policy.overflow",
            DenyReason::PriceMissing => "policy.price_missing",
            DenyReason::SignerMissing => "policy.signer_missing",
        }
    }
}

/// Approvals still missing for one rule.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct MissingApproval {
    /// The rule that demands them.
    #[n(0)]
    pub rule: String,
    /// Whose approvals count.
    #[n(1)]
    pub group: String,
    /// How many distinct people are still needed.
    #[n(2)]
    pub count: u32,
    /// Whether one of them must have an independent display (rule P2).
    #[n(3)]
    pub display: Display,
}

/// A limit of a vault, named, for one subject of its scope.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct LimitKey {
    /// The vault.
    #[n(0)]
    pub vault: VaultIndex,
    /// The limit's name in the vault.
    #[n(1)]
    pub name: String,
    /// What is counted.
    #[n(2)]
    pub measure: Measure,
    /// What is counted together.
    #[n(3)]
    pub subject: Subject,
}

/// Whose spending a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum Subject {
    /// The whole vault.
    #[n(0)]
    Vault,
    /// One wallet.
    #[n(1)]
    Wallet(#[n(0)] WalletId),
    /// One initiator.
    #[n(2)]
    Initiator(#[n(0)] PersonId),
    /// One destination; `None` where nobody can tell who gains.
    #[n(3)]
    Destination(#[n(0)] Option<AllowEntry>),
}

/// What an intent costs one limit.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Charge {
    /// Which limit.
    #[n(0)]
    pub limit: LimitKey,
    /// How much, fees included.
    #[n(1)]
    pub amount: Amount,
    /// The limit's size.
    #[n(2)]
    pub cap: Amount,
    /// The time it counts over.
    #[n(3)]
    pub window: Window,
}

/// One entry of a limit's memory: an intent that spent, or is about to. Keyed by intent, never by session: a
/// replacement charges the maximum of its versions, not the sum (rule I3).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Spending {
    /// Which limit.
    #[n(0)]
    pub limit: LimitKey,
    /// The intent; a replacement is entered under the intent it replaces first.
    #[n(1)]
    pub intent: IntentId,
    /// How much.
    #[n(2)]
    pub amount: Amount,
    /// When it was signed, by the earliest of the signers' clocks (rule T1).
    #[n(3)]
    pub at: UnixMs,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn reason_codes_are_distinct_and_never_change() {
        use DenyReason::{
            BalanceMissing, ColdVault, Denied, FeeCap, LimitExceeded, NotPermitted, Overflow, PriceMissing,
            SignerMissing, TransactionCap, Unknown,
        };
        let codes = [
            (NotPermitted, "policy.not_permitted"),
            (Denied, "policy.denied"),
            (BalanceMissing, "policy.balance_missing"),
            (TransactionCap, "policy.transaction_cap"),
            (LimitExceeded, "policy.limit_exceeded"),
            (FeeCap, "policy.fee_cap"),
            (ColdVault, "policy.cold_vault"),
            (Unknown, "policy.unknown"),
            (Overflow, "policy.overflow"),
            (PriceMissing, "policy.price_missing"),
            (SignerMissing, "policy.signer_missing"),
        ];
        for (number, (reason, code)) in (0u8..).zip(codes) {
            assert_eq!(reason.code(), code);
            assert_eq!(crate::cbor::encode(&reason), [number], "{reason:?}");
        }
        assert_eq!(codes.iter().map(|(_, c)| c).collect::<BTreeSet<_>>().len(), codes.len());
    }
}
