//! The socket: HTTP requests in, answers out, within bounds; over TLS for cosigners, which believe one pinned certificate.

use crate::error::{Code, Refusal};
use crate::kms::{Answer, Kms};
use crate::limits::{BODY_BYTES, CONNECTIONS, HEAD_BYTES, HEADERS, READ_SECONDS};
use crate::sigv4::Signable;
use crate::tls::TlsIdentity;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// After a failed accept (no descriptors left) the next try waits this long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What is over is removed so often.
const SWEEP: Duration = Duration::from_secs(60);
/// Open requests have this long to end.
const GRACE: Duration = Duration::from_secs(5);

/// The routes, to mount elsewhere or to serve.
pub fn router(kms: Arc<Kms>) -> Router {
    Router::new().fallback(call).with_state(kms)
}

/// Serves plain HTTP until `stop` is ready, then lets open requests end. For a machine's own clients, or behind something
/// that ends TLS.
///
/// # Errors
/// Only if the listener itself is unusable.
pub async fn serve(kms: Arc<Kms>, listener: TcpListener, stop: impl Future<Output = ()> + Send) -> io::Result<()> {
    let (sweeping, router) = (tokio::spawn(sweep(kms.clone())), router(kms));
    let served = serve_over(router, listener, stop, |stream| async { Ok(stream) }).await;
    sweeping.abort();
    served
}

/// The same over TLS. `router` is the server's own, or what somebody put before it.
///
/// # Errors
/// As [`serve`].
pub async fn serve_tls(
    kms: Arc<Kms>,
    router: Router,
    listener: TcpListener,
    identity: &TlsIdentity,
    stop: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let sweeping = tokio::spawn(sweep(kms));
    let acceptor = identity.acceptor();
    let wait = Duration::from_secs(READ_SECONDS);
    let served = serve_over(router, listener, stop, move |stream| {
        let accepted = tokio::time::timeout(wait, acceptor.accept(stream));
        async { accepted.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) }
    });
    let served = served.await;
    sweeping.abort();
    served
}

async fn serve_over<S, F>(
    router: Router,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send,
    secured: impl Fn(TcpStream) -> F,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = io::Result<S>> + Send + 'static,
{
    let _ = listener.local_addr()?;
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    tokio::pin!(stop);
    loop {
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place,
            () = &mut stop => break,
        };
        let Ok(place) = place else { break };
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        let _ = stream.set_nodelay(true);
        let (secured, watcher) = (secured(stream), graceful.watcher());
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let _place = place;
            let mut builder = http1::Builder::new();
            builder
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(READ_SECONDS))
                .max_headers(HEADERS)
                .max_buf_size(HEAD_BYTES);
            let ended = match secured.await {
                Ok(stream) => watcher.watch(builder.serve_connection(TokioIo::new(stream), service)).await,
                Err(error) => {
                    tracing::debug!(%error, "a connection was not secured");
                    return;
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
    Ok(())
}

/// Removes what is over, now and then: nobody has to ask for a key that day.
async fn sweep(kms: Arc<Kms>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let kms = kms.clone();
        let _ = tokio::task::spawn_blocking(move || kms.sweep()).await;
    }
}

async fn call(State(kms): State<Arc<Kms>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let read = tokio::time::timeout(Duration::from_secs(READ_SECONDS), to_bytes(body, BODY_BYTES)).await;
    let Ok(Ok(body)) = read else {
        let refusal = Refusal::new(Code::TooLarge, format!("The body did not come, or has over {BODY_BYTES} bytes"));
        return response(refused(&refusal));
    };
    let answered = tokio::task::spawn_blocking(move || {
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let signable = Signable { method: &parts.method, target, headers: &parts.headers, body: &body };
        kms.answer(&signable)
    });
    response(answered.await.unwrap_or_else(|e| refused(&Refusal::internal(&e))))
}

fn refused(refusal: &Refusal) -> Answer {
    let body = serde_json::json!({"__type": refusal.code.name(), "message": refusal.message});
    let request_id = uuid::Uuid::now_v7().to_string();
    Answer { status: refusal.code.status(), body: body.to_string().into_bytes(), request_id }
}

fn response(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
    if let Ok(id) = HeaderValue::from_str(&answer.request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
