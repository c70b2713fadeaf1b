//! Refresh: new shares of the same key, useless together with the old ones.

use std::collections::BTreeSet;

use frost_ed25519::Ed25519Sha512;
use frost_secp256k1_tr::Secp256K1Sha256TR;
use rand_core::CryptoRngCore;
use ringi_primitives::scheme::PartyIndex;

use crate::ecdsa::EcdsaRefresh;
use crate::frost::FrostRefresh;
use crate::quorum::Quorum;
use crate::rounds::{Machine, Start};
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
    machine: Inner,
}

enum Inner {
    Ecdsa(Box<Machine<EcdsaRefresh>>),
    Bip340(Box<Machine<FrostRefresh<Secp256K1Sha256TR>>>),
    Ed25519(Box<Machine<FrostRefresh<Ed25519Sha512>>>),
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
            Secret::Ecdsa(old) => {
                let (protocol, first) = EcdsaRefresh::start(old, quorum, me, parameters)?;
                let (machine, sent) = Machine::start(start, protocol, first);
                (Inner::Ecdsa(Box::new(machine)), sent)
            }
            Secret::Bip340(old) => {
                let (protocol, first) = FrostRefresh::start(old, quorum, me, rng)?;
                let (machine, sent) = Machine::start(start, protocol, first);
                (Inner::Bip340(Box::new(machine)), sent)
            }
            Secret::Ed25519(old) => {
                let (protocol, first) = FrostRefresh::start(old, quorum, me, rng)?;
                let (machine, sent) = Machine::start(start, protocol, first);
                (Inner::Ed25519(Box::new(machine)), sent)
            }
        };
        let (public_key, chain_code) = (share.public_key().to_vec(), share.chain_code());
        Ok((Refresh { quorum, me, next_epoch, public_key, chain_code, machine }, sent))
    }

    fn share(
        secret: Secret,
        (quorum, me, epoch): (Quorum, PartyIndex, u32),
        (public_key, chain_code): (&[u8], [u8; 32]),
    ) -> Result<KeyShare, Fault> {
        let share = KeyShare::assemble(quorum, me, epoch, chain_code, secret)?;
        if share.public_key() != public_key {
            return Err(Fault::Bug("refresh changed the key"));
        }
        Ok(share)
    }
}

impl Ceremony for Refresh {
    type Output = KeyShare;

    fn receive(&mut self, envelope: Envelope) -> Result<Progress<KeyShare>, Fault> {
        let place = (self.quorum, self.me, self.next_epoch);
        let same = (self.public_key.as_slice(), self.chain_code);
        match &mut self.machine {
            Inner::Ecdsa(machine) => {
                machine.receive(envelope)?.try_map(|party| Refresh::share(Secret::Ecdsa(Box::new(party)), place, same))
            }
            Inner::Bip340(machine) => {
                machine.receive(envelope)?.try_map(|key| Refresh::share(Secret::Bip340(Box::new(key)), place, same))
            }
            Inner::Ed25519(machine) => {
                machine.receive(envelope)?.try_map(|key| Refresh::share(Secret::Ed25519(Box::new(key)), place, same))
            }
        }
    }

    fn missing(&self) -> BTreeSet<PartyIndex> {
        match &self.machine {
            Inner::Ecdsa(machine) => machine.missing(),
            Inner::Bip340(machine) => machine.missing(),
            Inner::Ed25519(machine) => machine.missing(),
        }
    }
}
