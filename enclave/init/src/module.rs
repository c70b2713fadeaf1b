//! What the security module is asked before the cosigner runs: a seed, and a document about this image.

use crate::error::InitError;
use ringi_attestation::nsm::{Nsm, Transport};
use ringi_attestation::presentation::{Challenge, PURPOSE, Presentation, VERSION};
use ringi_guest::{SEED_BYTES, credit_entropy};
use ringi_primitives::wire::{read_frame, write_frame};
use std::io::{self, Read, Write};
use zeroize::Zeroizing;

/// Seeds the kernel's random pool from the module: keys made later do not hang on the host's timing.
pub(crate) fn seed(module: &mut Nsm<impl Transport>) -> Result<(), InitError> {
    let mut seed = Zeroizing::new([0; SEED_BYTES]);
    module.random(seed.as_mut_slice())?;
    credit_entropy(&seed).map_err(InitError::Seed)
}

/// Waits for the parent's challenge and answers it with a document.
pub(crate) fn present(module: &mut Nsm<impl Transport>, stream: &mut (impl Read + Write)) -> Result<(), InitError> {
    let challenge: Option<Challenge> = read_frame(stream).map_err(InitError::Stream)?;
    let challenge = challenge.ok_or_else(|| InitError::Stream(io::ErrorKind::UnexpectedEof.into()))?;
    if challenge.version != VERSION {
        let unknown = io::Error::new(io::ErrorKind::InvalidData, "a challenge of an unknown version");
        return Err(InitError::Stream(unknown));
    }
    let document = module.attest(Some(&challenge.nonce), Some(PURPOSE), None)?;
    let presentation = Presentation { version: VERSION, document: document.into() };
    write_frame(stream, &presentation).and_then(|()| stream.flush()).map_err(InitError::Stream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringi_attestation::nsm::{Answer, Fault, Question};

    /// Answers as told and remembers what it was asked.
    struct Scripted(Vec<Answer>, Vec<Question>);

    impl Transport for &mut Scripted {
        fn call(&mut self, request: &[u8]) -> io::Result<Vec<u8>> {
            self.1.push(Question::decode(request).unwrap());
            Ok(self.0.remove(0).encode())
        }
    }

    /// A stream with two ends.
    struct Both(io::Cursor<Vec<u8>>, Vec<u8>);

    impl Read for Both {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            self.0.read(out)
        }
    }

    impl Write for Both {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn hearing(challenge: &Challenge) -> Both {
        let mut heard = Vec::new();
        write_frame(&mut heard, challenge).unwrap();
        Both(io::Cursor::new(heard), Vec::new())
    }

    #[test]
    fn a_challenge_is_answered_with_a_document_of_its_nonce_and_purpose() {
        let mut scripted = Scripted(vec![Answer::Attestation(b"document".to_vec())], vec![]);
        let mut stream = hearing(&Challenge { version: VERSION, nonce: [7; 32] });
        present(&mut Nsm::new(&mut scripted), &mut stream).unwrap();
        let asked =
            Question::Attestation { user_data: Some(PURPOSE.to_vec()), nonce: Some(vec![7; 32]), public_key: None };
        assert_eq!(scripted.1, [asked]);
        let answered: Presentation = read_frame(&mut stream.1.as_slice()).unwrap().unwrap();
        assert_eq!(answered.document.as_slice(), b"document");
    }

    #[test]
    fn silence_an_unknown_version_and_a_failing_module_end_the_boot() {
        let mut unasked = Scripted(vec![], vec![]);
        let mut silent = Both(io::Cursor::default(), Vec::new());
        assert!(matches!(present(&mut Nsm::new(&mut unasked), &mut silent), Err(InitError::Stream(_))));
        let mut other = hearing(&Challenge { version: VERSION + 1, nonce: [7; 32] });
        assert!(matches!(present(&mut Nsm::new(&mut unasked), &mut other), Err(InitError::Stream(_))));
        assert!(unasked.1.is_empty() && other.1.is_empty());
        let mut failing = Scripted(vec![Answer::Error(Fault::InternalError)], vec![]);
        let mut stream = hearing(&Challenge { version: VERSION, nonce: [7; 32] });
        assert!(matches!(present(&mut Nsm::new(&mut failing), &mut stream), Err(InitError::Nsm(_))));
        assert!(stream.1.is_empty());
    }

    #[test]
    fn no_seed_without_the_module() {
        let mut failing = Scripted(vec![Answer::Error(Fault::InternalError)], vec![]);
        assert!(matches!(seed(&mut Nsm::new(&mut failing)), Err(InitError::Nsm(_))));
    }
}
