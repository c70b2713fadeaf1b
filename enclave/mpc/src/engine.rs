//! The seam between the cosigner and its threshold engine. The cosigner is written against [`Engine`]; shipped builds put
//! [`Threshold`] in, the simulation a dealer of its own whose every choice comes from the seed.

use rand_core::CryptoRngCore;
use ringi_primitives::scheme::PartyIndex;
use zeroize::Zeroizing;

use crate::{
    Ceremony, Envelope, Fault, KeyFacts, KeyShare, Keygen, KeygenParams, Refresh, RefreshParams, SessionId, SignTask,
    Signature, Signing, UnsealError,
};

/// Makes, moves and uses shares. Every implementation gives the verdicts and holds of the real one.
pub trait Engine {
    /// A party's part of a key.
    type Share;
    /// A running key generation.
    type Keygen: Ceremony<Output = Self::Share>;
    /// A running refresh.
    type Refresh: Ceremony<Output = Self::Share>;
    /// A running signing session.
    type Signing: Ceremony<Output = Vec<Signature>>;

    /// See [`Keygen::start`].
    ///
    /// # Errors
    /// As there.
    fn keygen(&self, params: KeygenParams, rng: &mut dyn CryptoRngCore)
    -> Result<(Self::Keygen, Vec<Envelope>), Fault>;

    /// See [`Refresh::start`].
    ///
    /// # Errors
    /// As there.
    fn refresh(
        &self,
        share: &Self::Share,
        params: RefreshParams,
        rng: &mut dyn CryptoRngCore,
    ) -> Result<(Self::Refresh, Vec<Envelope>), Fault>;

    /// See [`Signing::start`].
    ///
    /// # Errors
    /// As there.
    fn sign(
        &self,
        share: &Self::Share,
        session: SessionId,
        signers: &[PartyIndex],
        tasks: Vec<SignTask<'_>>,
        rng: &mut dyn CryptoRngCore,
    ) -> Result<(Self::Signing, Vec<Envelope>), Fault>;

    /// The public facts about the key of a share.
    fn facts<'a>(&self, share: &'a Self::Share) -> &'a KeyFacts;

    /// See [`KeyShare::expose_bytes`].
    ///
    /// # Errors
    /// As there.
    fn expose_bytes(&self, share: &Self::Share) -> Result<Zeroizing<Vec<u8>>, Fault>;

    /// See [`KeyShare::unseal_bytes`].
    ///
    /// # Errors
    /// As there.
    fn unseal_bytes(&self, bytes: &[u8]) -> Result<Self::Share, UnsealError>;
}

/// The real engine: this crate's machines.
#[derive(Debug, Clone, Copy, Default)]
pub struct Threshold;

impl Engine for Threshold {
    type Share = KeyShare;
    type Keygen = Keygen;
    type Refresh = Refresh;
    type Signing = Signing;

    fn keygen(&self, params: KeygenParams, rng: &mut dyn CryptoRngCore) -> Result<(Keygen, Vec<Envelope>), Fault> {
        Keygen::start(params, rng)
    }

    fn refresh(
        &self,
        share: &KeyShare,
        params: RefreshParams,
        rng: &mut dyn CryptoRngCore,
    ) -> Result<(Refresh, Vec<Envelope>), Fault> {
        Refresh::start(share, params, rng)
    }

    fn sign(
        &self,
        share: &KeyShare,
        session: SessionId,
        signers: &[PartyIndex],
        tasks: Vec<SignTask<'_>>,
        rng: &mut dyn CryptoRngCore,
    ) -> Result<(Signing, Vec<Envelope>), Fault> {
        Signing::start(share, session, signers, tasks, rng)
    }

    fn facts<'a>(&self, share: &'a KeyShare) -> &'a KeyFacts {
        share.facts()
    }

    fn expose_bytes(&self, share: &KeyShare) -> Result<Zeroizing<Vec<u8>>, Fault> {
        share.expose_bytes()
    }

    fn unseal_bytes(&self, bytes: &[u8]) -> Result<KeyShare, UnsealError> {
        KeyShare::unseal_bytes(bytes)
    }
}
