//! FROST key generation (Pedersen's with proofs of knowledge), with a jointly random chain code beside it.
//!
//! Rounds: 1 commitments, 2 echo, 3 shares and openings of the chain code, 4 echo. FROST presumes a broadcast channel; the echo is it.

use std::collections::{BTreeMap, BTreeSet};

use frost_core::keys::dkg::{self, round1, round2};
use frost_core::{Ciphersuite, Identifier};
use rand_core::CryptoRngCore;
use ringi_primitives::scheme::PartyIndex;
use zeroize::{Zeroize, Zeroizing};

use super::{FrostShare, LIBRARY, Names, identifier};
use crate::Fault;
use crate::quorum::Quorum;
use crate::rounds::{Inbound, Outbound, Protocol, Step, Traffic};
use crate::transcript::Framed;

pub(crate) struct FrostKeygen<C: Ciphersuite> {
    me: PartyIndex,
    quorum: Quorum,
    parameters: [u8; 32],
    names: Names<C>,
    peers: BTreeSet<PartyIndex>,
    secret1: Option<round1::SecretPackage<C>>,
    secret2: Option<round2::SecretPackage<C>>,
    packages: BTreeMap<Identifier<C>, round1::Package<C>>,
    entropy: BTreeMap<PartyIndex, [u8; 32]>,
    commitments: BTreeMap<PartyIndex, [u8; 32]>,
}

impl<C: Ciphersuite> FrostKeygen<C> {
    pub(crate) fn start(
        quorum: Quorum,
        me: PartyIndex,
        parameters: [u8; 32],
        mut rng: &mut dyn CryptoRngCore,
    ) -> Result<(Self, Outbound), Fault> {
        let peers = quorum.peers_of(me)?;
        let (n, t) = (u16::from(quorum.parties()), u16::from(quorum.threshold()));
        let (secret, package) = dkg::part1::<C, _>(identifier(me)?, n, t, &mut rng).map_err(|_| LIBRARY)?;
        let mut entropy = [0; 32];
        rng.fill_bytes(&mut entropy);
        let machine = FrostKeygen {
            me,
            quorum,
            parameters,
            names: Names::new(&peers)?,
            peers,
            secret1: Some(secret),
            secret2: None,
            packages: BTreeMap::new(),
            entropy: BTreeMap::from([(me, entropy)]),
            commitments: BTreeMap::new(),
        };
        let mut body = machine.entropy_commitment(me, &entropy).to_vec();
        body.extend(package.serialize().map_err(|_| LIBRARY)?);
        Ok((machine, Outbound { broadcast: Some(body), directs: BTreeMap::new() }))
    }

    /// Commits a party to its part of the chain code, so that nobody can choose the sum.
    fn entropy_commitment(&self, party: PartyIndex, entropy: &[u8; 32]) -> [u8; 32] {
        Framed::new("ringi/mpc/chain-code/commit/v1")
            .part(&self.parameters)
            .part(&[party.number()])
            .part(entropy)
            .finish()
    }

    fn deal(&mut self, inbound: Inbound) -> Result<Outbound, Fault> {
        for (from, body) in inbound.broadcasts {
            let (commitment, package) = body.split_first_chunk::<32>().ok_or(Fault::peer(from, "malformed message"))?;
            let package = take_package::<C>(from, package)?;
            // A longer commitment would raise the threshold behind everyone's back.
            check_degree(&package, from, usize::from(self.quorum.threshold()))?;
            self.commitments.insert(from, *commitment);
            self.packages.insert(identifier(from)?, package);
        }
        let secret = self.secret1.take().ok_or(LIBRARY)?;
        let (secret, shares) =
            dkg::part2(secret, &self.packages).map_err(|error| self.names.verdict(&error, LIBRARY))?;
        self.secret2 = Some(secret);
        let own = self.entropy.get(&self.me).ok_or(LIBRARY)?;
        Ok(Outbound { broadcast: Some(own.to_vec()), directs: share_bodies(&self.names, &shares)? })
    }

    fn finish(&mut self, inbound: Inbound) -> Result<(FrostShare<C>, [u8; 32]), Fault> {
        for (from, body) in inbound.broadcasts {
            let entropy: [u8; 32] = body.as_slice().try_into().map_err(|_| Fault::peer(from, "malformed message"))?;
            if self.commitments.get(&from) != Some(&self.entropy_commitment(from, &entropy)) {
                return Err(Fault::peer(from, "chain code commitment does not open"));
            }
            self.entropy.insert(from, entropy);
        }
        let shares = take_shares(inbound.directs)?;
        let secret = self.secret2.take().ok_or(LIBRARY)?;
        let (key, public) = dkg::part3(&secret, &self.packages, &shares)
            .map_err(|error| self.names.verdict(&error, Fault::suspects(&self.peers, "key does not assemble")))?;
        let mut chain_code = Framed::new("ringi/mpc/chain-code/v1").part(&self.parameters);
        for (party, entropy) in &self.entropy {
            chain_code = chain_code.part(&[party.number()]).part(entropy);
        }
        Ok((FrostShare { key, public }, chain_code.finish()))
    }
}

/// The library ignores what follows a package; here a package has one encoding.
pub(super) fn take_package<C: Ciphersuite>(from: PartyIndex, body: &[u8]) -> Result<round1::Package<C>, Fault> {
    match round1::Package::<C>::deserialize(body) {
        Ok(package) if package.serialize().is_ok_and(|again| again == body) => Ok(package),
        _ => Err(Fault::peer(from, "malformed message")),
    }
}

/// The commitment must be to exactly `terms` coefficients.
pub(super) fn check_degree<C: Ciphersuite>(
    package: &round1::Package<C>,
    from: PartyIndex,
    terms: usize,
) -> Result<(), Fault> {
    let coefficients = package.commitment().serialize().map_err(|_| Fault::peer(from, "malformed message"))?;
    if coefficients.len() == terms { Ok(()) } else { Err(Fault::peer(from, "commitment of another degree")) }
}

/// The second-round packages by receiver.
pub(super) fn share_bodies<C: Ciphersuite>(
    names: &Names<C>,
    shares: &BTreeMap<Identifier<C>, round2::Package<C>>,
) -> Result<BTreeMap<PartyIndex, Vec<u8>>, Fault> {
    let mut bodies = BTreeMap::new();
    for (id, share) in shares {
        bodies.insert(names.party(id).ok_or(LIBRARY)?, share.serialize().map_err(|_| LIBRARY)?);
    }
    Ok(bodies)
}

/// Decodes the second-round packages and wipes the bodies.
pub(super) fn take_shares<C: Ciphersuite>(
    bodies: BTreeMap<PartyIndex, Vec<u8>>,
) -> Result<BTreeMap<Identifier<C>, round2::Package<C>>, Fault> {
    let mut shares = BTreeMap::new();
    for (from, mut body) in bodies {
        let share = round2::Package::<C>::deserialize(&body).ok();
        let share = share.filter(|share| share.serialize().is_ok_and(|again| *Zeroizing::new(again) == body));
        body.zeroize();
        shares.insert(identifier(from)?, share.ok_or(Fault::peer(from, "malformed message"))?);
    }
    Ok(shares)
}

impl<C: Ciphersuite> Protocol for FrostKeygen<C> {
    type Output = (FrostShare<C>, [u8; 32]);
    const PLAN: &'static [Traffic] = &[Traffic::Broadcast, Traffic::Echo, Traffic::Mixed, Traffic::Echo];

    fn max_body(&self, round: u8) -> usize {
        // At most nine coefficients of 33 bytes, a proof of 65 and headers.
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
