//! What an attempt holds of the limits it charges: its turn until all signers have recorded, then its charges in the host's
//! memory, until they are signed for good or forgotten (rules L1, L2).

use crate::core::lock;
use crate::gates::Held;
use crate::spent::SpentIndex;
use crate::transfer::Exposure;
use ringi_primitives::decision::Spending;
use std::sync::Mutex;

/// The limits' part of one attempt. Dropping it lets others have their turn.
pub(crate) struct Reservation {
    spent: Vec<Spending>,
    turn: Option<Held>,
}

impl Reservation {
    /// Before the attempt: these charges, decided while the turn was held.
    pub(crate) fn new(turn: Held, spent: Vec<Spending>) -> Reservation {
        Reservation { spent, turn: Some(turn) }
    }

    /// L1: all signers have recorded it. Whoever comes next counts it.
    pub(crate) fn recorded(&mut self, index: &Mutex<SpentIndex>) {
        self.enter(index);
        self.turn = None;
    }

    /// L2: it is signed, whoever said that it had recorded: from now on it is spent.
    pub(crate) fn signed(self, index: &Mutex<SpentIndex>) -> Vec<Spending> {
        self.enter(index);
        self.spent
    }

    /// The attempt came to nothing. Advice only: what cosigners recorded stays with them until they give it back (rule L2), and
    /// an earlier attempt that may have left something keeps its charges here too.
    pub(crate) fn failed(self, index: &Mutex<SpentIndex>, earlier: Exposure) {
        if earlier == Exposure::None {
            let mut index = lock(index);
            self.spent.iter().for_each(|s| index.forget(s));
        }
    }

    fn enter(&self, index: &Mutex<SpentIndex>) {
        let mut index = lock(index);
        self.spent.iter().for_each(|s| index.enter(s));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gates::{GateKey, Gates};
    use ringi_policy::Spent;
    use ringi_primitives::amount::Amount;
    use ringi_primitives::asset::AssetKey;
    use ringi_primitives::decision::{LimitKey, Subject};
    use ringi_primitives::id::IntentId;
    use ringi_primitives::network::NetworkId;
    use ringi_primitives::policy_set::Measure;
    use ringi_primitives::time::UnixMs;
    use ringi_primitives::wallet::VaultIndex;
    use shuttle::rand::Rng;
    use std::collections::BTreeSet;
    use std::sync::Arc;

    const COST: u64 = 100;
    const TRANSFERS: u8 = 6;
    const ROOM: u64 = 3;

    fn limit(rule: &str) -> LimitKey {
        let measure = Measure::Asset(AssetKey::native(NetworkId::Evm(1)));
        LimitKey { vault: VaultIndex(1), name: rule.into(), measure, subject: Subject::Vault }
    }

    /// The host's memory of two limits, and what was truly signed.
    #[derive(Default)]
    struct Desk {
        gates: Gates,
        index: Mutex<SpentIndex>,
        signed: Mutex<BTreeSet<u8>>,
    }

    impl Desk {
        fn spent(&self, rule: &str) -> u64 {
            let nobody = IntentId::from_bytes([0xff; 16]);
            let sum = lock(&self.index).in_window(&limit(rule), UnixMs(0), &nobody).unwrap();
            (0..).find(|n| Amount::from_u64(*n) == sum).unwrap()
        }

        /// A transfer as `sign` drives it: turn, decision, attempt, end. It comes again after an attempt that failed.
        async fn pay(self: Arc<Desk>, number: u8) {
            let rules = ["day", "week"];
            let keys: BTreeSet<GateKey> = rules.iter().map(|rule| GateKey::Limit(limit(rule))).collect();
            for _ in 0..3 {
                let turn = self.gates.enter(keys.clone()).await;
                if rules.iter().any(|rule| self.spent(rule) + COST > ROOM * COST) {
                    return;
                }
                let intent = IntentId::from_bytes([number; 16]);
                let spending = |rule: &&str| Spending {
                    limit: limit(rule),
                    intent,
                    amount: Amount::from_u64(COST),
                    at: UnixMs(1),
                };
                let mut reservation = Reservation::new(turn, rules.iter().map(spending).collect());
                shuttle::future::yield_now().await;
                let ends = shuttle::rand::thread_rng().gen_range(0..4);
                if ends > 0 {
                    reservation.recorded(&self.index);
                    shuttle::future::yield_now().await;
                }
                if ends > 1 {
                    lock(&self.signed).insert(number);
                    reservation.signed(&self.index);
                    return;
                }
                reservation.failed(&self.index, Exposure::None);
            }
        }
    }

    fn concurrent() {
        let desk = Arc::new(Desk::default());
        let all: Vec<_> = (0..TRANSFERS).map(|number| shuttle::future::spawn(desk.clone().pay(number))).collect();
        shuttle::future::block_on(async {
            for one in all {
                one.await.unwrap();
            }
        });
        let signed = lock(&desk.signed).len() as u64;
        assert!(signed <= ROOM, "{signed} signed");
        // What failed is given back, what is signed never.
        assert_eq!((desk.spent("day"), desk.spent("week")), (signed * COST, signed * COST));
    }

    /// L1, L2: in whatever order the tasks go on, what is signed stays within the limit, and is all that is counted.
    #[test]
    fn l1_l2_concurrent_transfers_stay_within_the_limit_in_every_order() {
        shuttle::check_random(concurrent, 3_000);
        shuttle::check_pct(concurrent, 2_000, 3);
    }
}
