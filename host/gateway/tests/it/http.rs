//! HTTP/1.1 over a bare socket: a test sends exactly the bytes it means, and sees exactly what comes back.

use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// No answer takes longer than this.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A request, free to be wrong.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    pub method: String,
    pub path: String,
    /// With its question mark; empty where there is none.
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Ask {
    pub fn new(method: &str, path: &str) -> Ask {
        Ask { method: method.into(), path: path.into(), ..Ask::default() }
    }

    pub fn get(path: &str) -> Ask {
        Ask::new("GET", path)
    }

    /// A write with a JSON body.
    pub fn json(path: &str, body: impl Into<Vec<u8>>) -> Ask {
        Ask { body: body.into(), ..Ask::new("POST", path) }.with("content-type", "application/json")
    }

    /// A write with a CBOR body.
    pub fn cbor(path: &str, body: Vec<u8>) -> Ask {
        Ask { body, ..Ask::new("POST", path) }.with("content-type", "application/cbor")
    }

    pub fn query(self, query: &str) -> Ask {
        Ask { query: format!("?{query}"), ..self }
    }

    /// One more header, even where there is one of this name.
    pub fn with(mut self, name: &str, value: &str) -> Ask {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn without(mut self, name: &str) -> Ask {
        self.headers.retain(|(n, _)| n != name);
        self
    }

    pub fn header(&self, name: &str) -> String {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()).unwrap_or_default()
    }

    /// A header's value changed.
    pub fn changed(self, name: &str, change: impl Fn(&str) -> String) -> Ask {
        let (before, after) = (self.header(name), change(&self.header(name)));
        assert_ne!(before, after, "{name} was not changed");
        self.without(name).with(name, &after)
    }

    pub fn head(&self) -> String {
        let headers: String = self.headers.iter().map(|(n, v)| format!("{n}: {v}\r\n")).collect();
        format!("{} {}{} HTTP/1.1\r\nhost: test\r\n{headers}", self.method, self.path, self.query)
    }

    /// The whole request on a connection of its own.
    pub fn bytes(&self) -> Vec<u8> {
        let mut all = format!("{}connection: close\r\n", self.head());
        if !self.body.is_empty() && self.header("content-length").is_empty() {
            all.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        [format!("{all}\r\n").into_bytes(), self.body.clone()].concat()
    }

    /// The same, its length not announced.
    pub fn chunked(&self) -> Vec<u8> {
        let head = format!("{}connection: close\r\ntransfer-encoding: chunked\r\n\r\n", self.head());
        let chunks =
            self.body.chunks(4096).flat_map(|c| [format!("{:x}\r\n", c.len()).as_bytes(), c, b"\r\n"].concat());
        [head.into_bytes(), chunks.collect(), b"0\r\n\r\n".to_vec()].concat()
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn parse(bytes: &[u8]) -> Option<Reply> {
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).ok()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        let headers =
            lines.filter_map(|l| l.split_once(": ")).map(|(n, v)| (n.to_lowercase(), v.to_string())).collect();
        Some(Reply { status, headers, body: bytes[end + 4..].to_vec() })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub fn media(&self) -> &str {
        self.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default()
    }

    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The stable code of a refusal; empty where it is none.
    pub fn code(&self) -> String {
        self.value()["code"].as_str().unwrap_or_default().to_string()
    }
}

/// Sends bytes, and reads until the server closes. `None` where it closes without a word.
pub async fn exchange(address: SocketAddr, bytes: &[u8]) -> Option<Reply> {
    let talk = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // A server that has heard enough closes: what it said before that counts.
        let _ = stream.write_all(bytes).await;
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard).await;
        Reply::parse(&heard)
    };
    tokio::time::timeout(PATIENCE, talk).await.expect("no answer in time")
}
