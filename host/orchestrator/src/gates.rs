//! One at a time per limit (rule L1) and per wallet's coins: whoever comes first goes first.
//!
//! Cosigners refuse a busy limit; waiting here costs less than being refused there.

use ringi_primitives::decision::LimitKey;
use ringi_primitives::network::NetworkId;
use ringi_primitives::wallet::WalletRef;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

/// What is held one at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum GateKey {
    /// A limit, from the start of an attempt until all its signers have recorded the reservation.
    Limit(LimitKey),
    /// A wallet's coins on a network, while inputs are chosen and stored.
    Coins(WalletRef, NetworkId),
}

/// All gates; a gate nobody holds or waits for is dropped when the table grows.
#[derive(Default)]
pub(crate) struct Gates {
    gates: Mutex<HashMap<GateKey, Arc<Turn<()>>>>,
}

/// Held gates; dropping opens them.
pub(crate) type Held = Vec<OwnedMutexGuard<()>>;

/// Above this many gates the idle ones are dropped.
const IDLE_GATES: usize = 4096;

impl Gates {
    fn gate(&self, key: &GateKey) -> Arc<Turn<()>> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        if gates.len() > IDLE_GATES {
            gates.retain(|_, gate| Arc::strong_count(gate) > 1);
        }
        gates.entry(key.clone()).or_default().clone()
    }

    /// Waits for all of them, in one order for everybody, so that nobody waits in a circle.
    pub(crate) async fn enter(&self, keys: BTreeSet<GateKey>) -> Held {
        let mut held = Vec::with_capacity(keys.len());
        for key in &keys {
            held.push(self.gate(key).lock_owned().await);
        }
        held
    }
}
