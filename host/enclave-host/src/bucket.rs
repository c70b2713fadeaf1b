//! A bucket of an S3-compatible store, and how it is reached.

use crate::RecordError;
use crate::bucket_connection::Connector;
use object_store::aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut};
use object_store::{BackoffConfig, RetryConfig};
use std::fmt;
use std::time::Duration;
use zeroize::Zeroizing;

/// A request that fails is tried again so often at most, with pauses that double.
const RETRIES: usize = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// From a request's first try on.
const RETRY_FOR: Duration = Duration::from_secs(20);

/// A bucket for sealed records.
#[derive(Clone)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// In front of every object's name; empty for none.
    pub prefix: String,
    /// Where the store is, if it is not AWS. Over plain `http://` a listener sees sealed records, and no secret key.
    pub endpoint: Option<String>,
    /// Its region, as requests are signed for it.
    pub region: String,
    /// What it is asked with.
    pub access: Access,
    /// A certificate of a private authority, PEM, that the endpoint's is issued by; beside the public ones.
    pub root: Option<Vec<u8>>,
}

/// Credentials of a bucket.
#[derive(Clone)]
pub struct Access {
    /// Names them.
    pub access_key: String,
    /// Signs requests.
    pub secret_key: Zeroizing<String>,
    /// Of temporary ones.
    pub session_token: Option<Zeroizing<String>>,
}

impl fmt::Debug for Bucket {
    /// Without the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bucket { name, prefix, endpoint, region, .. } = self;
        f.debug_struct("Bucket")
            .field("name", name)
            .field("prefix", prefix)
            .field("endpoint", endpoint)
            .field("region", region)
            .finish_non_exhaustive()
    }
}

impl Bucket {
    /// The store behind it.
    ///
    /// # Errors
    /// [`RecordError::BucketRefused`] if a setting makes no sense.
    pub(crate) fn store(&self) -> Result<AmazonS3, RecordError> {
        let connector = Connector::new(self.root.as_deref()).map_err(RecordError::BucketRefused)?;
        let backoff = BackoffConfig { init_backoff: FIRST_PAUSE, max_backoff: LONGEST_PAUSE, base: 2.0 };
        let retry = RetryConfig { backoff, max_retries: RETRIES, retry_timeout: RETRY_FOR };
        // Nothing is read from the environment: what is used is what was set.
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&self.name)
            .with_region(&self.region)
            .with_access_key_id(&self.access.access_key)
            .with_secret_access_key(self.access.secret_key.as_str())
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_retry(retry)
            .with_http_connector(connector);
        if let Some(token) = &self.access.session_token {
            builder = builder.with_token(token.as_str());
        }
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        builder.build().map_err(|e| RecordError::BucketRefused(e.to_string()))
    }
}
