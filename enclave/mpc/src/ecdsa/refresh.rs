//! Complete refresh of dkls23: new shares of the same key and a new pairwise setup, as a key generation of zero.
//!
//! Rounds: 1 fragments, 2 commitments, 3 echo, 4 openings and pairwise setup, 5 echo. The complete form is taken, not the
//! fast one, because only it replaces an oblivious-transfer setup about which a banned peer may have learnt something.

use std::collections::{BTreeMap, BTreeSet};

use dkls23_core::protocols::PartyIndex as DklsIndex;
use dkls23_core::protocols::dkg::{KeepInitMulPhase3to4, KeepInitZeroSharePhase2to3, KeepInitZeroSharePhase3to4};
use dkls23_core::utilities::proofs::DLogProof;
use k256::{Scalar, Secp256k1};
use ringi_primitives::scheme::PartyIndex;
use zeroize::{Zeroize, Zeroizing};

use super::{
    Commitment, Committed, EcdsaParty, commitment_bodies, decode_all, encode, index, opening_bodies, split_fragments,
    take_commitments, take_openings, verdict,
};
use crate::Fault;
use crate::quorum::Quorum;
use crate::rounds::{Inbound, Outbound, Protocol, Step, Traffic};

pub(crate) struct EcdsaRefresh {
    me: PartyIndex,
    peers: BTreeSet<PartyIndex>,
    /// A copy: the caller's share stays as it is and goes on working (K2).
    old: EcdsaParty,
    refresh_id: [u8; 32],
    own_fragment: Zeroizing<Scalar>,
    correction: Zeroizing<Scalar>,
    own_commitment: Option<Commitment>,
    zero_kept: Wiped<KeepInitZeroSharePhase2to3>,
    zero_opened: Wiped<KeepInitZeroSharePhase3to4>,
    mul_kept: Wiped<KeepInitMulPhase3to4<Secp256k1>>,
    committed: Option<Committed>,
}

/// Kept values of the library, which does not wipe these itself.
struct Wiped<T: Wipe>(BTreeMap<DklsIndex, T>);

trait Wipe {
    fn wipe(&mut self);
}

impl<T: Wipe> Drop for Wiped<T> {
    fn drop(&mut self) {
        self.0.values_mut().for_each(Wipe::wipe);
    }
}

impl Wipe for KeepInitZeroSharePhase2to3 {
    fn wipe(&mut self) {
        self.seed.zeroize();
        self.salt.zeroize();
    }
}

impl Wipe for KeepInitZeroSharePhase3to4 {
    fn wipe(&mut self) {
        self.seed.zeroize();
    }
}

impl Wipe for KeepInitMulPhase3to4<Secp256k1> {
    fn wipe(&mut self) {
        self.ot_sender.s.zeroize();
        self.ot_receiver.seed.zeroize();
        self.nonce.zeroize();
        self.vec_r.zeroize();
        self.correlation.zeroize();
    }
}

impl EcdsaRefresh {
    pub(crate) fn start(
        old: &EcdsaParty,
        quorum: Quorum,
        me: PartyIndex,
        parameters: [u8; 32],
    ) -> Result<(Self, Outbound), Fault> {
        let (own, directs) = split_fragments(me, old.refresh_complete_phase1())?;
        let machine = EcdsaRefresh {
            me,
            peers: quorum.peers_of(me)?,
            old: old.clone(),
            refresh_id: parameters,
            own_fragment: Zeroizing::new(own),
            correction: Zeroizing::new(Scalar::ZERO),
            own_commitment: None,
            zero_kept: Wiped(BTreeMap::new()),
            zero_opened: Wiped(BTreeMap::new()),
            mul_kept: Wiped(BTreeMap::new()),
            committed: None,
        };
        Ok((machine, Outbound { broadcast: None, directs }))
    }

    fn commit(&mut self, inbound: Inbound) -> Result<Outbound, Fault> {
        let received: BTreeMap<PartyIndex, Scalar> = decode_all(inbound.directs)?;
        let mut fragments: Vec<Scalar> = received.into_values().collect();
        fragments.push(*self.own_fragment);
        let (correction, proof, kept, zero) = self.old.refresh_complete_phase2(&self.refresh_id, &fragments);
        fragments.zeroize();
        *self.correction = correction;
        self.zero_kept = Wiped(kept);
        let broadcast = encode(&proof.commitment)?;
        self.own_commitment = Some(proof);
        Ok(Outbound { broadcast: Some(broadcast), directs: commitment_bodies(&zero)? })
    }

    fn open(&mut self, inbound: Inbound) -> Result<Outbound, Fault> {
        let zero = take_commitments(self.me, inbound.directs)?;
        let proof = decode_all::<[u8; 32]>(inbound.broadcasts)?;
        self.committed = Some(Committed { proof, zero, chain_code: BTreeMap::new() });
        let (zero_kept, zero, mul_kept, mul) = self.old.refresh_complete_phase3(&self.refresh_id, &self.zero_kept.0);
        self.zero_kept = Wiped(BTreeMap::new());
        self.zero_opened = Wiped(zero_kept);
        self.mul_kept = Wiped(mul_kept);
        let own = self.own_commitment.as_ref().ok_or(Fault::Bug("no own proof"))?;
        Ok(Outbound { broadcast: Some(encode(&own.proof)?), directs: opening_bodies(zero, mul)? })
    }

    fn finish(&mut self, inbound: Inbound) -> Result<EcdsaParty, Fault> {
        const OVER: Fault = Fault::Bug("refresh is over");
        let (zero_openings, mul) = take_openings(self.me, inbound.directs)?;
        let committed = self.committed.take().ok_or(OVER)?;
        let mut proofs = vec![self.own_commitment.take().ok_or(OVER)?];
        for (from, proof) in decode_all::<DLogProof<Secp256k1>>(inbound.broadcasts)? {
            let commitment = *committed.proof.get(&from).ok_or(OVER)?;
            proofs.push(Commitment { index: index(from)?, proof, commitment });
        }
        let party = self.old.refresh_complete_phase4(
            &self.refresh_id,
            &self.correction,
            &proofs,
            &self.zero_opened.0,
            &committed.zero,
            &zero_openings,
            &self.mul_kept.0,
            &mul,
        );
        party.map_err(|abort| verdict(&abort, self.me, &self.peers))
    }
}

impl Protocol for EcdsaRefresh {
    type Output = EcdsaParty;
    const PLAN: &'static [Traffic] = &[Traffic::Direct, Traffic::Mixed, Traffic::Echo, Traffic::Mixed, Traffic::Echo];

    fn max_body(&self, round: u8) -> usize {
        match round {
            1 => 64,
            2 => 256,
            _ => super::MAX_SETUP_BODY,
        }
    }

    fn advance(&mut self, round: u8, inbound: Inbound) -> Result<Step<EcdsaParty>, Fault> {
        match round {
            1 => self.commit(inbound).map(Step::Next),
            2 => self.open(inbound).map(Step::Next),
            4 => self.finish(inbound).map(Step::Finish),
            _ => Err(Fault::Bug("no such round")),
        }
    }
}
