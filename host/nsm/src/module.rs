//! One enclave's module: answers questions as an NSM does.

use crate::bank::Bank;
use crate::pki::{Authority, Leaf, PkiError};
use minicbor::Encoder;
use ringi_attestation::nsm::{Answer, Description, Fault, MESSAGE_BYTES, Question, RANDOM_BYTES};
use ringi_attestation::{PCRS, Pcr, PcrIndex, signed_message};
use ringi_primitives::time::UnixMs;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The protected header: `{1: -35}`, ES384.
const PROTECTED: [u8; 4] = [0xa1, 0x01, 0x38, 0x22];
/// A leaf is replaced before it ends: every two hours.
const LEAF_MS: u64 = 2 * 3600 * 1000;

/// Gives the time; handed in, so that tests choose it.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> UnixMs;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixMs {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The emulated module of one enclave.
pub struct Module {
    module_id: String,
    bank: Bank,
    authority: Arc<Authority>,
    clock: Arc<dyn Clock>,
    leaf: Option<(UnixMs, Leaf)>,
}

impl Module {
    /// For an enclave with these measurements.
    pub fn new(
        module_id: &str,
        measurements: &[(PcrIndex, Pcr)],
        authority: Arc<Authority>,
        clock: Arc<dyn Clock>,
    ) -> Module {
        Module { module_id: module_id.to_owned(), bank: Bank::measured(measurements), authority, clock, leaf: None }
    }

    /// Answers one request. Every input has an answer; nonsense has an error code.
    pub fn answer(&mut self, request: &[u8]) -> Vec<u8> {
        let answer = match Question::decode(request) {
            Ok(question) => self.respond(question).unwrap_or_else(Answer::Error),
            Err(_) => Answer::Error(Fault::InvalidOperation),
        };
        let bytes = answer.encode();
        if bytes.len() > MESSAGE_BYTES { Answer::Error(Fault::BufferTooSmall).encode() } else { bytes }
    }

    fn respond(&mut self, question: Question) -> Result<Answer, Fault> {
        question.check()?;
        Ok(match question {
            Question::DescribeNsm => Answer::DescribeNsm(Description {
                module_id: self.module_id.clone(),
                max_pcrs: u16::from(PCRS),
                locked: self.bank.locked(),
            }),
            Question::DescribePcr(index) => {
                let (value, locked) = self.bank.read(index)?;
                Answer::DescribePcr { locked, value }
            }
            Question::ExtendPcr(index, data) => Answer::ExtendPcr(self.bank.extend(index, &data)?),
            Question::LockPcr(index) => self.bank.lock(index).map(|()| Answer::LockPcr)?,
            Question::LockPcrs(range) => self.bank.lock_below(range).map(|()| Answer::LockPcrs)?,
            Question::GetRandom => {
                let mut bytes = vec![0; RANDOM_BYTES];
                getrandom::getrandom(&mut bytes).map_err(|_| Fault::InternalError)?;
                Answer::GetRandom(bytes)
            }
            Question::Attestation { user_data, nonce, public_key } => {
                let document = self.attest([public_key, user_data, nonce]);
                Answer::Attestation(document.map_err(|_| Fault::InternalError)?)
            }
        })
    }

    fn attest(&mut self, bound: [Option<Vec<u8>>; 3]) -> Result<Vec<u8>, PkiError> {
        let now = self.clock.now();
        let fresh = |(made, _): &(UnixMs, Leaf)| now.0.checked_sub(made.0).is_some_and(|age| age < LEAF_MS);
        if !self.leaf.as_ref().is_some_and(fresh) {
            self.leaf = Some((now, self.authority.leaf(&self.module_id, now)?));
        }
        let (_, leaf) = self.leaf.as_ref().ok_or(PkiError::Signing)?;
        let payload = payload(&self.module_id, now, &self.bank, leaf, bound);
        let signature = leaf.sign(&signed_message(&PROTECTED, &payload))?;
        let mut document = Vec::new();
        let mut encoder = Encoder::new(&mut document);
        // Writing to a Vec cannot fail.
        let _ = encoder.array(4).and_then(|e| e.bytes(&PROTECTED)).and_then(|e| e.map(0));
        let _ = encoder.bytes(&payload).and_then(|e| e.bytes(&signature));
        Ok(document)
    }
}

/// The payload in the order and with the nulls that the real module writes.
fn payload(module_id: &str, now: UnixMs, bank: &Bank, leaf: &Leaf, bound: [Option<Vec<u8>>; 3]) -> Vec<u8> {
    let mut out = Vec::new();
    // Writing to a Vec cannot fail.
    let _ = write_payload(&mut Encoder::new(&mut out), module_id, now, bank, leaf, bound);
    out
}

fn write_payload(
    to: &mut Encoder<&mut Vec<u8>>,
    module_id: &str,
    now: UnixMs,
    bank: &Bank,
    leaf: &Leaf,
    bound: [Option<Vec<u8>>; 3],
) -> Result<(), minicbor::encode::Error<std::convert::Infallible>> {
    to.begin_map()?.str("module_id")?.str(module_id)?.str("digest")?.str("SHA384")?;
    to.str("timestamp")?.u64(now.0)?;
    let registers: Vec<_> = bank.attested().collect();
    to.str("pcrs")?.map(registers.len() as u64)?;
    for (index, value) in registers {
        to.u8(index.number())?.bytes(&value.0)?;
    }
    to.str("certificate")?.bytes(&leaf.certificate)?;
    to.str("cabundle")?.array(leaf.cabundle.len() as u64)?;
    for certificate in &leaf.cabundle {
        to.bytes(certificate)?;
    }
    for (name, value) in ["public_key", "user_data", "nonce"].into_iter().zip(bound) {
        match value {
            Some(bytes) => to.str(name)?.bytes(&bytes)?,
            None => to.str(name)?.null()?,
        };
    }
    to.end()?;
    Ok(())
}
