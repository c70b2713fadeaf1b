//! The server's own certificate: made once, kept in its folder, named by its SHA-256 in genesis. Nobody else vouches for it.

use crate::store;
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// Key (PKCS#8) and certificate, each behind its length.
const FILE: &str = "tls.identity";

/// What the server shows.
pub struct TlsIdentity {
    config: Arc<ServerConfig>,
    pin: [u8; 32],
}

impl TlsIdentity {
    /// The one of this folder, made where there is none: genesis names it for as long as the key is used.
    ///
    /// # Errors
    /// The disk's; `InvalidData` if the file holds none.
    pub fn of_folder(folder: &Path) -> io::Result<TlsIdentity> {
        let path = folder.join(FILE);
        match fs::read(&path) {
            Ok(bytes) => TlsIdentity::of_bytes(&bytes),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let bytes = fresh().map_err(io::Error::other)?;
                store::replace(folder, &path, &bytes)?;
                TlsIdentity::of_bytes(&bytes)
            }
            Err(e) => Err(e),
        }
    }

    fn of_bytes(bytes: &[u8]) -> io::Result<TlsIdentity> {
        let malformed = || io::Error::new(io::ErrorKind::InvalidData, "the TLS identity's file holds none");
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or_else(malformed)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| malformed())?;
        let (key, certificate) = rest.split_at_checked(length).ok_or_else(malformed)?;
        let pin = Sha256::digest(certificate).into();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_vec()));
        let chain = vec![CertificateDer::from(certificate.to_vec())];
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .and_then(|b| b.with_no_client_auth().with_single_cert(chain, key))
            .map_err(io::Error::other)?;
        Ok(TlsIdentity { config: Arc::new(config), pin })
    }

    /// SHA-256 of the certificate.
    pub fn pin(&self) -> [u8; 32] {
        self.pin
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.clone())
    }
}

fn fresh() -> Result<Vec<u8>, rcgen::Error> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Ringi KMS");
    let certificate = params.self_signed(&key)?;
    let secret = key.serialize_der();
    let length = u32::try_from(secret.len()).unwrap_or(u32::MAX).to_be_bytes();
    Ok([&length[..], &secret, certificate.der()].concat())
}
