//! What the script of the kill runs asks for: payments on both chains, and what may take the place of one.

use ringi_chain::bitcoin::{AddressKind, Input};
use ringi_chain::evm::Fees;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::id::IntentId;
use ringi_primitives::policy_set::{Band, Measure};
use ringi_sim::coins::{CoinDraft, change, coin, receive};
use ringi_sim::requests::{BITCOIN, Draft, EVM, Standard, limit_all};
use ringi_sim::world::World;

/// EVM payments of one run: together they ask for more than the day's cap.
pub const PAYMENTS: u8 = 6;
/// Bitcoin payments of one run: together they ask for more than their cap.
pub const COINS: u8 = 4;
/// Cap per day on signed satoshi, fees included.
pub const COIN_CAP: u64 = 70_000;
/// Above this, wei, two of three approvers.
pub const FREE: u64 = 300_000;

/// What may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An EVM payment.
    Pay,
    /// The same payment in its place, with a higher fee.
    Faster,
    /// Another amount in its place.
    Other,
    /// A self-cancel in its place.
    Cancel,
    /// A Bitcoin payment from a segwit and a taproot coin.
    Coins,
    /// Another in its place: RBF.
    Bump,
}

/// A payment by kind and number; replacements have the number of what they replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ask {
    pub kind: Kind,
    pub number: u8,
}

/// Where the host wants it to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Nonce(u64),
    Coins(Pick),
}

/// Which coins a Bitcoin payment spends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// Its chain's own two.
    Own,
    /// The same in the other order.
    Turned,
    /// Its chain's second and a fresh one.
    Second,
    /// The first of the next payment's instead of the chain's second.
    Neighbour,
}

impl Ask {
    fn id_byte(self) -> u8 {
        let base = match self.kind {
            Kind::Pay => 0,
            Kind::Faster => 20,
            Kind::Other => 40,
            Kind::Cancel => 60,
            Kind::Coins => 80,
            Kind::Bump => 100,
        };
        base + self.number
    }

    /// The intent's id.
    pub fn id(self) -> IntentId {
        IntentId::from_bytes([self.id_byte(); 16])
    }

    /// The first of its chain.
    pub fn root(self) -> Ask {
        let kind = match self.kind {
            Kind::Coins | Kind::Bump => Kind::Coins,
            _ => Kind::Pay,
        };
        Ask { kind, number: self.number }
    }

    /// What signing it is charged, the whole fee included.
    pub fn cost(self) -> u64 {
        match self.kind {
            Kind::Pay => 190_000 + 42_000,
            Kind::Faster => 190_000 + 63_000,
            Kind::Other => 210_000 + 42_000,
            Kind::Cancel => 63_000,
            Kind::Coins => 20_000 + 1_000,
            Kind::Bump => 25_000 + 2_000,
        }
    }

    /// The request's bytes at this place.
    pub fn bytes(self, world: &World, standard: &Standard, place: Place) -> Vec<u8> {
        match place {
            Place::Nonce(nonce) => self.evm(world, nonce).bytes(standard),
            Place::Coins(pick) => self.bitcoin(world, standard, pick).bytes(standard),
        }
    }

    fn evm(self, world: &World, nonce: u64) -> Draft {
        let amount = if self.kind == Kind::Other { 210_000 } else { 190_000 };
        let mut draft = Draft::payment(world, self.id_byte(), amount, nonce);
        if matches!(self.kind, Kind::Faster | Kind::Cancel) {
            draft.intent["max_fee"] = "63000".into();
            draft.choice.fees = Fees::Eip1559 { max_fee_per_gas: 3, max_priority_fee_per_gas: 2, access_list: vec![] };
        }
        if self.kind == Kind::Cancel {
            draft.intent["actions"] = serde_json::json!([{"type": "cancel"}]);
        }
        if self.kind != Kind::Pay {
            draft.intent["replaces"] = serde_json::json!(self.root().id());
        }
        draft
    }

    fn bitcoin(self, world: &World, standard: &Standard, pick: Pick) -> CoinDraft {
        let sats = if self.kind == Kind::Bump { 25_000 } else { 20_000 };
        let mut draft = CoinDraft::payment(world, standard, self.id_byte(), sats);
        draft.choice.inputs = coins(standard, self.number, pick);
        if self.kind == Kind::Bump {
            draft.intent["replaces"] = serde_json::json!(self.root().id());
            draft.choice.fee = Amount::from_u64(2_000);
        }
        draft
    }
}

/// The coins of a chain, by the number of its first payment.
fn coins(standard: &Standard, number: u8, pick: Pick) -> Vec<Input> {
    let segwit = |n: u8| coin(standard, AddressKind::P2wpkh, receive(3), 60_000, n * 4);
    let taproot = |n: u8| coin(standard, AddressKind::P2tr, change(7), 50_000, n * 4 + 1);
    let fresh = coin(standard, AddressKind::P2tr, receive(2), 40_000, number * 4 + 2);
    match pick {
        Pick::Own => vec![segwit(number), taproot(number)],
        Pick::Turned => vec![taproot(number), segwit(number)],
        Pick::Second => vec![fresh, taproot(number)],
        Pick::Neighbour => vec![segwit(number), segwit(number % COINS + 1)],
    }
}

/// The standard policy set with a limit on satoshi too.
pub fn amend(world: &mut World, standard: &mut Standard) {
    standard.amend(world, |policy| {
        limit_all(policy, "coins", AssetKey::native(BITCOIN), COIN_CAP);
        // Another FREE than the standard's, where the kills' is another.
        let small =
            Band { measure: Measure::Asset(AssetKey::native(EVM)), above: None, at_most: Some(Amount::from_u64(FREE)) };
        let pay = policy.vaults[0].rules.iter_mut().find(|r| r.name == "pay").expect("the standard set has one");
        pay.when.amounts = vec![small];
    });
}
