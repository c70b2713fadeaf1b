//! RLP, read strictly and written: lists of byte strings and whole numbers (Yellow Paper, appendix B).

use crate::ChainError;
use alloy_rlp::{Encodable, Header};
use ruint::aliases::U256;

/// The items of one list, consumed in order. Refuses every non-minimal length or number.
pub(super) struct Items<'a>(&'a [u8]);

impl<'a> Items<'a> {
    /// The items of a list that fills the bytes exactly.
    pub(super) fn of_whole(mut bytes: &'a [u8]) -> Result<Items<'a>, ChainError> {
        let payload = Header::decode_bytes(&mut bytes, true).map_err(|_| malformed())?;
        if bytes.is_empty() { Ok(Items(payload)) } else { Err(ChainError::Undecodable("bytes after the list")) }
    }

    /// Whether all items are consumed.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses leftover items.
    pub(super) fn finish(self) -> Result<(), ChainError> {
        if self.is_empty() { Ok(()) } else { Err(ChainError::Undecodable("too many fields")) }
    }

    /// The next item as a list.
    pub(super) fn list(&mut self) -> Result<Items<'a>, ChainError> {
        Header::decode_bytes(&mut self.0, true).map(Items).map_err(|_| malformed())
    }

    /// The next item as a byte string.
    pub(super) fn string(&mut self) -> Result<&'a [u8], ChainError> {
        Header::decode_bytes(&mut self.0, false).map_err(|_| malformed())
    }

    /// The next item as a byte string of exactly this length.
    pub(super) fn fixed<const N: usize>(&mut self) -> Result<[u8; N], ChainError> {
        self.string()?.try_into().map_err(|_| ChainError::Undecodable("field of a wrong length"))
    }

    /// The next item as a number of at most 8 bytes.
    pub(super) fn u64(&mut self) -> Result<u64, ChainError> {
        self.number().map(u64::from_be_bytes)
    }

    /// The next item as a number of at most 16 bytes.
    pub(super) fn u128(&mut self) -> Result<u128, ChainError> {
        self.number().map(u128::from_be_bytes)
    }

    /// The next item as a number of at most 32 bytes.
    pub(super) fn u256(&mut self) -> Result<U256, ChainError> {
        self.number().map(U256::from_be_bytes::<32>)
    }

    fn number<const N: usize>(&mut self) -> Result<[u8; N], ChainError> {
        let digits = self.string()?;
        if digits.first() == Some(&0) {
            return Err(ChainError::Undecodable("number with a leading zero"));
        }
        let start = N.checked_sub(digits.len()).ok_or(ChainError::Undecodable("number out of range"))?;
        let mut padded = [0; N];
        padded.get_mut(start..).ok_or_else(malformed)?.copy_from_slice(digits);
        Ok(padded)
    }
}

fn malformed() -> ChainError {
    ChainError::Undecodable("not canonical RLP")
}

/// Writes one list, item by item.
#[derive(Default)]
pub(super) struct ListWriter(Vec<u8>);

impl ListWriter {
    /// Appends a byte string.
    pub(super) fn string(&mut self, bytes: &[u8]) -> &mut ListWriter {
        bytes.encode(&mut self.0);
        self
    }

    /// Appends a number.
    pub(super) fn number(&mut self, number: impl Into<U256Number>) -> &mut ListWriter {
        let U256Number(value) = number.into();
        let bytes = value.to_be_bytes::<32>();
        let zeros = bytes.iter().take_while(|b| **b == 0).count();
        self.string(bytes.get(zeros..).unwrap_or_default())
    }

    /// Appends a finished list.
    pub(super) fn list(&mut self, list: &ListWriter) -> &mut ListWriter {
        self.0.extend_from_slice(&list.finish());
        self
    }

    /// The list with its header.
    pub(super) fn finish(&self) -> Vec<u8> {
        let mut out = Vec::new();
        Header { list: true, payload_length: self.0.len() }.encode(&mut out);
        out.extend_from_slice(&self.0);
        out
    }
}

/// A number of any width that RLP is asked to write.
pub(super) struct U256Number(U256);

impl From<u64> for U256Number {
    fn from(value: u64) -> U256Number {
        U256Number(U256::from(value))
    }
}

impl From<u128> for U256Number {
    fn from(value: u128) -> U256Number {
        U256Number(U256::from(value))
    }
}

impl From<U256> for U256Number {
    fn from(value: U256) -> U256Number {
        U256Number(value)
    }
}
