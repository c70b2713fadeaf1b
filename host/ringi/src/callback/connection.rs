//! Connections to machine approvers: HTTP/1.1 over TLS with the public roots and those that the operator names, or without
//! TLS to this machine only.

use super::ANSWER_BYTES;
use axum::http::{HeaderMap, Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use std::sync::Arc;
use std::time::Duration;

/// A connection that is not made by then is not made.
const CONNECT: Duration = Duration::from_secs(5);
/// An answer that is not whole by then is none.
const ANSWER: Duration = Duration::from_secs(30);

/// Where an approver listens.
#[derive(Clone)]
pub(super) struct Endpoint {
    uri: Uri,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// Whether there is an answer.
pub(super) enum Heard {
    /// A status and a body.
    Answer(u16, Vec<u8>),
    /// None: too late, no connection, too long.
    Nothing(String),
}

impl Endpoint {
    /// At this address, believed under the public roots and these certificates (PEM).
    ///
    /// # Errors
    /// If the address is none, or is without TLS and not of this machine; if the certificates are none.
    pub(super) fn new(url: &str, root: Option<&[u8]>) -> Result<Endpoint, String> {
        let uri: Uri = url.parse().map_err(|_| format!("{url} is no URL"))?;
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let local = host.parse::<std::net::IpAddr>().is_ok_and(|a| a.is_loopback());
        match uri.scheme_str() {
            Some("https") if !host.is_empty() => {}
            Some("http") if local => {}
            _ => return Err(format!("{url} is neither https nor http to an address of this machine")),
        }
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for certificate in CertificateDer::pem_slice_iter(root.unwrap_or_default()) {
            let certificate = certificate.map_err(|e| format!("its root certificate: {e}"))?;
            roots.add(certificate).map_err(|e| format!("its root certificate: {e}"))?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| e.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT));
        let tls =
            HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().wrap_connector(tcp);
        Ok(Endpoint { uri, client: Client::builder(TokioExecutor::new()).build(tls) })
    }

    /// The path that requests are signed for.
    pub(super) fn path(&self) -> &str {
        self.uri.path()
    }

    /// Asks once. Redirects are not followed.
    pub(super) async fn post(&self, headers: HeaderMap, body: Vec<u8>) -> Heard {
        let asking = async {
            let mut request =
                Request::post(self.uri.clone()).body(Full::new(Bytes::from(body))).map_err(|e| e.to_string())?;
            request.headers_mut().extend(headers);
            let answer = self.client.request(request).await.map_err(|e| {
                let cause = std::error::Error::source(&e).map(|s| format!(": {s}")).unwrap_or_default();
                format!("{e}{cause}")
            })?;
            let status = answer.status().as_u16();
            let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await.map_err(|e| e.to_string())?;
            Ok::<_, String>((status, body.to_bytes().to_vec()))
        };
        match tokio::time::timeout(ANSWER, asking).await {
            Ok(Ok((status, body))) => Heard::Answer(status, body),
            Ok(Err(why)) => Heard::Nothing(why),
            Err(_) => Heard::Nothing(format!("no answer within {} s", ANSWER.as_secs())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_asked_without_tls() {
        for good in ["https://approver.example/decide", "http://127.0.0.1:9/x", "http://[::1]:9/"] {
            assert!(Endpoint::new(good, None).is_ok(), "{good}");
        }
        for bad in
            ["http://approver.example/", "http://10.0.0.1/", "ftp://127.0.0.1/", "127.0.0.1", "", "http://localhost/"]
        {
            assert!(Endpoint::new(bad, None).is_err(), "{bad}");
        }
        assert!(
            Endpoint::new("https://a.example", Some(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"))
                .is_err()
        );
    }
}
