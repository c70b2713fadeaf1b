//! The transaction itself in its four envelopes: written, and read back with exactly one spelling.

use super::account::Raw;
use super::authorization::SignedAuthorization;
use super::choice::{ACCESS_ENTRIES, AccessEntry, Choice, Fees, STORAGE_KEYS};
use super::rlp::{Items, ListWriter};
use super::signature::Parts;
use crate::ChainError;
use ringi_primitives::limits;
use ruint::aliases::U256;

/// A transaction without its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Transaction {
    pub(super) chain_id: u64,
    pub(super) choice: Choice,
    /// `None` creates a contract.
    pub(super) to: Option<Raw>,
    pub(super) value: U256,
    pub(super) data: Vec<u8>,
}

impl Transaction {
    /// The bytes whose Keccak-256 is signed: type byte and RLP, or for legacy the RLP of EIP-155.
    pub(super) fn signing_payload(&self) -> Vec<u8> {
        let mut list = self.fields();
        if self.choice.fees.type_byte().is_none() {
            list.number(self.chain_id).number(0_u64).number(0_u64);
        }
        self.with_type(&list)
    }

    /// The bytes to broadcast.
    pub(super) fn signed(&self, signature: &Parts) -> Vec<u8> {
        let mut list = self.fields();
        let parity = u128::from(signature.odd_y);
        match self.choice.fees.type_byte() {
            // EIP-155: v = chain id x 2 + 35 + parity; 128 bits hold it for every 64-bit chain id.
            None => list.number(u128::from(self.chain_id).saturating_mul(2).saturating_add(35).saturating_add(parity)),
            Some(_) => list.number(parity),
        };
        list.number(signature.r_number()).number(signature.s_number());
        self.with_type(&list)
    }

    fn with_type(&self, list: &ListWriter) -> Vec<u8> {
        self.choice.fees.type_byte().into_iter().chain(list.finish()).collect()
    }

    fn fields(&self) -> ListWriter {
        let Choice { nonce, gas_limit, fees } = &self.choice;
        let mut list = ListWriter::default();
        if fees.type_byte().is_some() {
            list.number(self.chain_id);
        }
        list.number(*nonce);
        match fees {
            Fees::Legacy { gas_price } | Fees::Eip2930 { gas_price, .. } => list.number(*gas_price),
            Fees::Eip1559 { max_fee_per_gas, max_priority_fee_per_gas, .. }
            | Fees::Eip7702 { max_fee_per_gas, max_priority_fee_per_gas, .. } => {
                list.number(*max_priority_fee_per_gas).number(*max_fee_per_gas)
            }
        };
        list.number(*gas_limit);
        list.string(self.to.as_ref().map_or(&[][..], |to| to.as_slice()));
        list.number(self.value).string(&self.data);
        match fees {
            Fees::Legacy { .. } => {}
            Fees::Eip2930 { access_list, .. } | Fees::Eip1559 { access_list, .. } => {
                list.list(&write_access_list(access_list));
            }
            Fees::Eip7702 { access_list, authorization, .. } => {
                let mut authorizations = ListWriter::default();
                authorizations.list(&authorization.write());
                list.list(&write_access_list(access_list)).list(&authorizations);
            }
        }
        list
    }

    /// Reads a signing payload. What it accepts it writes back to the same bytes.
    pub(super) fn parse(payload: &[u8]) -> Result<Transaction, ChainError> {
        if payload.len() > limits::UNSIGNED_BYTES {
            return Err(ChainError::TooLarge("transaction"));
        }
        let (type_byte, body) = match payload.split_first() {
            None => return Err(ChainError::Undecodable("empty transaction")),
            Some((first, _)) if *first >= 0xc0 => (None, payload),
            Some((first, body)) => (Some(*first), body),
        };
        let mut items = Items::of_whole(body)?;
        let transaction = match type_byte {
            None => read_legacy(&mut items)?,
            Some(1) => read_2930(&mut items)?,
            Some(2) => read_1559(&mut items)?,
            Some(4) => read_7702(&mut items)?,
            Some(_) => return Err(ChainError::Unsupported("transaction type")),
        };
        items.finish()?;
        if transaction.data.len() > limits::CALL_DATA_BYTES {
            return Err(ChainError::TooLarge("call data"));
        }
        if transaction.signing_payload() != payload {
            return Err(ChainError::Undecodable("transaction has another spelling"));
        }
        Ok(transaction)
    }
}

type Destination = (Option<Raw>, U256, Vec<u8>);

fn read_destination(items: &mut Items<'_>) -> Result<Destination, ChainError> {
    let to = match items.string()? {
        [] => None,
        bytes => Some(bytes.try_into().map_err(|_| ChainError::Undecodable("recipient is not 20 bytes"))?),
    };
    Ok((to, items.u256()?, items.string()?.to_vec()))
}

fn read_legacy(items: &mut Items<'_>) -> Result<Transaction, ChainError> {
    let (nonce, gas_price, gas_limit) = (items.u64()?, items.u128()?, items.u64()?);
    let (to, value, data) = read_destination(items)?;
    if items.is_empty() {
        // C2: without a chain id the signature holds on every chain.
        return Err(ChainError::Forbidden("legacy transaction without EIP-155"));
    }
    let (chain_id, r, s) = (items.u64()?, items.u64()?, items.u64()?);
    if r != 0 || s != 0 {
        return Err(ChainError::Undecodable("legacy transaction is signed already"));
    }
    let choice = Choice { nonce, gas_limit, fees: Fees::Legacy { gas_price } };
    Ok(Transaction { chain_id, choice, to, value, data })
}

fn read_2930(items: &mut Items<'_>) -> Result<Transaction, ChainError> {
    let (chain_id, nonce, gas_price, gas_limit) = (items.u64()?, items.u64()?, items.u128()?, items.u64()?);
    let (to, value, data) = read_destination(items)?;
    let fees = Fees::Eip2930 { gas_price, access_list: read_access_list(items)? };
    Ok(Transaction { chain_id, choice: Choice { nonce, gas_limit, fees }, to, value, data })
}

fn read_1559(items: &mut Items<'_>) -> Result<Transaction, ChainError> {
    let (chain_id, nonce) = (items.u64()?, items.u64()?);
    let (max_priority_fee_per_gas, max_fee_per_gas, gas_limit) = (items.u128()?, items.u128()?, items.u64()?);
    let (to, value, data) = read_destination(items)?;
    let access_list = read_access_list(items)?;
    let fees = Fees::Eip1559 { max_fee_per_gas, max_priority_fee_per_gas, access_list };
    Ok(Transaction { chain_id, choice: Choice { nonce, gas_limit, fees }, to, value, data })
}

fn read_7702(items: &mut Items<'_>) -> Result<Transaction, ChainError> {
    let (chain_id, nonce) = (items.u64()?, items.u64()?);
    let (max_priority_fee_per_gas, max_fee_per_gas, gas_limit) = (items.u128()?, items.u128()?, items.u64()?);
    let (to, value, data) = read_destination(items)?;
    let access_list = read_access_list(items)?;
    let mut authorizations = items.list()?;
    let authorization = SignedAuthorization::read(&mut authorizations.list()?)?;
    if !authorizations.is_empty() {
        return Err(ChainError::Forbidden("more than one EIP-7702 authorization"));
    }
    let fees = Fees::Eip7702 { max_fee_per_gas, max_priority_fee_per_gas, access_list, authorization };
    Ok(Transaction { chain_id, choice: Choice { nonce, gas_limit, fees }, to, value, data })
}

fn write_access_list(entries: &[AccessEntry]) -> ListWriter {
    let mut list = ListWriter::default();
    for entry in entries {
        let (mut pair, mut keys) = (ListWriter::default(), ListWriter::default());
        for key in &entry.storage_keys {
            keys.string(key);
        }
        pair.string(&entry.address).list(&keys);
        list.list(&pair);
    }
    list
}

fn read_access_list(items: &mut Items<'_>) -> Result<Vec<AccessEntry>, ChainError> {
    let mut list = items.list()?;
    let mut entries = Vec::new();
    while !list.is_empty() {
        let mut pair = list.list()?;
        let (address, mut keys) = (pair.fixed()?, pair.list()?);
        pair.finish()?;
        let mut storage_keys = Vec::new();
        while !keys.is_empty() {
            storage_keys.push(keys.fixed()?);
            bounded(storage_keys.len(), STORAGE_KEYS)?;
        }
        entries.push(AccessEntry { address, storage_keys });
        bounded(entries.len(), ACCESS_ENTRIES)?;
    }
    Ok(entries)
}

/// I4: an access list is the host's choice within these bounds.
fn bounded(len: usize, most: usize) -> Result<(), ChainError> {
    if len <= most { Ok(()) } else { Err(ChainError::TooLarge("access list")) }
}
