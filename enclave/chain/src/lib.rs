//! What each chain's bytes mean. No I/O.
//!
//! One narrow interface for all chains: [`plan`] (intent to effects with bounds), [`decode`] (bytes to effects and
//! sighashes, from one parse), [`assemble`] (bytes and signatures to a broadcastable transaction, verified), and addresses.
//! Encoding a plan with the host's choices is per family (`evm::encode`, `bitcoin::encode`). Adding a chain: a folder
//! here, a family in `primitives::network`, one arm in each function below.

pub mod bitcoin;
pub mod decoded;
pub mod error;
pub mod evm;

pub use decoded::{Coins, Decoded, KeySource, SigHash, SignedTx, Tweak};
pub use error::ChainError;

use ringi_primitives::address::Address;
use ringi_primitives::intent::Intent;
use ringi_primitives::network::NetworkId;
use ringi_primitives::plan::Plan;
use ringi_primitives::policy_set::PolicySet;
use ringi_primitives::request::{FinishedSignature, Unsigned};

/// What is being asked, in the chain's own terms. Resolves names in the policy set and addresses in the chain's form.
///
/// # Errors
/// [`ChainError`] if a name is unknown, an address malformed, or the chain cannot do what is asked.
pub fn plan(policy: &PolicySet, intent: &Intent) -> Result<Plan, ChainError> {
    match intent.network {
        NetworkId::Evm(_) => evm::plan(policy, intent),
        NetworkId::Bitcoin(_) => bitcoin::plan(policy, intent),
    }
}

/// What these bytes request of the wallet whose keys are given: effects, the most they can cost in fees, the slot they
/// take and what must be signed, joined from one parse. Everything accepted re-encodes to the same bytes.
///
/// # Errors
/// [`ChainError`] for anything not fully understood.
pub fn decode(
    policy: &PolicySet,
    keys: &dyn KeySource,
    network: NetworkId,
    unsigned: &Unsigned,
) -> Result<Decoded, ChainError> {
    match network {
        NetworkId::Evm(chain_id) => evm::decode(policy, keys, chain_id, unsigned),
        NetworkId::Bitcoin(net) => bitcoin::decode(policy, keys, net, unsigned),
    }
}

/// Joins unsigned bytes and signatures (in the order of the sighashes), verifying each under the wallet's own key.
///
/// # Errors
/// [`ChainError::BadSignature`] if one does not verify; otherwise as [`decode`].
pub fn assemble(
    policy: &PolicySet,
    keys: &dyn KeySource,
    network: NetworkId,
    unsigned: &Unsigned,
    signatures: &[FinishedSignature],
) -> Result<SignedTx, ChainError> {
    match network {
        NetworkId::Evm(chain_id) => evm::assemble(policy, keys, chain_id, unsigned, signatures),
        NetworkId::Bitcoin(net) => bitcoin::assemble(policy, keys, net, unsigned, signatures),
    }
}

/// Reads an address in the chain's checksummed text form.
///
/// # Errors
/// [`ChainError::Address`].
pub fn parse_address(network: NetworkId, text: &str) -> Result<Address, ChainError> {
    match network {
        NetworkId::Evm(_) => evm::parse_address(text),
        NetworkId::Bitcoin(net) => bitcoin::parse_address(net, text),
    }
}

/// Writes an address in the chain's checksummed text form (hex of the raw bytes where it has none).
pub fn format_address(network: NetworkId, address: &Address) -> String {
    match network {
        NetworkId::Evm(_) => evm::format_address(address),
        NetworkId::Bitcoin(net) => bitcoin::format_address(net, address),
    }
}
