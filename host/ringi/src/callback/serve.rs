//! `ringi approver serve`: a sample of the service that a customer runs. It answers the platform that it knows, and nobody else.

use super::judge::Approver;
use super::{ApproverRules, CallbackAnswer, CallbackQuestion, QUESTION_BYTES};
use crate::cli::ApproverServeArgs;
use crate::documents::read_genesis;
use crate::failure::{Done, Failure};
use crate::keys::SecretKey;
use crate::output::Output;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::post;
use axum::{Json, Router};
use ringi_primitives::httpsig::RequestSignature;
use ringi_primitives::key::PublicKey;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;

/// Nonces remembered; full, it refuses until old ones are over.
const NONCES: usize = 10_000;

struct Service {
    platform: PublicKey,
    approver: Mutex<Approver>,
    /// Until when (Unix seconds) each nonce is remembered.
    nonces: Mutex<BTreeMap<String, u64>>,
}

/// Serves until Ctrl-C.
///
/// # Errors
/// If a file is not in order or the address is taken.
pub async fn serve(args: ApproverServeArgs, output: Output) -> Done {
    let (_, chain) = read_genesis(&args.genesis)?;
    let rules: ApproverRules = crate::form::read(&args.policy)?;
    let key = SecretKey::load(&args.key)?;
    let public = key.public();
    let approver = Mutex::new(Approver { key, chain, rules, newest_policy: 0 });
    let service = Arc::new(Service { platform: args.platform, approver, nonces: Mutex::default() });
    let busy = |e: std::io::Error| {
        Failure::new("cli.listen", format!("{}: {e}", args.listen), "choose another address with --listen")
    };
    let listener = TcpListener::bind(&args.listen).await.map_err(busy)?;
    let address = listener.local_addr().map_err(busy)?;
    let url = format!("http://{address}/decide");
    output.show(&serde_json::json!({"url": url, "approves_with": public, "platform": args.platform}), |_| {
        format!("answers on {url} the platform {}\napproves with {}", args.platform.text(), public.text())
    });
    let router =
        Router::new().route("/decide", post(decide)).layer(DefaultBodyLimit::max(QUESTION_BYTES)).with_state(service);
    let stop = crate::up::stop_signal()?;
    axum::serve(listener, router).with_graceful_shutdown(stop).await.map_err(busy)
}

async fn decide(
    State(service): State<Arc<Service>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Json<CallbackAnswer>) {
    let now = crate::fresh::now();
    let refuse =
        |status, code: &str, reason: String| (status, Json(CallbackAnswer::Reject { code: code.into(), reason }));
    if let Err(reason) = known(&service, &uri, &headers, &body, now.0 / 1000) {
        return refuse(StatusCode::UNAUTHORIZED, "approver.platform", reason);
    }
    let question: CallbackQuestion = match serde_json::from_slice(&body) {
        Ok(question) => question,
        Err(e) => return refuse(StatusCode::BAD_REQUEST, "approver.malformed", e.to_string()),
    };
    let answer = service.approver.lock().unwrap_or_else(PoisonError::into_inner).answer(&question, now);
    match &answer {
        CallbackAnswer::Approve { .. } => eprintln!("{} approved", question.transfer),
        CallbackAnswer::Reject { code, reason } => eprintln!("{} rejected: {code}: {reason}", question.transfer),
    }
    (StatusCode::OK, Json(answer))
}

/// Whether the platform that this service serves signed exactly this question, just now, for the first time.
fn known(service: &Service, uri: &Uri, headers: &HeaderMap, body: &[u8], now_s: u64) -> Result<(), String> {
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_string);
    let signature = RequestSignature::from_headers("POST", uri.path(), header, body).map_err(|e| e.to_string())?;
    if signature.key != service.platform {
        return Err("another platform's key".into());
    }
    signature.check_time(now_s).and_then(|()| signature.verify(body)).map_err(|e| e.to_string())?;
    let mut nonces = service.nonces.lock().unwrap_or_else(PoisonError::into_inner);
    if nonces.len() >= NONCES {
        nonces.retain(|_, until| *until >= now_s);
    }
    if nonces.len() >= NONCES || nonces.contains_key(&signature.nonce) {
        return Err("the question was asked before".into());
    }
    // A little over its life, for clocks that differ.
    nonces.insert(signature.nonce, signature.expires_s.saturating_add(120));
    Ok(())
}
