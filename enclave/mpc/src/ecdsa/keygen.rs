//! Distributed key generation of dkls23 (eprint 2023/602, protocol 9.1, with the chain code and pairwise setup of dkls23).
//!
//! Rounds: 1 fragments, 2 commitments, 3 echo, 4 openings and pairwise setup, 5 echo. dkls23 leaves the broadcast to us.

use std::collections::{BTreeMap, BTreeSet};

use dkls23_core::DkgSession;
use dkls23_core::protocols::Parameters;
use dkls23_core::protocols::dkg::{BroadcastDerivationPhase2to4, BroadcastDerivationPhase3to4};
use dkls23_core::utilities::proofs::DLogProof;
use k256::Secp256k1;
use ringi_primitives::scheme::PartyIndex;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::{
    Commitment, Committed, EcdsaParty, commitment_bodies, decode_all, encode, index, opening_bodies, split_fragments,
    take_commitments, take_openings, verdict,
};
use crate::Fault;
use crate::quorum::Quorum;
use crate::rounds::{Inbound, Outbound, Protocol, Step, Traffic};

pub(crate) struct EcdsaKeygen {
    me: PartyIndex,
    peers: BTreeSet<PartyIndex>,
    dkg: Option<DkgSession<Secp256k1>>,
    own_fragment: Zeroizing<k256::Scalar>,
    own_commitment: Option<Commitment>,
    own_chain_code: Option<BroadcastDerivationPhase2to4>,
    own_opening: Option<BroadcastDerivationPhase3to4>,
    committed: Option<Committed>,
}

/// Round 2, to all.
#[derive(Serialize, Deserialize)]
struct CommitAll {
    proof: [u8; 32],
    chain_code: BroadcastDerivationPhase2to4,
}

/// Round 4, to all.
#[derive(Serialize, Deserialize)]
struct OpenAll {
    proof: DLogProof<Secp256k1>,
    chain_code: BroadcastDerivationPhase3to4,
}

impl EcdsaKeygen {
    /// `parameters` is the hash all participants must share; it becomes dkls23's session id and so enters every proof.
    pub(crate) fn start(quorum: Quorum, me: PartyIndex, parameters: [u8; 32]) -> Result<(Self, Outbound), Fault> {
        let sizes = Parameters::new(quorum.threshold(), quorum.parties()).map_err(|_| Fault::Bug("quorum"))?;
        let dkg = DkgSession::new(sizes, index(me)?, parameters.to_vec());
        let (own, directs) = split_fragments(me, dkg.phase1())?;
        let machine = EcdsaKeygen {
            me,
            peers: quorum.peers_of(me)?,
            dkg: Some(dkg),
            own_fragment: Zeroizing::new(own),
            own_commitment: None,
            own_chain_code: None,
            own_opening: None,
            committed: None,
        };
        Ok((machine, Outbound { broadcast: None, directs }))
    }

    fn dkg(&mut self) -> Result<&mut DkgSession<Secp256k1>, Fault> {
        self.dkg.as_mut().ok_or(Fault::Bug("key generation is over"))
    }

    fn commit(&mut self, inbound: Inbound) -> Result<Outbound, Fault> {
        let received: BTreeMap<PartyIndex, k256::Scalar> = decode_all(inbound.directs)?;
        let mut fragments: Vec<k256::Scalar> = received.into_values().collect();
        fragments.push(*self.own_fragment);
        let result = self.dkg()?.phase2(&fragments);
        fragments.zeroize();
        let (proof, zero, chain_code) = result.map_err(|abort| verdict(&abort, self.me, &self.peers))?;
        let broadcast = encode(&CommitAll { proof: proof.commitment, chain_code: chain_code.clone() })?;
        self.own_commitment = Some(proof);
        self.own_chain_code = Some(chain_code);
        Ok(Outbound { broadcast: Some(broadcast), directs: commitment_bodies(&zero)? })
    }

    fn open(&mut self, inbound: Inbound) -> Result<Outbound, Fault> {
        let zero = take_commitments(self.me, inbound.directs)?;
        let mut committed = Committed { proof: BTreeMap::new(), zero, chain_code: BTreeMap::new() };
        for (from, message) in decode_all::<CommitAll>(inbound.broadcasts)? {
            if message.chain_code.sender_index.as_u8() != from.number() {
                return Err(Fault::peer(from, "message names another sender or receiver"));
            }
            committed.proof.insert(from, message.proof);
            committed.chain_code.insert(message.chain_code.sender_index, message.chain_code);
        }
        self.committed = Some(committed);
        let phase = self.dkg()?.phase3();
        let (zero, mul, chain_code) = phase.map_err(|abort| verdict(&abort, self.me, &self.peers))?;
        let proof = self.own_commitment.as_ref().ok_or(Fault::Bug("no own proof"))?.proof.clone();
        let broadcast = encode(&OpenAll { proof, chain_code: chain_code.clone() })?;
        self.own_opening = Some(chain_code);
        Ok(Outbound { broadcast: Some(broadcast), directs: opening_bodies(zero, mul)? })
    }

    fn finish(&mut self, inbound: Inbound) -> Result<EcdsaParty, Fault> {
        const OVER: Fault = Fault::Bug("key generation is over");
        let (zero_openings, mul) = take_openings(self.me, inbound.directs)?;
        let mut committed = self.committed.take().ok_or(OVER)?;
        let own = self.own_commitment.take().ok_or(OVER)?;
        let own_chain_code = self.own_chain_code.take().ok_or(OVER)?;
        let own_opening = self.own_opening.take().ok_or(OVER)?;
        committed.chain_code.insert(own_chain_code.sender_index, own_chain_code);
        let mut chain_codes = BTreeMap::from([(own_opening.sender_index, own_opening)]);
        let mut proofs = vec![own];
        for (from, message) in decode_all::<OpenAll>(inbound.broadcasts)? {
            if message.chain_code.sender_index.as_u8() != from.number() {
                return Err(Fault::peer(from, "message names another sender or receiver"));
            }
            let commitment = *committed.proof.get(&from).ok_or(OVER)?;
            proofs.push(Commitment { index: index(from)?, proof: message.proof, commitment });
            chain_codes.insert(message.chain_code.sender_index, message.chain_code);
        }
        let dkg = self.dkg.take().ok_or(OVER)?;
        let done =
            dkg.phase4(&proofs, &committed.zero, &zero_openings, &mul, &committed.chain_code, &chain_codes, |_| {
                String::new()
            });
        done.map(|(party, _)| party).map_err(|abort| verdict(&abort, self.me, &self.peers))
    }
}

impl Protocol for EcdsaKeygen {
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
