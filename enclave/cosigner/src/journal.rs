//! The journal: every change of state as one sealed record, numbered without gaps and chained, kept by the host.
//!
//! A record's header is its AAD: cosigner, workspace, policy, sequence, digest of the record before. So the host can
//! truncate the journal (peers then remember more: rule B1), but not alter, reorder, swap or mix records.

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
use ringi_primitives::wire::RecordKind;
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
}

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
}

/// The writing end.
pub struct Journal {
    cipher: XChaCha20Poly1305,
    me: PartyIndex,
    sequence: u64,
    previous: Digest,
}

impl Journal {
    /// An empty journal of this cosigner.
    pub fn new(key: &SealingKey, me: PartyIndex) -> Journal {
        let cipher = XChaCha20Poly1305::new(Key::from_slice(key.0.as_slice()));
        Journal { cipher, me, sequence: 0, previous: Digest::ZERO }
    }

    /// The newest record's number; 0 for none.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Seals the next record. `None` only if the cipher fails, which ends the cosigner.
    pub fn append(
        &mut self,
        kind: RecordKind,
        records: &[Record],
        context: Context,
        rng: &mut dyn CryptoRngCore,
    ) -> Option<(u64, Vec<u8>)> {
        let header = Header {
            version: 1,
            cosigner: self.me,
            genesis: context.genesis,
            policy: context.policy,
            sequence: self.sequence.checked_add(1)?,
            previous: self.previous,
            kind,
        };
        let mut nonce = [0; 24];
        rng.fill_bytes(&mut nonce);
        let plain = Zeroizing::new(cbor::encode(&records.to_vec()));
        let aad = cbor::encode(&header);
        let payload = Payload { msg: &plain, aad: &aad };
        let ciphertext = self.cipher.encrypt(XNonce::from_slice(&nonce), payload).ok()?;
        let sequence = header.sequence;
        let bytes = cbor::encode(&Sealed { header, nonce, ciphertext: ciphertext.into() });
        self.sequence = sequence;
        self.previous = Digest::of(Domain::Record, &bytes);
        Some((sequence, bytes))
    }

    /// Opens stored records, oldest first, hands each change to `take`, and goes on after them. The first must be number 1 or a
    /// snapshot. What a record held is let go before the next is opened: a snapshot is large.
    ///
    /// # Errors
    /// [`JournalError`], or the first error of `take`: the state is not to be used then.
    pub fn restore<E: From<JournalError>>(
        &mut self,
        stored: impl IntoIterator<Item = ByteVec>,
        mut take: impl FnMut(Record) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut genesis = None;
        for (at, bytes) in stored.into_iter().enumerate() {
            let sealed: Sealed = cbor::decode(&bytes, limits::FRAME_BYTES).map_err(|_| JournalError::Malformed(at))?;
            self.check_place(&sealed.header, at == 0, genesis).ok_or(JournalError::Misplaced(at))?;
            genesis = sealed.header.genesis.or(genesis);
            self.sequence = sealed.header.sequence;
            self.previous = Digest::of(Domain::Record, &bytes);
            drop(bytes);
            let aad = cbor::encode(&sealed.header);
            let payload = Payload { msg: &sealed.ciphertext, aad: &aad };
            let plain = self.cipher.decrypt(XNonce::from_slice(&sealed.nonce), payload);
            let plain = Zeroizing::new(plain.map_err(|_| JournalError::Sealed(at))?);
            drop(sealed);
            each_record(&plain, at, &mut take)?;
        }
        Ok(())
    }

    fn check_place(&self, header: &Header, first: bool, genesis: Option<Digest>) -> Option<()> {
        let next = if first {
            header.kind == RecordKind::Snapshot || (header.sequence == 1 && header.previous == Digest::ZERO)
        } else {
            header.sequence == self.sequence.checked_add(1)? && header.previous == self.previous
        };
        let ours =
            header.version == 1 && header.cosigner == self.me && (genesis.is_none() || header.genesis == genesis);
        (next && ours).then_some(())
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
