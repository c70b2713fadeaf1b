//! An attested cosigner's way to its key service: the host carries bytes of TLS, keeps the wrapped key, opens nothing.

use crate::{RecordError, record_store};
use ringi_primitives::cbor;
use ringi_primitives::limits;
use ringi_primitives::wire::{KeptKey, KeyAccess, ToCosigner};
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

const FILE: &str = "wrapped.key";
/// A connection that is not made by then is not made.
const CONNECT: Duration = Duration::from_secs(10);
/// Bytes of one frame.
const FRAME: usize = 16 * 1024;

/// What a cosigner asks its key service with, and where it may.
#[derive(Clone)]
pub struct KeyService {
    /// Names the credentials.
    pub access_key: String,
    /// The host's own; they open nothing without an attested program.
    pub secret_key: String,
    /// Of temporary credentials.
    pub session_token: Option<String>,
    /// Host names and ports it may connect to, all others are refused: a cosigner is no way into this network.
    pub reachable: Vec<(String, u16)>,
}

impl fmt::Debug for KeyService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyService").field("reachable", &self.reachable).finish_non_exhaustive()
    }
}

impl KeyService {
    /// What a start hands to the cosigner of this folder.
    ///
    /// # Errors
    /// [`RecordError::Corrupt`] if the kept key is none.
    pub(crate) fn access(&self, folder: &Path) -> Result<KeyAccess, RecordError> {
        Ok(KeyAccess {
            kept: kept(folder)?,
            access_key: self.access_key.clone(),
            secret_key: self.secret_key.clone(),
            session_token: self.session_token.clone(),
        })
    }
}

/// The wrapped key of this folder; `None` where none is kept yet.
///
/// # Errors
/// [`RecordError::Corrupt`] if it is none.
pub(crate) fn kept(folder: &Path) -> Result<Option<KeptKey>, RecordError> {
    match fs::read(folder.join(FILE)) {
        Ok(bytes) => cbor::decode(&bytes, limits::FRAME_BYTES).map(Some).map_err(|_| damaged()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(RecordError::of_io(e)),
    }
}

fn damaged() -> RecordError {
    RecordError::Corrupt { offset: 0, what: "the wrapped key's file holds none" }
}

/// Makes a wrapped key durable before any record that it seals.
///
/// # Errors
/// The disk's.
pub(crate) fn keep(folder: &Path, key: &KeptKey) -> Result<(), RecordError> {
    record_store::replace(folder, FILE, &cbor::encode(key))
}

/// The one connection of a cosigner's start.
pub(crate) struct Tunnel {
    reachable: Vec<(String, u16)>,
    to_cosigner: mpsc::Sender<ToCosigner>,
    out: Option<OwnedWriteHalf>,
    carrying: Option<JoinHandle<()>>,
}

impl Tunnel {
    pub(crate) fn new(service: Option<&KeyService>, to_cosigner: mpsc::Sender<ToCosigner>) -> Tunnel {
        let reachable = service.map(|s| s.reachable.clone()).unwrap_or_default();
        Tunnel { reachable, to_cosigner, out: None, carrying: None }
    }

    /// Connects where it may; else the cosigner hears at once that the connection has ended.
    pub(crate) async fn dial(&mut self, host: &str, port: u16) {
        self.close();
        let allowed = self.reachable.iter().any(|(h, p)| h == host && *p == port);
        let connected = if allowed {
            tokio::time::timeout(CONNECT, TcpStream::connect((host, port))).await
        } else {
            Ok(Err(io::Error::new(io::ErrorKind::PermissionDenied, "not a key service of this configuration")))
        };
        let to_cosigner = self.to_cosigner.clone();
        match connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(stream) => {
                // TLS writes in small pieces, each a frame of its own.
                let _ = stream.set_nodelay(true);
                let (mut incoming, outgoing) = stream.into_split();
                self.out = Some(outgoing);
                self.carrying = Some(tokio::spawn(async move {
                    let mut bytes = vec![0; FRAME];
                    loop {
                        let read = incoming.read(&mut bytes).await.unwrap_or(0);
                        let frame = ToCosigner::Tunnel { bytes: bytes[..read].to_vec().into() };
                        if to_cosigner.send(frame).await.is_err() || read == 0 {
                            return;
                        }
                    }
                }));
            }
            Err(e) => {
                tracing::warn!(code = "enclave.key_service", host, port, "key service not reached: {e}");
                self.carrying = Some(tokio::spawn(async move {
                    let _ = to_cosigner.send(ToCosigner::Tunnel { bytes: Vec::new().into() }).await;
                }));
            }
        }
    }

    /// Carries bytes to the service. What cannot be carried ends the connection, and the cosigner hears of that.
    pub(crate) async fn carry(&mut self, bytes: &[u8]) {
        if let Some(out) = &mut self.out
            && let Err(e) = out.write_all(bytes).await
        {
            tracing::warn!(code = "enclave.key_service", "key service hung up: {e}");
            self.out = None;
        }
    }

    fn close(&mut self) {
        self.out = None;
        self.carrying.take().iter().for_each(JoinHandle::abort);
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.close();
    }
}
