//! What typed data asks for: a pinned permit, or bytes that only a named rule may let pass (rule C2).

use super::{Document, Permit};
use crate::ChainError;
use crate::evm::account::address;
use crate::evm::keccak::keccak256;
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::digest::Digest;
use ringi_primitives::effects::{Effect, OpaqueKind};
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::PolicySet;

/// A document of this network and of a contract that the policy set names.
pub(in crate::evm) struct Meaning {
    /// What it asks for.
    pub(in crate::evm) effect: Effect,
    /// The permit it is, if it is one. Whose permit was not checked.
    pub(in crate::evm) permit: Option<Permit>,
    /// What is signed.
    pub(in crate::evm) digest: [u8; 32],
}

impl Meaning {
    /// Reads a document.
    ///
    /// # Errors
    /// [`ChainError::Forbidden`] without chain id or a contract the policy set names, and for permits that are not
    /// pinned (rule C2); [`ChainError::WrongChain`]; as [`Document::parse`].
    pub(in crate::evm) fn read(policy: &PolicySet, network: NetworkId, json: &[u8]) -> Result<Meaning, ChainError> {
        let document = Document::parse(json)?;
        let contract = address(document.contract)?;
        if network != NetworkId::Evm(document.chain_id) {
            return Err(ChainError::WrongChain);
        }
        // C2: the verifying contract is one the signed policy set names.
        if !names_contract(policy, network, &contract) {
            return Err(ChainError::Forbidden("EIP-712 for a verifyingContract the policy set does not name"));
        }
        let digest = document.digest();
        let permit = Permit::read(policy, network, &document)?;
        let effect = match &permit {
            Some(permit) => permit.effect(),
            None if named(policy, network, &contract, &document)? => {
                let (kind, fields) = (document.kind()?, document.fields()?);
                Effect::TypedMessage { network, contract, kind, fields, payload: Digest(digest) }
            }
            None => {
                let (target, payload) = (Some(contract), Digest(keccak256(json)));
                Effect::Opaque { network, kind: OpaqueKind::TypedData, target, value: Amount::ZERO, payload }
            }
        };
        Ok(Meaning { effect, permit, digest })
    }
}

/// Whether the policy set names the document's type for this contract.
fn named(policy: &PolicySet, network: NetworkId, contract: &Address, document: &Document) -> Result<bool, ChainError> {
    let here: Vec<_> = policy.messages.iter().filter(|m| m.network == network && m.contract == *contract).collect();
    if here.is_empty() {
        return Ok(false);
    }
    let kind = document.kind()?;
    Ok(here.iter().any(|m| m.kind == kind))
}

/// Whether the policy set lists the contract as token, by a function, or on an allow-list.
fn names_contract(policy: &PolicySet, network: NetworkId, contract: &Address) -> bool {
    policy.assets.iter().any(|a| a.key.network == network && a.key.token == Some(*contract))
        || policy.functions.iter().any(|f| f.network == network && f.contract == *contract)
        || policy.messages.iter().any(|m| m.network == network && m.contract == *contract)
        || (policy.allow_lists.iter())
            .any(|list| list.entries.iter().any(|e| e.network == network && e.address == *contract))
}
