//! The program's side: typed calls over a transport that carries one request and brings one answer.

use crate::error::AttestationError;
use crate::nsm::message::{Answer, Description, Fault, Question, RANDOM_BYTES};
use crate::pcr::{Pcr, PcrIndex};
use zeroize::Zeroizing;

/// Carries one request to the module. The device and the emulation's socket are the two ways.
pub trait Transport {
    /// Sends the request and gives the answer's bytes.
    ///
    /// # Errors
    /// If the module cannot be reached.
    fn call(&mut self, request: &[u8]) -> std::io::Result<Vec<u8>>;
}

impl Transport for Box<dyn Transport + Send> {
    fn call(&mut self, request: &[u8]) -> std::io::Result<Vec<u8>> {
        self.as_mut().call(request)
    }
}

/// Why a call failed. None of them may be gone on without.
#[derive(Debug, thiserror::Error)]
pub enum NsmError {
    /// The module is not there.
    #[error("the NSM cannot be reached: {0}")]
    Unreachable(#[from] std::io::Error),
    /// It says no.
    #[error("{0}")]
    Fault(#[from] Fault),
    /// Its answer makes no sense, or answers something else.
    #[error("the NSM's answer is not understood: {0}")]
    Answer(AttestationError),
}

/// A module that can be asked.
pub struct Nsm<T>(T);

impl<T: Transport> Nsm<T> {
    /// Over this transport.
    pub fn new(transport: T) -> Nsm<T> {
        Nsm(transport)
    }

    fn ask(&mut self, question: &Question) -> Result<Answer, NsmError> {
        question.check()?;
        let answer = self.0.call(&question.encode())?;
        match Answer::decode(&answer).map_err(NsmError::Answer)? {
            Answer::Error(fault) => Err(fault.into()),
            answer => Ok(answer),
        }
    }

    /// What the module says of itself.
    ///
    /// # Errors
    /// [`NsmError`].
    pub fn describe(&mut self) -> Result<Description, NsmError> {
        match self.ask(&Question::DescribeNsm)? {
            Answer::DescribeNsm(description) => Ok(description),
            _ => Err(other()),
        }
    }

    /// A register, and whether it is locked.
    ///
    /// # Errors
    /// [`NsmError`].
    pub fn register(&mut self, index: PcrIndex) -> Result<(Pcr, bool), NsmError> {
        match self.ask(&Question::DescribePcr(index.into()))? {
            Answer::DescribePcr { locked, value } => Ok((value, locked)),
            _ => Err(other()),
        }
    }

    /// Measures data into a register.
    ///
    /// # Errors
    /// [`NsmError`]; [`Fault::ReadOnlyIndex`] if it is locked.
    pub fn extend(&mut self, index: PcrIndex, data: &[u8]) -> Result<Pcr, NsmError> {
        match self.ask(&Question::ExtendPcr(index.into(), data.to_vec()))? {
            Answer::ExtendPcr(value) => Ok(value),
            _ => Err(other()),
        }
    }

    /// Makes a register unchangeable; documents hold locked registers only.
    ///
    /// # Errors
    /// [`NsmError`].
    pub fn lock(&mut self, index: PcrIndex) -> Result<(), NsmError> {
        match self.ask(&Question::LockPcr(index.into()))? {
            Answer::LockPcr => Ok(()),
            _ => Err(other()),
        }
    }

    /// Makes every register unchangeable: what is attested afterwards cannot be extended by whoever breaks in.
    ///
    /// # Errors
    /// [`NsmError`].
    pub fn lock_all(&mut self) -> Result<(), NsmError> {
        match self.ask(&Question::LockPcrs(u16::from(crate::PCRS)))? {
            Answer::LockPcrs => Ok(()),
            _ => Err(other()),
        }
    }

    /// A document that binds these. Its bytes go to whoever asked; this side need not read them.
    ///
    /// # Errors
    /// [`NsmError`].
    pub fn attest(
        &mut self,
        nonce: Option<&[u8]>,
        user_data: Option<&[u8]>,
        public_key: Option<&[u8]>,
    ) -> Result<Vec<u8>, NsmError> {
        let [nonce, user_data, public_key] = [nonce, user_data, public_key].map(|field| field.map(<[u8]>::to_vec));
        match self.ask(&Question::Attestation { user_data, nonce, public_key })? {
            Answer::Attestation(document) => Ok(document),
            _ => Err(other()),
        }
    }

    /// Fills with the module's random bytes.
    ///
    /// # Errors
    /// [`NsmError`]; nothing is filled in part.
    pub fn random(&mut self, out: &mut [u8]) -> Result<(), NsmError> {
        let mut gathered = Zeroizing::new(Vec::with_capacity(out.len().saturating_add(RANDOM_BYTES)));
        while gathered.len() < out.len() {
            match self.ask(&Question::GetRandom)? {
                Answer::GetRandom(bytes) if !bytes.is_empty() => gathered.extend_from_slice(&Zeroizing::new(bytes)),
                _ => return Err(other()),
            }
        }
        out.iter_mut().zip(gathered.iter()).for_each(|(to, from)| *to = *from);
        Ok(())
    }
}

fn other() -> NsmError {
    NsmError::Answer(AttestationError::Malformed("another answer than was asked for"))
}
