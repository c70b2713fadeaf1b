//! Networks by name: `eip155:<chain id>` or `bitcoin:<main|testnet|signet|regtest>`. A network is configuration
//! in the signed policy set; its family decides which chain code decodes its bytes.

use minicbor::{Decode, Encode};
use std::fmt;

/// A Bitcoin network; decides address prefixes, never keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum BitcoinNetwork {
    /// Mainnet.
    #[n(0)]
    Main,
    /// Testnet3 and testnet4.
    #[n(1)]
    Testnet,
    /// Signet.
    #[n(2)]
    Signet,
    /// Regtest.
    #[n(3)]
    Regtest,
}

/// One chain, named exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum NetworkId {
    /// An EVM chain by its EIP-155 chain id, never 0 (rule C2).
    #[n(0)]
    Evm(#[n(0)] u64),
    /// A Bitcoin network.
    #[n(1)]
    Bitcoin(#[n(0)] BitcoinNetwork),
}

/// Why a text names no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown network: expected eip155:<chain id> or bitcoin:<main|testnet|signet|regtest>")]
pub struct NetworkError;

impl std::str::FromStr for NetworkId {
    type Err = NetworkError;
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let network = match text.split_once(':').ok_or(NetworkError)? {
            ("eip155", id) => NetworkId::Evm(id.parse().ok().filter(|n| *n != 0).ok_or(NetworkError)?),
            ("bitcoin", "main") => NetworkId::Bitcoin(BitcoinNetwork::Main),
            ("bitcoin", "testnet") => NetworkId::Bitcoin(BitcoinNetwork::Testnet),
            ("bitcoin", "signet") => NetworkId::Bitcoin(BitcoinNetwork::Signet),
            ("bitcoin", "regtest") => NetworkId::Bitcoin(BitcoinNetwork::Regtest),
            _ => return Err(NetworkError),
        };
        if network.to_string() == text { Ok(network) } else { Err(NetworkError) }
    }
}

impl fmt::Display for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NetworkId::Evm(id) => write!(f, "eip155:{id}"),
            NetworkId::Bitcoin(BitcoinNetwork::Main) => f.write_str("bitcoin:main"),
            NetworkId::Bitcoin(BitcoinNetwork::Testnet) => f.write_str("bitcoin:testnet"),
            NetworkId::Bitcoin(BitcoinNetwork::Signet) => f.write_str("bitcoin:signet"),
            NetworkId::Bitcoin(BitcoinNetwork::Regtest) => f.write_str("bitcoin:regtest"),
        }
    }
}

impl serde::Serialize for NetworkId {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for NetworkId {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_only() {
        for good in ["eip155:1", "eip155:31337", "bitcoin:main", "bitcoin:regtest"] {
            assert_eq!(good.parse::<NetworkId>().unwrap().to_string(), good);
        }
        for bad in ["eip155:0", "eip155:01", "eip155:+1", "eip155:-1", "bitcoin:", "evm:1", "1", ""] {
            assert!(bad.parse::<NetworkId>().is_err(), "{bad}");
        }
    }
}
