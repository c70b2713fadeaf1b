//! The step machine: which event moves which state where, and what is then to do. Pure: no clock, no I/O, no randomness.

use crate::transfer::{Exposure, Held, Included, Signed, Transfer};
use ringi_primitives::decision::{Decision, MissingApproval};
use ringi_primitives::id::IntentId;
use ringi_primitives::request::PayloadKind;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The policy in force was asked, with the approvals that verify now.
    Decided(Decision),
    /// A slot is chosen and bytes are made; both are stored with this step.
    Prepared(Held),
    /// Bytes cannot be made, now or ever within the bounds.
    CannotPrepare {
        /// Stable code.
        code: String,
        /// What happened.
        detail: String,
    },
    /// An attempt starts.
    AttemptStarted,
    /// An attempt ended without a signature; another may succeed.
    AttemptFailed(Exposure),
    /// The slot itself was refused, for the node named one that leaves a gap (rule I3). Unless a cosigner may have pinned it,
    /// another is chosen.
    SlotRefused(Exposure),
    /// So many distinct cosigners refuse for good that no signer set is left.
    RefusedForGood {
        /// The rule or check that decided.
        rule: String,
        /// Stable code.
        code: String,
        /// What the attempts left behind.
        exposure: Exposure,
    },
    /// A veto or withdrawal is in force (rule P1).
    Stopped {
        /// By whom or what.
        rule: String,
        /// Stable code.
        code: String,
    },
    /// The bound on attempts is reached.
    AttemptsExhausted {
        /// Stable code of the last refusal.
        code: String,
        /// What the attempts left behind.
        exposure: Exposure,
    },
    /// Signatures verified and assembled; stored with this step.
    Signed(Signed),
    /// A node took the bytes.
    Accepted,
    /// A node says that these bytes can never be mined.
    RefusedByNode {
        /// Stable code.
        code: String,
        /// What the node said.
        detail: String,
    },
    /// A node does not know the bytes (any more).
    Lost,
    /// Seen in a block that is not final.
    Included(Included),
    /// Seen in a final block.
    Final(Included),
    /// Seen in a final block, reverted.
    FinalReverted(Included),
    /// A block that held it was reorganised away.
    Reorganised,
    /// Another transaction took the slot for good; its intent, where it is one of ours.
    SlotTaken {
        /// The replacement.
        by: Option<IntentId>,
    },
    /// The initiator withdraws.
    Withdrawn,
    /// An intent that replaces this one reached a final block or was prepared in its place before anything was signed.
    Replaced {
        /// It.
        by: IntentId,
    },
    /// Its time is over.
    Expired,
}

/// What is to do after the new state is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Store the state with its events. Absent where the state is kept in memory only.
    Store,
    /// Choose a slot and make bytes.
    Prepare,
    /// Ask the cosigners (again).
    Sign,
    /// Hand the bytes to a node (again).
    Broadcast,
    /// Look at it with every new block.
    Track,
    /// Give the slot back: nobody can have pinned it. In the same commit as the state.
    ReleaseSlot,
    /// The slot is used up. In the same commit as the state.
    SettleSlot,
}

/// An event that cannot happen in a state: a bug of the driver, or a race it must lose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a transfer that is {state} cannot take the event {event}")]
pub struct Misstep {
    /// The state's sub-status or name.
    pub state: &'static str,
    /// The event's name.
    pub event: &'static str,
}

type Stepped = (Transfer, Vec<Command>);

/// Moves a transfer.
///
/// Holds for every sequence of events: nothing is signed before slot and bytes are stored; a slot once exposed to
/// cosigners is never released; after `Signed` the bytes never change; terminal states take no event.
///
/// # Errors
/// [`Misstep`]; the state is unchanged then.
pub fn step(state: Transfer, event: Event) -> Result<Stepped, Misstep> {
    let misstep = Misstep { state: state.status().name(), event: event.name() };
    let stepped = match state {
        Transfer::Submitted => submitted(event),
        Transfer::AwaitingApproval { held, .. } => awaiting(held, event),
        Transfer::Queued { rules } => queued(rules, event),
        Transfer::Prepared { held, attempts } => prepared(held, attempts, event),
        Transfer::Signing { held, attempt } => signing(held, attempt, event),
        Transfer::Signed { signed } => on_chain(signed, None, event),
        Transfer::Broadcasting { signed } => on_chain(signed, None, event),
        Transfer::Confirming { signed, included } => on_chain(signed, Some(included), event),
        Transfer::Blocked { held, signed, .. } => blocked(held, signed, event),
        Transfer::Completed { .. }
        | Transfer::Rejected { .. }
        | Transfer::Failed { .. }
        | Transfer::Cancelled { .. } => None,
    };
    stepped.ok_or(misstep)
}

fn submitted(event: Event) -> Option<Stepped> {
    match event {
        Event::Decided(decision) => Some(decided(decision, None)),
        _ => None,
    }
}

/// What a decision makes of a transfer that holds this slot, or none.
fn decided(decision: Decision, held: Option<Held>) -> Stepped {
    match (decision, held) {
        (Decision::Allow { rules, .. }, Some(held)) => {
            (Transfer::Prepared { held: Held { rules, ..held }, attempts: 0 }, vec![Command::Store, Command::Sign])
        }
        (Decision::Allow { rules, .. }, None) => (Transfer::Queued { rules }, vec![Command::Store, Command::Prepare]),
        (Decision::NeedsApproval { missing, rules }, held) => needs_approval(missing, rules, held),
        (Decision::Deny { rule, reason }, held) => refused(held, rule, reason.code().to_string()),
    }
}

fn needs_approval(missing: Vec<MissingApproval>, rules: Vec<String>, held: Option<Held>) -> Stepped {
    let mut commands = vec![Command::Store];
    if held.as_ref().is_some_and(|h| h.exposure == Exposure::None) {
        commands.push(Command::ReleaseSlot);
    }
    let held = held.filter(|h| h.exposure == Exposure::Possible);
    (Transfer::AwaitingApproval { missing, rules, held }, commands)
}

fn refused(held: Option<Held>, rule: String, code: String) -> Stepped {
    match held {
        Some(held) if held.exposure == Exposure::Possible => stuck(held, code, rule),
        Some(_) => (Transfer::Rejected { rule, code }, vec![Command::Store, Command::ReleaseSlot]),
        None => (Transfer::Rejected { rule, code }, vec![Command::Store]),
    }
}

/// Ends a transfer that may hold a slot: gives the slot back, or stays with it.
fn ended(held: Option<Held>, code: &str, detail: &str) -> Stepped {
    match held {
        Some(held) if held.exposure == Exposure::Possible => stuck(held, code.into(), detail.into()),
        held => {
            let mut commands = vec![Command::Store];
            commands.extend(held.map(|_| Command::ReleaseSlot));
            (Transfer::Failed { code: code.into(), detail: detail.into(), signed: None }, commands)
        }
    }
}

fn stuck(held: Held, code: String, detail: String) -> Stepped {
    (Transfer::Blocked { held, code, detail, signed: None }, vec![Command::Store])
}

fn withdrawn(held: Option<Held>, by: Option<IntentId>) -> Option<Stepped> {
    let mut commands = vec![Command::Store];
    match &held {
        Some(held) if held.exposure == Exposure::Possible => return None,
        Some(_) => commands.push(Command::ReleaseSlot),
        None => {}
    }
    Some((Transfer::Cancelled { by, signed: None }, commands))
}

fn awaiting(held: Option<Held>, event: Event) -> Option<Stepped> {
    match event {
        Event::Decided(decision) => Some(decided(decision, held)),
        Event::Stopped { rule, code } => Some(refused(held, rule, code)),
        Event::Withdrawn => withdrawn(held, None),
        Event::Replaced { by } => Some(replaced(by)),
        Event::Expired => Some(ended(held, "transfer.expired", "it expired before all approvals were given")),
        _ => None,
    }
}

fn replaced(by: IntentId) -> Stepped {
    // The slot stays with the chain of intents, whose newest one holds it now.
    (Transfer::Cancelled { by: Some(by), signed: None }, vec![Command::Store])
}

fn queued(rules: Vec<String>, event: Event) -> Option<Stepped> {
    match event {
        Event::Decided(Decision::Allow { rules, .. }) => Some((Transfer::Queued { rules }, vec![Command::Prepare])),
        Event::Decided(decision) => Some(decided(decision, None)),
        Event::Prepared(held) => {
            let held = Held { rules, ..held };
            Some((Transfer::Prepared { held, attempts: 0 }, vec![Command::Store, Command::Sign]))
        }
        Event::CannotPrepare { code, detail } => Some(ended(None, &code, &detail)),
        Event::Stopped { rule, code } => Some(refused(None, rule, code)),
        Event::Withdrawn => withdrawn(None, None),
        Event::Expired => Some(ended(None, "transfer.expired", "it expired before it was signed")),
        _ => None,
    }
}

fn prepared(held: Held, attempts: u32, event: Event) -> Option<Stepped> {
    match event {
        Event::Decided(Decision::Allow { rules, .. }) => {
            Some((Transfer::Prepared { held: Held { rules, ..held }, attempts }, vec![Command::Sign]))
        }
        Event::Decided(decision) => Some(decided(decision, Some(held))),
        Event::AttemptStarted => Some((Transfer::Signing { held, attempt: attempts.saturating_add(1) }, Vec::new())),
        Event::Stopped { rule, code } => Some(refused(Some(held), rule, code)),
        Event::Withdrawn => withdrawn(Some(held), None),
        Event::Replaced { by } => Some(replaced(by)),
        Event::Expired => Some(ended(Some(held), "transfer.expired", "it expired before it was signed")),
        _ => None,
    }
}

fn signing(held: Held, attempt: u32, event: Event) -> Option<Stepped> {
    let left = |exposure: Exposure| {
        let exposure = if held.exposure == Exposure::Possible { Exposure::Possible } else { exposure };
        Held { exposure, ..held.clone() }
    };
    match event {
        Event::AttemptFailed(exposure) => {
            let next = Transfer::Prepared { held: left(exposure), attempts: attempt };
            Some((next, vec![Command::Store, Command::Sign]))
        }
        Event::SlotRefused(exposure) => Some(match left(exposure) {
            held if held.exposure == Exposure::None => {
                let commands = vec![Command::Store, Command::ReleaseSlot, Command::Prepare];
                (Transfer::Queued { rules: held.rules }, commands)
            }
            held => (Transfer::Prepared { held, attempts: attempt }, vec![Command::Store, Command::Sign]),
        }),
        Event::RefusedForGood { rule, code, exposure } => Some(refused(Some(left(exposure)), rule, code)),
        Event::AttemptsExhausted { code, exposure } => {
            Some(ended(Some(left(exposure)), &code, "no attempt at signing succeeded"))
        }
        Event::Signed(signed) if signed.slot == held.slot && signed.unsigned == held.unsigned => {
            Some(after_signing(Signed { rules: held.rules.clone(), ..signed }))
        }
        _ => None,
    }
}

fn after_signing(signed: Signed) -> Stepped {
    if signed.unsigned.kind == PayloadKind::Transaction {
        return (Transfer::Signed { signed }, vec![Command::Store, Command::Broadcast]);
    }
    (Transfer::Completed { signed, included: None }, vec![Command::Store, Command::SettleSlot])
}

/// From here the bytes are out: whatever a node says, they are the only ones of this intent.
fn on_chain(signed: Signed, seen: Option<Included>, event: Event) -> Option<Stepped> {
    let keep = Some(Box::new(signed.clone()));
    match event {
        Event::Accepted => {
            let next = match seen {
                Some(included) => Transfer::Confirming { signed, included },
                None => Transfer::Broadcasting { signed },
            };
            Some((next, vec![Command::Store, Command::Track]))
        }
        Event::Lost => Some((Transfer::Broadcasting { signed }, vec![Command::Broadcast])),
        Event::Reorganised => {
            Some((Transfer::Broadcasting { signed }, vec![Command::Store, Command::Broadcast, Command::Track]))
        }
        Event::Included(included) => {
            Some((Transfer::Confirming { signed, included }, vec![Command::Store, Command::Track]))
        }
        Event::Final(included) => {
            Some((Transfer::Completed { signed, included: Some(included) }, vec![Command::Store, Command::SettleSlot]))
        }
        Event::FinalReverted(_) => Some((
            Transfer::Failed {
                code: "chain.reverted".into(),
                detail: "mined, but the call reverted; the fee is spent".into(),
                signed: keep,
            },
            vec![Command::Store, Command::SettleSlot],
        )),
        Event::SlotTaken { by: None } => Some((
            Transfer::Failed {
                code: "chain.slot_taken".into(),
                detail: "another transaction took its place; it can never confirm".into(),
                signed: keep,
            },
            vec![Command::Store, Command::SettleSlot],
        )),
        Event::SlotTaken { by: Some(by) } | Event::Replaced { by } => {
            Some((Transfer::Cancelled { by: Some(by), signed: keep }, vec![Command::Store]))
        }
        Event::RefusedByNode { code, detail } => {
            let Signed { slot, unsigned, rules, .. } = signed;
            let held = Held { slot, unsigned, exposure: Exposure::Possible, rules };
            Some((Transfer::Blocked { held, code, detail, signed: keep }, vec![Command::Store]))
        }
        _ => None,
    }
}

fn blocked(held: Held, signed: Option<Box<Signed>>, event: Event) -> Option<Stepped> {
    match event {
        Event::Replaced { by } | Event::SlotTaken { by: Some(by) } => {
            Some((Transfer::Cancelled { by: Some(by), signed }, vec![Command::Store]))
        }
        Event::SlotTaken { by: None } => {
            let (code, detail) = ("chain.slot_taken".into(), "another transaction took its place".into());
            Some((Transfer::Failed { code, detail, signed }, vec![Command::Store, Command::SettleSlot]))
        }
        Event::Decided(Decision::Allow { rules, .. }) if signed.is_none() => {
            let held = Held { rules, ..held };
            Some((Transfer::Prepared { held, attempts: 0 }, vec![Command::Store, Command::Sign]))
        }
        _ => None,
    }
}

impl Event {
    /// The stable name, for logs and missteps.
    pub fn name(&self) -> &'static str {
        match self {
            Event::Decided(_) => "decided",
            Event::Prepared(_) => "prepared",
            Event::CannotPrepare { .. } => "cannot_prepare",
            Event::AttemptStarted => "attempt_started",
            Event::AttemptFailed(_) => "attempt_failed",
            Event::SlotRefused(_) => "slot_refused",
            Event::RefusedForGood { .. } => "refused_for_good",
            Event::AttemptsExhausted { .. } => "attempts_exhausted",
            Event::Stopped { .. } => "stopped",
            Event::Signed(_) => "signed",
            Event::Accepted => "accepted",
            Event::RefusedByNode { .. } => "refused_by_node",
            Event::Lost => "lost",
            Event::Included(_) => "included",
            Event::Final(_) => "final",
            Event::FinalReverted(_) => "final_reverted",
            Event::Reorganised => "reorganised",
            Event::SlotTaken { .. } => "slot_taken",
            Event::Withdrawn => "withdrawn",
            Event::Replaced { .. } => "replaced",
            Event::Expired => "expired",
        }
    }
}
