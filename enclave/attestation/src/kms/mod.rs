//! A key service that gives a data key to a measured program only: AWS KMS or our own server, one wire protocol.
//!
//! [`Client`] speaks over a byte stream that the host carries. TLS ends here, for whoever sees an enclave's public key can
//! forge an answer to it: what the answer opens is believed because of the server's certificate. Facts: AWS KMS API
//! reference (Decrypt, GenerateDataKey, RecipientInfo); Signature Version 4; RFC 5652 (EnvelopedData).

mod client;
mod cms;
mod http;
mod place;
mod recipient;
mod sigv4;
mod tls;

pub use client::{Client, Context, DataKey, KmsError, context};
pub use place::{KmsKey, KmsKeyError, Trust};
pub use recipient::{KeySearch, RecipientKey};
pub use sigv4::{Credentials, Request, authorization};

/// Feeds foreign bytes to what reads a key service's answers.
pub(crate) fn fuzz(data: &[u8]) {
    let _ = cms::Enveloped::read(data);
    let _ = http::Answer::read(&mut &data[..]);
}
