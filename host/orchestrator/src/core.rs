//! The orchestrator's one shared state and the one place where a transfer moves: step, commit, mirror, wake.

use crate::brakes::Brakes;
use crate::drafts::Drafts;
use crate::error::ServiceError;
use crate::facts::FactIndex;
use crate::gates::Gates;
use crate::ports::{Commit, Committed, CrashPoint, EventDraft, Ports, RoleRecord, TransferRecord, Write};
use crate::slots::Slots;
use crate::spent::SpentIndex;
use crate::transfer::{Command, Event, Header, Transfer, step};
use crate::workspace::Workspace;
use ringi_ledger::Draft;
use ringi_primitives::approval::Approval;
use ringi_primitives::digest::Digest;
use ringi_primitives::id::{IntentId, PersonId, WalletId};
use ringi_primitives::intent::Intent;
use ringi_primitives::network::NetworkId;
use ringi_primitives::time::UnixMs;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

/// Times and bounds of the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// An attempt that says nothing for this long is aborted.
    pub attempt_timeout_ms: u64,
    /// Attempts that may fail before a transfer is blocked.
    pub max_attempts: u32,
    /// The first wait after a failed attempt; doubles, with jitter.
    pub backoff_ms: u64,
    /// The longest wait.
    pub backoff_max_ms: u64,
    /// After the first signature, how long to wait for the other signers' verdicts.
    pub verdict_grace_ms: u64,
    /// How often expiries are looked at.
    pub sweep_ms: u64,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            attempt_timeout_ms: 10_000,
            max_attempts: 16,
            backoff_ms: 20,
            backoff_max_ms: 3_000,
            verdict_grace_ms: 1_000,
            sweep_ms: 5_000,
        }
    }
}

/// A transfer in memory, while it is not at its end.
pub(crate) struct Live {
    pub(crate) record: TransferRecord,
    pub(crate) intent: Arc<Intent>,
    pub(crate) approvals: Vec<(Digest, Approval)>,
}

pub(crate) type Cell = Arc<tokio::sync::Mutex<Live>>;

/// A network's follower: what to look at with every block, and what is new and to be looked at now.
#[derive(Default)]
pub(crate) struct Follower {
    pub(crate) wake: Notify,
    pub(crate) transfers: Mutex<BTreeSet<IntentId>>,
    pub(crate) fresh: Mutex<BTreeSet<IntentId>>,
}

impl Follower {
    /// A new block: everything may have changed.
    pub(crate) fn block(&self) {
        lock(&self.fresh).extend(lock(&self.transfers).iter().copied());
        self.wake.notify_one();
    }

    /// One more transfer; the others stand where they stood.
    pub(crate) fn add(&self, id: IntentId) {
        lock(&self.transfers).insert(id);
        lock(&self.fresh).insert(id);
        self.wake.notify_one();
    }
}

/// Everything the parts share. Locks are short and never held across a wait, except a transfer's own cell.
pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) ports: Ports,
    workspace: Mutex<Arc<Workspace>>,
    pub(crate) slots: Mutex<Slots>,
    pub(crate) spent: Mutex<SpentIndex>,
    pub(crate) facts: Mutex<FactIndex>,
    /// Facts are taken one submission at a time.
    pub(crate) facts_turn: tokio::sync::Mutex<()>,
    pub(crate) gates: Gates,
    /// Changes when a nonce is pinned or given back: another may be next.
    pub(crate) turns: watch::Sender<u64>,
    pub(crate) live: Mutex<HashMap<IntentId, Cell>>,
    pub(crate) driven: Mutex<BTreeSet<IntentId>>,
    pub(crate) followers: Mutex<HashMap<NetworkId, Arc<Follower>>>,
    pub(crate) indices: Mutex<BTreeMap<(WalletId, NetworkId, String), u32>>,
    pub(crate) feed: watch::Sender<u64>,
    pub(crate) rotation: AtomicUsize,
    pub(crate) tasks: Mutex<JoinSet<()>>,
    pub(crate) roles: Mutex<BTreeMap<PersonId, RoleRecord>>,
    /// Roles change one at a time: two owners must not unmake each other.
    pub(crate) role_changes: tokio::sync::Mutex<()>,
    /// Documents are installed one at a time.
    pub(crate) documents: tokio::sync::Mutex<()>,
    /// Freezes, vetoes and withdrawals that stop anything.
    pub(crate) brakes: Mutex<Brakes>,
    /// They are handed out one at a time.
    pub(crate) braking: tokio::sync::Mutex<()>,
    /// Drafts of the next policy set.
    pub(crate) drafts: Mutex<Drafts>,
    /// They change one at a time.
    pub(crate) drafting: tokio::sync::Mutex<()>,
}

/// Locks without caring about a panic elsewhere: every change under these locks is complete at once.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Core {
    pub(crate) fn new(config: Config, ports: Ports, workspace: Workspace, last_event: u64) -> Core {
        Core {
            config,
            ports,
            workspace: Mutex::new(Arc::new(workspace)),
            slots: Mutex::default(),
            spent: Mutex::default(),
            facts: Mutex::default(),
            facts_turn: tokio::sync::Mutex::default(),
            gates: Gates::default(),
            turns: watch::channel(0).0,
            live: Mutex::default(),
            driven: Mutex::default(),
            followers: Mutex::default(),
            indices: Mutex::default(),
            feed: watch::channel(last_event).0,
            rotation: AtomicUsize::new(0),
            tasks: Mutex::default(),
            roles: Mutex::default(),
            role_changes: tokio::sync::Mutex::default(),
            documents: tokio::sync::Mutex::default(),
            brakes: Mutex::default(),
            braking: tokio::sync::Mutex::default(),
            drafts: Mutex::default(),
            drafting: tokio::sync::Mutex::default(),
        }
    }

    pub(crate) fn now(&self) -> UnixMs {
        self.ports.clock.now()
    }

    pub(crate) fn workspace(&self) -> Arc<Workspace> {
        lock(&self.workspace).clone()
    }

    pub(crate) fn set_workspace(&self, workspace: Workspace) {
        *lock(&self.workspace) = Arc::new(workspace);
    }

    /// Wakes transfers that wait for a lower nonce.
    pub(crate) fn next_turn(&self) {
        self.turns.send_modify(|n| *n = n.wrapping_add(1));
    }

    pub(crate) fn reached(&self, point: CrashPoint) {
        self.ports.crash.reached(point);
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    pub(crate) fn cell(&self, id: IntentId) -> Option<Cell> {
        lock(&self.live).get(&id).cloned()
    }

    pub(crate) fn enter_live(&self, live: Live) -> Cell {
        let id = live.record.header.id;
        let cell = Arc::new(tokio::sync::Mutex::new(live));
        lock(&self.live).insert(id, cell.clone());
        cell
    }

    pub(crate) fn follower(&self, network: NetworkId) -> Arc<Follower> {
        lock(&self.followers).entry(network).or_default().clone()
    }

    /// Commits and wakes followers of the feed.
    pub(crate) async fn commit(&self, commit: Commit) -> Result<Committed, ServiceError> {
        let committed = self.ports.store.commit(commit).await?;
        self.feed.send_if_modified(|last| {
            let newer = committed.last_event > *last;
            *last = committed.last_event.max(*last);
            newer
        });
        Ok(committed)
    }

    /// Moves a transfer: the machine's step, then state, extra writes, event and audit entry in one commit, then memory.
    /// On an error nothing has changed.
    pub(crate) async fn apply(
        &self,
        live: &mut Live,
        event: Event,
        extra: Vec<Write>,
    ) -> Result<Vec<Command>, ServiceError> {
        let header = &live.record.header;
        let name = event.name();
        let (state, commands) =
            step(live.record.state.clone(), event).map_err(|m| ServiceError::internal(m.to_string()))?;
        if !commands.contains(&Command::Store) {
            live.record.state = state;
            return Ok(commands);
        }
        let at = self.now();
        let version = live.record.version.saturating_add(1);
        let mut writes = extra;
        writes.push(Write::UpdateTransfer { id: header.id, version, state: Box::new(state.clone()), at });
        // A replacement's slot belongs to its chain's first intent: it is not this one's to give back.
        let owns = header.root == header.id;
        if commands.contains(&Command::ReleaseSlot) && owns {
            writes.push(Write::ReleaseSlots { intent: header.id });
        }
        if commands.contains(&Command::SettleSlot) {
            writes.push(Write::SettleSlots { intent: header.root });
        }
        let fields = fields(header, &state, name);
        let (mut events, mut audits) = (vec![event_draft(&state, at, &fields)], vec![audit(&state, at, fields)]);
        if let Some((event, audit)) = approval_notice(&writes, at) {
            events.insert(0, event);
            audits.insert(0, audit);
        }
        self.commit(Commit { writes, events, audit: audits }).await?;
        self.mirror(live, &commands, owns);
        (live.record.state, live.record.version, live.record.updated_at) = (state, version, at);
        if live.record.state.is_ended() {
            lock(&self.live).remove(&live.record.header.id);
            self.reached(CrashPoint::AfterEndStored);
        }
        Ok(commands)
    }

    fn mirror(&self, live: &Live, commands: &[Command], owns: bool) {
        let header = &live.record.header;
        if commands.contains(&Command::ReleaseSlot) && owns {
            lock(&self.slots).release(header.id);
            self.next_turn();
        }
        if commands.contains(&Command::SettleSlot)
            && let Some((slot, _)) = live.record.state.slot()
        {
            lock(&self.slots).settle(slot, header.root);
            self.next_turn();
        }
    }
}

/// The event and audit entry of a new transfer.
pub(crate) fn birth(header: &Header, state: &Transfer, at: UnixMs) -> (EventDraft, Draft) {
    let fields = fields(header, state, "submitted");
    (event_draft(state, at, &fields), audit(state, at, fields))
}

fn fields(header: &Header, state: &Transfer, event: &str) -> serde_json::Value {
    let mut fields = json!({
        "id": header.id,
        "status": state.status().name(),
        "sub_status": state.sub_status().name(),
        "event": event,
        "wallet": header.wallet.wallet,
        "network": header.network,
    });
    if let Some(map) = fields.as_object_mut() {
        if let Some(reference) = &header.reference {
            map.insert("reference".into(), json!(reference));
        }
        if let Some(signed) = state.signed() {
            map.insert("transaction".into(), json!(signed.id));
        }
        match state {
            Transfer::Rejected { rule, code } => {
                map.insert("code".into(), json!(code));
                map.insert("rule".into(), json!(rule))
            }
            Transfer::Failed { detail, code, .. } | Transfer::Blocked { detail, code, .. } => {
                map.insert("code".into(), json!(code));
                map.insert("detail".into(), json!(detail))
            }
            Transfer::Cancelled { by: Some(by), .. } => map.insert("by".into(), json!(by)),
            _ => None,
        };
    }
    fields
}

fn event_draft(state: &Transfer, at: UnixMs, fields: &serde_json::Value) -> EventDraft {
    let subject = fields.get("id").and_then(|v| v.as_str()).unwrap_or_default().to_string();
    EventDraft { at, kind: format!("transfer.{}", state.status().name()), subject, data: fields.to_string() }
}

fn audit(state: &Transfer, at: UnixMs, fields: serde_json::Value) -> Draft {
    Draft { at, kind: format!("transfer.{}", state.status().name()), fields: fields.to_string() }
}

fn approval_notice(writes: &[Write], at: UnixMs) -> Option<(EventDraft, Draft)> {
    writes.iter().find_map(|write| match write {
        Write::Approval { intent, envelope, approval } => {
            let data = json!({ "id": intent, "person": approval.person, "envelope": envelope });
            Some(notice(at, "approval.added", intent.to_string(), data))
        }
        _ => None,
    })
}

/// An event and its audit entry about something else than a transfer.
pub(crate) fn notice(at: UnixMs, kind: &str, subject: String, data: serde_json::Value) -> (EventDraft, Draft) {
    let text = data.to_string();
    let event = EventDraft { at, kind: kind.to_string(), subject, data: text.clone() };
    (event, Draft { at, kind: kind.to_string(), fields: text })
}
