//! FROST signing (RFC 9591 §5): round 1 commits to nonces, round 2's signature shares are held back until released.
//!
//! Round 2 carries the hash of round 1's broadcasts, so signers that were told different commitments find out (S1).

use std::collections::{BTreeMap, BTreeSet};

use frost_core::round1::{self, SigningCommitments, SigningNonces};
use frost_core::round2::{self, SignatureShare};
use frost_core::{Ciphersuite, SigningPackage};
use rand_core::CryptoRngCore;
use ringi_primitives::scheme::PartyIndex;

use super::{FrostShare, LIBRARY, Names, identifier};
use crate::rounds::{Inbound, Outbound, Protocol, Step, Traffic};
use crate::{Fault, Signature};

/// One message and the share, already moved to the key that signs it.
pub(crate) struct FrostTask<C: Ciphersuite> {
    pub(crate) share: FrostShare<C>,
    pub(crate) message: Vec<u8>,
}

struct Task<C: Ciphersuite> {
    share: FrostShare<C>,
    message: Vec<u8>,
    /// Taken by the one use.
    nonces: Option<SigningNonces<C>>,
    commitments: SigningCommitments<C>,
    package: Option<SigningPackage<C>>,
    own: Option<SignatureShare<C>>,
}

pub(crate) struct FrostSigning<C: Ciphersuite> {
    me: PartyIndex,
    peers: BTreeSet<PartyIndex>,
    names: Names<C>,
    tasks: Vec<Task<C>>,
    /// Of all our commitments together; a peer's have the same.
    commitments_len: usize,
}

impl<C: Ciphersuite> FrostSigning<C> {
    pub(crate) fn start(
        me: PartyIndex,
        peers: BTreeSet<PartyIndex>,
        tasks: Vec<FrostTask<C>>,
        mut rng: &mut dyn CryptoRngCore,
    ) -> Result<(Self, Outbound), Fault> {
        let mut body = Vec::new();
        let mut started = Vec::with_capacity(tasks.len());
        for FrostTask { share, message } in tasks {
            let (nonces, commitments) = round1::commit(share.key.signing_share(), &mut rng);
            body.extend(commitments.serialize().map_err(|_| LIBRARY)?);
            started.push(Task { share, message, nonces: Some(nonces), commitments, package: None, own: None });
        }
        let machine =
            FrostSigning { me, names: Names::new(&peers)?, peers, tasks: started, commitments_len: body.len() };
        Ok((machine, Outbound { broadcast: Some(body), directs: BTreeMap::new() }))
    }

    fn collect(&mut self, inbound: Inbound) -> Result<(), Fault> {
        let own = identifier(self.me)?;
        let mut lists: Vec<BTreeMap<_, _>> =
            self.tasks.iter().map(|task| BTreeMap::from([(own, task.commitments)])).collect();
        for (from, body) in inbound.broadcasts {
            if body.len() != self.commitments_len {
                return Err(Fault::peer(from, "message is not for these tasks"));
            }
            let pieces = pieces(from, &body, lists.len())?;
            for (list, piece) in lists.iter_mut().zip(pieces) {
                let commitments =
                    SigningCommitments::<C>::deserialize(piece).map_err(|_| Fault::peer(from, "malformed message"))?;
                list.insert(identifier(from)?, commitments);
            }
        }
        for (task, list) in self.tasks.iter_mut().zip(lists) {
            task.package = Some(SigningPackage::new(list, &task.message));
        }
        Ok(())
    }

    fn aggregate(&mut self, inbound: Inbound) -> Result<Vec<Signature>, Fault> {
        let own = identifier(self.me)?;
        let mut lists = Vec::with_capacity(self.tasks.len());
        for task in &mut self.tasks {
            lists.push(BTreeMap::from([(own, task.own.take().ok_or(LIBRARY)?)]));
        }
        for (from, body) in inbound.broadcasts {
            let pieces = pieces(from, &body, lists.len())?;
            for (list, piece) in lists.iter_mut().zip(pieces) {
                let share =
                    SignatureShare::<C>::deserialize(piece).map_err(|_| Fault::peer(from, "malformed message"))?;
                list.insert(identifier(from)?, share);
            }
        }
        let mut signatures = Vec::with_capacity(self.tasks.len());
        for (task, shares) in self.tasks.iter().zip(lists) {
            let package = task.package.as_ref().ok_or(LIBRARY)?;
            // Verifies the sum under the moved key before it gives it, and the single shares if that fails.
            let signature = frost_core::aggregate(package, &shares, &task.share.public).map_err(|error| {
                self.names.verdict(&error, Fault::suspects(&self.peers, "signature does not verify"))
            })?;
            let bytes = signature.serialize().map_err(|_| LIBRARY)?;
            signatures.push(Signature::schnorr(bytes.as_slice().try_into().map_err(|_| LIBRARY)?));
        }
        Ok(signatures)
    }
}

/// Cuts a body into one piece per task. All of a suite's commitments have one length, and so have all its shares.
fn pieces(from: PartyIndex, body: &[u8], count: usize) -> Result<impl Iterator<Item = &[u8]>, Fault> {
    let piece = body.len().checked_div(count).filter(|piece| *piece > 0 && body.len() == piece.saturating_mul(count));
    piece.map(|piece| body.chunks_exact(piece)).ok_or(Fault::peer(from, "message is not for these tasks"))
}

impl<C: Ciphersuite> Protocol for FrostSigning<C> {
    type Output = Vec<Signature>;
    const PLAN: &'static [Traffic] = &[Traffic::Broadcast, Traffic::Broadcast];

    fn max_body(&self, round: u8) -> usize {
        // Two points of at most 33 bytes with a header; one scalar of 32.
        let per_task: usize = if round == 1 { 80 } else { 32 };
        self.tasks.len().saturating_mul(per_task)
    }

    fn advance(&mut self, round: u8, inbound: Inbound) -> Result<Step<Vec<Signature>>, Fault> {
        match round {
            1 => self.collect(inbound).map(|()| Step::Hold),
            2 => self.aggregate(inbound).map(Step::Finish),
            _ => Err(Fault::Bug("no such round")),
        }
    }

    fn release(&mut self) -> Result<Outbound, Fault> {
        let mut body = Vec::new();
        for task in &mut self.tasks {
            let nonces = task.nonces.take().ok_or(LIBRARY)?;
            let package = task.package.as_ref().ok_or(LIBRARY)?;
            // What can fail here is a peer's commitment: the identity as a nonce.
            let share = round2::sign(package, &nonces, &task.share.key).map_err(|error| {
                self.names.verdict(&error, Fault::suspects(&self.peers, "nonce commitment is trivial"))
            })?;
            body.extend(share.serialize());
            task.own = Some(share);
        }
        Ok(Outbound { broadcast: Some(body), directs: BTreeMap::new() })
    }
}
