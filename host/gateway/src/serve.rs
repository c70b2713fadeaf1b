//! The server: accepts connections within bounds, and stops without cutting off what is being done.

use crate::api::{Api, Config};
use crate::peer::Peer;
use crate::routes;
use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use ringi_access::AccessError;
use ringi_orchestrator::Service;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

/// Headers of one request at most.
const HEADERS: usize = 64;
/// Request line and headers of one request at most, bytes.
const HEAD_BYTES: usize = 32 * 1024;
/// After a failed accept (no descriptors left) the next try waits this long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A running gateway's state, for those who want the router without a socket.
pub struct Gateway {
    router: Router,
    config: Config,
    close: watch::Sender<bool>,
}

impl Gateway {
    /// Over this service.
    ///
    /// # Errors
    /// If the access policies are not in order.
    pub fn new(service: Arc<dyn Service>, config: Config) -> Result<Gateway, AccessError> {
        let (close, closing) = watch::channel(false);
        let api = Arc::new(Api::new(service, config.clone(), closing)?);
        Ok(Gateway { router: routes::router(api), config, close })
    }

    /// The router, to mount elsewhere (a console beside it) or to call directly.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Serves until `stop` is ready, then lets open requests end within the grace and closes event streams.
    ///
    /// # Errors
    /// Never for a single connection; only if the listener itself is unusable.
    pub async fn run(self, listener: TcpListener, stop: impl Future<Output = ()> + Send) -> io::Result<()> {
        let _ = listener.local_addr()?;
        let graceful = GracefulShutdown::new();
        let places = Arc::new(Semaphore::new(self.config.connections));
        tokio::pin!(stop);
        loop {
            // Stopping must not wait for a place: clients could hold all of them.
            let place = tokio::select! {
                place = places.clone().acquire_owned() => place,
                () = &mut stop => break,
            };
            let Ok(place) = place else { break };
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, address)) => self.connection(stream, Peer(address.ip()), place, &graceful),
                    Err(error) => {
                        tracing::warn!(%error, "a connection was not accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                () = &mut stop => break,
            }
        }
        drop(listener);
        self.close.send_replace(true);
        if tokio::time::timeout(self.config.shutdown_grace, graceful.shutdown()).await.is_err() {
            tracing::warn!("requests were cut off: the grace is over");
        }
        Ok(())
    }

    fn connection(
        &self,
        stream: TcpStream,
        peer: Peer,
        place: tokio::sync::OwnedSemaphorePermit,
        graceful: &GracefulShutdown,
    ) {
        // An answer is one small write: waiting for more would only delay it.
        let _ = stream.set_nodelay(true);
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(self.config.header_timeout)
            .max_headers(HEADERS)
            .max_buf_size(HEAD_BYTES);
        let router = TowerToHyperService::new(self.router.clone());
        let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(peer);
            router.call(request)
        });
        let connection = graceful.watch(builder.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            let _place = place;
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
}

/// Serves the API on this listener until `stop` is ready.
///
/// # Errors
/// If the listener is unusable or the access policies are not in order.
pub async fn serve(
    listener: TcpListener,
    service: Arc<dyn Service>,
    config: Config,
    stop: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    Gateway::new(service, config).map_err(io::Error::other)?.run(listener, stop).await
}
