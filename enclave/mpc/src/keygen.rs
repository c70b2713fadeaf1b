//! Key generation: n parties make a key that none of them ever holds.

use std::collections::BTreeSet;

use rand_core::CryptoRngCore;
use ringi_primitives::scheme::{PartyIndex, Scheme};

use crate::ecdsa::EcdsaKeygen;
use crate::frost::FrostKeygen;
use crate::quorum::Quorum;
use crate::rounds::{Running, Start, started};
use crate::share::{KeyShare, Secret};
use crate::transcript::Framed;
use crate::{Ceremony, Envelope, Fault, Progress, SessionId};

/// What all parties of a key generation must agree on, and who we are.
#[derive(Debug, Clone, Copy)]
pub struct KeygenParams {
    /// The scheme of the key (K1: one key per scheme).
    pub scheme: Scheme,
    /// The ceremony's name.
    pub session: SessionId,
    /// How many sign: 2 <= t <= n and 2t > n.
    pub threshold: u8,
    /// n, at most 9.
    pub parties: u8,
    /// Our number.
    pub me: PartyIndex,
    /// Digest of genesis and order (G1, G2); bound into every message and into dkls23's proofs.
    pub transcript: [u8; 32],
}

/// A running key generation. All n parties take part. ECDSA takes 5 rounds, the FROST schemes 4, echoes included.
pub struct Keygen {
    quorum: Quorum,
    me: PartyIndex,
    machine: Running<([u8; 32], Secret)>,
}

impl Keygen {
    /// Starts our part; send the envelopes. `rng` feeds the FROST schemes; dkls23 takes its randomness from the system.
    ///
    /// # Errors
    /// `Misuse` for sizes outside 2 <= t <= n <= 9, 2t > n, or if we are not among the parties.
    pub fn start(params: KeygenParams, rng: &mut dyn CryptoRngCore) -> Result<(Keygen, Vec<Envelope>), Fault> {
        let quorum = Quorum::new(params.threshold, params.parties)?;
        let parameters = Framed::new("ringi/mpc/keygen/v1")
            .part(params.scheme.name().as_bytes())
            .part(&params.session.0)
            .part(&[params.threshold, params.parties])
            .part(&params.transcript)
            .finish();
        let me = params.me;
        let start = Start { session: params.session, me, peers: quorum.peers_of(me)?, parameters };
        let (machine, sent) = match params.scheme {
            Scheme::EcdsaSecp256k1 => started(start, EcdsaKeygen::start(quorum, me, parameters)?, |party| {
                (party.derivation_data.chain_code, Secret::Ecdsa(Box::new(party)))
            }),
            Scheme::Bip340 => {
                let make = |(key, code)| (code, Secret::Bip340(Box::new(key)));
                started(start, FrostKeygen::start(quorum, me, parameters, rng)?, make)
            }
            Scheme::Ed25519 => {
                let make = |(key, code)| (code, Secret::Ed25519(Box::new(key)));
                started(start, FrostKeygen::start(quorum, me, parameters, rng)?, make)
            }
        };
        Ok((Keygen { quorum, me, machine }, sent))
    }
}

impl Ceremony for Keygen {
    type Output = KeyShare;

    fn receive(&mut self, envelope: Envelope) -> Result<Progress<KeyShare>, Fault> {
        let (quorum, me) = (self.quorum, self.me);
        let made = self.machine.receive(envelope)?;
        made.try_map(|(code, secret)| KeyShare::assemble(quorum, me, 0, code, secret))
    }

    fn missing(&self) -> BTreeSet<PartyIndex> {
        self.machine.missing()
    }
}
