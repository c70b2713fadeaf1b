//! A second live copy of a cosigner, started from a copy of its records, as a hostile host may do (rule B1).

use crate::world::{Frame, drop_before_snapshot, sealing_key, start_frames};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use ringi_cosigner::core::{Cosigner, Fatal};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wire::{FromCosigner, RecordKind, ToCosigner};

/// A record as the host keeps it: its number, its kind, its sealed bytes.
type Stored = (u64, RecordKind, Vec<u8>);

/// The copy, what the host keeps for it, and what it has said.
pub struct Twin {
    party: PartyIndex,
    cosigner: Option<Cosigner>,
    records: Vec<Stored>,
    said: Vec<FromCosigner>,
    frames: Vec<Frame>,
}

impl Twin {
    /// Starts a copy from these records; its storage acknowledges only when told.
    ///
    /// # Errors
    /// As [`Cosigner::start`].
    pub fn start(party: PartyIndex, records: Vec<Stored>, seed: u64, now: UnixMs) -> Result<Twin, Fatal> {
        let first = start_frames(party, records.iter().map(|(_, _, record)| record.clone()));
        let rng = Box::new(ChaCha20Rng::seed_from_u64(seed));
        let (cosigner, out) = Cosigner::start(&sealing_key(party), rng, first, now)?;
        let mut twin = Twin { party, cosigner: Some(cosigner), records, said: Vec::new(), frames: Vec::new() };
        twin.take(out);
        Ok(twin)
    }

    /// Whose copy it is.
    pub fn party(&self) -> PartyIndex {
        self.party
    }

    /// Hands it a frame. One that breaks ends it.
    pub fn tell(&mut self, frame: ToCosigner, now: UnixMs) {
        let out = self.cosigner.as_mut().map(|cosigner| cosigner.handle(frame, now));
        self.taken(out);
    }

    /// Lets it notice the time.
    pub fn tick(&mut self, now: UnixMs) {
        let out = self.cosigner.as_mut().map(|cosigner| cosigner.tick(now));
        self.taken(out);
    }

    /// Everything it handed out is durable.
    pub fn acknowledge(&mut self, now: UnixMs) {
        if let Some((sequence, _, _)) = self.records.last() {
            let sequence = *sequence;
            self.tell(ToCosigner::Stored { sequence }, now);
        }
    }

    /// What the host keeps for it.
    pub fn records(&self) -> &[Stored] {
        &self.records
    }

    /// What it said since last asked.
    pub fn take_said(&mut self) -> Vec<FromCosigner> {
        std::mem::take(&mut self.said)
    }

    /// Its frames since last asked.
    pub fn take_frames(&mut self) -> Vec<Frame> {
        std::mem::take(&mut self.frames)
    }

    fn taken(&mut self, out: Option<Result<Vec<FromCosigner>, Fatal>>) {
        match out {
            Some(Ok(out)) => self.take(out),
            Some(Err(_)) => self.cosigner = None,
            None => {}
        }
    }

    fn take(&mut self, out: Vec<FromCosigner>) {
        for frame in out {
            match frame {
                FromCosigner::Peer { to, frame } => {
                    self.frames.push(Frame { from: self.party, to, bytes: frame.to_vec() });
                }
                FromCosigner::Store { sequence, kind, record } => {
                    self.records.push((sequence, kind, record.to_vec()));
                    if kind == RecordKind::Snapshot {
                        drop_before_snapshot(&mut self.records);
                    }
                }
                other => self.said.push(other),
            }
        }
    }
}
