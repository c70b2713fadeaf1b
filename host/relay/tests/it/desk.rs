//! An endpoint that writes down what it gets and can refuse to go on.

use ringi_primitives::scheme::PartyIndex;
use ringi_relay::{Endpoint, EndpointGone};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, Semaphore, mpsc};

#[derive(Debug, PartialEq, Eq)]
pub enum Got {
    Up(u8),
    Frame(u8, Vec<u8>),
}

pub struct Desk {
    pub gate: Semaphore,
    got: mpsc::UnboundedSender<Got>,
    inbox: Mutex<mpsc::UnboundedReceiver<Got>>,
}

pub fn party(n: u8) -> PartyIndex {
    PartyIndex::new(n).unwrap()
}

impl Desk {
    /// Takes letters as they come.
    pub fn open() -> Arc<Desk> {
        Desk::with_permits(Semaphore::MAX_PERMITS)
    }

    /// Takes nothing until the gate gets permits.
    pub fn shut() -> Arc<Desk> {
        Desk::with_permits(0)
    }

    fn with_permits(permits: usize) -> Arc<Desk> {
        let (got, inbox) = mpsc::unbounded_channel();
        Arc::new(Desk { gate: Semaphore::new(permits), got, inbox: Mutex::new(inbox) })
    }

    pub async fn next(&self) -> Got {
        let mut inbox = self.inbox.lock().await;
        tokio::time::timeout(Duration::from_secs(5), inbox.recv()).await.unwrap().unwrap()
    }

    pub async fn is_quiet(&self, during_ms: u64) -> bool {
        let mut inbox = self.inbox.lock().await;
        tokio::time::timeout(Duration::from_millis(during_ms), inbox.recv()).await.is_err()
    }
}

#[async_trait::async_trait]
impl Endpoint for Desk {
    async fn deliver(&self, from: PartyIndex, frame: Vec<u8>) -> Result<(), EndpointGone> {
        self.gate.acquire().await.unwrap().forget();
        self.got.send(Got::Frame(from.number(), frame)).map_err(|_| EndpointGone)
    }

    async fn peer_up(&self, peer: PartyIndex) -> Result<(), EndpointGone> {
        self.got.send(Got::Up(peer.number())).map_err(|_| EndpointGone)
    }
}
