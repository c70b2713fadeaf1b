//! The journal: every change of state as one sealed record, numbered without gaps and chained, kept by the host.
//!
//! A record's header is its AAD: cosigner, workspace, policy, sequence, digest of the record before. So the host can
//! truncate the journal (peers then remember more: rule B1), but not alter, reorder, swap or mix records.
//!
//! A snapshot is the whole state in one record or in several, numbered from 0: a long life does not fit one frame. It
//! counts only whole, and stands only at the beginning of what is stored: the records before it are dropped with it.

use crate::state::Record;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use rand_core::CryptoRngCore;
use ringi_primitives::cbor;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::limits;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::wire::{FromCosigner, RecordKind};
use zeroize::Zeroizing;

/// The key that seals this cosigner's records. Released to the measured image only, once enclaves are attested; until then
/// it comes from the host and is labelled development.
pub struct SealingKey(Zeroizing<[u8; 32]>);

impl SealingKey {
    /// Takes over 32 secret bytes.
    pub fn new(bytes: Zeroizing<[u8; 32]>) -> SealingKey {
        SealingKey(bytes)
    }
}

/// What a record is, in clear: the AAD.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Header {
    #[n(0)]
    version: u8,
    #[n(1)]
    cosigner: PartyIndex,
    #[n(2)]
    genesis: Option<Digest>,
    #[n(3)]
    policy: Option<Digest>,
    #[n(4)]
    sequence: u64,
    #[n(5)]
    previous: Digest,
    #[n(6)]
    kind: RecordKind,
    /// Which record of its snapshot; 0 for a change.
    #[n(7)]
    part: u32,
}

/// The form of sealed records.
const FORMAT: u8 = 2;

/// Changes between two snapshots, at least. Their bytes must also be as many as the snapshot's before them, so that a long
/// life does not write the same again and again.
const SNAPSHOT_EVERY: u64 = 1024;

/// A record of a snapshot is closed at this size: small enough for any frame, large enough to be few.
const PART_BYTES: usize = 1024 * 1024;

#[derive(Encode, Decode)]
struct Sealed {
    #[n(0)]
    header: Header,
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    nonce: [u8; 24],
    #[n(2)]
    ciphertext: ByteVec,
}

/// What the header of the next record says of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// The workspace, once installed.
    pub genesis: Option<Digest>,
    /// The policy set in force, once installed.
    pub policy: Option<Digest>,
}

/// Why stored records are not taken. Codes are `journal.<name>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// A record does not decode.
    #[error("stored record {0} is malformed")]
    Malformed(usize),
    /// A record is another cosigner's, another workspace's, out of sequence or does not chain.
    #[error("stored record {0} does not belong here")]
    Misplaced(usize),
    /// A record does not open under this key.
    #[error("stored record {0} does not open")]
    Sealed(usize),
    /// The last record belongs to a snapshot that is not whole.
    #[error("the snapshot in the stored records is not whole")]
    Cut,
}

/// A record as the host is to keep it.
pub struct SealedRecord {
    /// Its number.
    pub sequence: u64,
    /// What it is.
    pub kind: RecordKind,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl SealedRecord {
    /// The frame that asks the host to keep it.
    pub fn into_frame(self) -> FromCosigner {
        FromCosigner::Store { sequence: self.sequence, kind: self.kind, record: self.bytes.into() }
    }
}

/// Changes on their way into one record. Secret.
#[derive(Default)]
struct Plain {
    changes: u64,
    bytes: Zeroizing<Vec<u8>>,
}

impl Plain {
    /// With its room made at once: a buffer that grows leaves copies behind.
    fn of_part() -> Plain {
        Plain { changes: 0, bytes: Zeroizing::new(Vec::with_capacity(PART_BYTES.saturating_mul(2))) }
    }

    fn push(&mut self, record: &Record) {
        let one = Zeroizing::new(cbor::encode(record));
        self.bytes.extend_from_slice(&one);
        self.changes = self.changes.saturating_add(1);
    }

    /// The CBOR array of the changes.
    fn array(&self) -> Option<Zeroizing<Vec<u8>>> {
        let mut array = Zeroizing::new(Vec::with_capacity(self.bytes.len().saturating_add(9)));
        minicbor::Encoder::new(&mut *array).array(self.changes).ok()?;
        array.extend_from_slice(&self.bytes);
        Some(array)
    }
}

/// The writing end.
pub struct Journal {
    cipher: XChaCha20Poly1305,
    me: PartyIndex,
    sequence: u64,
    previous: Digest,
    length: Length,
}

/// How long a journal is.
#[derive(Clone, Copy, Default)]
struct Length {
    /// Of the snapshot at its beginning.
    snapshot_bytes: usize,
    /// Records behind it.
    changes: u64,
    change_bytes: usize,
}

impl Length {
    fn count(&mut self, kind: RecordKind, part: u32, bytes: usize) {
        if kind == RecordKind::Change {
            self.changes = self.changes.saturating_add(1);
            self.change_bytes = self.change_bytes.saturating_add(bytes);
        } else {
            let before = if part == 0 { 0 } else { self.snapshot_bytes };
            *self = Length { snapshot_bytes: before.saturating_add(bytes), ..Length::default() };
        }
    }
}

impl Journal {
    /// An empty journal of this cosigner.
    pub fn new(key: &SealingKey, me: PartyIndex) -> Journal {
        let cipher = XChaCha20Poly1305::new(Key::from_slice(key.0.as_slice()));
        Journal { cipher, me, sequence: 0, previous: Digest::ZERO, length: Length::default() }
    }

    /// Whether the changes since the last snapshot have become many.
    pub fn wants_snapshot(&self) -> bool {
        self.length.changes >= SNAPSHOT_EVERY && self.length.change_bytes >= self.length.snapshot_bytes
    }

    /// The newest record's number; 0 for none.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Seals changes as the next record. `None` only if the cipher fails, which ends the cosigner.
    pub fn append(
        &mut self,
        changes: &[Record],
        context: Context,
        rng: &mut dyn CryptoRngCore,
    ) -> Option<SealedRecord> {
        let mut plain = Plain::default();
        changes.iter().for_each(|c| plain.push(c));
        self.seal(RecordKind::Change, 0, &plain, context, rng)
    }

    /// A journal that goes on behind this one under another key (rule E1): it begins with a snapshot.
    pub fn under(&self, key: &SealingKey) -> Journal {
        Journal { sequence: self.sequence, previous: self.previous, ..Journal::new(key, self.me) }
    }

    /// Seals a snapshot as the next records and hands each to `keep`. `None` as [`Journal::append`].
    pub fn snapshot(
        &mut self,
        state: impl Iterator<Item = Record>,
        context: Context,
        rng: &mut dyn CryptoRngCore,
        mut keep: impl FnMut(SealedRecord),
    ) -> Option<()> {
        let (mut plain, mut part) = (Plain::of_part(), 0u32);
        for record in state {
            if plain.bytes.len() >= PART_BYTES {
                keep(self.seal(RecordKind::SnapshotPart, part, &plain, context, rng)?);
                plain = Plain::of_part();
                part = part.checked_add(1)?;
            }
            plain.push(&record);
        }
        keep(self.seal(RecordKind::Snapshot, part, &plain, context, rng)?);
        Some(())
    }

    fn seal(
        &mut self,
        kind: RecordKind,
        part: u32,
        plain: &Plain,
        context: Context,
        rng: &mut dyn CryptoRngCore,
    ) -> Option<SealedRecord> {
        let header = Header {
            version: FORMAT,
            cosigner: self.me,
            genesis: context.genesis,
            policy: context.policy,
            sequence: self.sequence.checked_add(1)?,
            previous: self.previous,
            kind,
            part,
        };
        let mut nonce = [0; 24];
        rng.fill_bytes(&mut nonce);
        let plain = plain.array()?;
        let aad = cbor::encode(&header);
        let payload = Payload { msg: &plain, aad: &aad };
        let ciphertext = self.cipher.encrypt(XNonce::from_slice(&nonce), payload).ok()?;
        let sequence = header.sequence;
        let bytes = cbor::encode(&Sealed { header, nonce, ciphertext: ciphertext.into() });
        self.sequence = sequence;
        self.previous = Digest::of(Domain::Record, &bytes);
        self.length.count(kind, part, bytes.len());
        Some(SealedRecord { sequence, kind, bytes })
    }

    /// Opens stored records, oldest first, hands each change to `take`, and goes on after them. The first must be number 1 or
    /// the first of a snapshot, and that must be whole. What a record held is let go before the next is opened.
    ///
    /// # Errors
    /// [`JournalError`], or the first error of `take`: the state is not to be used then.
    pub fn restore<E: From<JournalError>>(
        &mut self,
        stored: impl IntoIterator<Item = ByteVec>,
        mut take: impl FnMut(Record) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut genesis = None;
        let mut place = Place::Beginning;
        for (at, bytes) in stored.into_iter().enumerate() {
            let sealed: Sealed = cbor::decode(&bytes, limits::FRAME_BYTES).map_err(|_| JournalError::Malformed(at))?;
            self.check_header(&sealed.header, place, genesis).ok_or(JournalError::Misplaced(at))?;
            place = place.after(&sealed.header).ok_or(JournalError::Misplaced(at))?;
            genesis = sealed.header.genesis.or(genesis);
            self.sequence = sealed.header.sequence;
            self.previous = Digest::of(Domain::Record, &bytes);
            self.length.count(sealed.header.kind, sealed.header.part, bytes.len());
            drop(bytes);
            let aad = cbor::encode(&sealed.header);
            let payload = Payload { msg: &sealed.ciphertext, aad: &aad };
            let plain = self.cipher.decrypt(XNonce::from_slice(&sealed.nonce), payload);
            let plain = Zeroizing::new(plain.map_err(|_| JournalError::Sealed(at))?);
            drop(sealed);
            each_record(&plain, at, &mut take)?;
        }
        match place {
            Place::Beginning | Place::Between => Ok(()),
            Place::Inside { .. } => Err(JournalError::Cut.into()),
        }
    }

    fn check_header(&self, header: &Header, place: Place, genesis: Option<Digest>) -> Option<()> {
        let next = match place {
            Place::Beginning if header.kind == RecordKind::Change => {
                header.sequence == 1 && header.previous == Digest::ZERO
            }
            Place::Beginning => true,
            Place::Inside { .. } | Place::Between => {
                header.sequence == self.sequence.checked_add(1)? && header.previous == self.previous
            }
        };
        let ours =
            header.version == FORMAT && header.cosigner == self.me && (genesis.is_none() || header.genesis == genesis);
        (next && ours).then_some(())
    }
}

/// Where in a journal its reader is.
#[derive(Clone, Copy)]
enum Place {
    /// Before the first record.
    Beginning,
    /// Inside a snapshot: the record of this number is due.
    Inside { part: u32 },
    /// After a change or a whole snapshot.
    Between,
}

impl Place {
    /// Behind this record, if it may stand here.
    fn after(self, header: &Header) -> Option<Place> {
        let due = match self {
            Place::Inside { part } => part,
            Place::Beginning | Place::Between => 0,
        };
        match (self, header.kind) {
            _ if header.part != due => None,
            (Place::Beginning | Place::Between, RecordKind::Change) => Some(Place::Between),
            (Place::Beginning | Place::Inside { .. }, RecordKind::Snapshot) => Some(Place::Between),
            (Place::Beginning | Place::Inside { .. }, RecordKind::SnapshotPart) => {
                Some(Place::Inside { part: due.checked_add(1)? })
            }
            (Place::Between, RecordKind::Snapshot | RecordKind::SnapshotPart)
            | (Place::Inside { .. }, RecordKind::Change) => None,
        }
    }
}

/// Our own sealed bytes, one change after the other, and nothing behind them.
fn each_record<E: From<JournalError>>(
    plain: &[u8],
    at: usize,
    take: &mut impl FnMut(Record) -> Result<(), E>,
) -> Result<(), E> {
    let malformed = |_| JournalError::Malformed(at);
    let mut decoder = minicbor::Decoder::new(plain);
    for record in decoder.array_iter::<Record>().map_err(malformed)? {
        take(record.map_err(malformed)?)?;
    }
    if decoder.position() == plain.len() { Ok(()) } else { Err(JournalError::Malformed(at).into()) }
}
