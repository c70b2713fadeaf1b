//! A key management server with the wire protocol of AWS KMS, which really verifies attestation documents.
//!
//! For those who have no AWS, and for tests. The root of trust is the operator: whoever holds the server's folder holds every
//! key in it ([`FolderStore`]). What it promises is what AWS KMS promises by policy: a data key leaves for a measured
//! enclave only, sealed for the key in that enclave's attestation document. Facts: AWS KMS API reference and developer guide.

mod access;
mod asymmetric;
mod audit;
mod cms;
mod error;
mod identity;
mod kms;
pub mod limits;
pub mod lint;
mod operations;
pub mod policy;
mod recipient;
mod recommended;
mod record;
mod sealed;
mod secret;
mod server;
mod sigv4;
mod store;
mod symmetric;
mod tls;
mod wire;
mod wrapping;

pub use access::{AccessError, AccessKey, AccessKeys};
pub use audit::root_name;
pub use error::{Code, Refusal};
pub use identity::{Deployment, KeyId, Principal};
pub use kms::{Answer, Clock, Configuration, Kms, SystemClock};
pub use recipient::Recipient;
pub use recommended::{CosignerKey, recommended_policy};
pub use record::{Facts, KeyRecord, KeySpec, KeyState, KeyUsage, Origin};
pub use secret::Secret;
pub use server::{router, serve, serve_tls};
pub use sigv4::Signable;
pub use store::{FolderStore, Store, StoreError};
pub use tls::TlsIdentity;

/// Feeds foreign bytes to every parser of them; what is read keeps its promises.
pub fn fuzz(data: &[u8]) {
    if let Some(blob) = symmetric::Blob::parse(data) {
        let material = Secret::new(vec![7; symmetric::MATERIAL_BYTES]);
        assert!(blob.open(&material, &Default::default()).is_err());
    }
    assert!(Recipient::verify(data, &[ringi_attestation::Root::AWS], ringi_primitives::time::UnixMs(0)).is_err());
    operations::fuzz(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    sigv4::fuzz(text);
    let readable = policy::Policy::parse(text).is_ok();
    let found = lint::lint(&[lint::Named { name: "fuzz", text }], 2);
    assert_eq!(readable, found.iter().all(|finding| finding.code != "kms.unreadable"));
}
