//! A hundred thousand wallets that have paid once, in the sealed records of every cosigner.

use super::stage::home;
use ringi_cosigner::journal::{SealedRecord, SealingKey};
use ringi_enclave_host::{RecordStore, StoredRecord};
use ringi_primitives::network::NetworkId;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::wallet::VaultIndex;
use ringi_sim::history::History;
use std::path::Path;
use zeroize::Zeroizing;

/// The wallets.
pub const WALLETS: u32 = 100_000;

/// Adds the wallets to all three cosigners of a stopped platform. Gives the size of a cosigner's records, bytes.
pub fn add_wallets(folder: &Path) -> usize {
    let network = NetworkId::Evm(super::node::CHAIN_ID);
    let (vault, limit, at) = (VaultIndex(1), "per-day".to_string(), ringi::fresh::now());
    let history = History { wallets: WALLETS, vault, limit, network, at };
    let parties = (1..=3).filter_map(PartyIndex::new);
    parties.map(|party| add(&home(folder, party.number()), party, &history)).max().unwrap_or_default()
}

fn add(home: &Path, party: PartyIndex, history: &History) -> usize {
    let key = std::fs::read(home.join("development-sealing.key")).expect("the development key");
    let key = SealingKey::new(Zeroizing::new(key.try_into().expect("32 bytes")));
    let (mut store, kept) = RecordStore::open(home).expect("the records of a stopped cosigner");
    let snapshot = history.after(kept.into_iter().map(|r| r.record).collect(), &key, party);
    let stored = |r: SealedRecord| StoredRecord { sequence: r.sequence, kind: r.kind, record: r.bytes };
    let records: Vec<StoredRecord> = snapshot.into_iter().map(stored).collect();
    store.append(&records).expect("stored");
    records.iter().map(|r| r.record.len()).sum()
}
