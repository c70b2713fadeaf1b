//! Requests and responses of the NSM (aws-nitro-enclaves-nsm-api, `src/api`): CBOR maps with one entry, named like the
//! variant, or a bare text where it carries nothing. Byte fields may come as arrays of small integers: some clients
//! write them so.

use crate::error::AttestationError;
use crate::pcr::Pcr;
use crate::read::{array, end, malformed, text_map};
use minicbor::data::Type;
use minicbor::{Decoder, Encoder};
use std::collections::BTreeSet;

/// The driver's buffers: 4 KiB of request, 12 KiB of response.
pub const MESSAGE_BYTES: usize = 0x3000;
/// Most random bytes of one answer.
pub const RANDOM_BYTES: usize = 256;
/// Most bytes of one ExtendPCR, and of `user_data` and `nonce`.
const DATA_BYTES: usize = 1024;

/// What a program asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// The module itself.
    DescribeNsm,
    /// One register.
    DescribePcr(u16),
    /// Measure data into a register.
    ExtendPcr(u16, Vec<u8>),
    /// Make a register unchangeable.
    LockPcr(u16),
    /// Make all registers below this number unchangeable.
    LockPcrs(u16),
    /// A signed document.
    Attestation {
        /// Bound into it.
        user_data: Option<Vec<u8>>,
        /// Bound into it.
        nonce: Option<Vec<u8>>,
        /// Bound into it.
        public_key: Option<Vec<u8>>,
    },
    /// Random bytes.
    GetRandom,
}

/// What the module answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The module itself.
    DescribeNsm(Description),
    /// A register.
    DescribePcr {
        /// Whether it can still change.
        locked: bool,
        /// Its value.
        value: Pcr,
    },
    /// A register after it was extended.
    ExtendPcr(Pcr),
    /// Done.
    LockPcr,
    /// Done.
    LockPcrs,
    /// The document.
    Attestation(Vec<u8>),
    /// Random bytes.
    GetRandom(Vec<u8>),
    /// Not done.
    Error(Fault),
}

/// What a module says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Names the enclave's instance.
    pub module_id: String,
    /// Registers.
    pub max_pcrs: u16,
    /// Which are locked.
    pub locked: BTreeSet<u16>,
}

/// The module's error codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A value is out of range.
    #[error("the NSM refuses an argument")]
    InvalidArgument,
    /// No such register.
    #[error("the NSM has no such register")]
    InvalidIndex,
    /// The request makes no sense.
    #[error("the NSM does not understand the answer")]
    InvalidResponse,
    /// The register is locked.
    #[error("the register is locked")]
    ReadOnlyIndex,
    /// Not now.
    #[error("the NSM does not do this")]
    InvalidOperation,
    /// The answer does not fit.
    #[error("the answer does not fit the buffer")]
    BufferTooSmall,
    /// A field is too long.
    #[error("a field is too long for the NSM")]
    InputTooLarge,
    /// The module failed.
    #[error("the NSM failed")]
    InternalError,
}

impl Fault {
    const ALL: [(Fault, &str); 8] = [
        (Fault::InvalidArgument, "InvalidArgument"),
        (Fault::InvalidIndex, "InvalidIndex"),
        (Fault::InvalidResponse, "InvalidResponse"),
        (Fault::ReadOnlyIndex, "ReadOnlyIndex"),
        (Fault::InvalidOperation, "InvalidOperation"),
        (Fault::BufferTooSmall, "BufferTooSmall"),
        (Fault::InputTooLarge, "InputTooLarge"),
        (Fault::InternalError, "InternalError"),
    ];

    fn name(self) -> &'static str {
        Fault::ALL.iter().find(|(fault, _)| *fault == self).map_or("InternalError", |(_, name)| *name)
    }

    fn of_name(name: &str) -> Option<Fault> {
        Fault::ALL.iter().find(|(_, known)| *known == name).map(|(fault, _)| *fault)
    }
}

type Writing = Result<(), minicbor::encode::Error<std::convert::Infallible>>;
type Writer<'a> = Encoder<&'a mut Vec<u8>>;
type Reading<T> = Result<T, AttestationError>;

impl Question {
    /// As the driver takes it.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        // Writing to a Vec cannot fail.
        let _ = self.write(&mut Encoder::new(&mut out));
        out
    }

    fn write(&self, to: &mut Writer<'_>) -> Writing {
        match self {
            Question::DescribeNsm => to.str("DescribeNSM")?,
            Question::GetRandom => to.str("GetRandom")?,
            Question::DescribePcr(index) => variant(to, "DescribePCR", 1)?.str("index")?.u16(*index)?,
            Question::ExtendPcr(index, data) => {
                variant(to, "ExtendPCR", 2)?.str("index")?.u16(*index)?.str("data")?.bytes(data)?
            }
            Question::LockPcr(index) => variant(to, "LockPCR", 1)?.str("index")?.u16(*index)?,
            Question::LockPcrs(range) => variant(to, "LockPCRs", 1)?.str("range")?.u16(*range)?,
            Question::Attestation { user_data, nonce, public_key } => {
                variant(to, "Attestation", 3)?;
                for (name, field) in [("user_data", user_data), ("nonce", nonce), ("public_key", public_key)] {
                    match field {
                        Some(bytes) => to.str(name)?.bytes(bytes)?,
                        None => to.str(name)?.null()?,
                    };
                }
                to
            }
        };
        Ok(())
    }

    /// Reads a program's request.
    ///
    /// # Errors
    /// [`AttestationError::Malformed`].
    pub fn decode(bytes: &[u8]) -> Reading<Question> {
        one_variant(bytes, |name, decoder| match (name, decoder) {
            ("DescribeNSM", None) => Ok(Question::DescribeNsm),
            ("GetRandom", None) => Ok(Question::GetRandom),
            ("DescribePCR", Some(fields)) => Ok(Question::DescribePcr(Fields::read(fields)?.number("index")?)),
            ("ExtendPCR", Some(fields)) => {
                let mut fields = Fields::read(fields)?;
                Ok(Question::ExtendPcr(fields.number("index")?, fields.bytes("data")?.ok_or(SHAPE)?))
            }
            ("LockPCR", Some(fields)) => Ok(Question::LockPcr(Fields::read(fields)?.number("index")?)),
            ("LockPCRs", Some(fields)) => Ok(Question::LockPcrs(Fields::read(fields)?.number("range")?)),
            ("Attestation", Some(fields)) => {
                let mut fields = Fields::read(fields)?;
                let (user_data, nonce) = (fields.bytes("user_data")?, fields.bytes("nonce")?);
                Ok(Question::Attestation { user_data, nonce, public_key: fields.bytes("public_key")? })
            }
            _ => Err(SHAPE),
        })
    }
}

impl Answer {
    /// As the driver gives it.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        // Writing to a Vec cannot fail.
        let _ = self.write(&mut Encoder::new(&mut out));
        out
    }

    fn write(&self, to: &mut Writer<'_>) -> Writing {
        match self {
            Answer::LockPcr => to.str("LockPCR")?,
            Answer::LockPcrs => to.str("LockPCRs")?,
            Answer::DescribePcr { locked, value } => {
                variant(to, "DescribePCR", 2)?.str("lock")?.bool(*locked)?.str("data")?.bytes(&value.0)?
            }
            Answer::ExtendPcr(value) => variant(to, "ExtendPCR", 1)?.str("data")?.bytes(&value.0)?,
            Answer::Attestation(document) => variant(to, "Attestation", 1)?.str("document")?.bytes(document)?,
            Answer::GetRandom(random) => variant(to, "GetRandom", 1)?.str("random")?.bytes(random)?,
            Answer::Error(fault) => to.map(1)?.str("Error")?.str(fault.name())?,
            Answer::DescribeNsm(known) => {
                variant(to, "DescribeNSM", 7)?;
                for (name, number) in [("version_major", 1), ("version_minor", 0), ("version_patch", 0)] {
                    to.str(name)?.u16(number)?;
                }
                to.str("module_id")?.str(&known.module_id)?.str("max_pcrs")?.u16(known.max_pcrs)?;
                to.str("locked_pcrs")?.array(known.locked.len() as u64)?;
                for index in &known.locked {
                    to.u16(*index)?;
                }
                to.str("digest")?.str("SHA384")?
            }
        };
        Ok(())
    }

    /// Reads the module's answer.
    ///
    /// # Errors
    /// [`AttestationError::Malformed`].
    pub fn decode(bytes: &[u8]) -> Reading<Answer> {
        one_variant(bytes, |name, decoder| match (name, decoder) {
            ("LockPCR", None) => Ok(Answer::LockPcr),
            ("LockPCRs", None) => Ok(Answer::LockPcrs),
            ("Error", Some(fault)) => {
                let name = malformed("NSM error", fault.str())?;
                Fault::of_name(name).map(Answer::Error).ok_or(SHAPE)
            }
            ("DescribePCR", Some(fields)) => {
                let mut fields = Fields::read(fields)?;
                Ok(Answer::DescribePcr { locked: fields.locked.ok_or(SHAPE)?, value: fields.register()? })
            }
            ("ExtendPCR", Some(fields)) => Ok(Answer::ExtendPcr(Fields::read(fields)?.register()?)),
            ("Attestation", Some(fields)) => {
                Ok(Answer::Attestation(Fields::read(fields)?.bytes("document")?.ok_or(SHAPE)?))
            }
            ("GetRandom", Some(fields)) => Ok(Answer::GetRandom(Fields::read(fields)?.bytes("random")?.ok_or(SHAPE)?)),
            ("DescribeNSM", Some(fields)) => {
                let fields = Fields::read(fields)?;
                let max_pcrs = fields.number("max_pcrs")?;
                Ok(Answer::DescribeNsm(Description { module_id: fields.module, max_pcrs, locked: fields.indices }))
            }
            _ => Err(SHAPE),
        })
    }
}

const SHAPE: AttestationError = AttestationError::Malformed("NSM message");

/// Opens `{name: {` with so many fields to come.
fn variant<'e, 'o>(
    to: &'e mut Writer<'o>,
    name: &str,
    fields: u64,
) -> Result<&'e mut Writer<'o>, minicbor::encode::Error<std::convert::Infallible>> {
    to.map(1)?.str(name)?.map(fields)
}

/// A bare text, or a map with one entry; `read` gets the name and, in a map, the decoder at the value.
fn one_variant<'b, T>(bytes: &'b [u8], read: impl FnOnce(&str, Option<&mut Decoder<'b>>) -> Reading<T>) -> Reading<T> {
    if bytes.len() > MESSAGE_BYTES {
        return Err(AttestationError::TooLong);
    }
    let mut decoder = Decoder::new(bytes);
    let value = if malformed("NSM message", decoder.datatype())? == Type::String {
        read(malformed("NSM message", decoder.str())?, None)?
    } else {
        if malformed("NSM message", decoder.map())? != Some(1) {
            return Err(SHAPE);
        }
        let name = malformed("NSM message", decoder.str())?;
        read(name, Some(&mut decoder))?
    };
    end(&decoder)?;
    Ok(value)
}

/// The fields of any variant; each reader takes what it knows.
#[derive(Default)]
struct Fields {
    numbers: Vec<(String, u16)>,
    bytes: Vec<(String, Vec<u8>)>,
    module: String,
    locked: Option<bool>,
    indices: BTreeSet<u16>,
}

impl Fields {
    fn read(decoder: &mut Decoder<'_>) -> Reading<Fields> {
        let mut fields = Fields::default();
        text_map(decoder, 16, |key, decoder| fields.take(key, decoder))?;
        Ok(fields)
    }

    fn take(&mut self, key: &str, decoder: &mut Decoder<'_>) -> Reading<()> {
        match key {
            "index" | "range" | "max_pcrs" | "version_major" | "version_minor" | "version_patch" => {
                self.numbers.push((key.to_owned(), malformed("NSM number", decoder.u16())?));
            }
            "data" | "user_data" | "nonce" | "public_key" | "document" | "random" => {
                if let Some(bytes) = loose_bytes(decoder)? {
                    self.bytes.push((key.to_owned(), bytes));
                }
            }
            "module_id" => self.module = malformed("module_id", decoder.str())?.to_owned(),
            "lock" => self.locked = Some(malformed("lock", decoder.bool())?),
            "locked_pcrs" => array(decoder, 64, |decoder| {
                self.indices.insert(malformed("locked_pcrs", decoder.u16())?);
                Ok(())
            })?,
            "digest" if malformed("digest", decoder.str())? == "SHA384" => {}
            _ => return Err(SHAPE),
        }
        Ok(())
    }

    fn number(&self, key: &str) -> Reading<u16> {
        self.numbers.iter().find(|(known, _)| known == key).map(|(_, number)| *number).ok_or(SHAPE)
    }

    fn bytes(&mut self, key: &str) -> Reading<Option<Vec<u8>>> {
        let at = self.bytes.iter().position(|(known, _)| known == key);
        Ok(at.map(|at| self.bytes.swap_remove(at).1))
    }

    fn register(&mut self) -> Reading<Pcr> {
        let bytes = self.bytes("data")?.ok_or(SHAPE)?;
        Ok(Pcr(bytes.try_into().map_err(|_| SHAPE)?))
    }
}

/// Bytes as a string or as an array of integers; null is none.
fn loose_bytes(decoder: &mut Decoder<'_>) -> Reading<Option<Vec<u8>>> {
    match malformed("NSM bytes", decoder.datatype())? {
        Type::Null => malformed("NSM bytes", decoder.null()).map(|()| None),
        Type::Array | Type::ArrayIndef => {
            let mut bytes = Vec::new();
            array(decoder, MESSAGE_BYTES, |decoder| {
                bytes.push(malformed("NSM bytes", decoder.u8())?);
                Ok(())
            })?;
            Ok(Some(bytes))
        }
        _ => Ok(Some(malformed("NSM bytes", decoder.bytes())?.to_vec())),
    }
}

impl Question {
    /// Whether its fields are no longer than a module takes.
    ///
    /// # Errors
    /// [`Fault::InputTooLarge`].
    pub fn check(&self) -> Result<(), Fault> {
        let long = |bytes: &Option<Vec<u8>>| bytes.as_ref().is_some_and(|b| b.len() > DATA_BYTES);
        let too_large = match self {
            Question::ExtendPcr(_, data) => data.len() > DATA_BYTES,
            Question::Attestation { user_data, nonce, public_key } => {
                long(user_data) || long(nonce) || long(public_key)
            }
            _ => false,
        };
        if too_large { Err(Fault::InputTooLarge) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_and_answers_come_back() {
        let bytes = || Some(vec![1, 2, 3]);
        let questions = [
            Question::DescribeNsm,
            Question::GetRandom,
            Question::DescribePcr(3),
            Question::ExtendPcr(16, vec![9; 100]),
            Question::LockPcr(17),
            Question::LockPcrs(32),
            Question::Attestation { user_data: bytes(), nonce: None, public_key: bytes() },
        ];
        for question in questions {
            assert_eq!(Question::decode(&question.encode()), Ok(question));
        }
        let locked = BTreeSet::from([0, 1, 2]);
        let answers = [
            Answer::LockPcr,
            Answer::LockPcrs,
            Answer::DescribePcr { locked: true, value: Pcr([7; 48]) },
            Answer::ExtendPcr(Pcr([8; 48])),
            Answer::Attestation(vec![1; 3000]),
            Answer::GetRandom(vec![2; 256]),
            Answer::Error(Fault::ReadOnlyIndex),
            Answer::DescribeNsm(Description { module_id: "i-1".into(), max_pcrs: 32, locked }),
        ];
        for answer in answers {
            assert_eq!(Answer::decode(&answer.encode()), Ok(answer));
        }
    }

    /// As aws-nitro-enclaves-nsm-api writes them through serde: `{"ExtendPCR": {"index": 16, "data": [1, 2]}}`.
    #[test]
    fn bytes_may_be_an_array_of_integers() {
        let bytes = hex::decode("a169457874656e64504352a265696e64657810646461746182 0102".replace(' ', "")).unwrap();
        assert_eq!(Question::decode(&bytes), Ok(Question::ExtendPcr(16, vec![1, 2])));
    }

    #[test]
    fn nonsense_is_refused() {
        for bytes in [&[][..], &[0xa0], &[0xf6], b"\x63abc", &[0xa1, 0x63, b'a', b'b', b'c', 0xa0], &[0xff; 64]] {
            assert!(Question::decode(bytes).is_err());
            assert!(Answer::decode(bytes).is_err());
        }
        let twice = hex::decode("a167446573637269a0").unwrap();
        assert!(Question::decode(&twice).is_err());
        let longer = [Question::DescribeNsm.encode(), vec![0]].concat();
        assert!(Question::decode(&longer).is_err());
        assert!(Question::decode(&vec![0; MESSAGE_BYTES + 1]).is_err());
    }
}
