//! Which coins to spend: an exact match without change where there is one, else the largest first. Pure.

use super::coin::{Coin, FeeRate};
use super::error::SelectError;
use super::weight;
use ringi_chain::ChainError;
use ringi_chain::bitcoin::{AddressKind, Change, Choice, Input};
use ringi_primitives::amount::Amount;
use ringi_primitives::effects::{Effect, Outpoint};
use ringi_primitives::limits;
use ringi_primitives::network::NetworkId;
use ringi_primitives::plan::Plan;
use ringi_primitives::wallet::KeyPosition;
use std::collections::BTreeSet;

/// Change below this is left to the fee: under every kind's dust limit nodes do not relay it.
const DUST_SAT: u64 = 546;
/// Steps of the search for an exact match.
const SEARCH_STEPS: usize = 20_000;
/// Coins the search looks at, the largest.
const SEARCH_COINS: usize = 100;
/// Whole previous transactions of the chosen coins, so that the request stays within its bound.
const PREVIOUS_BYTES: usize = limits::UNSIGNED_BYTES / 4 * 3;
/// nSequence that allows replacement (BIP-125).
const SEQUENCE: u32 = 0xffff_fffd;

/// What a selection must respect besides the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// What transactions pay now.
    pub rate: FeeRate,
    /// Where change goes.
    pub change: ChangeTo,
    /// Coins promised to other transactions: never chosen, except the anchor.
    pub reserved: BTreeSet<Outpoint>,
    /// The coin that every version of this intent spends (rule I3); it becomes the first input.
    pub anchor: Option<Outpoint>,
    /// The fee of the transaction that is to be replaced, satoshi; the new one pays more (BIP-125 rules 3 and 4).
    pub replaced_fee_sat: Option<u64>,
}

/// A key on the change branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeTo {
    /// Within the gap (rule C1).
    pub position: KeyPosition,
    /// How change is locked.
    pub kind: AddressKind,
}

/// Coins, change and fee that carry the plan out, with a fee of at most `plan.max_fee`.
///
/// # Errors
/// [`SelectError`].
pub fn select(plan: &Plan, coins: &[Coin], needs: &Needs) -> Result<Choice, SelectError> {
    let task = Task::of(plan, needs)?;
    let (anchor, mut rest) = task.usable(coins)?;
    rest.sort_by(|a, b| b.amount.cmp(&a.amount).then(a.outpoint.cmp(&b.outpoint)));
    if let Some(chosen) = task.exact(anchor, &rest)
        && let Ok(choice) = task.choice(&chosen)
    {
        return Ok(choice);
    }
    task.largest_first(anchor, &rest)
}

/// A plan in satoshi and weight.
struct Task<'a> {
    plan: &'a Plan,
    needs: &'a Needs,
    payments: usize,
    paid_sat: u64,
    outputs_weight: u64,
    max_fee_sat: u64,
}

impl<'a> Task<'a> {
    fn of(plan: &'a Plan, needs: &'a Needs) -> Result<Task<'a>, SelectError> {
        if !matches!(plan.network, NetworkId::Bitcoin(_)) {
            return Err(ChainError::WrongChain.into());
        }
        let (mut payments, mut paid_sat, mut outputs_weight) = (0, 0u64, 0);
        for effect in &plan.effects {
            match effect {
                Effect::Transfer { to, amount, .. } => {
                    let sat = amount.to_u64().and_then(|sat| paid_sat.checked_add(sat));
                    paid_sat = sat.ok_or(ChainError::Amounts("more than all coins"))?;
                    outputs_weight += weight::output(to.raw().len());
                    payments += 1;
                }
                Effect::SelfCancel { .. } => {}
                _ => return Err(ChainError::Unsupported("an effect other than a transfer or a cancel").into()),
            }
        }
        let max_fee_sat = plan.max_fee.to_u64().unwrap_or(u64::MAX);
        Ok(Task { plan, needs, payments, paid_sat, outputs_weight, max_fee_sat })
    }

    /// The anchor, and the coins that are free and worth more than spending them costs.
    fn usable<'c>(&self, coins: &'c [Coin]) -> Result<(Option<&'c Coin>, Vec<&'c Coin>), SelectError> {
        let anchor = match self.needs.anchor {
            Some(at) => Some(coins.iter().find(|c| c.outpoint == at).ok_or(SelectError::AnchorMissing)?),
            None => None,
        };
        let free = |c: &&Coin| {
            let taken = self.needs.reserved.contains(&c.outpoint) || self.needs.anchor == Some(c.outpoint);
            !taken && self.worth(c) > 0
        };
        Ok((anchor, coins.iter().filter(free).collect()))
    }

    /// What a coin adds after its own input is paid, satoshi.
    fn worth(&self, coin: &Coin) -> u64 {
        let cost = self.fee(weight::input(coin.kind));
        coin.amount.to_u64().unwrap_or(0).saturating_sub(cost)
    }

    fn fee(&self, weight: u64) -> u64 {
        self.needs.rate.fee_sat(weight.div_ceil(4)).unwrap_or(u64::MAX)
    }

    /// The fee of a whole transaction: the rate, and more than what it replaces paid.
    fn whole_fee(&self, inputs: &[&Coin], outputs: usize, outputs_weight: u64) -> u64 {
        let inputs_weight: u64 = inputs.iter().map(|c| weight::input(c.kind)).sum();
        let weight = weight::frame(inputs.len(), outputs) + inputs_weight + outputs_weight;
        // BIP-125 rule 4: the relay of the replacement is paid anew, one satoshi per virtual byte.
        let replacing = self.needs.replaced_fee_sat.map_or(0, |sat| sat.saturating_add(weight.div_ceil(4)));
        self.fee(weight).max(replacing)
    }

    /// A set that pays everything and leaves less than change would cost, by bounded depth-first search.
    fn exact<'c>(&self, anchor: Option<&'c Coin>, rest: &[&'c Coin]) -> Option<Vec<&'c Coin>> {
        let change_weight = weight::output(weight::script_bytes(self.needs.change.kind));
        let change_cost = self.fee(change_weight).saturating_add(self.fee(weight::input(self.needs.change.kind)));
        let rest = rest.get(..SEARCH_COINS).unwrap_or(rest);
        let mut search =
            Search { task: self, rest, slack: change_cost, steps: 0, chosen: anchor.into_iter().collect() };
        // A cancel has no output but change.
        (self.payments > 0 && search.descend(0)).then_some(search.chosen)
    }

    fn largest_first<'c>(&self, anchor: Option<&'c Coin>, rest: &[&'c Coin]) -> Result<Choice, SelectError> {
        let mut chosen: Vec<&Coin> = anchor.into_iter().collect();
        let mut rest = rest.iter();
        loop {
            let why = match self.choice(&chosen) {
                Ok(choice) => return Ok(choice),
                Err(Short::Final(why)) => return Err(why),
                Err(Short::Coins(why)) => why,
            };
            let bytes: usize = chosen.iter().map(|c| c.previous_tx.len()).sum();
            match rest.find(|c| bytes + c.previous_tx.len() <= PREVIOUS_BYTES) {
                Some(coin) if chosen.len() < limits::SIGHASHES => chosen.push(coin),
                _ => return Err(why),
            }
        }
    }

    /// With exactly these coins: with change if that is worth it, else what is left goes to the fee.
    fn choice(&self, chosen: &[&Coin]) -> Result<Choice, Short> {
        let in_sat = chosen.iter().filter_map(|c| c.amount.to_u64()).fold(0, u64::saturating_add);
        let change_weight = weight::output(weight::script_bytes(self.needs.change.kind));
        let with_change = self.whole_fee(chosen, self.payments + 1, self.outputs_weight + change_weight);
        let without = self.whole_fee(chosen, self.payments, self.outputs_weight);
        let left = in_sat.saturating_sub(self.paid_sat);
        let changes = left >= with_change.saturating_add(DUST_SAT);
        if !changes && (self.payments == 0 || in_sat < self.paid_sat || left < without) {
            let needed = Amount::from_u64(self.paid_sat.saturating_add(without));
            return Err(Short::Coins(SelectError::Funds { available: Amount::from_u64(in_sat), needed }));
        }
        let fee = if changes { with_change } else { left };
        if fee > self.max_fee_sat {
            let too_low = SelectError::FeeTooLow { max_fee: self.plan.max_fee, needed: Amount::from_u64(fee) };
            // Without change too much is left over: one more coin gives change. With change a coin only costs more.
            return Err(if changes { Short::Final(too_low) } else { Short::Coins(too_low) });
        }
        let ChangeTo { position, kind } = self.needs.change;
        let change = changes.then(|| Change { position, kind, after: self.place(chosen) });
        let inputs = chosen.iter().map(|c| input(c)).collect();
        Ok(Choice { inputs, change, fee: Amount::from_u64(fee), lock_time: 0, version: 2 })
    }

    /// Change stands anywhere among the payments, by the first coin's id: its place tells an observer nothing.
    fn place(&self, chosen: &[&Coin]) -> usize {
        let byte = chosen.first().map_or(0, |c| usize::from(c.outpoint.txid[0]));
        byte % (self.payments + 1)
    }
}

/// Why these coins do not do.
enum Short {
    /// More may.
    Coins(SelectError),
    /// More will not.
    Final(SelectError),
}

fn input(coin: &Coin) -> Input {
    let (previous_tx, vout) = (coin.previous_tx.clone(), coin.outpoint.vout);
    Input { previous_tx, vout, position: coin.position, sequence: SEQUENCE }
}

/// Depth first over coins from the largest on, each taken or left.
struct Search<'s, 'c> {
    task: &'s Task<'s>,
    rest: &'s [&'c Coin],
    slack: u64,
    steps: usize,
    chosen: Vec<&'c Coin>,
}

impl Search<'_, '_> {
    /// Whether `chosen` can be completed with coins from `at` on; if so it is complete.
    fn descend(&mut self, at: usize) -> bool {
        self.steps += 1;
        let fee = self.task.whole_fee(&self.chosen, self.task.payments, self.task.outputs_weight);
        let needed = self.task.paid_sat.saturating_add(fee);
        let sum = |coins: &[&Coin]| coins.iter().filter_map(|c| c.amount.to_u64()).fold(0, u64::saturating_add);
        let have = sum(&self.chosen);
        if have >= needed {
            let bytes: usize = self.chosen.iter().map(|c| c.previous_tx.len()).sum();
            return have - needed <= self.slack && bytes <= PREVIOUS_BYTES;
        }
        let Some(coin) = self.rest.get(at) else { return false };
        let hopeless = have.saturating_add(sum(&self.rest[at..])) < needed;
        if hopeless || self.steps > SEARCH_STEPS || self.chosen.len() >= limits::SIGHASHES {
            return false;
        }
        self.chosen.push(coin);
        if self.descend(at + 1) {
            return true;
        }
        self.chosen.pop();
        self.descend(at + 1)
    }
}
