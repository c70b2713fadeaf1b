//! How a node is reached and how far it is trusted with our time and memory.

/// One node of one chain.
#[derive(Clone, PartialEq, Eq)]
pub struct NodeConfig {
    /// Where it listens, `http://…` only: TLS to a node elsewhere is a local proxy's work. May hold a secret: never printed
    /// or logged.
    pub url: String,
    /// The chain it must be on (EIP-155).
    pub chain_id: u64,
    /// For one attempt of one call, from connecting to the last byte.
    pub timeout_ms: u64,
    /// Attempts of one call that finds the node unavailable; at least 1.
    pub attempts: u32,
    /// A longer answer is refused.
    pub max_response_bytes: usize,
    /// How long fee facts are used again.
    pub fee_cache_ms: u64,
    /// How long an account's nonce facts are used again. Broadcasting forgets them.
    pub nonce_cache_ms: u64,
    /// How long a gas estimate of the same call is used again.
    pub gas_cache_ms: u64,
    /// How long a checked chain id counts. Any failed call forgets it.
    pub chain_id_cache_ms: u64,
    /// The tip where blocks pay less, wei per gas.
    pub min_priority_fee_per_gas: u128,
    /// Added to gas estimates above a bare payment's, per cent.
    pub gas_margin_percent: u64,
    /// The envelope that the chain's nodes take.
    pub envelope: Envelope,
}

/// Which fees transactions carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// EIP-1559.
    Eip1559,
    /// One gas price, for chains before London.
    Legacy,
}

impl NodeConfig {
    /// With defaults for a node nearby.
    pub fn new(url: impl Into<String>, chain_id: u64) -> NodeConfig {
        NodeConfig {
            url: url.into(),
            chain_id,
            timeout_ms: 3000,
            attempts: 3,
            max_response_bytes: 16 * 1024 * 1024,
            fee_cache_ms: 2000,
            nonce_cache_ms: 500,
            gas_cache_ms: 10_000,
            chain_id_cache_ms: 60_000,
            min_priority_fee_per_gas: 100_000_000,
            gas_margin_percent: 20,
            envelope: Envelope::Eip1559,
        }
    }
}
