//! The supervisor: restarts with a growing pause, hands the records back, stops when told.

use crate::scripted::scripted;
use ringi_enclave_host::{Backoff, Ending, Event, SendError, supervise};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::wire::ToCosigner;
use std::sync::Arc;
use std::time::{Duration, Instant};

const BACKOFF: Backoff = Backoff { first_ms: 50, most_ms: 150, healthy_ms: 60_000 };

#[tokio::test]
async fn an_ended_cosigner_comes_back_with_its_records_later_and_later() {
    let folder = tempfile::tempdir().unwrap();
    let (enclave, mut seats) = scripted();
    let me = PartyIndex::new(1).unwrap();
    let (supervised, mut events) = supervise(Arc::new(enclave), me, folder.path(), BACKOFF).await.unwrap();
    let mut pauses_ms = Vec::new();
    for run in 1..=4 {
        let mut seat = seats.recv().await.unwrap();
        assert_eq!(seat.start().await.len() as u64, run - 1);
        assert!(matches!(events.recv().await, Some(Event::Started { run: r }) if r == run));
        seat.stores(run, b"a record").await;
        assert_eq!(seat.hears().await, ToCosigner::Stored { sequence: run });
        supervised.send(ToCosigner::Status).await.unwrap();
        assert_eq!(seat.hears().await, ToCosigner::Status);
        let ended = Instant::now();
        seat.exits(1);
        assert!(matches!(events.recv().await, Some(Event::Ended(Ending::Exited { status: Some(1), .. }))));
        assert_eq!(supervised.send(ToCosigner::Status).await, Err(SendError::Down));
        while supervised.current().is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        pauses_ms.push(ended.elapsed().as_millis());
    }
    for (pause, least) in pauses_ms.iter().zip([50, 100, 150, 150]) {
        assert!(*pause >= least, "{pauses_ms:?}");
    }
    supervised.stop().await;
    loop {
        match events.recv().await {
            Some(Event::Ended(ending)) => assert_eq!(ending, Ending::Stopped),
            Some(_) => {}
            None => break,
        }
    }
}

#[tokio::test]
async fn damaged_records_end_the_supervision() {
    let folder = tempfile::tempdir().unwrap();
    let (enclave, mut seats) = scripted();
    let me = PartyIndex::new(1).unwrap();
    let (_supervised, mut events) = supervise(Arc::new(enclave), me, folder.path(), BACKOFF).await.unwrap();
    let mut seat = seats.recv().await.unwrap();
    seat.start().await;
    std::fs::write(folder.path().join("records"), b"not records at all").unwrap();
    seat.exits(0);
    let mut codes = Vec::new();
    while let Some(event) = events.recv().await {
        if let Event::Trouble { code, .. } = event {
            codes.push(code);
        }
    }
    assert_eq!(codes, ["records.corrupt"]);
}
