//! Attestation documents of the Nitro Security Module: read, and verified against roots, measurements and freshness.
//!
//! One way in: [`verify`] takes the received bytes and what is expected, and gives an [`Attested`], which nothing else
//! makes. Facts: AWS, "Verifying the root of trust" and "NSM attestation process" (aws-nitro-enclaves-nsm-api, docs);
//! RFC 9052 (COSE), RFC 5280 (certificates). No I/O; the time is handed in.

mod chain;
mod cose;
mod document;
mod error;
mod expect;
pub mod kms;
pub mod nsm;
mod of_cosigner;
mod of_upgrade;
mod pcr;
pub mod presentation;
mod read;
mod verify;

pub use chain::certificate_point;
pub use cose::{SIGNATURE_BYTES, signed_message};
pub use document::{DOCUMENT_BYTES, Document};
pub use error::AttestationError;
pub use expect::{Expectation, Moment, Pinned, Root};
pub use of_cosigner::CosignerIs;
pub use of_upgrade::NewImage;
pub use pcr::{PCRS, Pcr, PcrIndex};
pub use verify::{Attested, verify};

/// Feeds foreign bytes to what reads a key service's answers, and to the reader and the verifier of documents; what is read and verified must be the same document.
pub fn fuzz(data: &[u8]) {
    kms::fuzz(data);
    let read = Document::read(data);
    let expectation = Expectation::of(vec![Root::AWS], Moment::Document);
    if let Ok(attested) = verify(data, &expectation, ringi_primitives::time::UnixMs(0)) {
        assert_eq!(read.as_ref(), Ok(attested.document()));
    }
}
