//! Killed at every crash point and started again: at most one signed content per intent, no approval lost, everything ends.

use crate::flow::{prepare_workspace, until};
use crate::world::*;
use ringi_ledger::{Head, verify};
use ringi_orchestrator::ports::CrashPoint;
use ringi_orchestrator::service::SubmitMode;
use ringi_orchestrator::{Orchestrator, Service};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What a patient client does; each line is safe to repeat.
async fn client(world: Arc<World>, orchestrator: Orchestrator, bodies: Arc<Vec<Request>>) {
    for (body, signature) in bodies.iter() {
        orchestrator.submit(body, signature, SubmitMode::Keep).await.unwrap();
    }
    let view = orchestrator.transfer(intent_id(2)).await.unwrap();
    if let Some(envelope) = view.envelope_digest {
        for who in [2, 3] {
            orchestrator.approve(intent_id(2), approval(who, &envelope)).await.unwrap();
        }
    }
    for n in 1..=3 {
        until(&world, &orchestrator, n, "completed").await;
    }
}

type Request = (Vec<u8>, ringi_primitives::httpsig::RequestSignature);

/// One life of the process; whether it was killed.
fn life(world: &Arc<World>, folder: &Path, bodies: &Arc<Vec<Request>>) -> bool {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let killed = runtime.block_on(async {
        // A life that ended before it noticed its death leaves the notice behind.
        let _ = tokio::time::timeout(Duration::ZERO, world.death.notified()).await;
        let orchestrator = start(world, folder).await;
        let work = tokio::spawn(client(world.clone(), orchestrator.clone(), bodies.clone()));
        tokio::select! {
            () = world.death.notified() => true,
            done = work => {
                if !world.dead.load(Ordering::SeqCst) {
                    done.unwrap();
                }
                world.dead.load(Ordering::SeqCst)
            }
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(5));
    killed
}

fn die_at(point: CrashPoint, times: u32) {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let bodies =
        Arc::new(vec![transfer_to(1, 5, 0x11, ""), transfer_to(2, 5_000_000, 0x11, ""), transfer_to(3, 7, 0x11, "")]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let orchestrator = start(&world, folder.path()).await;
        prepare_workspace(&orchestrator).await;
        orchestrator.stop().await;
    });
    runtime.shutdown_timeout(Duration::from_secs(5));
    *world.crash_at.lock().unwrap() = Some((point, times));
    assert!(life(&world, folder.path(), &bodies), "{point:?} was never reached {times} times");
    world.dead.store(false, Ordering::SeqCst);
    assert!(!life(&world, folder.path(), &bodies), "{point:?}: the second life goes on to the end");
    check(&world, folder.path(), point);
}

fn check(world: &Arc<World>, folder: &Path, point: CrashPoint) {
    let seen = world.seen.lock().unwrap();
    assert_eq!(seen.violations, Vec::<String>::new(), "{point:?}");
    assert_eq!(seen.mined.len(), 3, "{point:?}: three intents, three transactions");
    let ids: std::collections::BTreeSet<_> = seen.pool.iter().map(|(id, _, _)| id).collect();
    assert_eq!(ids.len(), 3, "{point:?}: the same bytes are broadcast however often");
    drop(seen);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let orchestrator = start(world, folder).await;
        let view = orchestrator.transfer(intent_id(2)).await.unwrap();
        assert_eq!(view.approvals.len(), 2, "{point:?}: no approval is lost");
        let log = orchestrator.audit_after(0, 1000).await.unwrap();
        let digests: Vec<_> = log.iter().map(|e| e.digest()).collect();
        verify(Head::EMPTY, log.iter().zip(&digests)).unwrap();
        for n in 1..=3 {
            orchestrator.receipt(intent_id(n)).await.unwrap();
        }
        orchestrator.stop().await;
    });
    runtime.shutdown_timeout(Duration::from_secs(5));
}

macro_rules! dies_at {
    ($($name:ident: $point:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                for times in [1, 2] {
                    die_at(CrashPoint::$point, times);
                }
            }
        )*

        #[test]
        fn every_crash_point_has_its_test() {
            assert_eq!([$(CrashPoint::$point),*], CrashPoint::ALL);
        }
    };
}

dies_at!(
    before_submit_stored: BeforeSubmitStored,
    after_submit_stored: AfterSubmitStored,
    after_approval_stored: AfterApprovalStored,
    after_slot_chosen: AfterSlotChosen,
    before_prepared_stored: BeforePreparedStored,
    after_prepared_stored: AfterPreparedStored,
    before_sign: BeforeSign,
    after_reserved: AfterReserved,
    before_signed_stored: BeforeSignedStored,
    after_signed_stored: AfterSignedStored,
    after_broadcast: AfterBroadcast,
    after_broadcast_stored: AfterBroadcastStored,
    after_included_stored: AfterIncludedStored,
    after_end_stored: AfterEndStored,
);
