//! EIP-7702 authorizations: 0x05 ‖ rlp([chain id, delegate, nonce]), and the signed form a transaction carries.

use super::account::Raw;
use super::keccak::keccak256;
use super::rlp::{Items, ListWriter};
use super::signature::Parts;
use crate::ChainError;
use ringi_primitives::limits;

/// The byte before an authorization's RLP (EIP-7702, MAGIC).
const MAGIC: u8 = 5;

/// What an account signs to let its code be another contract's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Authorization {
    pub(super) chain_id: u64,
    pub(super) delegate: Raw,
    pub(super) nonce: u64,
}

impl Authorization {
    /// Rule C2: chain id 0 would hold on every chain.
    pub(super) fn checked(self, chain_id: u64) -> Result<Authorization, ChainError> {
        match self.chain_id {
            0 => Err(ChainError::Forbidden("EIP-7702 authorization for every chain")),
            own if own != chain_id => Err(ChainError::WrongChain),
            _ => Ok(self),
        }
    }

    pub(super) fn payload(&self) -> Vec<u8> {
        let mut list = ListWriter::default();
        list.number(self.chain_id).string(&self.delegate).number(self.nonce);
        [&[MAGIC], list.finish().as_slice()].concat()
    }

    pub(super) fn digest(&self) -> [u8; 32] {
        keccak256(&self.payload())
    }

    pub(super) fn parse(payload: &[u8]) -> Result<Authorization, ChainError> {
        let body = match payload.split_first() {
            Some((&MAGIC, body)) if payload.len() <= limits::HEADER_BYTES => body,
            _ => return Err(ChainError::Undecodable("not an EIP-7702 authorization")),
        };
        let mut items = Items::of_whole(body)?;
        let (chain_id, delegate, nonce) = (items.u64()?, items.fixed()?, items.u64()?);
        items.finish()?;
        Ok(Authorization { chain_id, delegate, nonce })
    }
}

/// An authorization with its signature, as the carrying transaction takes it. Made by assembling an authorization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedAuthorization {
    pub(super) authorization: Authorization,
    pub(super) signature: Parts,
}

impl SignedAuthorization {
    /// Reads the bytes that assembling an authorization gave: rlp([chain id, delegate, nonce, parity, r, s]).
    ///
    /// # Errors
    /// [`ChainError::Undecodable`]. The signature is checked where the transaction is decoded.
    pub fn parse(bytes: &[u8]) -> Result<SignedAuthorization, ChainError> {
        let mut items = Items::of_whole(bytes)?;
        let signed = SignedAuthorization::read(&mut items)?;
        items.finish()?;
        Ok(signed)
    }

    pub(super) fn read(items: &mut Items<'_>) -> Result<SignedAuthorization, ChainError> {
        let authorization = Authorization { chain_id: items.u64()?, delegate: items.fixed()?, nonce: items.u64()? };
        let odd_y = u8::try_from(items.u64()?).map_err(|_| ChainError::Undecodable("signature parity"))?;
        let (r, s) = (items.u256()?.to_be_bytes(), items.u256()?.to_be_bytes());
        Ok(SignedAuthorization { authorization, signature: Parts { odd_y, r, s } })
    }

    pub(super) fn write(&self) -> ListWriter {
        let Authorization { chain_id, delegate, nonce } = self.authorization;
        let mut list = ListWriter::default();
        list.number(chain_id).string(&delegate).number(nonce).number(u64::from(self.signature.odd_y));
        list.number(self.signature.r_number()).number(self.signature.s_number());
        list
    }
}
