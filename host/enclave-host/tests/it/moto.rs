//! A store that speaks S3's protocol and that nobody here wrote (moto), behind a way that a test can close.

use ringi_enclave_host::{Access, Bucket};
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../oracles/bucket")
}

/// The store looks at no signature, but whoever has none sees no private object.
const SIGNED: &str = "Authorization: AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/us-east-1/s3/aws4_request, \
                      SignedHeaders=host, Signature=0";

/// How requests get through.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Open,
    /// Connections end at once.
    Closed,
    /// Requests reach the store, and the next answer is lost.
    LosesOneAnswer,
    /// The store says that nobody may.
    Forbidden,
}

/// The store, with one bucket.
pub struct Moto {
    child: Child,
    store: SocketAddr,
    front: SocketAddr,
    way: Arc<Mutex<Way>>,
}

impl Moto {
    /// `None` where oracles are left out.
    pub fn start() -> Option<Moto> {
        if std::env::var_os("RINGI_SKIP_ORACLES").is_some() {
            eprintln!("left out: RINGI_SKIP_ORACLES is set");
            return None;
        }
        let made = Command::new(folder().join("../../scripts/venv.sh")).arg(folder()).output().unwrap();
        let why = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "python3 with venv is needed (or RINGI_SKIP_ORACLES=1): {why}");
        let python = String::from_utf8(made.stdout).unwrap();
        let mut command = Command::new(python.trim_end());
        command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]).env("PYTHONUNBUFFERED", "1");
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = |line: String| line.split_once("http://")?.1.trim().parse().ok();
        let store = log.find_map(|line| address(line.unwrap())).expect("moto says where it listens");
        std::thread::spawn(move || log.for_each(drop));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let front = listener.local_addr().unwrap();
        let way = Arc::new(Mutex::new(Way::Open));
        let kept = way.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let way = kept.clone();
                std::thread::spawn(move || carry(client, store, &way));
            }
        });
        let moto = Moto { child, store, front, way };
        assert!(moto.request("PUT", "/bucket", b"").starts_with("HTTP/1.1 200"));
        Some(moto)
    }

    pub fn bucket(&self) -> Bucket {
        Bucket {
            name: "bucket".into(),
            prefix: "ringi/test".into(),
            endpoint: Some(format!("http://{}", self.front)),
            region: "us-east-1".into(),
            access: Access {
                access_key: "AKIATEST".into(),
                secret_key: "secret-of-the-test".to_owned().into(),
                session_token: None,
            },
            root: None,
        }
    }

    pub fn set(&self, way: Way) {
        *self.way.lock().unwrap() = way;
    }

    /// One plain request to the store itself; the answer's text.
    pub fn request(&self, method: &str, path: &str, body: &[u8]) -> String {
        String::from_utf8_lossy(&self.answer(method, path, body)).into_owned()
    }

    fn answer(&self, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.store).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{SIGNED}\r\nContent-Length: {}\r\n\r\n",
            self.store,
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    }

    fn path(name: &str) -> String {
        format!("/bucket/ringi/test/cosigner-1/{name}")
    }

    /// Names of the objects of cosigner 1's records, in order.
    pub fn objects(&self) -> Vec<String> {
        let listed = self.request("GET", "/bucket?list-type=2&prefix=ringi/test/cosigner-1/records/", b"");
        let keys = listed.split("<Key>").skip(1).filter_map(|rest| Some(rest.split_once("</Key>")?.0));
        keys.map(|key| key.rsplit('/').next().unwrap().to_owned()).collect()
    }

    pub fn object(&self, name: &str) -> Vec<u8> {
        let answer = self.answer("GET", &Moto::path(name), b"");
        let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        answer[end + 4..].to_vec()
    }

    pub fn put(&self, name: &str, bytes: &[u8]) {
        assert!(self.request("PUT", &Moto::path(name), bytes).starts_with("HTTP/1.1 200"));
    }

    pub fn delete(&self, name: &str) {
        assert!(self.request("DELETE", &Moto::path(name), b"").starts_with("HTTP/1.1 204"));
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One connection of a client, request by request as they come.
fn carry(client: TcpStream, store: SocketAddr, way: &Arc<Mutex<Way>>) {
    let Ok(server) = TcpStream::connect(store) else { return };
    let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let requests = way.clone();
    let up = std::thread::spawn(move || {
        let mut bytes = [0; 64 * 1024];
        while let Ok(n @ 1..) = from_client.read(&mut bytes) {
            match *requests.lock().unwrap() {
                Way::Open | Way::LosesOneAnswer => {
                    if to_server.write_all(&bytes[..n]).is_err() {
                        break;
                    }
                }
                Way::Forbidden => {
                    let _ = from_client
                        .write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                    break;
                }
                Way::Closed => break,
            }
        }
        let _ = (from_client.shutdown(Shutdown::Both), to_server.shutdown(Shutdown::Both));
    });
    let (mut from_server, mut to_client) = (server, client);
    let mut bytes = [0; 64 * 1024];
    while let Ok(n @ 1..) = from_server.read(&mut bytes) {
        let mut way = way.lock().unwrap();
        if *way == Way::LosesOneAnswer {
            *way = Way::Open;
            break;
        }
        drop(way);
        if to_client.write_all(&bytes[..n]).is_err() {
            break;
        }
    }
    let _ = (to_client.shutdown(Shutdown::Both), from_server.shutdown(Shutdown::Both));
    let _ = up.join();
}
