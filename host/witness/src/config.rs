//! What a witness reads, where, how often. A file that people write; unknown keys are refused.

use crate::error::WitnessError;
use crate::fetch::{Ask, source};
use ringi_primitives::address::Address;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::digest::Digest;
use ringi_primitives::id::WalletId;
use ringi_primitives::network::NetworkId;
use ringi_primitives::wallet::{VaultIndex, WalletRef};
use serde::Deserialize;
use std::path::PathBuf;

/// The file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The platform's API.
    pub platform: String,
    /// The witness's key file.
    pub key: PathBuf,
    /// The workspace, pinned: hex of its genesis's digest. Nothing is signed for another.
    pub genesis: Digest,
    /// Seconds between rounds.
    #[serde(default = "ten")]
    pub interval_s: u64,
    /// Certificates of private authorities, PEM, for https sources.
    #[serde(default)]
    pub roots: Option<PathBuf>,
    /// Prices to state.
    #[serde(default)]
    pub prices: Vec<PriceForm>,
    /// Nodes to ask for balances and finality.
    #[serde(default)]
    pub nodes: Vec<NodeForm>,
    /// Balances to state.
    #[serde(default)]
    pub balances: Vec<BalanceForm>,
}

/// A price and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceForm {
    /// The asset's chain.
    pub network: NetworkId,
    /// Its contract; none for the chain's coin.
    #[serde(default)]
    pub token: Option<String>,
    /// An http or https address, or
    #[serde(default)]
    pub url: Option<String>,
    /// a file.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// Where in its JSON the US dollars of one whole unit stand (RFC 6901).
    pub pointer: String,
    /// From connecting to the last byte.
    #[serde(default = "five_seconds")]
    pub timeout_ms: u64,
    /// A longer answer is refused.
    #[serde(default = "quarter_mebibyte")]
    pub max_bytes: usize,
}

/// A node of an EVM chain.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeForm {
    /// `http://…`; may hold a secret.
    pub url: String,
    /// The chain it must be on.
    pub chain_id: u64,
    /// After how many blocks, itself counted, a block is final.
    pub confirmations: u64,
    /// Whether finality is stated from it.
    #[serde(default)]
    pub finality: bool,
}

impl std::fmt::Debug for NodeForm {
    /// Without the address.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeForm").field("chain_id", &self.chain_id).finish_non_exhaustive()
    }
}

/// A balance to state.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BalanceForm {
    /// Number of the wallet's vault.
    pub vault: u32,
    /// The wallet.
    pub wallet: WalletId,
    /// Its account on that chain, verified with `ringi verify address`.
    pub address: String,
    /// The asset's chain.
    pub network: NetworkId,
    /// Its contract; none for the chain's coin.
    #[serde(default)]
    pub token: Option<String>,
}

fn ten() -> u64 {
    10
}

fn five_seconds() -> u64 {
    5_000
}

fn quarter_mebibyte() -> usize {
    256 * 1024
}

/// A raw EVM address in hex, whatever the case of its letters.
fn evm_address(text: &str) -> Result<Address, WitnessError> {
    let bad = || WitnessError::Config(format!("{text} is no EVM address"));
    let digits = text.strip_prefix("0x").filter(|d| d.len() == 40).ok_or_else(bad)?;
    let byte = |at: usize| digits.get(at..at + 2).and_then(|d| u8::from_str_radix(d, 16).ok());
    let raw: Vec<u8> = (0..20).map(|n| byte(n * 2)).collect::<Option<_>>().ok_or_else(bad)?;
    Address::new(&raw).ok_or_else(bad)
}

fn asset(network: NetworkId, token: Option<&String>) -> Result<AssetKey, WitnessError> {
    match token {
        None => Ok(AssetKey::native(network)),
        Some(token) => Ok(AssetKey::token(network, evm_address(token)?)),
    }
}

impl PriceForm {
    /// Which asset.
    ///
    /// # Errors
    /// [`WitnessError::Config`].
    pub fn asset(&self) -> Result<AssetKey, WitnessError> {
        asset(self.network, self.token.as_ref())
    }

    /// How it is asked for.
    pub fn ask(&self) -> Ask {
        Ask { timeout_ms: self.timeout_ms, max_bytes: self.max_bytes }
    }
}

impl BalanceForm {
    /// Which asset.
    ///
    /// # Errors
    /// [`WitnessError::Config`].
    pub fn asset(&self) -> Result<AssetKey, WitnessError> {
        asset(self.network, self.token.as_ref())
    }

    /// Whose.
    pub fn wallet(&self) -> WalletRef {
        WalletRef { vault: VaultIndex(self.vault), wallet: self.wallet }
    }

    /// Its account.
    ///
    /// # Errors
    /// [`WitnessError::Config`].
    pub fn account(&self) -> Result<Address, WitnessError> {
        evm_address(&self.address)
    }
}

impl Config {
    /// Checks what can be checked before anything is asked.
    ///
    /// # Errors
    /// [`WitnessError::Config`], the first found.
    pub fn check(&self) -> Result<(), WitnessError> {
        let sound = |sound: bool, what: &str| match sound {
            true => Ok(()),
            false => Err(WitnessError::Config(what.into())),
        };
        source(&self.platform)?;
        sound((1..=86_400).contains(&self.interval_s), "interval_s is 1 to 86400")?;
        let mut assets = std::collections::BTreeSet::new();
        for price in &self.prices {
            sound(assets.insert(price.asset()?), "one asset has two prices")?;
            sound(price.url.is_some() != price.file.is_some(), "a price has a url or a file, one of both")?;
            sound((1..=60_000).contains(&price.timeout_ms), "timeout_ms is 1 to 60000")?;
            sound((1..=16 * 1024 * 1024).contains(&price.max_bytes), "max_bytes is 1 to 16 MiB")?;
            price.url.iter().try_for_each(|url| source(url).map(drop))?;
        }
        for node in &self.nodes {
            sound(node.confirmations > 0, "confirmations is 1 or more")?;
            let twice = self.nodes.iter().filter(|n| n.chain_id == node.chain_id).count() > 1;
            sound(!twice, "one chain has two nodes")?;
        }
        let mut wallets = std::collections::BTreeSet::new();
        for balance in &self.balances {
            balance.account()?;
            sound(wallets.insert((balance.wallet(), balance.asset()?)), "one balance is stated twice")?;
            let served = self.nodes.iter().any(|n| NetworkId::Evm(n.chain_id) == balance.network);
            sound(served, "a balance is of a chain without a node")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = r#"
        platform = "http://127.0.0.1:7420"
        key = "witness.key"
        genesis = "0101010101010101010101010101010101010101010101010101010101010101"
        interval_s = 5
        [[prices]]
        network = "eip155:1"
        url = "https://prices.example/eth"
        pointer = "/price"
        [[prices]]
        network = "eip155:1"
        token = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
        file = "usd.json"
        pointer = ""
        [[nodes]]
        url = "http://127.0.0.1:8545"
        chain_id = 1
        confirmations = 12
        finality = true
        [[balances]]
        vault = 1
        wallet = "wal_00000000000000000000000000"
        address = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
        network = "eip155:1"
    "#;

    fn verdict(from: &str, to: &str) -> Result<(), String> {
        assert!(FULL.contains(from), "{from}");
        let config: Config = toml::from_str(&FULL.replace(from, to)).map_err(|e| e.to_string())?;
        config.check().map_err(|e| e.to_string())
    }

    #[test]
    fn a_sound_file_is_read() {
        assert_eq!(verdict("interval_s = 5", "interval_s = 5"), Ok(()));
        let config: Config = toml::from_str(FULL).unwrap();
        assert_eq!((config.prices[0].timeout_ms, config.prices[0].max_bytes), (5_000, 256 * 1024));
        assert!(config.prices[1].asset().unwrap().token.is_some());
        assert!(!format!("{config:?}").contains("8545"), "a node's address may hold a secret");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (from, to) in [
            ("http://127.0.0.1:7420", "not a url"),
            ("http://127.0.0.1:7420", "file:///etc/passwd"),
            ("interval_s = 5", "interval_s = 0"),
            ("interval_s = 5", "intervall_s = 5"),
            ("0x5FbDB2315678afecb367f032d93F642f64180aa3", "0x5FbD"),
            ("token = \"0x5FbDB2315678afecb367f032d93F642f64180aa3\"\n", "\n"),
            ("url = \"https://prices.example/eth\"", "url = \"ftp://prices.example/eth\""),
            ("url = \"https://prices.example/eth\"", "url = \"prices.example\""),
            ("url = \"https://prices.example/eth\"", ""),
            ("file = \"usd.json\"", "file = \"usd.json\"\nurl = \"http://x\""),
            ("pointer = \"/price\"", "pointer = \"/price\"\ntimeout_ms = 0"),
            ("pointer = \"/price\"", "pointer = \"/price\"\nmax_bytes = 0"),
            ("confirmations = 12", "confirmations = 0"),
            ("chain_id = 1", "chain_id = 2"),
            ("0101010101", "01"),
            ("wal_00000000000000000000000000", "wal_0"),
        ] {
            assert!(verdict(from, to).is_err(), "{from} -> {to}");
        }
    }
}
