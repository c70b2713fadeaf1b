//! Signing: t parties sign a batch of messages under keys derived from one share, in one session.

use std::collections::BTreeSet;

use frost_core::{Ciphersuite, Field, Group};
use frost_ed25519::Ed25519Sha512;
use frost_secp256k1_tr::{Secp256K1Group, Secp256K1ScalarField, Secp256K1Sha256TR};
use k256::elliptic_curve::PrimeField;
use k256::elliptic_curve::group::GroupEncoding;
use k256::elliptic_curve::point::AffineCoordinates;
use rand_core::CryptoRngCore;
use ringi_primitives::scheme::{PartyIndex, Scheme};
use zeroize::Zeroizing;

use crate::ecdsa::{EcdsaSigning, EcdsaTask};
use crate::frost::{FrostShare, FrostSigning, FrostTask, Shift, Sign};
use crate::hd;
use crate::rounds::{Running, Start, started};
use crate::share::{KeyShare, Secret};
use crate::transcript::Framed;
use crate::{Ceremony, Envelope, Fault, Progress, SessionId};

/// Most tasks of one session. A task of an ECDSA session costs about 100 kB of messages per peer.
pub const MAX_TASKS: usize = 64;
/// Longest Ed25519 message, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// One message to sign.
#[derive(Debug, Clone)]
pub struct SignTask<'a> {
    /// Path of non-hardened indices from the root to the key that signs; may be empty.
    pub path: &'a [u32],
    /// What happens to that key before it signs.
    pub tweak: Tweak,
    /// Exactly 32 bytes for ECDSA (the digest) and BIP-340; any message for Ed25519.
    pub message: Vec<u8>,
}

/// A change of the derived key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tweak {
    /// None: the derived key signs.
    None,
    /// The taproot output key of the derived key without script tree (BIP-341, BIP-86) signs. BIP-340 only.
    TaprootKeyPath,
}

/// A signature; the machines of this crate give only what they verified under its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    bytes: [u8; 64],
    recovery_id: Option<u8>,
}

impl Signature {
    pub(crate) fn ecdsa(r: [u8; 32], s: [u8; 32], recovery_id: u8) -> Signature {
        let mut bytes = [0; 64];
        let (head, tail) = bytes.split_at_mut(32);
        head.copy_from_slice(&r);
        tail.copy_from_slice(&s);
        Signature { bytes, recovery_id: Some(recovery_id) }
    }

    pub(crate) fn schnorr(bytes: [u8; 64]) -> Signature {
        Signature { bytes, recovery_id: None }
    }

    /// A signature nobody here verified: for engines other than this crate's.
    pub fn from_unchecked(bytes: [u8; 64], recovery_id: Option<u8>) -> Signature {
        Signature { bytes, recovery_id }
    }

    /// r and s, big-endian, s low (ECDSA); R's x and s (BIP-340); R and s (Ed25519).
    pub fn bytes(&self) -> &[u8; 64] {
        &self.bytes
    }

    /// ECDSA only: bit 0 is the parity of R's y for this s, bit 1 whether R's x exceeds the order (SEC 1 §4.1.6).
    pub fn recovery_id(&self) -> Option<u8> {
        self.recovery_id
    }
}

/// A running signing session. ECDSA exchanges 3 rounds, the FROST schemes 2. Before the last round the machine stops with
/// [`Progress::Hold`]; until [`Ceremony::release`] nothing that helps to make a signature has left. Dropping the machine
/// destroys its nonces.
pub struct Signing {
    machine: Running<Vec<Signature>>,
}

impl Signing {
    /// Starts our part; send the envelopes. The session id must never have been used before. `rng` feeds the FROST
    /// schemes; dkls23 takes its randomness from the system.
    ///
    /// # Errors
    /// `Misuse` for a signer set that is not exactly t parties with us among them, no task or too many, a message of a
    /// wrong length, a tweak the scheme lacks, or a path that gives no key.
    pub fn start(
        share: &KeyShare,
        session: SessionId,
        signers: &[PartyIndex],
        tasks: Vec<SignTask<'_>>,
        rng: &mut dyn CryptoRngCore,
    ) -> Result<(Signing, Vec<Envelope>), Fault> {
        let signers = share.quorum.signers(signers, share.index())?;
        check_tasks(share.scheme(), &tasks)?;
        let parameters = parameters(share, session, &signers, &tasks);
        let me = share.index();
        let peers: BTreeSet<PartyIndex> = signers.iter().copied().filter(|p| *p != me).collect();
        let start = Start { session, me, peers: peers.clone(), parameters };
        let (machine, sent) = match &share.secret {
            Secret::Ecdsa(party) => {
                let tasks = tasks.into_iter().map(|t| ecdsa_task(share, t)).collect::<Result<_, _>>()?;
                started(start, EcdsaSigning::start(party, me, peers, tasks, &parameters)?, |all| all)
            }
            Secret::Bip340(secret) => {
                let tasks = frost_tasks(secret, &signers, tasks, |t| bip340_shift(share, t))?;
                started(start, FrostSigning::start(me, peers, tasks, rng)?, |all| all)
            }
            Secret::Ed25519(secret) => {
                let tasks = frost_tasks(secret, &signers, tasks, |t| ed25519_shift(share, t))?;
                started(start, FrostSigning::start(me, peers, tasks, rng)?, |all| all)
            }
        };
        Ok((Signing { machine }, sent))
    }
}

impl Ceremony for Signing {
    type Output = Vec<Signature>;

    fn receive(&mut self, envelope: Envelope) -> Result<Progress<Vec<Signature>>, Fault> {
        self.machine.receive(envelope)
    }

    fn release(&mut self) -> Result<Progress<Vec<Signature>>, Fault> {
        self.machine.release()
    }

    fn missing(&self) -> BTreeSet<PartyIndex> {
        self.machine.missing()
    }
}

fn check_tasks(scheme: Scheme, tasks: &[SignTask<'_>]) -> Result<(), Fault> {
    if tasks.is_empty() || tasks.len() > MAX_TASKS {
        return Err(Fault::Misuse("a session has 1 to 64 tasks"));
    }
    for task in tasks {
        match scheme {
            Scheme::EcdsaSecp256k1 | Scheme::Bip340 if task.message.len() != 32 => {
                return Err(Fault::Misuse("this scheme signs exactly 32 bytes"));
            }
            _ if task.message.len() > MAX_MESSAGE_BYTES => return Err(Fault::Misuse("message is too long")),
            _ => {}
        }
        if task.tweak == Tweak::TaprootKeyPath && scheme != Scheme::Bip340 {
            return Err(Fault::Misuse("this scheme has no taproot tweak"));
        }
    }
    Ok(())
}

/// Hash of everything the signers must agree on; a signer that differs in any of it is found in round 1.
fn parameters(
    share: &KeyShare,
    session: SessionId,
    signers: &BTreeSet<PartyIndex>,
    tasks: &[SignTask<'_>],
) -> [u8; 32] {
    let signers: Vec<u8> = signers.iter().map(|p| p.number()).collect();
    let mut hash = Framed::new("ringi/mpc/sign/v1").part(&share.digest()).part(&session.0).part(&signers);
    for task in tasks {
        let path: Vec<u8> = task.path.iter().flat_map(|index| index.to_be_bytes()).collect();
        let tweak = match task.tweak {
            Tweak::None => 0,
            Tweak::TaprootKeyPath => 1,
        };
        hash = hash.part(&path).part(&[tweak]).part(&task.message);
    }
    hash.finish()
}

fn ecdsa_task(share: &KeyShare, task: SignTask<'_>) -> Result<EcdsaTask, Fault> {
    let node = share.secp_node(task.path)?;
    let digest = task.message.try_into().map_err(|_| Fault::Misuse("this scheme signs exactly 32 bytes"))?;
    Ok(EcdsaTask { digest, key: node.point, shift: Zeroizing::new(node.shift), chain_code: node.chain_code })
}

fn frost_tasks<C: Ciphersuite>(
    secret: &FrostShare<C>,
    signers: &BTreeSet<PartyIndex>,
    tasks: Vec<SignTask<'_>>,
    shift: impl Fn(&SignTask<'_>) -> Result<Shift<C>, Fault>,
) -> Result<Vec<FrostTask<C>>, Fault> {
    tasks
        .into_iter()
        .map(|task| Ok(FrostTask { share: shift(&task)?.apply(secret, signers)?, message: task.message }))
        .collect()
}

fn ed25519_shift(share: &KeyShare, task: &SignTask<'_>) -> Result<Shift<Ed25519Sha512>, Fault> {
    let node = share.ed_node(task.path)?;
    Ok(Shift { sign: Sign::Keep, add: node.shift, key: node.point })
}

/// child = root + d, or for the output key: sign * (root + d) + t, where the sign makes the child's y even (BIP-341).
fn bip340_shift(share: &KeyShare, task: &SignTask<'_>) -> Result<Shift<Secp256K1Sha256TR>, Fault> {
    let node = share.secp_node(task.path)?;
    let (sign, add, point) = match task.tweak {
        Tweak::None => (Sign::Keep, node.shift, node.point),
        Tweak::TaprootKeyPath => {
            let (output, tweak) = hd::taproot_shift(&node.point).map_err(|_| Fault::Misuse("the path gives no key"))?;
            match bool::from(node.point.y_is_odd()) {
                false => (Sign::Keep, tweak + node.shift, output),
                true => (Sign::Negate, tweak - node.shift, output),
            }
        }
    };
    // FROST's crate has an older k256: scalar and point cross as bytes.
    const CROSSING: Fault = Fault::Bug("a value of one k256 is none of the other");
    let add = Secp256K1ScalarField::deserialize(&add.to_repr().into()).map_err(|_| CROSSING)?;
    let key = Secp256K1Group::deserialize(&point.to_bytes().into()).map_err(|_| CROSSING)?;
    Ok(Shift { sign, add, key })
}
