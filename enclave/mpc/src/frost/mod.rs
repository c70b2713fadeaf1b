//! FROST (RFC 9591) for Ed25519 and BIP-340 with the Zcash Foundation's crates, written once for both ciphersuites.
//!
//! All randomness is the caller's. frost-secp256k1-tr adds an unspendable taproot tweak to every generated key; the key
//! that results is our root like any other, so nothing here depends on it.
mod keygen;
mod refresh;
mod shift;
mod signing;

pub(crate) use keygen::FrostKeygen;
pub(crate) use refresh::FrostRefresh;
pub(crate) use shift::{Shift, Sign};
pub(crate) use signing::{FrostSigning, FrostTask};

use std::collections::{BTreeMap, BTreeSet};

use frost_core::keys::{KeyPackage, PublicKeyPackage};
use frost_core::{Ciphersuite, Error, Identifier};
use ringi_primitives::scheme::PartyIndex;

use crate::Fault;

/// A party's part of a FROST key.
pub(crate) struct FrostShare<C: Ciphersuite> {
    pub(crate) key: KeyPackage<C>,
    pub(crate) public: PublicKeyPackage<C>,
}

pub(crate) fn identifier<C: Ciphersuite>(party: PartyIndex) -> Result<Identifier<C>, Fault> {
    Identifier::try_from(u16::from(party.number())).map_err(|_| Fault::Bug("party index zero"))
}

/// The numbers of these parties as FROST knows them, and back.
struct Names<C: Ciphersuite>(BTreeMap<Identifier<C>, PartyIndex>);

impl<C: Ciphersuite> Names<C> {
    fn new(parties: &BTreeSet<PartyIndex>) -> Result<Names<C>, Fault> {
        let names: Result<_, Fault> = parties.iter().map(|p| Ok((identifier(*p)?, *p))).collect();
        names.map(Names)
    }

    fn party(&self, id: &Identifier<C>) -> Option<PartyIndex> {
        self.0.get(id).copied()
    }

    /// Our verdict on an error of the library: Peer where it names a culprit, else what `otherwise` says.
    fn verdict(&self, error: &Error<C>, otherwise: Fault) -> Fault {
        let culprits: BTreeSet<PartyIndex> = error.culprits().iter().filter_map(|id| self.party(id)).collect();
        if culprits.is_empty() {
            return otherwise;
        }
        let reason = match error {
            Error::InvalidProofOfKnowledge { .. } => "proof of knowledge fails",
            Error::InvalidSecretShare { .. } => "share does not match its commitment",
            Error::InvalidSignatureShare { .. } => "signature share fails",
            _ => "message fails its check",
        };
        Fault::Peer { culprits, ban: BTreeSet::new(), reason }
    }
}

const LIBRARY: Fault = Fault::Bug("the library was called out of order");
