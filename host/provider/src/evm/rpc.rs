//! JSON-RPC 2.0 over HTTP with a deadline, a bounded answer and a few tries.

use super::config::NodeConfig;
use super::error::NodeError;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A node's words are shortened to this.
const MESSAGE_CHARS: usize = 300;
/// Pause before the second try; doubled each time.
const RETRY_PAUSE_MS: u64 = 50;

/// The way to one node.
pub(super) struct Rpc {
    http: reqwest::Client,
    url: reqwest::Url,
    attempts: u32,
    max_response_bytes: usize,
    next_id: AtomicU64,
}

#[derive(Deserialize)]
struct Answer {
    id: Value,
    #[serde(default)]
    result: Option<Value>,
    #[serde(default)]
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    code: i64,
    message: String,
}

impl Rpc {
    pub(super) fn new(config: &NodeConfig) -> Result<Rpc, NodeError> {
        let url: reqwest::Url = config.url.parse().map_err(|_| NodeError::Address)?;
        // Without TLS inside: a node elsewhere is reached through a local proxy that speaks it.
        if url.scheme() != "http" || !url.has_host() {
            return Err(NodeError::Address);
        }
        let timeout = Duration::from_millis(config.timeout_ms);
        let http = reqwest::Client::builder()
            .timeout(timeout)
            .connect_timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .tcp_nodelay(true)
            .build()
            .map_err(|_| NodeError::Address)?;
        let (attempts, max_response_bytes) = (config.attempts.max(1), config.max_response_bytes);
        Ok(Rpc { http, url, attempts, max_response_bytes, next_id: AtomicU64::new(1) })
    }

    /// Calls a method whose repetition does no harm, again if the node is not available.
    ///
    /// # Errors
    /// [`NodeError`]; an answer of another shape than `T` is [`NodeError::Malformed`].
    pub(super) async fn call<T: DeserializeOwned>(&self, method: &str, params: Value) -> Result<T, NodeError> {
        let mut tried = 1;
        loop {
            match self.attempt(method, &params).await {
                Err(NodeError::Unavailable(why)) if tried < self.attempts => {
                    tracing::debug!(code = "node.unavailable", method, tried, "{why}");
                    tokio::time::sleep(Duration::from_millis(RETRY_PAUSE_MS << tried.min(6))).await;
                    tried += 1;
                }
                Ok(result) => return serde_json::from_value(result).map_err(|_| NodeError::Malformed("shape")),
                Err(e) => return Err(e),
            }
        }
    }

    async fn attempt(&self, method: &str, params: &Value) -> Result<Value, NodeError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let call = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let response = self.http.post(self.url.clone()).json(&call).send().await.map_err(unavailable)?;
        let status = response.status();
        if status.is_server_error() || status.as_u16() == 429 {
            return Err(NodeError::Unavailable(format!("HTTP status {}", status.as_u16())));
        }
        // Some nodes answer refusals with a client-error status and a body that says why.
        if !status.is_success() && !status.is_client_error() {
            return Err(NodeError::Malformed("HTTP status"));
        }
        let body = self.body(response).await?;
        let answer: Answer = serde_json::from_slice(&body).map_err(|_| NodeError::Malformed("not JSON-RPC"))?;
        if answer.id != json!(id) {
            return Err(NodeError::Malformed("answer to another call"));
        }
        match (answer.result, answer.error) {
            (result, None) => Ok(result.unwrap_or(Value::Null)),
            (None, Some(refusal)) => Err(refused(&refusal)),
            (Some(_), Some(_)) => Err(NodeError::Malformed("both result and error")),
        }
    }

    async fn body(&self, mut response: reqwest::Response) -> Result<Vec<u8>, NodeError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unavailable)? {
            if body.len() + chunk.len() > self.max_response_bytes {
                return Err(NodeError::Oversized { bound_bytes: self.max_response_bytes });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// Without the URL, which may hold a secret.
fn unavailable(e: reqwest::Error) -> NodeError {
    let why = if e.is_timeout() {
        "no answer in time"
    } else if e.is_connect() {
        "cannot connect"
    } else {
        "connection broke"
    };
    NodeError::Unavailable(why.to_owned())
}

fn refused(refusal: &Refusal) -> NodeError {
    let message = refusal.message.chars().filter(|c| !c.is_control()).take(MESSAGE_CHARS).collect();
    NodeError::Refused { code: refusal.code, message }
}
