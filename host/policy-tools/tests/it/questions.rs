//! Questions about a set: effects, approvals, memory of limits, prices and times that lie at the set's bounds.

use crate::dice::Dice;
use crate::sets::{
    BTC, EVM, FIELDS, FUNCTIONS, Focus, Holds, NETWORKS, TYPES, Universe, address, assets, contract, mostly, person,
    usdc, wallet,
};
use ringi_policy::{Coins, Question, Spent};
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::decision::{LimitKey, Spending, Subject};
use ringi_primitives::digest::Digest;
use ringi_primitives::effects::{Effect, MessageField, OpaqueKind};
use ringi_primitives::id::{IntentId, PersonId};
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::{AllowEntry, Limit, Measure, PolicySet, Scope, Window};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::{VaultIndex, WalletRef};
use ringi_primitives::zone::Zone;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that a question borrows.
pub struct Asked {
    pub wallet: WalletRef,
    pub initiator: PersonId,
    pub effects: Vec<Effect>,
    pub network: NetworkId,
    pub fee: Amount,
    pub approvals: BTreeSet<PersonId>,
    pub independent: BTreeSet<PersonId>,
    pub intent: IntentId,
    pub memory: Memory,
    pub now: UnixMs,
    pub prices: BTreeMap<AssetKey, Amount>,
    pub balances: BTreeMap<AssetKey, Amount>,
    pub signers: Option<BTreeSet<PartyIndex>>,
    pub coins: Coins,
}

/// Entries, and which intents are proved final.
pub struct Memory {
    pub entries: Vec<Spending>,
    pub finals: BTreeSet<IntentId>,
}

impl Spent for Memory {
    fn in_window(&self, limit: &LimitKey, from: UnixMs, excluding: &IntentId) -> Option<Amount> {
        self.entries.in_window(limit, from, excluding)
    }

    fn outstanding(&self, limit: &LimitKey, excluding: &IntentId) -> Option<Amount> {
        let open: Vec<_> = self.entries.iter().filter(|e| !self.finals.contains(&e.intent)).cloned().collect();
        open.outstanding(limit, excluding)
    }

    fn of_intent(&self, limit: &LimitKey, intent: &IntentId) -> Amount {
        self.entries.of_intent(limit, intent)
    }
}

impl Asked {
    pub fn question<'a>(&'a self, policy: &'a PolicySet) -> Question<'a> {
        Question {
            policy,
            wallet: self.wallet,
            initiator: self.initiator,
            effects: &self.effects,
            network: self.network,
            fee: self.fee,
            approvals: &self.approvals,
            independent: &self.independent,
            intent: self.intent,
            spent: &self.memory,
            now: self.now,
            prices: &self.prices,
            balances: &self.balances,
            signers: self.signers.as_ref(),
            coins: self.coins,
        }
    }
}

fn intent(n: u64) -> IntentId {
    IntentId::from_bytes([n as u8; 16])
}

/// One question about the set.
pub fn asked(dice: &mut Dice, universe: &Universe) -> Asked {
    let network = match dice.below(40) {
        0 => NetworkId::Evm(137),
        1 | 2 => dice.pick(&NETWORKS),
        _ => universe.network,
    };
    let initiator = person(if dice.chance(2) { 5 } else { dice.between(1, 4) });
    let wallet_id = if dice.chance(3) { 4 } else { dice.between(1, 3) };
    let acting = WalletRef { vault: VaultIndex(dice.pick(&vaults())), wallet: wallet(wallet_id) };
    let now = time(dice, universe);
    let effects: Vec<_> = (0..number(dice)).map(|_| effect(dice, network, universe.focus)).collect();
    let approvals: BTreeSet<_> = (1..=5).filter(|_| dice.chance(45)).map(person).collect();
    let independent = approvals.iter().copied().filter(|_| dice.chance(40)).collect();
    let mut asked = Asked {
        wallet: acting,
        initiator,
        network,
        fee: if dice.chance(30) { Amount::ZERO } else { fee(dice) },
        effects,
        approvals,
        independent,
        intent: intent(dice.between(1, 3)),
        memory: Memory { entries: vec![], finals: (1..=4).filter(|_| dice.chance(40)).map(intent).collect() },
        now,
        prices: assets().into_iter().filter(|_| dice.chance(88)).map(|a| (a, Amount::ZERO)).collect(),
        balances: assets().into_iter().filter(|_| dice.chance(80)).map(|a| (a, Amount::ZERO)).collect(),
        signers: if dice.chance(60) { Some(signers(dice)) } else { None },
        coins: coins(dice, network),
    };
    for (asset, price) in &mut asked.prices {
        *price = price_of(dice, universe, asset);
    }
    asked.balances.values_mut().for_each(|balance| *balance = self::balance(dice));
    for _ in 0..dice.below(7) {
        let limits = &universe.policy.vaults[0].limits;
        let limit = dice.pick(limits);
        let entry = spending(dice, &limit, &asked);
        asked.memory.entries.push(entry);
    }
    asked
}

/// Now and then another vault, or one that is not there.
fn vaults() -> Vec<u32> {
    [vec![1; 58], vec![2, 3]].concat()
}

fn number(dice: &mut Dice) -> u64 {
    match dice.below(50) {
        0 => 0,
        1..=32 => 1,
        _ => dice.between(2, 4),
    }
}

/// Around the time about which the set's windows and hours lie.
fn time(dice: &mut Dice, universe: &Universe) -> UnixMs {
    let near = universe.now;
    let far = dice.pick(&[60_000, 3_600_000, 12 * 3_600_000, 72 * 3_600_000, 40 * 86_400_000]);
    match dice.below(10) {
        0..=2 => near,
        3 => near.minus_ms(1),
        4 => near.plus_ms(1),
        5 => near.plus_ms(dice.pick(&[999, 1000, 59_999, 60_000])),
        6 => near.minus_ms(dice.pick(&[1000, 60_000, 60_001])),
        7 => near.minus_ms(dice.below(far)),
        _ => near.plus_ms(dice.below(far)),
    }
}

fn fee(dice: &mut Dice) -> Amount {
    if dice.chance(2) { dice.amount() } else { Amount::from_u64(dice.below(11)) }
}

fn balance(dice: &mut Dice) -> Amount {
    if dice.chance(10) { dice.amount() } else { Amount::from_u64(dice.below(100)) }
}

/// About a unit of dollars for a base unit of the asset, and odd ones.
fn price_of(dice: &mut Dice, universe: &Universe, asset: &AssetKey) -> Amount {
    let decimals = universe.policy.asset_by_key(asset).unwrap().decimals;
    let unit = Amount::power_of_ten(decimals.min(60)).unwrap();
    let half = unit.divided_up(Amount::from_u64(2)).unwrap();
    match dice.below(12) {
        0 => Amount::from_u64(dice.below(3)),
        1 => dice.amount(),
        2 => half.checked_add(Amount::from_u64(1)).unwrap(),
        3 => half,
        4 => unit.checked_mul(Amount::from_u64(3)).unwrap(),
        _ => unit,
    }
}

fn signers(dice: &mut Dice) -> BTreeSet<PartyIndex> {
    (1..=3).filter(|_| dice.chance(70)).filter_map(PartyIndex::new).collect()
}

fn coins(dice: &mut Dice, network: NetworkId) -> Coins {
    if network != BTC && dice.chance(90) {
        return Coins::Without;
    }
    match dice.below(6) {
        0 => Coins::Without,
        1 => Coins::Undecided,
        _ => Coins::Chosen {
            inputs: dice.below(5) as u32,
            outputs: dice.below(5) as u32,
            value: Amount::from_u64(dice.below(70)),
        },
    }
}

fn effect(dice: &mut Dice, here: NetworkId, focus: Focus) -> Effect {
    let network = if dice.chance(1) { dice.pick(&NETWORKS) } else { here };
    match focus {
        Focus::Calls if dice.chance(75) => return call(dice, network),
        Focus::Messages if dice.chance(75) => return typed_message(dice, network),
        Focus::Any | Focus::Calls | Focus::Messages => {}
    }
    let who = address(network, dice.between(5, 9));
    let amount = dice.amount();
    let token = match dice.below(40) {
        // Of no set.
        0 => AssetKey::token(network, address(network, 0xee)),
        1..=16 if network == EVM => usdc(),
        17..=20 if network == EVM => crate::sets::odd(),
        _ => AssetKey::native(network),
    };
    let opaque = |kind, target, value| Effect::Opaque { network, kind, target, value, payload: Digest::ZERO };
    match dice.below(if network == BTC { 10 } else { 22 }) {
        0..=7 => Effect::Transfer { asset: token, to: who, amount },
        8 => Effect::OwnershipProof { network, statement: "ours".into() },
        9 if network == BTC => opaque(OpaqueKind::Message, None, Amount::ZERO),
        9 => opaque(OpaqueKind::Message, None, amount),
        10 => Effect::Approve { asset: token, spender: who, amount },
        11 => Effect::TransferFrom { asset: token, owner: address(network, 6), to: who, amount },
        12 => Effect::Permit { asset: token, spender: who, amount, deadline_s: dice.below(100) },
        13..=15 => call(dice, network),
        16 => Effect::Delegate { network, delegate: who },
        17 => Effect::SelfCancel { network },
        18 | 19 => typed_message(dice, network),
        20 => opaque(dice.pick(&[OpaqueKind::Call, OpaqueKind::TypedData]), Some(who), amount),
        _ => opaque(OpaqueKind::Creation, None, amount),
    }
}

/// A number or an address of the universe, now and then the other or one with dirt before it.
fn word(dice: &mut Dice, holds: Holds) -> Amount {
    let mut bytes = [0; 32];
    let holds = if dice.chance(15) { dice.pick(&[Holds::Number, Holds::Address]) } else { holds };
    match holds {
        Holds::Number if dice.chance(10) => return dice.amount(),
        Holds::Number => return Amount::from_u64(dice.below(16)),
        Holds::Address => bytes[12..].copy_from_slice(address(EVM, dice.between(5, 9)).raw()),
    }
    if dice.chance(10) {
        bytes[dice.below(12) as usize] = 1;
    }
    Amount::from_be_bytes(bytes)
}

fn call(dice: &mut Dice, network: NetworkId) -> Effect {
    let mut data = vec![1, 2, 3, 4];
    let words = dice.pick(&[0, 1, 2, 2, 2, 2, 3]);
    for holds in [Holds::Address, Holds::Number, Holds::Number].into_iter().take(words) {
        data.extend(word(dice, holds).to_be_bytes());
    }
    if dice.chance(5) {
        data.truncate(dice.below(data.len() as u64 + 1) as usize);
    }
    Effect::Call {
        network,
        contract: contract(dice, network),
        value: if dice.chance(50) { Amount::ZERO } else { dice.amount() },
        function: mostly(dice, &FUNCTIONS),
        data,
    }
}

fn typed_message(dice: &mut Dice, network: NetworkId) -> Effect {
    let field = |dice: &mut Dice, (path, holds): (&str, Holds)| MessageField {
        path: path.into(),
        word: word(dice, holds),
        text: String::new(),
    };
    let mut fields: Vec<_> = FIELDS.into_iter().map(|named| field(dice, named)).collect();
    if dice.chance(20) {
        fields.remove(dice.below(3) as usize);
    }
    if dice.chance(10) {
        // A path that stands there twice, with the same word or another.
        let again = if dice.chance(50) { fields[0].clone() } else { field(dice, FIELDS[0]) };
        fields.push(again);
    }
    Effect::TypedMessage {
        network,
        fields,
        contract: contract(dice, network),
        kind: mostly(dice, &TYPES),
        payload: Digest::ZERO,
    }
}

/// An entry of this limit, mostly of a subject of this question, at an edge of its window.
fn spending(dice: &mut Dice, limit: &Limit, asked: &Asked) -> Spending {
    let to = match asked.effects.first().and_then(Effect::beneficiary) {
        Some(address) if dice.chance(80) => Some(AllowEntry { network: asked.network, address }),
        _ => None,
    };
    let per = if dice.chance(5) { Scope::Vault } else { limit.per };
    let subject = match per {
        Scope::Vault => Subject::Vault,
        Scope::Wallet if dice.chance(85) => Subject::Wallet(asked.wallet.wallet),
        Scope::Wallet => Subject::Wallet(wallet(2)),
        Scope::Initiator if dice.chance(85) => Subject::Initiator(asked.initiator),
        Scope::Initiator => Subject::Initiator(person(2)),
        Scope::Destination => Subject::Destination(to),
    };
    let measure = if dice.chance(4) { Measure::Count } else { limit.measure };
    let vault = if dice.chance(3) { VaultIndex(2) } else { asked.wallet.vault };
    let edge = match &limit.window {
        Window::Rolling(seconds) => asked.now.minus_ms(seconds * 1000),
        Window::Calendar { period, zone } => Zone::named(zone).unwrap().start_of(*period, asked.now).unwrap(),
        Window::UntilFinal => asked.now,
    };
    let at = match dice.below(8) {
        0 | 1 => edge,
        2 => edge.minus_ms(1),
        3 => edge.plus_ms(1),
        4 => edge.plus_ms(dice.below(90_000_000)),
        5 => edge.minus_ms(dice.below(90_000_000)),
        6 => asked.now.plus_ms(dice.below(5000)),
        _ => asked.now.minus_ms(dice.below(86_400_000)),
    };
    Spending {
        limit: LimitKey { vault, name: limit.name.clone(), measure, subject },
        intent: intent(dice.between(1, 4)),
        amount: if limit.measure == Measure::Count { Amount::from_u64(1) } else { dice.amount() },
        at,
    }
}
