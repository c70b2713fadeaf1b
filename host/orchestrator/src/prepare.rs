//! From allowed to prepared: choose the slot, have the bytes made, read them back, store both in one commit.

use crate::core::{Cell, Core, lock};
use crate::error::ServiceError;
use crate::gates::GateKey;
use crate::judge::Case;
use crate::keys::WalletKeys;
use crate::ports::{ChainPortError, CrashPoint, OwnAddress, PrepareAsk, SlotChoice, UniqueRule, Write};
use crate::transfer::{Event, Exposure, Header, Held, Transfer};
use ringi_primitives::decision::Decision;
use ringi_primitives::effects::{Effect, OpaqueKind, Slot};
use ringi_primitives::intent::Intent;
use ringi_primitives::network::NetworkId;
use ringi_primitives::plan::Plan;
use ringi_primitives::request::Unsigned;
use ringi_primitives::wallet::{BRANCH_CHANGE, KeyPosition};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Everything known of a transfer while its bytes are made; nothing is locked meanwhile.
struct Job {
    case: Case,
    header: Header,
    intent: Arc<Intent>,
    keys: Arc<WalletKeys>,
    addresses: Vec<OwnAddress>,
    replaced: Option<(Slot, Unsigned)>,
}

/// Why no bytes came of it.
enum Obstacle {
    /// Try again later.
    Later(ServiceError),
    /// Never, as asked.
    Never { code: String, detail: String },
}

impl From<ServiceError> for Obstacle {
    fn from(error: ServiceError) -> Obstacle {
        Obstacle::Later(error)
    }
}

impl From<ChainPortError> for Obstacle {
    fn from(error: ChainPortError) -> Obstacle {
        match error {
            ChainPortError::Unavailable(_) => Obstacle::Later(error.into()),
            ChainPortError::Rejected { code, detail } => Obstacle::Never { code, detail },
        }
    }
}

pub(crate) async fn prepare(core: &Arc<Core>, cell: &Cell) -> Result<(), ServiceError> {
    let Some(job) = open(core, cell).await? else { return Ok(()) };
    // One at a time per wallet where coins are chosen, so that two transfers never choose the same.
    let coins = matches!(job.header.network, NetworkId::Bitcoin(_));
    let gate = coins.then_some(GateKey::Coins(job.header.wallet, job.header.network));
    let _turn = core.gates.enter(gate.into_iter().collect()).await;
    match make(core, &job).await {
        Ok(held) => store(core, cell, &job, held).await,
        Err(obstacle) => {
            give_back(core, &job);
            let (code, detail) = match obstacle {
                Obstacle::Later(error) => return Err(error),
                Obstacle::Never { code, detail } => (code, detail),
            };
            let mut live = cell.lock().await;
            if !matches!(live.record.state, Transfer::Queued { .. }) {
                return Ok(());
            }
            core.apply(&mut live, Event::CannotPrepare { code, detail }, Vec::new()).await.map(|_| ())
        }
    }
}

/// Decides once more; `None` if that moved the transfer.
async fn open(core: &Arc<Core>, cell: &Cell) -> Result<Option<Job>, ServiceError> {
    let mut live = cell.lock().await;
    if !matches!(live.record.state, Transfer::Queued { .. }) {
        return Ok(None);
    }
    if live.record.header.plan.expires_at <= core.now() {
        core.apply(&mut live, Event::Expired, Vec::new()).await?;
        return Ok(None);
    }
    let case = match Case::of(core, &live) {
        Ok(case) => case,
        Err(error) => {
            let event = Event::CannotPrepare { code: error.code, detail: error.message };
            core.apply(&mut live, event, Vec::new()).await?;
            return Ok(None);
        }
    };
    let decision = case.decide_live(core, &live);
    if !matches!(decision, Decision::Allow { .. }) {
        core.apply(&mut live, Event::Decided(decision), Vec::new()).await?;
        return Ok(None);
    }
    let (header, intent) = (live.record.header.clone(), live.intent.clone());
    drop(live);
    let keys = case.workspace.wallet_keys(header.wallet)?;
    let addresses = crate::wallets::own_addresses(core, &keys, header.wallet.wallet, header.network);
    let replaced = match header.replaces {
        None => None,
        Some(id) => core.ports.store.transfer(id).await?.and_then(|r| {
            let replaceable = !r.state.is_ended();
            r.state.slot().filter(|_| replaceable).map(|(slot, unsigned)| (slot.clone(), unsigned.clone()))
        }),
    };
    Ok(Some(Job { case, header, intent, keys, addresses, replaced }))
}

async fn make(core: &Arc<Core>, job: &Job) -> Result<Held, Obstacle> {
    let never = |code: &str, detail: &str| Obstacle::Never { code: code.into(), detail: detail.into() };
    if job.header.replaces.is_some() && job.replaced.is_none() {
        return Err(never("transfer.ended", "the intent it replaces is at its end"));
    }
    let account = job.addresses.first().ok_or_else(|| never("key.none", "the wallet has no key for this network"))?;
    let choice = choose_slot(core, job, account).await?;
    core.reached(CrashPoint::AfterSlotChosen);
    let ask = PrepareAsk {
        intent: &job.intent,
        plan: &job.case.plan,
        policy: &job.case.policy.set,
        wallet: job.header.wallet,
        keys: &*job.keys,
        addresses: &job.addresses,
        slot: choice.clone(),
        change: KeyPosition { branch: BRANCH_CHANGE, index: crate::wallets::change_index(core, &job.header) },
        replaces: job.replaced.as_ref().map(|(_, unsigned)| unsigned),
    };
    let unsigned = core.ports.chain.prepare(ask).await?;
    let slot = read_back(job, &unsigned, &choice, account)?;
    if let Slot::Outpoints { network, outpoints } = &slot
        && !lock(&core.slots).enter_coins(*network, outpoints, job.header.root)
    {
        return Err(never("provider.coin_taken", "the chosen coins belong to another transfer"));
    }
    // The machine keeps the rules of the decision that led here.
    Ok(Held { slot, unsigned, exposure: Exposure::None, rules: Vec::new() })
}

async fn choose_slot(core: &Core, job: &Job, account: &OwnAddress) -> Result<SlotChoice, Obstacle> {
    let (network, root) = (job.header.network, job.header.root);
    if is_message(&job.case.plan) {
        return Ok(SlotChoice::Message);
    }
    if matches!(network, NetworkId::Bitcoin(_)) {
        return Ok(SlotChoice::Coins { excluded: lock(&core.slots).foreign_coins(network, root) });
    }
    // I3: a replacement stands exactly where the replaced one stands.
    if let Some((Slot::Nonce { nonce, .. }, _)) = &job.replaced {
        return Ok(SlotChoice::Nonce(*nonce));
    }
    let next = core.ports.chain.next_nonce(network, &account.address).await?;
    Ok(SlotChoice::Nonce(lock(&core.slots).take_nonce(network, account.address, next, root)))
}

/// The bytes are the provider's word until they are decoded: the plan's effects, fee within its bound, the chosen slot.
fn read_back(job: &Job, unsigned: &Unsigned, choice: &SlotChoice, account: &OwnAddress) -> Result<Slot, Obstacle> {
    let wrong = |detail: &str| Obstacle::Never { code: "provider.wrong_bytes".into(), detail: detail.into() };
    let plan = &job.case.plan;
    let decoded = ringi_chain::decode(&job.case.policy.set, &*job.keys, plan.network, unsigned)
        .map_err(|e| wrong(&e.to_string()))?;
    if decoded.effects() != plan.effects || decoded.max_fee() > plan.max_fee {
        return Err(wrong("the bytes do something else than the plan"));
    }
    let sound = match (decoded.slot(), choice) {
        (Slot::Nonce { account: a, nonce, .. }, SlotChoice::Nonce(n)) => a == &account.address && nonce == n,
        (Slot::Outpoints { outpoints, .. }, SlotChoice::Coins { excluded }) => {
            let anchor = match &job.replaced {
                Some((Slot::Outpoints { outpoints: old, .. }, _)) => old.first(),
                _ => None,
            };
            outpoints.iter().all(|o| !excluded.contains(o)) && anchor.is_none_or(|a| outpoints.contains(a))
        }
        (Slot::Message { .. }, SlotChoice::Message) => true,
        _ => false,
    };
    if sound { Ok(decoded.slot().clone()) } else { Err(wrong("the bytes take another slot")) }
}

async fn store(core: &Arc<Core>, cell: &Cell, job: &Job, held: Held) -> Result<(), ServiceError> {
    let mut live = cell.lock().await;
    if !matches!(live.record.state, Transfer::Queued { .. }) {
        give_back(core, job);
        return Ok(());
    }
    let mut writes = reserve(job, &held.slot);
    writes.extend(crate::wallets::use_change(core, &job.header));
    core.reached(CrashPoint::BeforePreparedStored);
    let stored = core.apply(&mut live, Event::Prepared(held.clone()), writes).await;
    match stored {
        Ok(_) => {
            core.reached(CrashPoint::AfterPreparedStored);
            Ok(())
        }
        Err(error) => {
            give_back(core, job);
            // Stored long ago for somebody else: never offer it again, then choose anew.
            let taken = [UniqueRule::Nonce, UniqueRule::Outpoint].map(UniqueRule::code);
            if taken.contains(&error.code.as_str()) {
                lock(&core.slots).settle(&held.slot, job.header.root);
            }
            Err(error)
        }
    }
}

fn reserve(job: &Job, slot: &Slot) -> Vec<Write> {
    let intent = job.header.root;
    match slot {
        Slot::Nonce { .. } if job.replaced.is_some() => Vec::new(),
        Slot::Nonce { network, account, nonce } => {
            vec![Write::ReserveNonce { network: *network, account: *account, nonce: *nonce, intent }]
        }
        Slot::Outpoints { network, outpoints } => {
            vec![Write::ReserveOutpoints { network: *network, outpoints: outpoints.clone(), intent }]
        }
        Slot::Message { .. } => Vec::new(),
    }
}

/// Frees what was chosen in memory; a replacement's slot is its chain's and stays.
fn give_back(core: &Core, job: &Job) {
    if job.header.root == job.header.id {
        lock(&core.slots).release(job.header.id);
        core.next_turn();
    }
}

/// Whether a plan is signed and handed out instead of broadcast.
fn is_message(plan: &Plan) -> bool {
    let message = |e: &Effect| {
        matches!(
            e,
            Effect::Permit { .. }
                | Effect::OwnershipProof { .. }
                | Effect::TypedMessage { .. }
                | Effect::Opaque { kind: OpaqueKind::TypedData | OpaqueKind::Message, .. }
        )
    };
    plan.effects.iter().any(message)
}

/// The gates of an attempt's limits (rule L1).
pub(crate) fn limit_gates(decision: &Decision) -> BTreeSet<GateKey> {
    match decision {
        Decision::Allow { charges, .. } => charges.iter().map(|c| GateKey::Limit(c.limit.clone())).collect(),
        _ => BTreeSet::new(),
    }
}
