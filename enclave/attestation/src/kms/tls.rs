//! TLS 1.3 that ends in the enclave. The host carries the bytes, and the time comes from the NSM.

use super::place::{KmsKey, Trust};
use ringi_primitives::time::UnixMs;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use std::time::Duration;
use subtle::ConstantTimeEq as _;

/// Amazon's own roots: the only ones under which AWS's endpoints are believed.
const AMAZON: [&[u8]; 2] = [b"Amazon", b"Starfield Services Root Certificate Authority"];

/// A connection to this key's service at this time.
pub(super) fn connect(key: &KmsKey, now: UnixMs) -> Result<ClientConnection, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let time = Arc::new(At(UnixTime::since_unix_epoch(Duration::from_millis(now.0))));
    let builder = ClientConfig::builder_with_details(provider.clone(), time);
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13])?;
    let config = match key.trust {
        Trust::Amazon => builder.with_root_certificates(amazon()).with_no_client_auth(),
        Trust::Pinned(pin) => {
            let pinned = Pinned::new(pin, &provider);
            builder.dangerous().with_custom_certificate_verifier(Arc::new(pinned)).with_no_client_auth()
        }
    };
    let name = ServerName::try_from(key.host.clone()).map_err(|_| Error::General("not a host name".into()))?;
    ClientConnection::new(Arc::new(config), name)
}

fn amazon() -> RootCertStore {
    let contains = |anchor: &TrustAnchor<'_>, name: &[u8]| anchor.subject.windows(name.len()).any(|w| w == name);
    let amazon = |anchor: &&TrustAnchor<'static>| AMAZON.iter().any(|name| contains(anchor, name));
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.iter().filter(amazon).cloned().collect() }
}

#[derive(Debug)]
struct At(UnixTime);

impl TimeProvider for At {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.0)
    }
}

/// Believes one certificate: the one that genesis names. Names and dates in it say nothing.
#[derive(Debug)]
struct Pinned {
    pin: [u8; 32],
    algorithms: WebPkiSupportedAlgorithms,
}

impl Pinned {
    fn new(pin: [u8; 32], provider: &CryptoProvider) -> Pinned {
        Pinned { pin, algorithms: provider.signature_verification_algorithms }
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown: [u8; 32] = Sha256::digest(end_entity).into();
        if bool::from(shown.ct_eq(&self.pin)) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::InvalidCertificate(CertificateError::UnknownIssuer))
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.3 only".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amazons_roots_are_there_and_few() {
        let roots = amazon().roots.len();
        assert!((4..=8).contains(&roots), "{roots}");
        assert!(roots < webpki_roots::TLS_SERVER_ROOTS.len());
    }
}
