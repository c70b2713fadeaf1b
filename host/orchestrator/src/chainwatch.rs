//! From signed to final: broadcast the same bytes any number of times, and look at them with every new block.

use crate::core::{Cell, Core, Live, lock};
use crate::drive;
use crate::error::ServiceError;
use crate::ports::{ChainPortError, CrashPoint, TxOutcome, TxStatus};
use crate::transfer::{Command, Event, Included, Tracked, Transfer};
use ringi_chain::SignedTx;
use ringi_primitives::id::IntentId;
use ringi_primitives::network::NetworkId;
use std::sync::Arc;

/// Hands the signed bytes to a node and stores that it took them.
pub(crate) async fn broadcast(core: &Arc<Core>, cell: &Cell) -> Result<(), ServiceError> {
    let mut live = cell.lock().await;
    let Transfer::Signed { signed } = live.record.state.clone() else { return Ok(()) };
    let network = live.record.header.network;
    let tx = SignedTx { bytes: signed.bytes.clone(), id: signed.id.clone() };
    let event = match core.ports.chain.broadcast(network, &tx).await {
        Ok(()) => Event::Accepted,
        Err(error @ ChainPortError::Unavailable(_)) => return Err(error.into()),
        Err(ChainPortError::Rejected { code, detail }) => {
            // "Nonce too low" is also what a node says of bytes that it has mined: look before believing it.
            match core.ports.chain.status(network, &signed.id, &signed.slot).await? {
                TxStatus::Unknown | TxStatus::SlotTaken { .. } => Event::RefusedByNode { code, detail },
                TxStatus::Pending | TxStatus::Included { .. } => Event::Accepted,
            }
        }
    };
    core.reached(CrashPoint::AfterBroadcast);
    core.apply(&mut live, event, Vec::new()).await?;
    core.reached(CrashPoint::AfterBroadcastStored);
    Ok(())
}

/// Looks at this transfer now and with every block of its network.
pub(crate) fn follow(core: &Arc<Core>, network: NetworkId, id: IntentId) {
    core.follower(network).add(id);
}

/// Runs as long as the orchestrator: one per configured network.
pub(crate) async fn run(core: Arc<Core>, network: NetworkId) {
    let follower = core.follower(network);
    loop {
        follower.wake.notified().await;
        let ids = std::mem::take(&mut *lock(&follower.fresh));
        for id in ids {
            match look(&core, id).await {
                Ok(Tracked::OnChain) => {}
                Ok(_) => {
                    lock(&follower.transfers).remove(&id);
                }
                Err(error) => {
                    tracing::warn!(code = error.code, message = error.message, transfer = %id, "not looked at")
                }
            }
        }
    }
}

async fn look(core: &Arc<Core>, id: IntentId) -> Result<Tracked, ServiceError> {
    let Some(cell) = core.cell(id) else { return Ok(Tracked::Ended) };
    let mut live = cell.lock().await;
    let signed = match &live.record.state {
        Transfer::Broadcasting { signed } | Transfer::Confirming { signed, .. } => signed.clone(),
        state => return Ok(state.tracked()),
    };
    let network = live.record.header.network;
    let status = core.ports.chain.status(network, &signed.id, &signed.slot).await?;
    let Some(event) = judge(core, &mut live, status) else { return Ok(live.record.state.tracked()) };
    let included = matches!(event, Event::Included(_));
    let last = matches!(event, Event::Final(_) | Event::FinalReverted(_));
    let commands = core.apply(&mut live, event, Vec::new()).await?;
    if included {
        core.reached(CrashPoint::AfterIncludedStored);
    }
    if commands.contains(&Command::Broadcast) {
        let tx = SignedTx { bytes: signed.bytes.clone(), id: signed.id.clone() };
        if let Err(error) = core.ports.chain.broadcast(network, &tx).await {
            tracing::warn!(code = error.code(), transfer = %id, "not broadcast again");
        }
    }
    let (tracked, root) = (live.record.state.tracked(), live.record.header.root);
    drop(live);
    if last {
        settle_siblings(core, root, id).await;
    }
    Ok(tracked)
}

/// What a status means for a transfer; `None` if nothing that must be stored.
fn judge(core: &Core, live: &mut Live, status: TxStatus) -> Option<Event> {
    let network = live.record.header.network;
    match (status, &mut live.record.state) {
        (TxStatus::Included { height, block, confirmations, outcome }, state) => {
            let included = Included { height, block, confirmations };
            if confirmations >= core.ports.chain.finality(network) {
                return Some(match outcome {
                    TxOutcome::Success => Event::Final(included),
                    TxOutcome::Reverted => Event::FinalReverted(included),
                });
            }
            if let Transfer::Confirming { included: seen, .. } = state
                && seen.block == included.block
            {
                *seen = included;
                return None;
            }
            Some(Event::Included(included))
        }
        (TxStatus::Pending | TxStatus::Unknown, Transfer::Confirming { .. }) => Some(Event::Reorganised),
        (TxStatus::Unknown, _) => Some(Event::Lost),
        (TxStatus::Pending, _) => None,
        (TxStatus::SlotTaken { by }, _) => slot_taken(core, live, by.as_deref()),
    }
}

/// Another version of the same chain of intents settles this one when it is final; a stranger does so now.
fn slot_taken(core: &Core, live: &Live, by: Option<&str>) -> Option<Event> {
    let mut ours = false;
    for cell in siblings(core, live.record.header.id) {
        let Ok(other) = cell.try_lock() else {
            ours = true;
            continue;
        };
        let same = other.record.header.root == live.record.header.root;
        let signed = other.record.state.signed();
        if same && signed.is_some_and(|s| Some(s.id.as_str()) == by || by.is_none()) {
            ours = true;
        }
    }
    (!ours).then_some(Event::SlotTaken { by: None })
}

fn siblings(core: &Core, except: IntentId) -> Vec<Cell> {
    lock(&core.live).iter().filter(|(id, _)| **id != except).map(|(_, cell)| cell.clone()).collect()
}

/// One version is final: the others of its chain can never be.
async fn settle_siblings(core: &Arc<Core>, root: IntentId, by: IntentId) {
    for cell in siblings(core, by) {
        let mut live = cell.lock().await;
        if live.record.header.root != root || live.record.header.id == by {
            continue;
        }
        let id = live.record.header.id;
        if let Err(error) = core.apply(&mut live, Event::Replaced { by }, Vec::new()).await {
            tracing::warn!(code = error.code, transfer = %id, "not settled by its replacement");
        }
        drop(live);
        drive::start(core, id);
    }
}
