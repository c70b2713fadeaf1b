//! Refresh: new shares of the same key, useless together with the old ones.

use std::collections::BTreeSet;

use rand_core::CryptoRngCore;
use ringi_primitives::scheme::PartyIndex;

use crate::ecdsa::EcdsaRefresh;
use crate::frost::FrostRefresh;
use crate::quorum::Quorum;
use crate::rounds::{Running, Start, started};
use crate::share::{KeyShare, Secret};
use crate::transcript::Framed;
use crate::{Ceremony, Envelope, Fault, Progress, SessionId};

/// What all parties of a refresh must agree on, beside the key.
#[derive(Debug, Clone, Copy)]
pub struct RefreshParams {
    /// The ceremony's name.
    pub session: SessionId,
    /// Digest of genesis and order (G1, G2); bound into every message.
    pub transcript: [u8; 32],
}

/// A running refresh. All n parties take part. Gives a new share of the next epoch; public key, chain code and so every
/// address stay. The old share is only read: it signs until the caller drops it, which it may do only when all n have
/// made the new epoch durable (PROTOCOL.md K2).
pub struct Refresh {
    quorum: Quorum,
    me: PartyIndex,
    next_epoch: u32,
    public_key: Vec<u8>,
    chain_code: [u8; 32],
    machine: Running<Secret>,
}

impl Refresh {
    /// Starts our part; send the envelopes. `rng` feeds the FROST schemes; dkls23 takes its randomness from the system.
    ///
    /// # Errors
    /// `Misuse` at the last epoch, 2^32 - 1.
    pub fn start(
        share: &KeyShare,
        params: RefreshParams,
        rng: &mut dyn CryptoRngCore,
    ) -> Result<(Refresh, Vec<Envelope>), Fault> {
        let next_epoch = share.epoch().checked_add(1).ok_or(Fault::Misuse("no epoch is left"))?;
        let (quorum, me) = (share.quorum, share.index());
        let parameters = Framed::new("ringi/mpc/refresh/v1")
            .part(&share.digest())
            .part(&params.session.0)
            .part(&params.transcript)
            .finish();
        let start = Start { session: params.session, me, peers: quorum.peers_of(me)?, parameters };
        let (machine, sent) = match &share.secret {
            Secret::Ecdsa(old) => started(start, EcdsaRefresh::start(old, quorum, me, parameters)?, |party| {
                Secret::Ecdsa(Box::new(party))
            }),
            Secret::Bip340(old) => {
                started(start, FrostRefresh::start(old, quorum, me, rng)?, |key| Secret::Bip340(Box::new(key)))
            }
            Secret::Ed25519(old) => {
                started(start, FrostRefresh::start(old, quorum, me, rng)?, |key| Secret::Ed25519(Box::new(key)))
            }
        };
        let (public_key, chain_code) = (share.public_key().to_vec(), share.chain_code());
        Ok((Refresh { quorum, me, next_epoch, public_key, chain_code, machine }, sent))
    }
}

impl Ceremony for Refresh {
    type Output = KeyShare;

    fn receive(&mut self, envelope: Envelope) -> Result<Progress<KeyShare>, Fault> {
        let made = self.machine.receive(envelope)?;
        made.try_map(|secret| {
            let share = KeyShare::assemble(self.quorum, self.me, self.next_epoch, self.chain_code, secret)?;
            let same = share.public_key() == self.public_key;
            if same { Ok(share) } else { Err(Fault::Bug("refresh changed the key")) }
        })
    }

    fn missing(&self) -> BTreeSet<PartyIndex> {
        self.machine.missing()
    }
}
