//! What another policy set would have said: transfers of the past are replayed, in their order, under both sets, each with a
//! memory of its own, and every verdict that differs is shown.
//!
//! What nobody kept is not guessed. Prices and balances of the past are not known here: where a verdict needs one, under
//! either set, the transfer is named as not compared. Memories begin empty, and what was outstanding then counts as final.

use ringi_policy::{Coins, Question, Spent, decide};
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::decision::{Decision, DenyReason, LimitKey, Spending};
use ringi_primitives::id::{IntentId, PersonId};
use ringi_primitives::intent::Intent;
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::PolicySet;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::WalletRef;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A transfer of the past.
#[derive(Clone, Debug)]
pub struct Past {
    /// What was asked; each set plans it anew, for a set says what a call means.
    pub intent: Intent,
    /// The first intent of its replacement chain.
    pub root: IntentId,
    /// The wallet.
    pub wallet: WalletRef,
    /// Who asked.
    pub initiator: PersonId,
    /// Who had approved.
    pub approvals: BTreeSet<PersonId>,
    /// Those with a key of their own.
    pub independent: BTreeSet<PersonId>,
    /// When it was asked.
    pub at: UnixMs,
}

/// What came of a replay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// Transfers that both sets gave a verdict of.
    pub compared: usize,
    /// Those with another verdict, oldest first.
    pub changed: Vec<Changed>,
    /// Those of which nobody can tell, oldest first.
    pub not_compared: Vec<NotCompared>,
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

/// A transfer whose verdicts could not be compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotCompared {
    /// The intent.
    pub intent: IntentId,
    /// When it was asked.
    pub at: UnixMs,
    /// What is missing.
    pub why: &'static str,
}

/// Replays, oldest first.
pub fn preview(before: &PolicySet, after: &PolicySet, past: &[Past]) -> Preview {
    let (mut old, mut new) =
        (Replay { set: before, spent: Memory(vec![]) }, Replay { set: after, spent: Memory(vec![]) });
    let mut found = Preview::default();
    for one in past {
        let (intent, at) = (one.intent.id, one.at);
        match (old.says(one), new.says(one)) {
            (Ok(before), Ok(after)) => {
                found.compared += 1;
                if before != after {
                    found.changed.push(Changed { intent, at, before, after });
                }
            }
            (Err(why), _) | (_, Err(why)) => found.not_compared.push(NotCompared { intent, at, why }),
        }
    }
    found
}

/// What the replay has allowed so far.
struct Memory(Vec<Spending>);

impl Spent for Memory {
    fn in_window(&self, limit: &LimitKey, from: UnixMs, excluding: &IntentId) -> Option<Amount> {
        self.0.in_window(limit, from, excluding)
    }

    /// When each was proved final is not kept: all of them are.
    fn outstanding(&self, _: &LimitKey, _: &IntentId) -> Option<Amount> {
        Some(Amount::ZERO)
    }

    fn of_intent(&self, limit: &LimitKey, intent: &IntentId) -> Amount {
        self.0.of_intent(limit, intent)
    }
}

struct Replay<'a> {
    set: &'a PolicySet,
    spent: Memory,
}

impl Replay<'_> {
    /// The verdict, or what it would need.
    fn says(&mut self, past: &Past) -> Result<String, &'static str> {
        let plan = match ringi_chain::plan(self.set, &past.intent) {
            Ok(plan) => plan,
            Err(error) => return Ok(format!("cannot be planned ({})", error.code())),
        };
        let nothing: BTreeMap<AssetKey, Amount> = BTreeMap::new();
        let decision = decide(&Question {
            policy: self.set,
            wallet: past.wallet,
            initiator: past.initiator,
            effects: &plan.effects,
            network: plan.network,
            fee: plan.max_fee,
            approvals: &past.approvals,
            independent: &past.independent,
            intent: past.root,
            spent: &self.spent,
            now: past.at,
            prices: &nothing,
            balances: &nothing,
            signers: None,
            coins: match plan.network {
                NetworkId::Bitcoin(_) => Coins::Undecided,
                NetworkId::Evm(_) => Coins::Without,
            },
        });
        match &decision {
            Decision::Deny { reason: DenyReason::PriceMissing, .. } => return Err("prices of the past are not kept"),
            Decision::Deny { reason: DenyReason::BalanceMissing, .. } => {
                return Err("balances of the past are not kept");
            }
            Decision::Allow { charges, .. } => {
                let entry = |c: &ringi_primitives::decision::Charge| Spending {
                    limit: c.limit.clone(),
                    intent: past.root,
                    amount: c.amount,
                    at: past.at,
                };
                self.spent.0.extend(charges.iter().map(entry));
            }
            _ => {}
        }
        Ok(words(&decision))
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
    use crate::fixture::{NOW, SUPPLIER, set, unnamed_wallet};
    use ringi_primitives::intent::{Action, Transfer};
    use ringi_primitives::wallet::VaultIndex;

    const FEES: &str = "max_fees = [{ network = \"eip155:1\", most = \"1\" }]";

    fn past(set: &PolicySet, n: u8, usdc: &str) -> Past {
        let asset = set.asset("usdc").unwrap();
        let amount = Amount::parse_decimal(usdc, 6).unwrap();
        let intent = Intent {
            version: 1,
            id: IntentId::from_bytes([n; 16]),
            genesis: set.genesis,
            vault: "desk".into(),
            wallet: unnamed_wallet(),
            network: asset.key.network,
            actions: vec![Action::Transfer(Transfer { asset: "usdc".into(), to: SUPPLIER.into(), amount })],
            max_fee: Amount::ZERO,
            expires_at: NOW.plus_ms(3_600_000),
            reference: None,
            replaces: None,
        };
        Past {
            root: intent.id,
            intent,
            wallet: WalletRef { vault: VaultIndex(1), wallet: unnamed_wallet() },
            initiator: set.people[0].id,
            approvals: BTreeSet::new(),
            independent: BTreeSet::new(),
            at: NOW.plus_ms(u64::from(n) * 1000),
        }
    }

    fn rule(then: &str) -> String {
        format!(
            "[[vaults.rules]]\nname = \"free\"\nassets = [\"usdc\"]\nto = [\"list:suppliers\"]\nallow = {{ {then} }}\n"
        )
    }

    fn id(n: u8) -> IntentId {
        IntentId::from_bytes([n; 16])
    }

    #[test]
    fn verdicts_that_differ_are_shown_and_limits_fill_up() {
        let (before, after) = (set(&rule(FEES)), set(&rule(&format!("limits = [\"day\"], {FEES}"))));
        let transfers = [past(&before, 1, "600"), past(&before, 2, "400"), past(&before, 3, "1")];
        let found = preview(&before, &after, &transfers);
        let shown: Vec<_> = found.changed.iter().map(|c| (c.intent, c.before.as_str(), c.after.as_str())).collect();
        assert_eq!(shown, [(id(3), "allowed by free", "denied by free (policy.limit_exceeded)")]);
        let same = preview(&before, &before, &transfers);
        assert_eq!((same.compared, same.changed, same.not_compared), (3, vec![], vec![]));
    }

    #[test]
    fn a_replacement_counts_once() {
        let (before, after) = (set(&rule(FEES)), set(&rule(&format!("limits = [\"day\"], {FEES}"))));
        let faster = Past { root: id(1), ..past(&before, 2, "600") };
        let transfers = [past(&before, 1, "600"), faster, past(&before, 3, "400")];
        assert_eq!(preview(&before, &after, &transfers).changed, []);
    }

    #[test]
    fn what_needs_a_price_or_a_balance_of_the_past_is_not_compared() {
        let before = set(&rule(FEES));
        let priced = format!("caps = [{{ of = \"usd\", most = \"5\" }}, {{ of = \"usdc\", most = \"5\" }}], {FEES}");
        let share = format!("caps = [{{ of = \"usdc\", balance_basis_points = 100 }}], {FEES}");
        for (then, why) in [(priced, "prices of the past are not kept"), (share, "balances of the past are not kept")] {
            let after = set(&rule(&then));
            for (old, new) in [(&before, &after), (&after, &before)] {
                let found = preview(old, new, &[past(&before, 1, "1")]);
                let said: Vec<_> = found.not_compared.iter().map(|n| (n.intent, n.why)).collect();
                assert_eq!((found.compared, found.changed, said), (0, vec![], vec![(id(1), why)]));
            }
        }
    }

    #[test]
    fn each_set_says_what_an_intent_means() {
        let before = set(&rule(FEES));
        let mut after = before.clone();
        after.assets.retain(|asset| asset.id != "usdc");
        let found = preview(&before, &after, &[past(&before, 1, "1")]);
        assert_eq!(found.changed[0].after, "cannot be planned (chain.unknown)");
    }
}
