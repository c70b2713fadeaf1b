//! A source over TLS is believed only with a certificate of its own name from an authority that is trusted.

use crate::server::{ok, path_of};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, KeyPair};
use ringi_witness::{Ask, Fetcher};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::io::Write as _;
use std::net::TcpListener;
use std::sync::Arc;

const ASK: Ask = Ask { timeout_ms: 3_000, max_bytes: 4096 };

/// A server whose certificate, its own authority, is for this name. Its address and that certificate, PEM.
fn start(name: &str) -> (u16, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_string()]).unwrap().self_signed(&key).unwrap();
    let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], secret)
        .unwrap();
    let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream);
            if path_of(&mut stream).is_some() {
                let _ = stream.write_all(ok("3012.55").as_bytes()).and_then(|()| stream.flush());
            }
        }
    });
    let pem = STANDARD.encode(certificate.der());
    (port, format!("-----BEGIN CERTIFICATE-----\n{pem}\n-----END CERTIFICATE-----\n"))
}

#[tokio::test]
async fn m1_tls_is_verified() {
    let (port, root) = start("localhost");
    let url = format!("https://localhost:{port}/");
    let trusting = Fetcher::new(Some(root.as_bytes())).unwrap();
    assert_eq!(trusting.url(&url, ASK).await.unwrap(), b"3012.55");
    let refused = |outcome: Result<Vec<u8>, ringi_witness::WitnessError>| outcome.unwrap_err().code().to_string();
    assert_eq!(refused(Fetcher::new(None).unwrap().url(&url, ASK).await), "witness.unavailable");
    // A trusted authority's certificate for another name.
    assert_eq!(refused(trusting.url(&format!("https://127.0.0.1:{port}/"), ASK).await), "witness.unavailable");
    let (other, _) = start("localhost");
    assert_eq!(refused(trusting.url(&format!("https://localhost:{other}/"), ASK).await), "witness.unavailable");
    // No plain text where TLS was asked for.
    let plain = crate::server::Server::start().url.replace("http://", "https://");
    assert_eq!(refused(trusting.url(&plain, ASK).await), "witness.unavailable");
}
