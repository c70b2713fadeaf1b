//! Connections to a bucket: HTTP/1.1 over TLS with the public roots, and a private one where it is set.

use http_body_util::BodyExt as _;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as Tcp;
use hyper_util::rt::TokioExecutor;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse, HttpResponseBody,
    HttpService,
};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// A connection that is not made by then is not made.
const CONNECT: Duration = Duration::from_secs(5);
/// Until an answer begins, and for every MiB that is sent.
const ANSWER: Duration = Duration::from_secs(10);
const PER_MIB: Duration = Duration::from_secs(1);

/// Makes clients that share their connections.
#[derive(Clone, Debug)]
pub(crate) struct Connector(Client<HttpsConnector<Tcp>, HttpRequestBody>);

impl Connector {
    /// With a private authority's certificate, PEM, beside the public ones.
    ///
    /// # Errors
    /// If it is none.
    pub(crate) fn new(root: Option<&[u8]>) -> Result<Connector, String> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for certificate in CertificateDer::pem_slice_iter(root.unwrap_or_default()) {
            let certificate = certificate.map_err(|e| format!("its root certificate: {e}"))?;
            roots.add(certificate).map_err(|e| format!("its root certificate: {e}"))?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| e.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = Tcp::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        let tls =
            HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().wrap_connector(tcp);
        Ok(Connector(Client::builder(TokioExecutor::new()).build(tls)))
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait::async_trait]
impl HttpService for Connector {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let mib = u32::try_from(request.body().content_length() >> 20).unwrap_or(u32::MAX);
        let answer = timeout(ANSWER + PER_MIB.saturating_mul(mib), self.0.request(request)).await;
        let answer = answer.map_err(|e| HttpError::new(HttpErrorKind::Timeout, e))?.map_err(|e| {
            let kind = if e.is_connect() { HttpErrorKind::Connect } else { HttpErrorKind::Interrupted };
            HttpError::new(kind, io::Error::other(e))
        })?;
        Ok(answer.map(|body| HttpResponseBody::new(body.map_err(|e| HttpError::new(HttpErrorKind::Interrupted, e)))))
    }
}
