//! From bytes to effects and the digest to sign, in one parse. Cosigners believe this and nothing else.

use super::account::{Raw, address, address_from_key, raw};
use super::authorization::{Authorization, SignedAuthorization};
use super::calls::{effect_of, effect_of_creation};
use super::choice::Fees;
use super::encode::max_fee;
use super::envelope::Transaction;
use super::keccak::keccak256;
use super::message;
use super::plan::known_network;
use super::typed_data::Meaning;
use crate::{ChainError, Decoded, KeySource, SigHash, Tweak};
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::digest::Digest;
use ringi_primitives::effects::{Effect, Slot};
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::PolicySet;
use ringi_primitives::request::{PayloadKind, Unsigned};
use ringi_primitives::scheme::Scheme;
use ringi_primitives::wallet::KeyPosition;

/// Reads a payload of the wallet whose keys are given, for this chain.
///
/// # Errors
/// [`ChainError`] for anything not fully understood, for another chain, or forbidden by rule C2.
pub fn decode(
    policy: &PolicySet,
    keys: &dyn KeySource,
    chain_id: u64,
    unsigned: &Unsigned,
) -> Result<Decoded, ChainError> {
    let network = known_network(policy, NetworkId::Evm(chain_id))?;
    let reader = Reader { policy, chain_id, network, account: own_account(keys)? };
    match unsigned.kind {
        PayloadKind::Transaction => reader.transaction(&unsigned.bytes),
        PayloadKind::Authorization => reader.authorization(&unsigned.bytes),
        PayloadKind::TypedData => reader.typed_data(&unsigned.bytes),
        PayloadKind::Message => reader.message(&unsigned.bytes),
    }
}

/// The wallet's own account (rule G3: from the key source, never from the request).
pub(super) fn own_account(keys: &dyn KeySource) -> Result<Address, ChainError> {
    let key = keys.public_key(Scheme::EcdsaSecp256k1, KeyPosition::ACCOUNT).ok_or(ChainError::NoKey)?;
    address_from_key(&key)
}

struct Reader<'a> {
    policy: &'a PolicySet,
    chain_id: u64,
    network: NetworkId,
    account: Address,
}

impl Reader<'_> {
    fn transaction(&self, payload: &[u8]) -> Result<Decoded, ChainError> {
        let transaction = Transaction::parse(payload)?;
        // I4: the chain is fixed by the intent.
        if transaction.chain_id != self.chain_id {
            return Err(ChainError::WrongChain);
        }
        let nonce = transaction.choice.nonce;
        if nonce == u64::MAX {
            // EIP-2681: such a transaction is never valid.
            return Err(ChainError::Undecodable("nonce out of range"));
        }
        let max_fee = max_fee(&transaction.choice)?;
        let effect = self.effect(&transaction)?;
        Ok(self.decoded(effect, max_fee, self.nonce_slot(nonce), keccak256(payload)))
    }

    fn effect(&self, transaction: &Transaction) -> Result<Effect, ChainError> {
        let value = Amount::new(transaction.value);
        let own = raw(&self.account)?;
        let calls_itself = transaction.to == Some(own) && value.is_zero() && transaction.data.is_empty();
        match (&transaction.choice.fees, transaction.to) {
            (Fees::Eip7702 { authorization, .. }, _) if calls_itself => {
                self.carried_delegation(transaction.choice.nonce, authorization)
            }
            (Fees::Eip7702 { .. }, _) => {
                Err(ChainError::Forbidden("a type 4 transaction that does more than delegate"))
            }
            (_, None) => Ok(effect_of_creation(self.network, value, &transaction.data)),
            (_, Some(_)) if calls_itself => Ok(Effect::SelfCancel { network: self.network }),
            (_, Some(to)) => effect_of(self.policy, self.network, address(to)?, value, &transaction.data),
        }
    }

    /// C2: the one authorization is the wallet's own, for this chain, and fits the transaction's nonce.
    fn carried_delegation(&self, nonce: u64, signed: &SignedAuthorization) -> Result<Effect, ChainError> {
        let inner = signed.authorization.checked(self.chain_id)?;
        if address(signed.signature.signer(&inner.digest())?)? != self.account {
            return Err(ChainError::Forbidden("an authorization of another account"));
        }
        if nonce.checked_add(1) != Some(inner.nonce) {
            return Err(ChainError::Forbidden("an authorization whose nonce is not the transaction's plus one"));
        }
        self.delegation(inner.delegate)
    }

    fn authorization(&self, payload: &[u8]) -> Result<Decoded, ChainError> {
        let authorization = Authorization::parse(payload)?.checked(self.chain_id)?;
        if authorization.payload() != payload {
            return Err(ChainError::Undecodable("authorization has another spelling"));
        }
        // I3: the slot is the carrying transaction's, see the module's notes on delegation.
        let nonce = authorization.nonce.checked_sub(1).ok_or(ChainError::Unsupported("authorization with nonce 0"))?;
        if authorization.nonce == u64::MAX {
            return Err(ChainError::Undecodable("nonce out of range"));
        }
        let effect = self.delegation(authorization.delegate)?;
        Ok(self.decoded(effect, Amount::ZERO, self.nonce_slot(nonce), authorization.digest()))
    }

    fn typed_data(&self, json: &[u8]) -> Result<Decoded, ChainError> {
        let Meaning { effect, permit, digest } = Meaning::read(self.policy, self.network, json)?;
        if let Some(permit) = permit {
            if permit.owner != self.account {
                return Err(ChainError::Forbidden("a permit of another owner"));
            }
            // C2: what is signed has one spelling.
            if permit.document(self.policy)? != json {
                return Err(ChainError::Undecodable("permit has another spelling"));
            }
        }
        Ok(self.off_chain(effect, digest))
    }

    fn message(&self, bytes: &[u8]) -> Result<Decoded, ChainError> {
        let text = message::read(bytes)?;
        let effect = if message::claims_ownership(text) {
            let genesis = &self.policy.genesis;
            let statement = message::read_proof(&self.account, self.network, genesis, text)?;
            Effect::OwnershipProof { network: self.network, statement }
        } else {
            message::opaque(self.network, text)
        };
        Ok(self.off_chain(effect, message::digest(bytes)))
    }

    fn off_chain(&self, effect: Effect, digest: [u8; 32]) -> Decoded {
        let slot = Slot::Message { network: self.network, payload: Digest(digest) };
        self.decoded(effect, Amount::ZERO, slot, digest)
    }

    fn delegation(&self, delegate: Raw) -> Result<Effect, ChainError> {
        Ok(Effect::Delegate { network: self.network, delegate: address(delegate)? })
    }

    fn nonce_slot(&self, nonce: u64) -> Slot {
        Slot::Nonce { network: self.network, account: self.account, nonce }
    }

    fn decoded(&self, effect: Effect, max_fee: Amount, slot: Slot, digest: [u8; 32]) -> Decoded {
        let sighash = SigHash::new(Scheme::EcdsaSecp256k1, KeyPosition::ACCOUNT, Tweak::None, digest);
        Decoded::new(vec![effect], max_fee, slot, vec![sighash])
    }
}
