//! The one file that hands digests to the threshold machines, and only together with a committed permit.
//!
//! A session may need two keys (a Bitcoin transaction with taproot and segwit inputs): one machine per key, all in
//! step. Before the last round every machine holds; [`Machines::release`] lets it go, once the reservation is durable.

use crate::keys::KeyRing;
use crate::message::Round;
use crate::permit::{Committed, Permit};
use crate::refusal::Code;
use rand_core::CryptoRngCore;
use ringi_chain::{SigHash, Tweak};
use ringi_mpc::{Ceremony, Envelope, Fault, Progress, SessionId, SignTask, Signature, Signing};
use ringi_primitives::digest::Digest;
use ringi_primitives::order::KeyId;
use ringi_primitives::request::FinishedSignature;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::wallet::WalletRef;
use ringi_primitives::wire::Refusal;

/// The running threshold machines of one committed permit.
pub struct Machines {
    session: Digest,
    me: PartyIndex,
    committed: Committed<Permit>,
    machines: Vec<KeyMachine>,
}

struct KeyMachine {
    key: KeyId,
    signing: Signing,
    /// Which sighash each of its signatures is for.
    places: Vec<usize>,
    stage: Stage,
}

enum Stage {
    Running,
    Holding,
    Released,
    Done(Vec<Signature>),
}

/// A message to carry: to one signer, or to all others.
pub type Outgoing = (Option<PartyIndex>, Round);

impl Machines {
    /// Starts a machine per key over exactly the digests of the committed permit.
    ///
    /// # Errors
    /// A refusal if a key is missing or a machine does not start.
    pub fn start(
        committed: Committed<Permit>,
        ring: &KeyRing,
        signers: &[PartyIndex],
        me: PartyIndex,
        rng: &mut dyn CryptoRngCore,
    ) -> Result<(Machines, Vec<Outgoing>), Refusal> {
        let session = committed.session();
        let (root, wallet) = (committed.permit().judged().root, committed.permit().judged().wallet);
        let mut machines = Vec::new();
        let mut outgoing = Vec::new();
        for (number, key) in keys_of(committed.decoded().sighashes(), root).into_iter().enumerate() {
            let share = &ring.active.get(&key).ok_or_else(|| Code::KeyMissing.because(key.scheme.name()))?.share;
            let mine = committed.decoded().sighashes().iter().enumerate();
            let (places, hashes): (Vec<_>, Vec<_>) = mine.filter(|(_, h)| h.scheme() == key.scheme).unzip();
            let paths = paths(&hashes, wallet)?;
            let tasks = hashes.iter().zip(&paths).map(|(hash, path)| task(hash, path)).collect();
            let started = Signing::start(share, SessionId(session.0), signers, tasks, rng);
            let (signing, envelopes) = started.map_err(|f| crate::refusal::from_fault(&f))?;
            let machine = u8::try_from(number).map_err(|_| Code::Bug.because("number of keys"))?;
            outgoing.extend(envelopes.into_iter().map(|e| outward(machine, e)));
            machines.push(KeyMachine { key, signing, places, stage: Stage::Running });
        }
        Ok((Machines { session, me, committed, machines }, outgoing))
    }

    /// Takes in a signer's message.
    ///
    /// # Errors
    /// The machine's fault, with the key it concerns.
    pub fn receive(&mut self, from: PartyIndex, round: &Round) -> Result<Vec<Outgoing>, (KeyId, Fault)> {
        let (session, me) = (self.session, self.me);
        let Some(machine) = self.machines.get_mut(usize::from(round.machine)) else { return Ok(Vec::new()) };
        let envelope = Envelope {
            session: SessionId(session.0),
            round: round.round,
            from,
            to: (!round.broadcast).then_some(me),
            payload: round.payload.to_vec(),
        };
        let progress = machine.signing.receive(envelope).map_err(|f| (machine.key, f))?;
        Ok(machine.take(round.machine, progress))
    }

    /// Whether every machine is ready for its last round.
    pub fn all_hold(&self) -> bool {
        self.machines.iter().all(|m| matches!(m.stage, Stage::Holding))
    }

    /// Emits the last round of every machine. From here on the reservation is spent, whatever happens (rule L2).
    ///
    /// # Errors
    /// The machine's fault.
    pub fn release(&mut self) -> Result<Vec<Outgoing>, (KeyId, Fault)> {
        let mut outgoing = Vec::new();
        for (number, machine) in (0u8..).zip(&mut self.machines) {
            let progress = machine.signing.release().map_err(|f| (machine.key, f))?;
            if !matches!(machine.stage, Stage::Done(_)) {
                machine.stage = Stage::Released;
            }
            outgoing.extend(machine.take(number, progress));
        }
        Ok(outgoing)
    }

    /// All signatures in the order of the sighashes, once every machine is done.
    pub fn finished(&self) -> Option<Vec<FinishedSignature>> {
        let count = self.committed.decoded().sighashes().len();
        let mut all: Vec<Option<FinishedSignature>> = vec![None; count];
        for machine in &self.machines {
            let Stage::Done(signatures) = &machine.stage else { return None };
            for (place, signature) in machine.places.iter().zip(signatures) {
                let finished = FinishedSignature { bytes: *signature.bytes(), recovery_id: signature.recovery_id() };
                *all.get_mut(*place)? = Some(finished);
            }
        }
        all.into_iter().collect()
    }

    /// The permit these machines sign under.
    pub fn permit(&self) -> &Permit {
        self.committed.permit()
    }
}

impl KeyMachine {
    fn take(&mut self, number: u8, progress: Progress<Vec<Signature>>) -> Vec<Outgoing> {
        let sent = match progress {
            Progress::Waiting => Vec::new(),
            Progress::Send(sent) => sent,
            Progress::Hold => {
                self.stage = Stage::Holding;
                Vec::new()
            }
            Progress::Done(sent, signatures) => {
                self.stage = Stage::Done(signatures);
                sent
            }
        };
        sent.into_iter().map(|e| outward(number, e)).collect()
    }
}

fn keys_of(hashes: &[SigHash], root: ringi_primitives::policy_set::RootIndex) -> Vec<KeyId> {
    let mut keys: Vec<KeyId> = hashes.iter().map(|h| KeyId { scheme: h.scheme(), root }).collect();
    keys.sort();
    keys.dedup();
    keys
}

fn paths(hashes: &[&SigHash], wallet: WalletRef) -> Result<Vec<[u32; 5]>, Refusal> {
    let path = |h: &&SigHash| wallet.path(h.position()).ok_or_else(|| Code::KeyMissing.because("path"));
    hashes.iter().map(path).collect()
}

fn task<'a>(hash: &SigHash, path: &'a [u32]) -> SignTask<'a> {
    let tweak = match hash.tweak() {
        Tweak::None => ringi_mpc::Tweak::None,
        Tweak::TaprootKeyPath => ringi_mpc::Tweak::TaprootKeyPath,
    };
    SignTask { path, tweak, message: hash.expose_to_signer().to_vec() }
}

fn outward(machine: u8, envelope: Envelope) -> Outgoing {
    let round = Round {
        session: Digest(envelope.session.0),
        machine,
        round: envelope.round,
        broadcast: envelope.to.is_none(),
        payload: envelope.payload.into(),
    };
    (envelope.to, round)
}
