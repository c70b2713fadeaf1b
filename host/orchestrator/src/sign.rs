//! From prepared to signed: attempts at changing sets of cosigners until one signs, all refuse, or a bound is reached.

use crate::attempt::{self, Outcome};
use crate::brakes;
use crate::core::{Cell, Core, Live, lock};
use crate::drive::backoff;
use crate::error::ServiceError;
use crate::gates;
use crate::judge::{Case, asked};
use crate::ports::{CrashPoint, SignAttempt, Write};
use crate::prepare::limit_gates;
use crate::receipt::{self, Made};
use crate::reservation::Reservation;
use crate::signers::{Wanted, choose};
use crate::spent::spendings;
use crate::transfer::{Event, Held, Signed, Transfer};
use ringi_chain::SignedTx;
use ringi_primitives::cbor;
use ringi_primitives::decision::{Charge, Decision};
use ringi_primitives::request::{FinishedSignature, SigningRequest};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::wire::{Refusal, Tag};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;

/// What the attempts of one transfer have taught so far.
#[derive(Default)]
struct Lessons {
    refusals: BTreeMap<PartyIndex, Refusal>,
    suspects: BTreeSet<PartyIndex>,
}

/// One attempt's inputs, fixed before it starts.
struct Ready {
    case: Case,
    held: Held,
    charges: Vec<Charge>,
    designated: BTreeSet<PartyIndex>,
    request: Vec<u8>,
    attempts: u32,
}

/// Tries until the transfer is no longer `Prepared`.
pub(crate) async fn sign(core: &Arc<Core>, cell: &Cell) -> Result<(), ServiceError> {
    let mut lessons = Lessons::default();
    // Before health is looked at, so that no change is missed.
    let mut health = core.ports.cosigners.changed();
    let mut turns = core.turns.subscribe();
    loop {
        let Some((decision, first)) = ready(core, cell).await? else { return Ok(()) };
        // I3: cosigners refuse a nonce above one they have not pinned.
        if !lock(&core.slots).is_turn(&first.held.slot) {
            wait(core, &mut turns).await;
            continue;
        }
        // P1: cosigners refuse while it is frozen; it waits for the lift or its expiry.
        if is_stopped(core, cell).await {
            wait(core, &mut turns).await;
            continue;
        }
        let gates = core.gates.enter(limit_gates(&decision)).await;
        // Others may have spent while this one waited for its turn.
        let Some((_, ready)) = ready(core, cell).await? else { return Ok(()) };
        let Some(signers) = pick(core, &ready, &lessons) else {
            drop(gates);
            wait(core, &mut health).await;
            continue;
        };
        let failed = one(core, cell, ready, signers, gates, &mut lessons).await?;
        match failed {
            None => return Ok(()),
            Some(attempts) => tokio::time::sleep(backoff(core, attempts)).await,
        }
    }
}

/// Whether a brake stops it, as far as the host knows.
async fn is_stopped(core: &Core, cell: &Cell) -> bool {
    let live = cell.lock().await;
    brakes::on(core, &live.record.header, &live.record.state).is_some()
}

/// Decides again and builds the request; `None` if the transfer moved.
async fn ready(core: &Arc<Core>, cell: &Cell) -> Result<Option<(Decision, Ready)>, ServiceError> {
    let mut live = cell.lock().await;
    let Transfer::Prepared { held, attempts } = live.record.state.clone() else { return Ok(None) };
    if live.record.header.plan.expires_at <= core.now() {
        core.apply(&mut live, Event::Expired, Vec::new()).await?;
        return Ok(None);
    }
    let case = Case::of(core, &live)?;
    let decision = case.decide_live(core, &live);
    let Decision::Allow { charges, rules } = decision.clone() else {
        core.apply(&mut live, Event::Decided(decision), Vec::new()).await?;
        return Ok(None);
    };
    let designated = case.designated(live.record.header.wallet, &rules);
    let facts = case.facts(core, &asked(&live));
    let request = cbor::encode(&SigningRequest {
        version: 1,
        genesis: case.envelope.genesis,
        intent: live.record.header.body.clone(),
        initiator: live.record.header.signature.clone(),
        approvals: case.valid(&live.approvals).into_iter().cloned().collect(),
        policy: case.policy.digest,
        unsigned: held.unsigned.clone(),
        facts,
    });
    Ok(Some((decision, Ready { case, held, charges, designated, request, attempts })))
}

fn pick(core: &Core, ready: &Ready, lessons: &Lessons) -> Option<Vec<PartyIndex>> {
    let case = &ready.case;
    let threshold = usize::from(case.workspace.genesis().ok()?.head().threshold);
    let refusers = lessons.refusals.keys().copied().collect();
    let offset = core.rotation.fetch_add(1, Ordering::Relaxed);
    let wanted = Wanted {
        threshold,
        policy: case.policy.digest,
        designated: &ready.designated,
        refusers: &refusers,
        suspects: &lessons.suspects,
        offset,
    };
    choose(&core.ports.cosigners.health(), &wanted)
}

/// Whether too few are left that have not refused for good. Who is only away now may come back.
fn is_hopeless(case: &Case, lessons: &Lessons) -> bool {
    let Ok(genesis) = case.workspace.genesis() else { return false };
    let head = genesis.head();
    let left = head.cosigners.iter().filter(|c| !lessons.refusals.contains_key(&c.index)).count();
    left < usize::from(head.threshold)
}

/// Until something changes (a cosigner's health, a lower nonce); looked at again after a sweep, for the expiry.
async fn wait(core: &Core, change: &mut watch::Receiver<u64>) {
    let sweep = tokio::time::sleep(Duration::from_millis(core.config.sweep_ms));
    tokio::select! {
        () = sweep => {}
        Ok(()) = change.changed() => {}
    }
}

/// One attempt. `Some(n)` after the n-th failed one that leaves hope.
async fn one(
    core: &Arc<Core>,
    cell: &Cell,
    ready: Ready,
    signers: Vec<PartyIndex>,
    gates: gates::Held,
    lessons: &mut Lessons,
) -> Result<Option<u32>, ServiceError> {
    let root = {
        let mut live = cell.lock().await;
        if !matches!(live.record.state, Transfer::Prepared { .. }) {
            return Ok(None);
        }
        core.apply(&mut live, Event::AttemptStarted, Vec::new()).await?;
        live.record.header.root
    };
    core.reached(CrashPoint::BeforeSign);
    let attempt = SignAttempt { tag: Tag(core.ports.random.bytes16()), request: ready.request.clone(), signers };
    let mut reservation = Reservation::new(gates, spendings(&ready.charges, root, core.now()));
    let outcome = attempt::run(core, attempt, || {
        lock(&core.slots).pin(&ready.held.slot);
        reservation.recorded(&core.spent);
        core.next_turn();
        core.reached(CrashPoint::AfterReserved);
    })
    .await;
    let mut live = cell.lock().await;
    if let Some((tx, signatures)) = assembled(&ready, &live, &outcome) {
        let spent = reservation.signed(&core.spent);
        let mut writes: Vec<Write> = spent.into_iter().map(|s| Write::Spend(Box::new(s))).collect();
        let made = Made { request: &ready.request, unsigned: &ready.held.unsigned, signatures: &signatures, tx: &tx };
        writes.push(receipt::write(core, &ready.case, &live, &outcome, &made));
        keep(core, &mut live, &ready, tx, writes).await?;
        return Ok(None);
    }
    reservation.failed(&core.spent, ready.held.exposure);
    failed(core, &mut live, &ready, &outcome, lessons).await
}

/// The first signer's signatures that verify under the wallet's own keys.
fn assembled(ready: &Ready, live: &Live, outcome: &Outcome) -> Option<(SignedTx, Vec<FinishedSignature>)> {
    let header = &live.record.header;
    let keys = ready.case.workspace.wallet_keys(header.wallet).ok()?;
    let policy = &ready.case.policy.set;
    outcome.signatures.iter().find_map(|signatures| {
        let tx = ringi_chain::assemble(policy, &*keys, header.network, &ready.held.unsigned, signatures);
        if let Err(error) = &tx {
            tracing::error!(code = error.code(), transfer = %header.id, "a cosigner's signature does not verify");
        }
        tx.ok().map(|tx| (tx, signatures.clone()))
    })
}

async fn keep(
    core: &Core,
    live: &mut Live,
    ready: &Ready,
    tx: SignedTx,
    writes: Vec<Write>,
) -> Result<(), ServiceError> {
    let signed = Signed {
        slot: ready.held.slot.clone(),
        unsigned: ready.held.unsigned.clone(),
        bytes: tx.bytes,
        id: tx.id,
        request: SigningRequest::digest(&ready.request),
        at: core.now(),
        rules: ready.held.rules.clone(),
    };
    core.reached(CrashPoint::BeforeSignedStored);
    core.apply(live, Event::Signed(signed), writes).await?;
    core.reached(CrashPoint::AfterSignedStored);
    Ok(())
}

async fn failed(
    core: &Core,
    live: &mut Live,
    ready: &Ready,
    outcome: &Outcome,
    lessons: &mut Lessons,
) -> Result<Option<u32>, ServiceError> {
    lock(&core.slots).unpin(&ready.held.slot);
    let exposure = outcome.exposure();
    lessons.suspects = outcome.suspects();
    lessons.refusals.extend(outcome.for_good().cloned());
    let attempts = ready.attempts.saturating_add(1);
    let last = outcome.for_good().last();
    let event = match last {
        Some((_, refusal)) if is_hopeless(&ready.case, lessons) => {
            Event::RefusedForGood { rule: refusal.detail.clone(), code: refusal.code.clone(), exposure }
        }
        None if outcome.is_gap() => Event::SlotRefused(exposure),
        _ if attempts >= core.config.max_attempts && !outcome.is_frozen() => {
            Event::AttemptsExhausted { code: outcome.code(), exposure }
        }
        _ => Event::AttemptFailed(exposure),
    };
    let ends = !matches!(event, Event::AttemptFailed(_) | Event::SlotRefused(_));
    let detail = outcome.refusals.first().map(|(from, r)| format!("cosigner {from}: {}", r.detail)).unwrap_or_default();
    tracing::info!(transfer = %live.record.header.id, code = outcome.code(), detail, attempts, "attempt failed");
    core.apply(live, event, Vec::new()).await?;
    Ok((!ends).then_some(attempts))
}
