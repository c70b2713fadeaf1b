//! Assets: what an amount counts. Decimals and contract come from the signed policy set only (rule G3).

use crate::address::Address;
use crate::network::NetworkId;
use minicbor::{Decode, Encode};

/// What the bytes of a transaction move: the network's own coin, or a token contract on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct AssetKey {
    /// The chain.
    #[n(0)]
    pub network: NetworkId,
    /// The token contract; `None` for the network's own coin.
    #[n(1)]
    pub token: Option<Address>,
}

impl AssetKey {
    /// The network's own coin.
    pub fn native(network: NetworkId) -> AssetKey {
        AssetKey { network, token: None }
    }

    /// A token contract on the network.
    pub fn token(network: NetworkId, contract: Address) -> AssetKey {
        AssetKey { network, token: Some(contract) }
    }
}

/// An asset as the policy set defines it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Asset {
    /// The short stable name intents use, such as `eth` or `usdc`; unique in the policy set.
    #[n(0)]
    pub id: String,
    /// What it is on its chain; unique in the policy set.
    #[n(1)]
    pub key: AssetKey,
    /// Digits after the point in human form; fixed for ever with the signed set.
    #[n(2)]
    pub decimals: u8,
}
