//! Coins and where they come from.

use super::error::CoinError;
use ringi_chain::KeySource;
use ringi_chain::bitcoin::{AddressKind, address_of};
use ringi_primitives::amount::Amount;
use ringi_primitives::effects::Outpoint;
use ringi_primitives::network::BitcoinNetwork;
use ringi_primitives::wallet::{BRANCH_CHANGE, BRANCH_RECEIVE, KeyPosition};
use std::collections::BTreeMap;

/// An unspent output of the wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coin {
    /// Which output.
    pub outpoint: Outpoint,
    /// Satoshi.
    pub amount: Amount,
    /// How it is locked.
    pub kind: AddressKind,
    /// To which of the wallet's keys.
    pub position: KeyPosition,
    /// The whole transaction that made it, consensus encoding.
    pub previous_tx: Vec<u8>,
}

/// Satoshi per 1,000 virtual bytes (BIP-141).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FeeRate {
    /// The number; 1000 is one satoshi per virtual byte, the least that nodes relay.
    pub sat_per_kvb: u64,
}

impl FeeRate {
    /// The fee of so many virtual bytes, rounded up. `None` if it does not fit.
    pub fn fee_sat(self, vbytes: u64) -> Option<u64> {
        self.sat_per_kvb.checked_mul(vbytes).map(|millis| millis.div_ceil(1000))
    }
}

/// The scripts a wallet's coins are locked with, and the key of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnScripts {
    scripts: BTreeMap<Vec<u8>, (AddressKind, KeyPosition)>,
}

impl OwnScripts {
    /// Both kinds of address at the first `receive` and `change` indices. A scheme the workspace has no key of is left out.
    ///
    /// # Errors
    /// [`CoinError::Chain`] if the source's keys are no points.
    pub fn first(
        net: BitcoinNetwork,
        keys: &dyn KeySource,
        receive: u32,
        change: u32,
    ) -> Result<OwnScripts, CoinError> {
        let mut scripts = BTreeMap::new();
        for (branch, count) in [(BRANCH_RECEIVE, receive), (BRANCH_CHANGE, change)] {
            for position in (0..count).map(|index| KeyPosition { branch, index }) {
                for kind in [AddressKind::P2wpkh, AddressKind::P2tr] {
                    let Some(key) = keys.public_key(kind.scheme(), position) else { continue };
                    let (address, _) = address_of(net, kind, &key)?;
                    scripts.insert(address.raw().to_vec(), (kind, position));
                }
            }
        }
        Ok(OwnScripts { scripts })
    }

    /// Exactly these scripts.
    pub fn of(scripts: impl IntoIterator<Item = (Vec<u8>, AddressKind, KeyPosition)>) -> OwnScripts {
        OwnScripts { scripts: scripts.into_iter().map(|(script, kind, at)| (script, (kind, at))).collect() }
    }

    /// The key a script is locked to, if it is the wallet's.
    pub fn find(&self, script: &[u8]) -> Option<(AddressKind, KeyPosition)> {
        self.scripts.get(script).copied()
    }
}

/// Where coins, fee rates and acceptance come from: a file now, a node later. Its word is a lie at worst: cosigners
/// check every previous transaction against its id (rule C1).
#[async_trait::async_trait]
pub trait CoinSource: Send + Sync {
    /// The unspent outputs locked with these scripts.
    ///
    /// # Errors
    /// [`CoinError`].
    async fn coins(&self, own: &OwnScripts) -> Result<Vec<Coin>, CoinError>;

    /// What transactions pay now.
    ///
    /// # Errors
    /// [`CoinError`].
    async fn fee_rate(&self) -> Result<FeeRate, CoinError>;

    /// Hands in a signed transaction; the same one any number of times. Gives its id as explorers show it.
    ///
    /// # Errors
    /// [`CoinError`] if it is not accepted.
    async fn submit(&self, tx: &[u8]) -> Result<String, CoinError>;
}
