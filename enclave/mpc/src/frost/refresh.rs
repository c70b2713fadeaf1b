//! FROST refresh: every party deals shares of zero; the sum moves each share and leaves the key.
//!
//! Rounds: 1 commitments, 2 echo, 3 shares.

use std::collections::{BTreeMap, BTreeSet};

use frost_core::keys::dkg::{round1, round2};
use frost_core::keys::{
    CoefficientCommitment, KeyPackage, PublicKeyPackage, SecretShare, VerifiableSecretSharingCommitment, refresh,
};
use frost_core::{Ciphersuite, Group, Identifier};
use rand_core::CryptoRngCore;
use ringi_primitives::scheme::PartyIndex;

use super::keygen::{check_degree, share_bodies, take_package, take_shares};
use super::{FrostShare, LIBRARY, Names, identifier};
use crate::Fault;
use crate::quorum::Quorum;
use crate::rounds::{Inbound, Outbound, Protocol, Step, Traffic};

pub(crate) struct FrostRefresh<C: Ciphersuite> {
    quorum: Quorum,
    names: Names<C>,
    /// Copies: the caller's share stays as it is and goes on working (K2).
    old_key: KeyPackage<C>,
    old_public: PublicKeyPackage<C>,
    secret1: Option<round1::SecretPackage<C>>,
    secret2: Option<round2::SecretPackage<C>>,
    packages: BTreeMap<Identifier<C>, round1::Package<C>>,
}

impl<C: Ciphersuite> FrostRefresh<C> {
    pub(crate) fn start(
        old: &FrostShare<C>,
        quorum: Quorum,
        me: PartyIndex,
        mut rng: &mut dyn CryptoRngCore,
    ) -> Result<(Self, Outbound), Fault> {
        let (n, t) = (u16::from(quorum.parties()), u16::from(quorum.threshold()));
        let (secret, package) =
            refresh::refresh_dkg_part1::<C, _>(identifier(me)?, n, t, &mut rng).map_err(|_| LIBRARY)?;
        let machine = FrostRefresh {
            quorum,
            names: Names::new(&quorum.peers_of(me)?)?,
            old_key: old.key.clone(),
            old_public: old.public.clone(),
            secret1: Some(secret),
            secret2: None,
            packages: BTreeMap::new(),
        };
        let body = package.serialize().map_err(|_| LIBRARY)?;
        Ok((machine, Outbound { broadcast: Some(body), directs: BTreeMap::new() }))
    }

    fn deal(&mut self, inbound: Inbound) -> Result<Outbound, Fault> {
        for (from, body) in inbound.broadcasts {
            let package = take_package::<C>(from, &body)?;
            // The constant term is zero and not sent.
            check_degree(&package, from, usize::from(self.quorum.threshold().saturating_sub(1)))?;
            self.packages.insert(identifier(from)?, package);
        }
        let secret = self.secret1.take().ok_or(LIBRARY)?;
        let (secret, shares) =
            refresh::refresh_dkg_part2(secret, &self.packages).map_err(|error| self.names.verdict(&error, LIBRARY))?;
        self.secret2 = Some(secret);
        Ok(Outbound { broadcast: None, directs: share_bodies(&self.names, &shares)? })
    }

    /// The library checks each share against its dealer's commitment too, but does not say whose failed.
    fn check_shares(&self, shares: &BTreeMap<Identifier<C>, round2::Package<C>>) -> Result<(), Fault> {
        let me = *self.old_key.identifier();
        let mut culprits = BTreeSet::new();
        for (id, share) in shares {
            let sent = self.packages.get(id).ok_or(LIBRARY)?.commitment();
            let zero = CoefficientCommitment::new(C::Group::identity());
            let commitment = std::iter::once(zero).chain(sent.coefficients().iter().copied()).collect();
            let commitment = VerifiableSecretSharingCommitment::new(commitment);
            if SecretShare::new(me, *share.signing_share(), commitment).verify().is_err() {
                culprits.extend(self.names.party(id));
            }
        }
        if culprits.is_empty() {
            return Ok(());
        }
        Err(Fault::Peer { culprits, ban: BTreeSet::new(), reason: "share does not match its commitment" })
    }

    fn finish(&mut self, inbound: Inbound) -> Result<FrostShare<C>, Fault> {
        let shares = take_shares(inbound.directs)?;
        self.check_shares(&shares)?;
        let secret = self.secret2.take().ok_or(LIBRARY)?;
        let (key, public) = refresh::refresh_dkg_shares(
            &secret,
            &self.packages,
            &shares,
            self.old_public.clone(),
            self.old_key.clone(),
        )
        .map_err(|error| self.names.verdict(&error, LIBRARY))?;
        if public.verifying_key() != self.old_public.verifying_key() || key.verifying_key() != public.verifying_key() {
            return Err(Fault::Bug("refresh changed the key"));
        }
        Ok(FrostShare { key, public })
    }
}

impl<C: Ciphersuite> Protocol for FrostRefresh<C> {
    type Output = FrostShare<C>;
    const PLAN: &'static [Traffic] = &[Traffic::Broadcast, Traffic::Echo, Traffic::Direct];

    fn max_body(&self, round: u8) -> usize {
        if round == 1 { 512 } else { 64 }
    }

    fn advance(&mut self, round: u8, inbound: Inbound) -> Result<Step<Self::Output>, Fault> {
        match round {
            1 => self.deal(inbound).map(Step::Next),
            3 => self.finish(inbound).map(Step::Finish),
            _ => Err(Fault::Bug("no such round")),
        }
    }
}
