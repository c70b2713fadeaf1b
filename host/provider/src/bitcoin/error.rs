//! Why coins are not to be had, not accepted, or not enough.

use ringi_chain::ChainError;
use ringi_primitives::amount::Amount;
use std::io;

/// A source of coins failed or refused a transaction.
#[derive(Debug, thiserror::Error)]
pub enum CoinError {
    /// The file cannot be read or written.
    #[error("coins file: {0}")]
    File(#[from] io::Error),
    /// The file is not what it should be.
    #[error("coins file is malformed: {0}")]
    Malformed(&'static str),
    /// Not a transaction.
    #[error("not a transaction")]
    NotATransaction,
    /// It spends something that is not there: unknown, or spent before.
    #[error("input {input} spends no coin there is")]
    NoSuchCoin {
        /// Which input.
        input: usize,
    },
    /// It pays out more than it spends, or more coins than there can be.
    #[error("outputs exceed inputs")]
    Amounts,
    /// Bitcoin's own code refuses it.
    #[error(transparent)]
    Consensus(#[from] super::ConsensusError),
    /// A wallet's address cannot be made.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

impl CoinError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            CoinError::File(_) => "coins.file",
            CoinError::Malformed(_) => "coins.malformed",
            CoinError::NotATransaction => "coins.not_a_transaction",
            CoinError::NoSuchCoin { .. } => "coins.no_such_coin",
            CoinError::Amounts => "coins.amounts",
            CoinError::Consensus(e) => e.code(),
            CoinError::Chain(e) => e.code(),
        }
    }
}

/// No choice of coins carries a plan out: the intent or the wallet's balance is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// The spendable coins do not cover payments and fee.
    #[error("coins of {available} satoshi do not cover {needed}")]
    Funds {
        /// What the spendable coins are worth, up to the bound of inputs.
        available: Amount,
        /// Payments and fee.
        needed: Amount,
    },
    /// The plan's maximum does not pay the fee rate.
    #[error("maximum fee {max_fee} is too low: {needed} satoshi are needed now")]
    FeeTooLow {
        /// Of the plan.
        max_fee: Amount,
        /// At the present rate.
        needed: Amount,
    },
    /// The anchor of the replaced intent (rule I3) is not among the coins.
    #[error("the coin that this intent is pinned to is not there")]
    AnchorMissing,
    /// The plan is not for Bitcoin, or its amounts are out of range.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

impl SelectError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            SelectError::Funds { .. } => "provider.insufficient_funds",
            SelectError::FeeTooLow { .. } => "provider.fee_too_low",
            SelectError::AnchorMissing => "provider.anchor_missing",
            SelectError::Chain(e) => e.code(),
        }
    }
}
