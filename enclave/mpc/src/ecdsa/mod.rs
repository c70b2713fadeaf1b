//! ECDSA on secp256k1 with dkls23 (Doerner, Kondi, Lee, shelat, eprint 2023/765), its phases inside our rounds.
//!
//! dkls23 draws its own randomness from the operating system through `rand`'s thread generator and takes none from us.
//! Its messages and shares travel as postcard, the library's own serialisation.
mod keygen;
mod refresh;
mod signing;

pub(crate) use keygen::EcdsaKeygen;
pub(crate) use refresh::EcdsaRefresh;
pub(crate) use signing::{EcdsaSigning, EcdsaTask};

use std::collections::{BTreeMap, BTreeSet};

use dkls23_core::protocols::dkg::{
    BroadcastDerivationPhase2to4, ProofCommitment, TransmitInitMulPhase3to4, TransmitInitZeroSharePhase2to4,
    TransmitInitZeroSharePhase3to4,
};
use dkls23_core::protocols::{Abort, AbortKind, AbortReason, Party, PartyIndex as DklsIndex};
use k256::Secp256k1;
use ringi_primitives::scheme::PartyIndex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroize;

use crate::Fault;

pub(crate) type EcdsaParty = Party<Secp256k1>;
type Commitment = ProofCommitment<Secp256k1>;
type MulInit = TransmitInitMulPhase3to4<Secp256k1>;

/// Bound of the setup bodies of key generation and refresh. Honest ones have about 180,000 bytes.
const MAX_SETUP_BODY: usize = 400_000;

pub(crate) fn index(party: PartyIndex) -> Result<DklsIndex, Fault> {
    DklsIndex::new(party.number()).map_err(|_| Fault::Bug("party index zero"))
}

pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Fault> {
    postcard::to_allocvec(value).map_err(|_| Fault::Bug("a message does not serialise"))
}

/// Decodes a whole body; bytes left over are malformed.
fn decode<T: DeserializeOwned>(from: PartyIndex, body: &[u8]) -> Result<T, Fault> {
    match postcard::take_from_bytes(body) {
        Ok((value, [])) => Ok(value),
        _ => Err(Fault::peer(from, "malformed message")),
    }
}

/// Decodes a round of bodies and wipes them: in key generation and refresh they hold share material.
fn decode_all<T: DeserializeOwned>(bodies: BTreeMap<PartyIndex, Vec<u8>>) -> Result<BTreeMap<PartyIndex, T>, Fault> {
    let mut decoded = BTreeMap::new();
    for (from, mut body) in bodies {
        let value = decode(from, &body);
        body.zeroize();
        decoded.insert(from, value?);
    }
    Ok(decoded)
}

/// A message names its sender and receiver itself; both must be what the channel proved.
fn check_route(
    from: PartyIndex,
    me: PartyIndex,
    parties: &dkls23_core::protocols::PartiesMessage,
) -> Result<(), Fault> {
    let right = parties.sender.as_u8() == from.number() && parties.receiver.as_u8() == me.number();
    if right { Ok(()) } else { Err(Fault::peer(from, "message names another sender or receiver")) }
}

/// Our verdict on an abort of the library. A ban is taken over as it is: ignoring it lets the peer extract the key.
fn verdict(abort: &Abort, me: PartyIndex, peers: &BTreeSet<PartyIndex>) -> Fault {
    let known = |index: DklsIndex| PartyIndex::new(index.as_u8()).filter(|p| peers.contains(p) && *p != me);
    let (blame, reason) = blame(&abort.reason);
    if let AbortKind::BanCounterparty(banned) = abort.kind {
        let ban: BTreeSet<PartyIndex> = known(banned).into_iter().collect();
        return Fault::Peer { culprits: ban.clone(), ban, reason };
    }
    match blame {
        Blame::Peer(index) => known(index).map_or(Fault::Bug(reason), |peer| Fault::peer(peer, reason)),
        Blame::Suspect(index) => Fault::Suspects { set: known(index).into_iter().collect(), reason },
        Blame::Anybody => Fault::suspects(peers, reason),
        Blame::Us => Fault::Bug(reason),
    }
}

/// Whom an abort points at.
enum Blame {
    Peer(DklsIndex),
    /// The peer or our own state.
    Suspect(DklsIndex),
    Anybody,
    Us,
}

fn blame(reason: &AbortReason) -> (Blame, &'static str) {
    use AbortReason as R;
    match reason {
        // Also what two honest parties see whose pairwise states are of different refreshes (K2).
        R::SessionBindingMismatch { counterparty } => {
            (Blame::Suspect(*counterparty), "message is bound to another session or setup")
        }
        R::ProofVerificationFailed { counterparty } => (Blame::Peer(*counterparty), "proof of the share fails"),
        R::CommitmentMismatch { counterparty } => (Blame::Peer(*counterparty), "commitment does not open"),
        R::TrivialInstancePoint { counterparty } => (Blame::Peer(*counterparty), "nonce point is trivial"),
        R::OtConsistencyCheckFailed { counterparty } => (Blame::Peer(*counterparty), "key consistency check fails"),
        R::GammaUInconsistency { counterparty } => (Blame::Peer(*counterparty), "nonce consistency check fails"),
        R::MultiplicationVerificationFailed { counterparty, .. } => {
            (Blame::Peer(*counterparty), "multiplication check fails")
        }
        R::ZeroShareDecommitFailed { counterparty } => {
            (Blame::Peer(*counterparty), "zero-share commitment does not open")
        }
        R::ChainCodeCommitmentFailed { party } => (Blame::Peer(*party), "chain code commitment does not open"),
        R::PolynomialInconsistency => (Blame::Anybody, "shares are not of one polynomial"),
        R::TrivialPublicKey | R::TrivialKeyShare => (Blame::Anybody, "trivial key"),
        R::SignatureVerificationFailed => (Blame::Anybody, "signature does not verify"),
        R::ZeroDenominator => (Blame::Anybody, "signature does not assemble"),
        R::InvalidLocalState { .. } | R::MissingMulState { .. } => (Blame::Us, "own pairwise state is damaged"),
        _ => (Blame::Us, "the library was called out of order"),
    }
}

/// The first bodies that key generation and refresh have in common: what was broadcast and sent in the commitment round.
struct Committed {
    proof: BTreeMap<PartyIndex, [u8; 32]>,
    zero: Vec<TransmitInitZeroSharePhase2to4>,
    chain_code: BTreeMap<DklsIndex, BroadcastDerivationPhase2to4>,
}

/// Groups the outgoing zero-share and multiplication messages by receiver.
fn opening_bodies(
    zero: Vec<TransmitInitZeroSharePhase3to4>,
    mul: Vec<MulInit>,
) -> Result<BTreeMap<PartyIndex, Vec<u8>>, Fault> {
    let mut mul: BTreeMap<u8, MulInit> = mul.into_iter().map(|m| (m.parties.receiver.as_u8(), m)).collect();
    let mut bodies = BTreeMap::new();
    for seed in zero {
        let number = seed.parties.receiver.as_u8();
        let to = PartyIndex::new(number).ok_or(Fault::Bug("message to nobody"))?;
        let init = mul.remove(&number).ok_or(Fault::Bug("no multiplication message for a peer"))?;
        bodies.insert(to, encode(&(seed, init))?);
    }
    Ok(bodies)
}

fn commitment_bodies(zero: &[TransmitInitZeroSharePhase2to4]) -> Result<BTreeMap<PartyIndex, Vec<u8>>, Fault> {
    zero.iter()
        .map(|message| {
            let to = PartyIndex::new(message.parties.receiver.as_u8()).ok_or(Fault::Bug("message to nobody"))?;
            Ok((to, encode(message)?))
        })
        .collect()
}

fn take_commitments(
    me: PartyIndex,
    bodies: BTreeMap<PartyIndex, Vec<u8>>,
) -> Result<Vec<TransmitInitZeroSharePhase2to4>, Fault> {
    let messages: BTreeMap<PartyIndex, TransmitInitZeroSharePhase2to4> = decode_all(bodies)?;
    messages.iter().try_for_each(|(from, message)| check_route(*from, me, &message.parties))?;
    Ok(messages.into_values().collect())
}

/// The openings addressed to us, split by kind.
fn take_openings(
    me: PartyIndex,
    bodies: BTreeMap<PartyIndex, Vec<u8>>,
) -> Result<(Vec<TransmitInitZeroSharePhase3to4>, Vec<MulInit>), Fault> {
    let messages: BTreeMap<PartyIndex, (TransmitInitZeroSharePhase3to4, MulInit)> = decode_all(bodies)?;
    let (mut zero, mut mul) = (Vec::new(), Vec::new());
    for (from, (seed, init)) in messages {
        check_route(from, me, &seed.parties)?;
        check_route(from, me, &init.parties)?;
        zero.push(seed);
        mul.push(init);
    }
    Ok((zero, mul))
}

/// The polynomial fragments of round 1 for everyone, and our own.
fn split_fragments(
    me: PartyIndex,
    fragments: Vec<k256::Scalar>,
) -> Result<(k256::Scalar, BTreeMap<PartyIndex, Vec<u8>>), Fault> {
    let (mut own, mut bodies) = (None, BTreeMap::new());
    for (party, mut fragment) in (1..=PartyIndex::MAX).filter_map(PartyIndex::new).zip(fragments) {
        if party == me {
            own = Some(fragment);
        } else {
            bodies.insert(party, encode(&fragment)?);
        }
        fragment.zeroize();
    }
    Ok((own.ok_or(Fault::Bug("no fragment for us"))?, bodies))
}
