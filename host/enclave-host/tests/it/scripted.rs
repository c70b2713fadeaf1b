//! An enclave in memory: the test plays the cosigner on the other end of the stream.

use ringi_enclave_host::{Enclave, Launched, Lifeline, Records, StartError};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::wire::{self, FromCosigner, RecordKind, ToCosigner};
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::{mpsc, watch};

/// The cosigner's end of one run.
pub struct Seat {
    pub stream: DuplexStream,
    pub records: Records,
    killed: watch::Receiver<bool>,
    exit: watch::Sender<Option<i32>>,
}

impl Seat {
    pub async fn hears(&mut self) -> ToCosigner {
        let length = self.stream.read_u32().await.unwrap();
        let mut body = vec![0; length as usize];
        self.stream.read_exact(&mut body).await.unwrap();
        ringi_primitives::cbor::decode(&body, body.len()).unwrap()
    }

    pub async fn says(&mut self, frame: FromCosigner) {
        let mut bytes = Vec::new();
        wire::write_frame(&mut bytes, &frame).unwrap();
        self.stream.write_all(&bytes).await.unwrap();
    }

    pub async fn stores(&mut self, sequence: u64, record: &[u8]) {
        let record = record.to_vec().into();
        self.says(FromCosigner::Store { sequence, kind: RecordKind::Change, record }).await;
    }

    /// The sealed records of the first frames.
    pub async fn start(&mut self) -> Vec<Vec<u8>> {
        let due = match self.hears().await {
            ToCosigner::Start { version: wire::VERSION, records, .. } => records,
            other => panic!("the first frame is {other:?}"),
        };
        let mut all: Vec<Vec<u8>> = Vec::new();
        while (all.len() as u64) < due {
            match self.hears().await {
                ToCosigner::Records { records } => all.extend(records.into_iter().map(Vec::from)),
                other => panic!("a frame of records is {other:?}"),
            }
        }
        all
    }

    pub fn exits(self, status: i32) {
        self.exit.send_replace(Some(status));
    }

    pub async fn is_killed(&mut self) {
        self.killed.wait_for(|killed| *killed).await.unwrap();
    }
}

/// Gives the test a [`Seat`] per launch.
pub struct Scripted(pub mpsc::UnboundedSender<Seat>);

pub fn scripted() -> (Scripted, mpsc::UnboundedReceiver<Seat>) {
    let (sender, seats) = mpsc::unbounded_channel();
    (Scripted(sender), seats)
}

struct Life {
    kill: watch::Sender<bool>,
    exit: watch::Receiver<Option<i32>>,
}

#[async_trait::async_trait]
impl Enclave for Scripted {
    async fn launch(&self, _: PartyIndex, _: &Path, records: Records) -> Result<Launched, StartError> {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let (kill, killed) = watch::channel(false);
        let (exit, exited) = watch::channel(None);
        self.0.send(Seat { stream: theirs, records, killed, exit }).ok();
        let (reader, writer) = tokio::io::split(ours);
        let life = Box::new(Life { kill, exit: exited });
        Ok(Launched { reader: Box::new(reader), writer: Box::new(writer), life })
    }

    fn kind(&self) -> &'static str {
        "scripted"
    }
}

#[async_trait::async_trait]
impl Lifeline for Life {
    async fn ended(&mut self) -> Option<i32> {
        let mut killed = self.kill.subscribe();
        tokio::select! {
            exited = self.exit.wait_for(Option::is_some) => match exited {
                Ok(status) => *status,
                // The seat was dropped without a status.
                Err(_) => None,
            },
            _ = killed.wait_for(|killed| *killed) => None,
        }
    }

    fn kill(&mut self) {
        self.kill.send_replace(true);
    }

    fn last_words(&self) -> String {
        "last words".into()
    }
}
