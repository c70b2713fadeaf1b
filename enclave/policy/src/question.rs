//! What a decision depends on; nothing else does.

use crate::spent::Spent;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::effects::Effect;
use ringi_primitives::id::{IntentId, PersonId};
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::PolicySet;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::WalletRef;
use std::collections::{BTreeMap, BTreeSet};

/// "May this wallet do this now?" All of it is verified by the caller; what is looked up comes from `policy` (rule G3).
pub struct Question<'a> {
    /// The signed set in force; has passed [`PolicySet::validate`].
    pub policy: &'a PolicySet,
    /// The wallet that acts, and with its vault the rules that judge it.
    pub wallet: WalletRef,
    /// Who signed the intent.
    pub initiator: PersonId,
    /// What is asked, or what the bytes request. All of it on `network`.
    pub effects: &'a [Effect],
    /// The chain.
    pub network: NetworkId,
    /// The most it can cost in fees, base units of the network's coin: the intent's signed cap when advising, the
    /// bytes' own most when signing. Zero for messages.
    pub fee: Amount,
    /// Distinct people whose approval of exactly this verified (rule I1: people, not keys).
    pub approvals: &'a BTreeSet<PersonId>,
    /// Those of them who approved with a key of their own, and not with a passkey on a page (rule P2).
    pub independent: &'a BTreeSet<PersonId>,
    /// The intent; for a replacement the first intent of its chain (rule I3).
    pub intent: IntentId,
    /// What limits have been charged so far, reservations included (rules L1, L2).
    pub spent: &'a dyn Spent,
    /// The time that windows end at: the minimum of the signers' trusted times (rule T1).
    pub now: UnixMs,
    /// Prices of one whole unit in 10^-12 US dollars, the highest of a quorum of witnesses (rule M1); absent: unknown.
    pub prices: &'a BTreeMap<AssetKey, Amount>,
    /// The acting wallet's balances that witnesses signed (rule G3); absent: unknown.
    pub balances: &'a BTreeMap<AssetKey, Amount>,
    /// The cosigners that will sign; `None` where that is not chosen yet.
    pub signers: Option<&'a BTreeSet<PartyIndex>>,
    /// The transaction's coins.
    pub coins: Coins,
}

/// What is known of a transaction's coins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coins {
    /// The chain has none, or it is a message.
    Without,
    /// Not chosen yet: conditions on them are taken to hold. For advice only.
    Undecided,
    /// These.
    Chosen {
        /// How many inputs.
        inputs: u32,
        /// How many outputs, change included.
        outputs: u32,
        /// What all inputs hold, satoshi.
        value: Amount,
    },
}
