//! Whether a document is the new image's that an order names, asking for a cosigner's state (rule E1).

use crate::error::AttestationError;
use crate::expect::{Expectation, Moment, Root};
use crate::of_cosigner::{named_roots, with_measurements};
use crate::pcr::{Pcr, PcrIndex};
use crate::verify::verify;
use ringi_primitives::genesis::{GenesisChain, Measurement};
use ringi_primitives::time::UnixMs;

/// The image that an order names, and what its document must answer.
pub struct NewImage<'a> {
    /// The workspace.
    pub genesis: &'a GenesisChain,
    /// The order's measurements.
    pub measurements: &'a [Measurement],
    /// Roots that whoever asks believes. Only those that genesis names too count.
    pub roots: &'a [Root],
    /// The oldest document that is accepted, milliseconds.
    pub max_age_ms: u64,
    /// What it must answer.
    pub nonce: &'a [u8],
}

impl NewImage<'_> {
    /// The key to seal to, if the document is of exactly this image, started for this workspace, and fresh.
    ///
    /// # Errors
    /// [`AttestationError`].
    pub fn verify(&self, document: &[u8], now: UnixMs) -> Result<[u8; 32], AttestationError> {
        let moment = Moment::Now { max_age_ms: self.max_age_ms };
        let expectation = Expectation::of(named_roots(self.genesis, self.roots), moment).with_nonce(self.nonce);
        let expectation = with_measurements(expectation, self.measurements)?
            .with_pcr(PcrIndex::GENESIS, Pcr::of_genesis(&self.genesis.root()));
        let attested = verify(document, &expectation, now)?;
        let key = attested.document().public_key.as_deref().ok_or(AttestationError::PublicKey)?;
        key.try_into().map_err(|_| AttestationError::PublicKey)
    }
}
