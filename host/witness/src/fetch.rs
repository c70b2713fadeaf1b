//! One bounded read of a source: a file, or a URL over HTTP/1.1, with verified TLS where it says https.

use crate::error::WitnessError;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, Uri, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;

/// Redirects that are followed, all to the same scheme, host and port.
const REDIRECTS: usize = 3;

/// How far a source is trusted with our time and memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// From connecting to the last byte, redirects and all.
    pub timeout_ms: u64,
    /// A longer answer is refused.
    pub max_bytes: usize,
}

/// Reads sources. Clones share connections.
#[derive(Clone)]
pub struct Fetcher(Client<HttpsConnector<HttpConnector>, Empty<Bytes>>);

impl Fetcher {
    /// With the public roots, and a private authority's certificates, PEM, beside them.
    ///
    /// # Errors
    /// [`WitnessError::Config`] if these are none.
    pub fn new(private_roots: Option<&[u8]>) -> Result<Fetcher, WitnessError> {
        let bad = |e: String| WitnessError::Config(format!("root certificates: {e}"));
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for certificate in CertificateDer::pem_slice_iter(private_roots.unwrap_or_default()) {
            let certificate = certificate.map_err(|e| bad(e.to_string()))?;
            roots.add(certificate).map_err(|e| bad(e.to_string()))?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| bad(e.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let tls =
            HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().wrap_connector(tcp);
        Ok(Fetcher(Client::builder(TokioExecutor::new()).build(tls)))
    }

    /// The body of a 200 answer, whole.
    ///
    /// # Errors
    /// [`WitnessError`].
    pub async fn url(&self, url: &str, ask: Ask) -> Result<Vec<u8>, WitnessError> {
        let uri = source(url)?;
        let limit = Duration::from_millis(ask.timeout_ms);
        let late = |_| WitnessError::Unavailable("no answer in time".into());
        tokio::time::timeout(limit, self.follow(uri, ask)).await.map_err(late)?
    }

    async fn follow(&self, mut uri: Uri, ask: Ask) -> Result<Vec<u8>, WitnessError> {
        for _ in 0..=REDIRECTS {
            let answer = self.once(&uri).await?;
            match answer.status().as_u16() {
                200 => return body(answer, ask.max_bytes).await,
                301 | 302 | 303 | 307 | 308 => uri = redirected(&uri, &answer)?,
                status => return Err(WitnessError::Status(status)),
            }
        }
        Err(WitnessError::Redirect)
    }

    async fn once(&self, uri: &Uri) -> Result<Response<Incoming>, WitnessError> {
        let request = Request::get(uri)
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, concat!("ringi-witness/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new())
            .map_err(|_| WitnessError::Config("the address makes no request".into()))?;
        // Without the address, which may hold a secret.
        self.0.request(request).await.map_err(|e| {
            let why =
                if e.is_connect() { "cannot connect, or its certificate is not trusted" } else { "connection broke" };
            WitnessError::Unavailable(why.into())
        })
    }
}

/// An absolute http or https address.
pub(crate) fn source(url: &str) -> Result<Uri, WitnessError> {
    let uri: Uri = url.parse().map_err(|_| WitnessError::Config("a source's address is no URL".into()))?;
    let sound = matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|h| !h.is_empty());
    if sound { Ok(uri) } else { Err(WitnessError::Config("a source's address is no http or https URL".into())) }
}

/// Only within the same scheme, host and port: whoever was asked answers.
fn redirected(from: &Uri, answer: &Response<Incoming>) -> Result<Uri, WitnessError> {
    let location =
        answer.headers().get(header::LOCATION).and_then(|l| l.to_str().ok()).ok_or(WitnessError::Redirect)?;
    let to: Uri = location.parse().map_err(|_| WitnessError::Redirect)?;
    // A path without a host (but not `//host/…`, which names one) stays where it is.
    let local =
        to.scheme().is_none() && to.authority().is_none() && location.starts_with('/') && !location.starts_with("//");
    let same = to.scheme() == from.scheme() && to.authority() == from.authority();
    if same {
        return Ok(to);
    }
    if !local {
        return Err(WitnessError::Redirect);
    }
    let mut parts = from.clone().into_parts();
    parts.path_and_query = to.into_parts().path_and_query;
    Uri::from_parts(parts).map_err(|_| WitnessError::Redirect)
}

async fn body(answer: Response<Incoming>, max_bytes: usize) -> Result<Vec<u8>, WitnessError> {
    let read = Limited::new(answer.into_body(), max_bytes).collect().await;
    read.map(|whole| whole.to_bytes().to_vec()).map_err(|e| match e.is::<http_body_util::LengthLimitError>() {
        true => WitnessError::Oversized(max_bytes),
        false => WitnessError::Unavailable("connection broke".into()),
    })
}

/// A file, whole.
///
/// # Errors
/// [`WitnessError`].
pub(crate) async fn file(path: &Path, max_bytes: usize) -> Result<Vec<u8>, WitnessError> {
    let gone = |e: std::io::Error| WitnessError::Unavailable(e.to_string());
    let file = tokio::fs::File::open(path).await.map_err(gone)?;
    let bound = u64::try_from(max_bytes).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    file.take(bound.saturating_add(1)).read_to_end(&mut bytes).await.map_err(gone)?;
    if bytes.len() > max_bytes { Err(WitnessError::Oversized(max_bytes)) } else { Ok(bytes) }
}
