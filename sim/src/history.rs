//! A long life: a cosigner's sealed records as if it had signed once for each of many wallets.
//!
//! A wallet costs a cosigner nothing until it signs: then there is the pin of its first nonce and one entry of its limit.

use minicbor::bytes::ByteVec;
use rand_core::OsRng;
use ringi_cosigner::core::Fatal;
use ringi_cosigner::journal::{Context, Journal, SealedRecord, SealingKey};
use ringi_cosigner::pins::Pin;
use ringi_cosigner::spending::Holders;
use ringi_cosigner::state::{Record, State};
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::decision::{LimitKey, Spending, Subject};
use ringi_primitives::effects::Slot;
use ringi_primitives::id::{IntentId, WalletId};
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::Measure;
use ringi_primitives::request::PayloadKind;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::VaultIndex;

/// What was signed: a first payment of each of so many wallets.
#[derive(Clone, Debug)]
pub struct History {
    /// How many wallets.
    pub wallets: u32,
    /// Their vault.
    pub vault: VaultIndex,
    /// The limit each was charged, by name.
    pub limit: String,
    /// The EVM chain they paid on.
    pub network: NetworkId,
    /// When.
    pub at: UnixMs,
}

impl History {
    /// The snapshot to store after a cosigner's records, so that it remembers this too.
    ///
    /// # Panics
    /// If the records are not this cosigner's under this key.
    pub fn after(&self, records: Vec<Vec<u8>>, key: &SealingKey, party: PartyIndex) -> Vec<SealedRecord> {
        let mut journal = Journal::new(key, party);
        let mut state = State::default();
        let records = records.into_iter().map(ByteVec::from);
        journal.restore(records, |record| state.apply(&record).map_err(Fatal::from)).expect("sound records");
        for n in 0..self.wallets {
            self.paid_once(n).iter().for_each(|record| state.apply(record).expect("a sound record"));
        }
        let context = Context {
            genesis: state.genesis.as_ref().map(|g| g.root()),
            policy: state.policy.as_ref().map(|p| p.digest),
        };
        let mut sealed = Vec::new();
        let snapshot = state.snapshot().expect("a snapshot");
        journal.snapshot(snapshot, context, &mut OsRng, |record| sealed.push(record)).expect("sealed records");
        sealed
    }

    fn paid_once(&self, n: u32) -> [Record; 2] {
        // Bytes that belong to this wallet alone.
        let id = u128::from(n).wrapping_add(1 << 100).to_be_bytes();
        let intent = IntentId::from_bytes(id);
        let account = Address::new(&[&id[..], &[7; 4]].concat()).expect("20 bytes");
        let slot = Slot::Nonce { network: self.network, account, nonce: 0 };
        let pin = Pin { intent, kind: PayloadKind::Transaction, root: intent, slot };
        let limit = LimitKey {
            vault: self.vault,
            name: self.limit.clone(),
            measure: Measure::Asset(AssetKey::native(self.network)),
            subject: Subject::Wallet(WalletId::from_bytes(id)),
        };
        let entry = Spending { limit, intent, amount: Amount::from_u64(1_000), at: self.at };
        let holders = Holders::of((1..=3).filter_map(PartyIndex::new));
        [Record::Pinned { pins: vec![pin], holders }, Record::Spent { entries: vec![entry], holders }]
    }
}
