//! Why a chain refuses: each variant has a stable code `chain.<name>`.

/// A refusal to understand, plan, encode or assemble.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// An address is not in the chain's checksummed form for this network.
    #[error("address is not valid on this network: {0}")]
    Address(&'static str),
    /// An asset, network or contract the policy set does not define.
    #[error("unknown {0}")]
    Unknown(&'static str),
    /// The chain cannot do what the intent asks.
    #[error("this network cannot do that: {0}")]
    Unsupported(&'static str),
    /// Bytes that do not parse, or parse but do not re-encode to themselves.
    #[error("bytes are not a well-formed payload: {0}")]
    Undecodable(&'static str),
    /// Well-formed bytes that a rule forbids whatever the policy says (C1, C2).
    #[error("payload is refused: {0}")]
    Forbidden(&'static str),
    /// The bytes belong to another chain.
    #[error("payload is for another chain")]
    WrongChain,
    /// A sum does not fit, or inputs do not cover outputs.
    #[error("amounts do not add up: {0}")]
    Amounts(&'static str),
    /// A size or count over its bound.
    #[error("payload exceeds its bound: {0}")]
    TooLarge(&'static str),
    /// A signature does not verify under the wallet's key, or the number of signatures is wrong.
    #[error("signature does not verify")]
    BadSignature,
    /// The key source has no key at a position.
    #[error("no key at that position")]
    NoKey,
}

impl ChainError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            ChainError::Address(_) => "chain.address",
            ChainError::Unknown(_) => "chain.unknown",
            ChainError::Unsupported(_) => "chain.unsupported",
            ChainError::Undecodable(_) => "chain.undecodable",
            ChainError::Forbidden(_) => "chain.forbidden",
            ChainError::WrongChain => "chain.wrong_chain",
            ChainError::Amounts(_) => "chain.amounts",
            ChainError::TooLarge(_) => "chain.too_large",
            ChainError::BadSignature => "chain.bad_signature",
            ChainError::NoKey => "chain.no_key",
        }
    }
}
