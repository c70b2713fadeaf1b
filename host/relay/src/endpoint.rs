//! Where letters go: whoever wires the relay gives one endpoint per cosigner.

use ringi_primitives::scheme::PartyIndex;

/// The cosigner behind an endpoint does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cosigner is not running")]
pub struct EndpointGone;

/// A cosigner as the relay sees it. Both methods wait while the cosigner's queue is full.
#[async_trait::async_trait]
pub trait Endpoint: Send + Sync + 'static {
    /// Hands over a sealed frame, with who is said to have sent it.
    ///
    /// # Errors
    /// [`EndpointGone`]: the letter is lost.
    async fn deliver(&self, from: PartyIndex, frame: Vec<u8>) -> Result<(), EndpointGone>;

    /// Says that letters to and from `peer` pass (again).
    ///
    /// # Errors
    /// [`EndpointGone`].
    async fn peer_up(&self, peer: PartyIndex) -> Result<(), EndpointGone>;
}
