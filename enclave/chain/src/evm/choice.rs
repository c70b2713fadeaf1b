//! What the host may choose about a transaction (rule I4): nonce, gas, fees and envelope. Never what it does.

use super::account::Raw;
use super::authorization::SignedAuthorization;

/// The host's choices for one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The account's nonce: the slot (rule I3).
    pub nonce: u64,
    /// Gas, in gas units.
    pub gas_limit: u64,
    /// The envelope and its fees.
    pub fees: Fees,
}

/// The envelope a transaction travels in. Fees are wei per unit of gas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fees {
    /// Before EIP-2718, with replay protection by EIP-155.
    Legacy {
        /// Price per gas.
        gas_price: u128,
    },
    /// EIP-2930.
    Eip2930 {
        /// Price per gas.
        gas_price: u128,
        /// Storage declared in advance.
        access_list: Vec<AccessEntry>,
    },
    /// EIP-1559.
    Eip1559 {
        /// The most that is paid per gas.
        max_fee_per_gas: u128,
        /// The part of it that goes to the block's proposer; at most `max_fee_per_gas`.
        max_priority_fee_per_gas: u128,
        /// Storage declared in advance.
        access_list: Vec<AccessEntry>,
    },
    /// EIP-7702, for delegations only.
    Eip7702 {
        /// The most that is paid per gas.
        max_fee_per_gas: u128,
        /// The part of it that goes to the block's proposer; at most `max_fee_per_gas`.
        max_priority_fee_per_gas: u128,
        /// Storage declared in advance.
        access_list: Vec<AccessEntry>,
        /// The wallet's own authorization, signed before.
        authorization: SignedAuthorization,
    },
}

/// One entry of an EIP-2930 access list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessEntry {
    /// The contract.
    pub address: Raw,
    /// Its storage slots.
    pub storage_keys: Vec<[u8; 32]>,
}

/// Contracts in an access list: real ones name a handful.
pub(super) const ACCESS_ENTRIES: usize = 256;
/// Storage slots under one contract: real ones name some dozens.
pub(super) const STORAGE_KEYS: usize = 1024;

impl Fees {
    /// The most that one unit of gas can cost, wei.
    pub(super) fn most_per_gas(&self) -> u128 {
        match self {
            Fees::Legacy { gas_price } | Fees::Eip2930 { gas_price, .. } => *gas_price,
            Fees::Eip1559 { max_fee_per_gas, .. } | Fees::Eip7702 { max_fee_per_gas, .. } => *max_fee_per_gas,
        }
    }

    /// The EIP-2718 type byte; `None` for legacy.
    pub(super) fn type_byte(&self) -> Option<u8> {
        match self {
            Fees::Legacy { .. } => None,
            Fees::Eip2930 { .. } => Some(1),
            Fees::Eip1559 { .. } => Some(2),
            Fees::Eip7702 { .. } => Some(4),
        }
    }
}
