//! `ringi verify address`: an address is the wallet's if it derives from a key that all cosigners certified (rule A1).

use super::keys::CertifiedKeys;
use super::{VerifyError, ensure};
use ringi_chain::bitcoin::{self, AddressKind};
use ringi_chain::{ChainError, KeySource, evm};
use ringi_primitives::cbor;
use ringi_primitives::certificate::{AddressStatement, drilled_by_all};
use ringi_primitives::genesis::{Assurance, GenesisChain};
use ringi_primitives::limits;
use ringi_primitives::network::NetworkId;
use ringi_primitives::scheme::Scheme;
use ringi_primitives::wallet::KeyPosition;
use serde::Serialize;

/// An address that was derived again and is the stated one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VerifiedAddress {
    /// The address.
    pub address: String,
    /// The chain.
    pub network: NetworkId,
    /// `account`, `p2tr` or `p2wpkh`.
    pub kind: String,
    /// The wallet.
    pub wallet: String,
    /// Number of its vault.
    pub vault: u32,
    /// Below the wallet: branch and index.
    pub position: [u32; 2],
    /// What the cosigners run in.
    pub assurance: &'static str,
}

/// Verifies a statement's bytes.
///
/// # Errors
/// [`VerifyError`], the first check that fails.
pub fn verify_address(bytes: &[u8], genesis: &GenesisChain) -> Result<VerifiedAddress, VerifyError> {
    let statement: AddressStatement =
        cbor::decode(bytes, limits::GENESIS_BYTES).map_err(|_| VerifyError::Malformed("not an address statement"))?;
    ensure(statement.version == 1, VerifyError::Malformed("version is not 1"))?;
    ensure(statement.genesis == genesis.root(), VerifyError::OtherGenesis("address statement"))?;
    let certificates = std::slice::from_ref(&statement.certificate);
    let key = statement.certificate.certificate.key;
    let keys = CertifiedKeys::new(certificates, genesis, key.root, statement.wallet)?;
    // K3: an address of production is none before all cosigners have seen their kits opened.
    let drilled = drilled_by_all(&statement.drills, &key, genesis);
    ensure(drilled || genesis.head().assurance != Assurance::Nitro, VerifyError::Undrilled)?;
    let derived = derive(&keys, statement.network, &statement.kind, statement.position)?;
    ensure(derived == statement.address, VerifyError::Differs("the address"))?;
    Ok(VerifiedAddress {
        address: statement.address,
        network: statement.network,
        kind: statement.kind,
        wallet: statement.wallet.wallet.to_string(),
        vault: statement.wallet.vault.0,
        position: [statement.position.branch, statement.position.index],
        assurance: genesis.head().assurance.name(),
    })
}

fn derive(keys: &dyn KeySource, network: NetworkId, kind: &str, position: KeyPosition) -> Result<String, VerifyError> {
    let key = |scheme| keys.public_key(scheme, position).ok_or(VerifyError::Certificate("of another scheme"));
    match (network, kind) {
        (NetworkId::Evm(_), "account") => {
            ensure(position == KeyPosition::ACCOUNT, VerifyError::Differs("the position of an account key"))?;
            Ok(evm::format_address(&evm::address_from_key(&key(Scheme::EcdsaSecp256k1)?)?))
        }
        (NetworkId::Bitcoin(net), "p2tr") => Ok(bitcoin::address_of(net, AddressKind::P2tr, &key(Scheme::Bip340)?)?.1),
        (NetworkId::Bitcoin(net), "p2wpkh") => {
            Ok(bitcoin::address_of(net, AddressKind::P2wpkh, &key(Scheme::EcdsaSecp256k1)?)?.1)
        }
        _ => Err(VerifyError::Chain(ChainError::Unsupported("no such kind of address on this network"))),
    }
}
