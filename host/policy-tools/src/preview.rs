//! What another policy set would have said: transfers of the past are replayed, in their order, under both sets, each with a
//! memory of its own, and every verdict that differs is shown.

use ringi_policy::{Coins, Question, decide};
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::decision::{Decision, Spending};
use ringi_primitives::effects::Effect;
use ringi_primitives::id::{IntentId, PersonId};
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::PolicySet;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::WalletRef;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A transfer of the past.
#[derive(Clone, Debug)]
pub struct Past {
    /// Its intent.
    pub intent: IntentId,
    /// The wallet.
    pub wallet: WalletRef,
    /// Who asked.
    pub initiator: PersonId,
    /// The chain.
    pub network: NetworkId,
    /// What it asked for.
    pub effects: Vec<Effect>,
    /// The most in fees.
    pub max_fee: Amount,
    /// Who had approved.
    pub approvals: BTreeSet<PersonId>,
    /// Those with a key of their own.
    pub independent: BTreeSet<PersonId>,
    /// When it was asked.
    pub at: UnixMs,
}

/// A verdict that would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// The intent.
    pub intent: IntentId,
    /// When it was asked.
    pub at: UnixMs,
    /// What the set in force says.
    pub before: String,
    /// What the other says.
    pub after: String,
}

/// Replays, oldest first. Prices and balances of the past are not kept: rules that need them deny in both.
pub fn preview(before: &PolicySet, after: &PolicySet, past: &[Past]) -> Vec<Changed> {
    let (mut old, mut new) = (Replay { set: before, spent: vec![] }, Replay { set: after, spent: vec![] });
    let verdicts = past.iter().map(|one| (one, old.says(one), new.says(one)));
    let changed = verdicts.filter(|(_, a, b)| a != b);
    changed.map(|(one, before, after)| Changed { intent: one.intent, at: one.at, before, after }).collect()
}

struct Replay<'a> {
    set: &'a PolicySet,
    spent: Vec<Spending>,
}

impl Replay<'_> {
    fn says(&mut self, past: &Past) -> String {
        let nothing: BTreeMap<AssetKey, Amount> = BTreeMap::new();
        let decision = decide(&Question {
            policy: self.set,
            wallet: past.wallet,
            initiator: past.initiator,
            effects: &past.effects,
            network: past.network,
            fee: past.max_fee,
            approvals: &past.approvals,
            independent: &past.independent,
            intent: past.intent,
            spent: &self.spent,
            now: past.at,
            prices: &nothing,
            balances: &nothing,
            signers: None,
            coins: match past.network {
                NetworkId::Bitcoin(_) => Coins::Undecided,
                NetworkId::Evm(_) => Coins::Without,
            },
        });
        if let Decision::Allow { charges, .. } = &decision {
            let entry = |c: &ringi_primitives::decision::Charge| Spending {
                limit: c.limit.clone(),
                intent: past.intent,
                amount: c.amount,
                at: past.at,
            };
            self.spent.extend(charges.iter().map(entry));
        }
        words(&decision)
    }
}

/// A decision in a line.
pub fn words(decision: &Decision) -> String {
    match decision {
        Decision::Allow { rules, .. } => format!("allowed by {}", rules.join(", ")),
        Decision::Deny { rule, reason } => format!("denied by {rule} ({})", reason.code()),
        Decision::NeedsApproval { missing, rules } => {
            let seats: Vec<_> = missing.iter().map(|m| format!("{} more of {}", m.count, m.group)).collect();
            format!("waits for {} by {}", seats.join(" and "), rules.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{NOW, SUPPLIER, set};
    use ringi_primitives::wallet::VaultIndex;

    fn past(set: &PolicySet, n: u8, usdc: &str) -> Past {
        let asset = set.asset("usdc").unwrap();
        let to = ringi_chain::parse_address(asset.key.network, SUPPLIER).unwrap();
        let wallet = ringi_primitives::id::WalletId::NIL;
        Past {
            intent: IntentId::from_bytes([n; 16]),
            wallet: WalletRef { vault: VaultIndex(1), wallet },
            initiator: set.people[0].id,
            network: asset.key.network,
            effects: vec![Effect::Transfer { asset: asset.key, to, amount: Amount::parse_decimal(usdc, 6).unwrap() }],
            max_fee: Amount::ZERO,
            approvals: BTreeSet::new(),
            independent: BTreeSet::new(),
            at: NOW.plus_ms(u64::from(n) * 1000),
        }
    }

    #[test]
    fn verdicts_that_differ_are_shown_and_limits_fill_up() {
        let free = "[[vaults.rules]]\nname = \"free\"\nto = [\"list:suppliers\"]\nallow = {}\n";
        let limited = free.replace("{}", "{ limits = [\"day\"] }");
        let (before, after) = (set(free), set(&limited));
        let transfers = [past(&before, 1, "600"), past(&before, 2, "400"), past(&before, 3, "1")];
        let changed = preview(&before, &after, &transfers);
        let shown: Vec<_> = changed.iter().map(|c| (c.intent, c.before.as_str(), c.after.as_str())).collect();
        let third = IntentId::from_bytes([3; 16]);
        assert_eq!(shown, [(third, "allowed by free", "denied by free (policy.limit_exceeded)")]);
        assert_eq!(preview(&before, &before, &transfers), []);
    }
}
