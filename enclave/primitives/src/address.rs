//! Addresses as raw bytes. The text form and its checks belong to the chain.

use crate::limits;
use minicbor::{Decode, Encode};
use std::fmt;

/// A destination on some network: 20 bytes on EVM chains, the scriptPubKey on Bitcoin. At most
/// [`limits::ADDRESS_BYTES`] bytes. Means nothing without its network.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    len: u8,
    bytes: [u8; limits::ADDRESS_BYTES],
}

impl Address {
    /// `None` if empty or longer than the bound.
    pub fn new(raw: &[u8]) -> Option<Address> {
        let mut bytes = [0; limits::ADDRESS_BYTES];
        bytes.get_mut(..raw.len())?.copy_from_slice(raw);
        if raw.is_empty() {
            return None;
        }
        Some(Address { len: u8::try_from(raw.len()).ok()?, bytes })
    }

    /// An account of an EVM chain.
    pub fn of_evm(account: [u8; 20]) -> Address {
        let mut bytes = [0; limits::ADDRESS_BYTES];
        bytes.iter_mut().zip(account).for_each(|(to, from)| *to = from);
        Address { len: 20, bytes }
    }

    /// The raw bytes.
    pub fn raw(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.raw()))
    }
}

impl<C> Encode<C> for Address {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(self.raw())?;
        Ok(())
    }
}

impl<'b, C> Decode<'b, C> for Address {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Address::new(d.bytes()?).ok_or_else(|| minicbor::decode::Error::message("address length out of bounds"))
    }
}
