//! Moves a share to a derived or taproot-tweaked key: share' = sign * share + shift, and the public parts alike.
//!
//! Adding a constant to the secret adds the same constant to every Shamir share, and negating the secret negates them all,
//! so parties that apply the same `Shift` hold shares of the moved key.

use std::collections::BTreeSet;

use frost_core::keys::{KeyPackage, PublicKeyPackage, SigningShare, VerifyingShare};
use frost_core::{Ciphersuite, Element, Scalar, VerifyingKey};
use ringi_primitives::scheme::PartyIndex;

use super::{FrostShare, LIBRARY, identifier};
use crate::Fault;

/// How a key is moved.
pub(crate) struct Shift<C: Ciphersuite> {
    /// Negate before adding: BIP-341 starts from the point with even y.
    pub(crate) sign: Sign,
    pub(crate) add: Scalar<C>,
    /// The key that results, which the caller has from derivation.
    pub(crate) key: Element<C>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    Keep,
    Negate,
}

impl<C: Ciphersuite> Shift<C> {
    /// The moved share, with the public parts of these signers only.
    pub(crate) fn apply(&self, share: &FrostShare<C>, signers: &BTreeSet<PartyIndex>) -> Result<FrostShare<C>, Fault> {
        let root = share.public.verifying_key().to_element();
        // add * G, without another multiplication.
        let point = match self.sign {
            Sign::Keep => self.key - root,
            Sign::Negate => self.key + root,
        };
        let verifying_key = VerifyingKey::new(self.key);
        let mut verifying_shares = std::collections::BTreeMap::new();
        for signer in signers {
            let id = identifier::<C>(*signer)?;
            let own = share.public.verifying_shares().get(&id).ok_or(LIBRARY)?;
            verifying_shares.insert(id, VerifyingShare::new(self.element(own.to_element(), point)));
        }
        let id = *share.key.identifier();
        let key = KeyPackage::new(
            id,
            SigningShare::new(self.scalar(share.key.signing_share().to_scalar())),
            *verifying_shares.get(&id).ok_or(LIBRARY)?,
            verifying_key,
            *share.key.min_signers(),
        );
        let public = PublicKeyPackage::new(verifying_shares, verifying_key, share.public.min_signers());
        Ok(FrostShare { key, public })
    }

    fn scalar(&self, scalar: Scalar<C>) -> Scalar<C> {
        match self.sign {
            Sign::Keep => scalar + self.add,
            Sign::Negate => self.add - scalar,
        }
    }

    fn element(&self, element: Element<C>, point: Element<C>) -> Element<C> {
        match self.sign {
            Sign::Keep => element + point,
            Sign::Negate => point - element,
        }
    }
}
