//! Addresses: text in its one spelling, the script it stands for, and the scripts of a wallet's own keys.

use crate::ChainError;
use crate::bitcoin::own::OwnKey;
use ::bitcoin::address::NetworkUnchecked;
use ::bitcoin::{Network, Script, ScriptBuf, XOnlyPublicKey};
use ringi_primitives::address::Address;
use ringi_primitives::limits;
use ringi_primitives::network::BitcoinNetwork;
use ringi_primitives::scheme::Scheme;

/// The kinds of output a wallet owns. Each has its own signature scheme, so never a key in common (rule K1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressKind {
    /// Version 0 witness program of a key's hash (BIP-141, BIP-84).
    P2wpkh,
    /// Version 1 witness program: the key tweaked for no scripts (BIP-341, BIP-86).
    P2tr,
}

impl AddressKind {
    /// The scheme that spends outputs of this kind.
    pub fn scheme(self) -> Scheme {
        match self {
            AddressKind::P2wpkh => Scheme::EcdsaSecp256k1,
            AddressKind::P2tr => Scheme::Bip340,
        }
    }
}

pub(super) fn network(net: BitcoinNetwork) -> Network {
    match net {
        BitcoinNetwork::Main => Network::Bitcoin,
        BitcoinNetwork::Testnet => Network::Testnet,
        BitcoinNetwork::Signet => Network::Signet,
        BitcoinNetwork::Regtest => Network::Regtest,
    }
}

/// The output kinds that can be paid: anything else is data, a bare script, a witness version without a meaning, or a
/// taproot output key that is no point, which nobody can ever spend (BIP-341).
pub(super) fn payable(script: &Script) -> bool {
    let on_curve = || script.as_bytes().get(2..).is_some_and(|key| XOnlyPublicKey::from_slice(key).is_ok());
    let v0 = script.is_p2wpkh() || script.is_p2wsh();
    v0 || script.is_p2pkh() || script.is_p2sh() || (script.is_p2tr() && on_curve())
}

/// The address of a key, 33 bytes compressed (SEC 1), and its text form on `net`.
///
/// # Errors
/// [`ChainError::NoKey`] if the bytes are no such key.
pub fn address_of(net: BitcoinNetwork, kind: AddressKind, key: &[u8]) -> Result<(Address, String), ChainError> {
    let address = to_address(OwnKey::from_bytes(kind, key)?.script())?;
    Ok((address, format_address(net, &address)))
}

/// Reads bech32, bech32m or base58check text of one of the five payable kinds, in the one spelling that
/// [`format_address`] writes.
///
/// # Errors
/// [`ChainError::Address`].
pub fn parse_address(net: BitcoinNetwork, text: &str) -> Result<Address, ChainError> {
    if text.len() > limits::ADDRESS_TEXT_BYTES {
        return Err(ChainError::Address("too long"));
    }
    let unchecked: ::bitcoin::Address<NetworkUnchecked> =
        text.parse().map_err(|_| ChainError::Address("not bech32, bech32m or base58check"))?;
    let checked =
        unchecked.require_network(network(net)).map_err(|_| ChainError::Address("belongs to another network"))?;
    let script = checked.script_pubkey();
    if !payable(&script) {
        return Err(ChainError::Address("of a kind that is not paid"));
    }
    let address = to_address(script)?;
    if format_address(net, &address) != text {
        return Err(ChainError::Address("not in its usual spelling"));
    }
    Ok(address)
}

/// The text form; for a script that has none, its hex.
pub fn format_address(net: BitcoinNetwork, address: &Address) -> String {
    let script = ScriptBuf::from_bytes(address.raw().to_vec());
    match ::bitcoin::Address::from_script(&script, network(net)) {
        Ok(text) => text.to_string(),
        Err(_) => script.to_hex_string(),
    }
}

pub(super) fn to_address(script: ScriptBuf) -> Result<Address, ChainError> {
    Address::new(script.as_bytes()).ok_or(ChainError::Address("script too long"))
}

pub(super) fn to_script(address: &Address) -> ScriptBuf {
    ScriptBuf::from_bytes(address.raw().to_vec())
}

/// Feeds foreign text to the parser; what it accepts has one spelling.
pub fn fuzz(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for net in [BitcoinNetwork::Main, BitcoinNetwork::Testnet, BitcoinNetwork::Regtest] {
        if let Ok(address) = parse_address(net, text) {
            assert!(format_address(net, &address) == text && payable(&to_script(&address)));
        }
    }
}
