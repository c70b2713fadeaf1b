//! Whether a document is a certain cosigner's of a certain workspace (rules E2, E3, G1). One check for peers, receipts and people.

use crate::error::AttestationError;
use crate::expect::{Expectation, Moment, Root};
use crate::pcr::{Pcr, PcrIndex};
use crate::verify::{Attested, verify};
use ringi_primitives::cbor;
use ringi_primitives::claim::{CLAIM_BYTES, Claim};
use ringi_primitives::genesis::{GenesisChain, Measurement};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::time::UnixMs;

/// A cosigner of a workspace and the roots under which its document is believed.
pub struct CosignerIs<'a> {
    /// The workspace; given by whoever asks, never by the host (rule G1).
    pub genesis: &'a GenesisChain,
    /// Which cosigner.
    pub cosigner: PartyIndex,
    /// Roots that whoever asks believes. Only those that genesis names too count.
    pub roots: &'a [Root],
    /// When the document must hold.
    pub moment: Moment,
    /// What it must answer.
    pub nonce: &'a [u8],
}

impl CosignerIs<'_> {
    /// The document and what it claims, if it is this cosigner's: an allowed image, booted for this workspace, with the
    /// channel key and the identity that genesis names.
    ///
    /// # Errors
    /// [`AttestationError`]; [`AttestationError::Workspace`] if genesis allows no image or names no such cosigner.
    pub fn verify(&self, document: &[u8], now: UnixMs) -> Result<(Attested, Claim), AttestationError> {
        let genesis = self.genesis.head();
        let identity = genesis.cosigner(self.cosigner).ok_or(AttestationError::Workspace)?;
        let roots = named_roots(self.genesis, self.roots);
        let expectation = Expectation::of(roots, self.moment).with_nonce(self.nonce);
        let expectation = with_measurements(expectation, &genesis.measurements)?
            .with_pcr(PcrIndex::GENESIS, Pcr::of_genesis(&self.genesis.root()))
            .with_pcr(PcrIndex::CHANNEL, Pcr::ZERO.extend(&identity.channel_key));
        let attested = verify(document, &expectation, now)?;
        let user_data = attested.document().user_data.as_deref().ok_or(AttestationError::UserData)?;
        let claim: Claim = cbor::decode(user_data, CLAIM_BYTES).map_err(|_| AttestationError::UserData)?;
        let its_own = claim.version == 1
            && claim.genesis == Some(self.genesis.root())
            && claim.cosigner == self.cosigner
            && claim.channel_key == identity.channel_key
            && claim.identity_key == identity.identity_key;
        if its_own { Ok((attested, claim)) } else { Err(AttestationError::UserData) }
    }
}

/// Of these roots, those that genesis names too.
pub(crate) fn named_roots(genesis: &GenesisChain, roots: &[Root]) -> Vec<Root> {
    let named = |root: &&Root| genesis.head().trust_roots.iter().any(|named| named.0 == root.0);
    roots.iter().filter(named).copied().collect()
}

/// And the registers have one of the values listed for them.
pub(crate) fn with_measurements(
    mut expectation: Expectation,
    measurements: &[Measurement],
) -> Result<Expectation, AttestationError> {
    for measurement in measurements {
        let index = PcrIndex::new(measurement.pcr).ok_or(AttestationError::Workspace)?;
        let value = measurement.value.as_slice().try_into().map_err(|_| AttestationError::Workspace)?;
        expectation = expectation.with_pcr(index, Pcr(value));
    }
    // E3: the whole image must be named, not only who signed it or where it runs.
    if expectation.pcrs.contains_key(&PcrIndex::IMAGE) { Ok(expectation) } else { Err(AttestationError::Workspace) }
}
