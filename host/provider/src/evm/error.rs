//! Why a chain's facts or a choice are not to be had, and whose fault it is.

use ringi_chain::ChainError;
use ringi_primitives::amount::Amount;

/// Who must act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The node or the way to it is down or slow: try later.
    Unavailable,
    /// The node answers what no honest node of this chain answers: use another one.
    Node,
    /// The configuration names the wrong node.
    Configuration,
    /// What was asked cannot be done: the call or the intent is at fault.
    Request,
}

/// A call of a node failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// Down, slow, cut off, or overloaded.
    #[error("node is not available: {0}")]
    Unavailable(String),
    /// On another chain than configured: nothing it says is used.
    #[error("node is on chain {found}, configured is {expected}")]
    WrongChain {
        /// Configured.
        expected: u64,
        /// What the node says.
        found: u64,
    },
    /// An answer over its bound.
    #[error("node's answer is longer than {bound_bytes} bytes")]
    Oversized {
        /// The bound.
        bound_bytes: usize,
    },
    /// An answer that is no answer to the call, or contradicts itself.
    #[error("node's answer makes no sense: {0}")]
    Malformed(&'static str),
    /// The node understood and refused.
    #[error("node refuses ({code}): {message}")]
    Refused {
        /// Its JSON-RPC code.
        code: i64,
        /// Its words, shortened.
        message: String,
    },
    /// The configured address is no `http` URL with a host.
    #[error("node's address cannot be used: it must begin with http:// and name a host")]
    Address,
}

impl NodeError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            NodeError::Unavailable(_) => "node.unavailable",
            NodeError::WrongChain { .. } => "node.wrong_chain",
            NodeError::Oversized { .. } => "node.oversized",
            NodeError::Malformed(_) => "node.malformed",
            NodeError::Refused { .. } => "node.refused",
            NodeError::Address => "node.address",
        }
    }

    /// Who must act.
    pub fn fault(&self) -> Fault {
        match self {
            NodeError::Unavailable(_) => Fault::Unavailable,
            NodeError::WrongChain { .. } | NodeError::Address => Fault::Configuration,
            NodeError::Oversized { .. } | NodeError::Malformed(_) => Fault::Node,
            NodeError::Refused { .. } => Fault::Request,
        }
    }
}

/// No choice of nonce, gas and fees carries a plan out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// The plan's maximum fee does not pay for the next block.
    #[error("maximum fee {max_fee} is too low: at least {needed} wei are needed now")]
    FeeTooLow {
        /// Of the plan.
        max_fee: Amount,
        /// The least that could be mined.
        needed: Amount,
    },
    /// A delegation without its authorization, or an authorization without a delegation.
    #[error("an authorization goes with a delegation and with nothing else")]
    Authorization,
    /// Facts that no arithmetic holds.
    #[error("facts of the node are out of range")]
    Facts,
    /// The plan is not for this chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

impl ChoiceError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            ChoiceError::FeeTooLow { .. } => "provider.fee_too_low",
            ChoiceError::Authorization => "provider.authorization",
            ChoiceError::Facts => "provider.facts",
            ChoiceError::Chain(e) => e.code(),
        }
    }

    /// Who must act.
    pub fn fault(&self) -> Fault {
        match self {
            ChoiceError::Facts => Fault::Node,
            ChoiceError::FeeTooLow { .. } | ChoiceError::Authorization | ChoiceError::Chain(_) => Fault::Request,
        }
    }
}
