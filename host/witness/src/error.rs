//! Why nothing was signed.

use ringi_gateway::client::ClientError;
use ringi_provider::evm::NodeError;

/// A source gave nothing that can be signed, or the platform did not take it. Codes are `witness.<name>`, the node's or the
/// platform's.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// The configuration makes no sense.
    #[error("the configuration makes no sense: {0}")]
    Config(String),
    /// Not reached, cut off, or not in time.
    #[error("the source does not answer: {0}")]
    Unavailable(String),
    /// Another HTTP status than 200.
    #[error("the source answers with HTTP status {0}")]
    Status(u16),
    /// A redirect to another place, or too many.
    #[error("the source redirects elsewhere")]
    Redirect,
    /// An answer over its bound.
    #[error("the source's answer is longer than {0} bytes")]
    Oversized(usize),
    /// Not JSON, or nothing at the pointer.
    #[error("the source's answer is not understood: {0}")]
    Malformed(&'static str),
    /// What stands at the pointer is no decimal number above zero that fits.
    #[error("what stands there is no price: {0}")]
    Number(&'static str),
    /// A node.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The platform.
    #[error(transparent)]
    Platform(#[from] ClientError),
}

impl WitnessError {
    /// The stable code.
    pub fn code(&self) -> &str {
        match self {
            WitnessError::Config(_) => "witness.config",
            WitnessError::Unavailable(_) => "witness.unavailable",
            WitnessError::Status(_) => "witness.status",
            WitnessError::Redirect => "witness.redirect",
            WitnessError::Oversized(_) => "witness.oversized",
            WitnessError::Malformed(_) => "witness.malformed",
            WitnessError::Number(_) => "witness.number",
            WitnessError::Node(error) => error.code(),
            WitnessError::Platform(error) => error.code(),
        }
    }
}
