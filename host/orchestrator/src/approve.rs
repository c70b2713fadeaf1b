//! Approvals (rule I2) and withdrawals: what people may still do to a transfer that no cosigner has seen.

use crate::core::{Core, Live, notice};
use crate::drive;
use crate::error::ServiceError;
use crate::judge::Case;
use crate::ports::{Commit, CrashPoint, Write};
use crate::render;
use crate::service::{CallbackOutcome, TransferView};
use crate::transfer::{Event, Transfer};
use ringi_primitives::approval::Approval;
use ringi_primitives::decision::Decision;
use ringi_primitives::id::{IntentId, PersonId};
use ringi_primitives::limits;
use serde_json::json;
use std::sync::Arc;

pub(crate) async fn approve(core: &Arc<Core>, id: IntentId, approval: Approval) -> Result<TransferView, ServiceError> {
    let cell = open(core, id).await?;
    let mut live = cell.lock().await;
    let case = Case::of(core, &live)?;
    case.verify(&approval)?;
    let given = case.valid(&live.approvals).iter().any(|a| a.person == approval.person);
    if given {
        return Ok(render::live(&live, Some(&case), Some(&case.policy)));
    }
    if !matches!(live.record.state, Transfer::AwaitingApproval { .. }) {
        let message = "the transfer does not wait for approvals";
        return Err(ServiceError::conflict("approval.not_awaited", message, "Nothing is left to approve."));
    }
    if live.record.header.plan.expires_at <= core.now() {
        return Err(ServiceError::unprocessable("intent.expired", "the intent's time is over", "Submit a new intent."));
    }
    if live.approvals.len() >= limits::APPROVALS {
        return Err(ServiceError::conflict("approval.too_many", "no more approvals are taken", "Submit a new intent."));
    }
    let write = Write::Approval { intent: id, envelope: case.digest, approval: Box::new(approval.clone()) };
    live.approvals.push((case.digest, approval));
    let decision = case.decide_live(core, &live);
    let stored = store(core, &mut live, decision, write).await;
    if let Err(error) = stored {
        live.approvals.pop();
        return Err(error);
    }
    core.reached(CrashPoint::AfterApprovalStored);
    let view = render::live(&live, Some(&case), Some(&case.policy));
    drop(live);
    drive::start(core, id);
    Ok(view)
}

/// The approval and what it changes, in one commit.
async fn store(core: &Core, live: &mut Live, decision: Decision, write: Write) -> Result<(), ServiceError> {
    core.apply(live, Event::Decided(decision), vec![write]).await.map(|_| ())
}

pub(crate) async fn cancel(core: &Arc<Core>, id: IntentId, by: PersonId) -> Result<TransferView, ServiceError> {
    let cell = open(core, id).await?;
    let mut live = cell.lock().await;
    if live.record.header.initiator != by {
        let message = "only its initiator may withdraw a transfer";
        return Err(ServiceError::forbidden("transfer.not_initiator", message, "Ask the initiator."));
    }
    if live.record.state.is_exposed() {
        let message = "cosigners may have seen it: only an intent that replaces it can stop it";
        return Err(ServiceError::conflict("transfer.signed", message, "Sign a cancel intent that replaces it."));
    }
    core.apply(&mut live, Event::Withdrawn, Vec::new()).await?;
    let case = Case::of(core, &live).ok();
    Ok(render::live(&live, case.as_ref(), core.workspace().policy.as_ref()))
}

/// The transfer's cell, if it is not at its end.
async fn open(core: &Core, id: IntentId) -> Result<crate::core::Cell, ServiceError> {
    if let Some(cell) = core.cell(id) {
        return Ok(cell);
    }
    let stored = core.ports.store.transfer(id).await?;
    stored.ok_or_else(|| ServiceError::not_found("transfer"))?;
    Err(ServiceError::conflict("transfer.ended", "the transfer is at its end", "Submit a new intent."))
}

/// Decides again everything that is not signed, after the policy set changed.
pub(crate) async fn redecide(core: &Arc<Core>) {
    let cells: Vec<_> = crate::core::lock(&core.live).values().cloned().collect();
    for cell in cells {
        let mut live = cell.lock().await;
        let id = live.record.header.id;
        if !matches!(live.record.state, Transfer::AwaitingApproval { .. }) {
            continue;
        }
        if let Ok(case) = Case::of(core, &live) {
            let decision = case.decide_live(core, &live);
            if let Err(error) = core.apply(&mut live, Event::Decided(decision), Vec::new()).await {
                tracing::warn!(code = error.code, transfer = %id, "not decided again");
            }
        }
        drop(live);
        drive::start(core, id);
    }
}

/// What came of asking a machine approver, into the feed and the audit log.
pub(crate) async fn called_back(core: &Core, outcome: &CallbackOutcome) -> Result<(), ServiceError> {
    let CallbackOutcome { transfer, person, envelope, code, detail } = outcome;
    let data = json!({ "id": transfer, "person": person, "envelope": envelope, "code": code, "detail": detail });
    let (event, audit) = notice(core.now(), "approval.callback", transfer.to_string(), data);
    core.commit(Commit { writes: Vec::new(), events: vec![event], audit: vec![audit] }).await.map(drop)
}
