//! A JSON-RPC server that answers whatever a test wants.

use ringi_provider::evm::{Node, NodeConfig};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with one call.
pub enum Reply {
    /// Answers the call.
    Result(Value),
    /// Refuses the call.
    Error(i64, &'static str),
    /// Sends these bytes as the body.
    Body(Vec<u8>),
    /// Sends this status without a body.
    Status(u16),
    /// Never answers.
    Silence,
    /// Closes the connection.
    HangUp,
}

pub struct FakeNode {
    pub url: String,
    calls: Arc<AtomicUsize>,
}

impl FakeNode {
    /// `answer` gets the method and how many calls came before.
    pub async fn start(answer: impl Fn(&str, usize) -> Reply + Send + Sync + 'static) -> FakeNode {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (calls, answer) = (Arc::new(AtomicUsize::new(0)), Arc::new(answer));
        let counted = calls.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, counted.clone(), answer.clone()));
            }
        });
        FakeNode { url, calls }
    }

    /// A chain-31337 node that answers `answer` to everything but the chain id.
    pub async fn on_chain(answer: impl Fn(&str, usize) -> Reply + Send + Sync + 'static) -> FakeNode {
        FakeNode::start(move |method, n| match method {
            "eth_chainId" => Reply::Result(json!("0x7a69")),
            _ => answer(method, n),
        })
        .await
    }

    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub fn node(&self) -> Node {
        Node::new(self.config()).unwrap()
    }

    pub fn config(&self) -> NodeConfig {
        NodeConfig { timeout_ms: 300, attempts: 2, max_response_bytes: 10_000, ..NodeConfig::new(&self.url, 31337) }
    }
}

async fn serve(
    mut stream: TcpStream,
    calls: Arc<AtomicUsize>,
    answer: Arc<impl Fn(&str, usize) -> Reply + Send + Sync + 'static>,
) -> Option<()> {
    loop {
        let call: Value = serde_json::from_slice(&request_body(&mut stream).await?).ok()?;
        let before = calls.fetch_add(1, Ordering::SeqCst);
        let id = call["id"].clone();
        let (status, body) = match answer(call["method"].as_str()?, before) {
            Reply::Result(result) => (200, json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string().into()),
            Reply::Error(code, message) => {
                let error = json!({"code": code, "message": message});
                (200, json!({"jsonrpc": "2.0", "id": id, "error": error}).to_string().into())
            }
            Reply::Body(body) => (200, body),
            Reply::Status(status) => (status, vec![]),
            Reply::Silence => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                return None;
            }
            Reply::HangUp => return None,
        };
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await.ok()?;
        stream.write_all(&body).await.ok()?;
    }
}

/// The body of the next request; `None` when the client is gone.
async fn request_body(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    let mut body = vec![0; length.parse().ok()?];
    stream.read_exact(&mut body).await.ok()?;
    Some(body)
}
