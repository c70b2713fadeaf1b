//! What all requests share: the service, the bounds, the memories.

use crate::idempotency::InFlight;
use crate::peer::Proxies;
use crate::permission::{self, Operations};
use crate::rate::RateLimiter;
use crate::replay::ReplayTable;
use ringi_access::{Access, AccessError};
use ringi_orchestrator::Service;
use ringi_orchestrator::ports::{Clock, SystemClock};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

/// A body that may be longer than this counts as large.
pub(crate) const LARGE_BYTES: usize = 64 * 1024;
/// Large bodies read at once: bounds the memory that unproved callers can take.
const LARGE_BODIES: usize = 8;

/// Bounds of the gateway. [`Config::default`] is meant for use.
#[derive(Clone)]
pub struct Config {
    /// Connections at once; more wait in the operating system's queue.
    pub connections: usize,
    /// A client must have sent all headers by then.
    pub header_timeout: Duration,
    /// A client must have sent the whole body by then.
    pub body_timeout: Duration,
    /// A read is answered by then.
    pub read_timeout: Duration,
    /// A write is answered by then; it goes on behind the answer.
    pub write_timeout: Duration,
    /// An order (key generation, refresh) is answered by then; it goes on behind the answer.
    pub order_timeout: Duration,
    /// Requests per second that one key may make for long.
    pub rate_per_second: u32,
    /// Requests that one key may make at once.
    pub rate_burst: u32,
    /// Event streams at once.
    pub streams: usize,
    /// A comment goes down an idle event stream this often.
    pub heartbeat: Duration,
    /// The answer to an `Idempotency-Key` is kept this long.
    pub idempotency_life: Duration,
    /// How long open requests have to end after the signal to stop.
    pub shutdown_grace: Duration,
    /// Who may do what; `None` for the built-in access policies alone.
    pub access: Option<Arc<Access>>,
    /// Whose `X-Forwarded-For` is believed.
    pub proxies: Proxies,
    /// The clock against which signatures are held.
    pub clock: Arc<dyn Clock>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            connections: 1024,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(20),
            read_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            order_timeout: Duration::from_secs(300),
            rate_per_second: 500,
            rate_burst: 1000,
            streams: 64,
            heartbeat: Duration::from_secs(15),
            idempotency_life: Duration::from_secs(24 * 3600),
            shutdown_grace: Duration::from_secs(10),
            access: None,
            proxies: Proxies::default(),
            clock: Arc::new(SystemClock),
        }
    }
}

/// Shared by all requests.
pub(crate) struct Api {
    pub(crate) service: Arc<dyn Service>,
    pub(crate) config: Config,
    pub(crate) access: Arc<Access>,
    pub(crate) operations: Operations,
    pub(crate) replay: ReplayTable,
    pub(crate) rate: RateLimiter,
    pub(crate) in_flight: InFlight,
    pub(crate) streams: Arc<Semaphore>,
    /// Bodies over [`LARGE_BYTES`] being read: they come before the signature can be checked.
    pub(crate) large_bodies: Semaphore,
    /// Becomes true when the gateway is to stop: event streams end.
    pub(crate) closing: watch::Receiver<bool>,
}

impl Api {
    pub(crate) fn new(
        service: Arc<dyn Service>,
        config: Config,
        closing: watch::Receiver<bool>,
    ) -> Result<Api, AccessError> {
        let access = match &config.access {
            Some(access) => access.clone(),
            None => Arc::new(Access::new(None)?),
        };
        Ok(Api {
            access,
            operations: permission::operations(),
            replay: ReplayTable::default(),
            rate: RateLimiter::new(config.rate_per_second, config.rate_burst),
            in_flight: InFlight::default(),
            streams: Arc::new(Semaphore::new(config.streams)),
            large_bodies: Semaphore::new(LARGE_BODIES),
            service,
            config,
            closing,
        })
    }
}
