//! From records to the plain data of the service.

use crate::brakes;
use crate::core::{Core, Live};
use crate::error::ServiceError;
use crate::judge::Case;
use crate::ports::{
    Acknowledgement, CosignerHealth, DepositRecord, DocumentAnswer, EventRecord, TransferRecord, WalletRecord,
};
use crate::service::{
    ApprovalView, CosignerView, DecisionView, DepositView, ErrorView, EventView, MissingView, PartyAnswer,
    TransactionView, TransferView, WalletView,
};
use crate::transfer::{Included, Signed, Transfer, refusal};
use crate::workspace::{InForce, Workspace};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringi_primitives::approval::{Approval, Evidence};
use ringi_primitives::cbor;
use ringi_primitives::decision::{Decision, MissingApproval};
use ringi_primitives::effects::Slot;
use ringi_primitives::genesis::Genesis;
use ringi_primitives::id::PersonId;
use ringi_primitives::intent::Intent;
use ringi_primitives::scheme::PartyIndex;
use std::collections::BTreeMap;
use std::sync::Arc;

fn missing(list: &[MissingApproval]) -> Vec<MissingView> {
    let view = |m: &MissingApproval| MissingView { rule: m.rule.clone(), group: m.group.clone(), count: m.count };
    list.iter().map(view).collect()
}

pub(crate) fn decision(decision: &Decision) -> DecisionView {
    match decision {
        Decision::Allow { rules, .. } => {
            DecisionView { verdict: "allow", rules: rules.clone(), code: None, missing: Vec::new() }
        }
        Decision::Deny { rule, reason } => DecisionView {
            verdict: "deny",
            rules: vec![rule.clone()],
            code: Some(reason.code().to_string()),
            missing: Vec::new(),
        },
        Decision::NeedsApproval { missing: list, rules } => {
            DecisionView { verdict: "needs_approval", rules: rules.clone(), code: None, missing: missing(list) }
        }
    }
}

/// The decision as a stored state remembers it.
pub(crate) fn decision_of(state: &Transfer) -> DecisionView {
    let rules = state.rules().to_vec();
    let (verdict, code, missing) = match state {
        Transfer::AwaitingApproval { missing: list, .. } => ("needs_approval", None, missing(list)),
        Transfer::Rejected { code, .. } => ("deny", Some(code.clone()), Vec::new()),
        _ => ("allow", None, Vec::new()),
    };
    DecisionView { verdict, rules, code, missing }
}

/// A transfer in memory. The envelope is shown while approvals count.
pub(crate) fn live(live: &Live, case: Option<&Case>, policy: Option<&Arc<InForce>>) -> TransferView {
    let mut view = record(&live.record, policy);
    if let Some(case) = case {
        let approvals = case.valid(&live.approvals);
        view.approvals = approvals.iter().map(|a| approval(a.person, is_independent(a), policy)).collect();
        if matches!(live.record.state, Transfer::AwaitingApproval { .. }) {
            view.envelope = Some(STANDARD.encode(cbor::encode(&case.envelope)));
            view.envelope_digest = Some(case.digest);
        }
    }
    view
}

/// A transfer from the store, with the approvals it has.
pub(crate) async fn stored(core: &Core, stored: TransferRecord) -> Result<TransferView, ServiceError> {
    let workspace = core.workspace();
    let id = stored.header.id;
    if let Some(cell) = core.cell(id) {
        let held = cell.lock().await;
        let mut view = live(&held, Case::of(core, &held).ok().as_ref(), workspace.policy.as_ref());
        view.brake = brakes::on(core, &held.record.header, &held.record.state);
        return Ok(view);
    }
    let mut view = record(&stored, workspace.policy.as_ref());
    let mut people: BTreeMap<PersonId, bool> = BTreeMap::new();
    for (_, given) in core.ports.store.approvals(id).await? {
        *people.entry(given.person).or_default() |= is_independent(&given);
    }
    let view_of = |(person, independent)| approval(person, independent, workspace.policy.as_ref());
    view.approvals = people.into_iter().map(view_of).collect();
    Ok(view)
}

/// P2: a key of their own, and not a page.
pub(crate) fn is_independent(approval: &Approval) -> bool {
    matches!(approval.evidence, Evidence::Signature { .. })
}

fn approval(person: PersonId, independent: bool, policy: Option<&Arc<InForce>>) -> ApprovalView {
    let known = policy.and_then(|p| p.set.people.iter().find(|x| x.id == person));
    ApprovalView { person, independent, name: known.map(|p| p.name.clone()) }
}

fn record(record: &TransferRecord, policy: Option<&Arc<InForce>>) -> TransferView {
    let (header, state) = (&record.header, &record.state);
    let vault = policy.and_then(|p| p.set.vault(header.wallet.vault)).map(|v| v.name.clone());
    let missing_now = match state {
        Transfer::AwaitingApproval { missing: list, .. } => missing(list),
        _ => Vec::new(),
    };
    TransferView {
        id: header.id,
        status: state.status().name(),
        sub_status: state.sub_status().name(),
        wallet: header.wallet.wallet,
        vault: vault.unwrap_or_default(),
        network: header.network,
        initiator: header.initiator,
        intent: serde_json::from_slice(&header.body).unwrap_or_default(),
        intent_digest: Intent::digest(&header.body),
        reference: header.reference.clone(),
        replaces: header.replaces,
        replaced_by: match state {
            Transfer::Cancelled { by, .. } => *by,
            _ => None,
        },
        rules: state.rules().to_vec(),
        missing: missing_now,
        envelope: None,
        envelope_digest: None,
        approvals: Vec::new(),
        transaction: state.signed().map(|signed| transaction(signed, state)),
        error: error(state),
        brake: None,
        created_at: header.created_at,
        updated_at: record.updated_at,
        expires_at: header.plan.expires_at,
    }
}

fn error(state: &Transfer) -> Option<ErrorView> {
    match state {
        Transfer::Rejected { rule: detail, code }
        | Transfer::Failed { detail, code, .. }
        | Transfer::Blocked { detail, code, .. } => {
            Some(ErrorView { code: code.clone(), detail: detail.clone(), next: refusal(code).next })
        }
        _ => None,
    }
}

fn transaction(signed: &Signed, state: &Transfer) -> TransactionView {
    let included: Option<&Included> = match state {
        Transfer::Confirming { included, .. } => Some(included),
        Transfer::Completed { included, .. } => included.as_ref(),
        _ => None,
    };
    TransactionView {
        id: signed.id.clone(),
        bytes: hex::encode(&signed.bytes),
        nonce: match &signed.slot {
            Slot::Nonce { nonce, .. } => Some(*nonce),
            _ => None,
        },
        height: included.map(|i| i.height),
        block: included.map(|i| i.block.clone()),
        confirmations: included.map_or(0, |i| i.confirmations),
    }
}

pub(crate) fn wallet(workspace: &Workspace, record: &WalletRecord) -> WalletView {
    let vault = workspace.policy.as_ref().and_then(|p| p.set.vault(record.wallet.vault));
    WalletView {
        id: record.wallet.wallet,
        vault: vault.map(|v| v.name.clone()).unwrap_or_default(),
        vault_index: record.wallet.vault.0,
        name: record.name.clone(),
        created_at: record.created_at,
    }
}

pub(crate) fn deposit(workspace: &Workspace, record: DepositRecord) -> DepositView {
    let asset = workspace.policy.as_ref().and_then(|p| p.set.asset_by_key(&record.asset));
    DepositView {
        status: if record.confirmed { "confirmed" } else { "pending" },
        network: record.network,
        transaction: record.transaction,
        place: record.place,
        wallet: record.wallet,
        address: record.address,
        asset: asset.map(|a| a.id.clone()),
        amount: record.amount,
        height: record.height,
        seen_at: record.seen_at,
    }
}

pub(crate) fn event(record: EventRecord) -> EventView {
    EventView {
        sequence: record.sequence,
        at: record.event.at,
        kind: record.event.kind,
        subject: record.event.subject,
        data: serde_json::from_str(&record.event.data).unwrap_or_default(),
    }
}

pub(crate) fn answer(acknowledgement: &Acknowledgement) -> PartyAnswer {
    let (answer, code, detail) = match &acknowledgement.answer {
        DocumentAnswer::Refused(r) => ("refused", Some(r.code.clone()), Some(r.detail.clone())),
        DocumentAnswer::Unreachable => ("unreachable", None, None),
        _ => ("installed", None, None),
    };
    PartyAnswer { cosigner: acknowledgement.party.number(), answer, code, detail }
}

pub(crate) fn cosigner(health: &CosignerHealth, genesis: Option<&Genesis>) -> CosignerView {
    let numbers = |list: &[PartyIndex]| list.iter().map(|p| p.number()).collect();
    let status = health.status.as_ref();
    let key = |c: &ringi_primitives::certificate::SignedCertificate| {
        let certificate = &c.certificate;
        format!("{}/{}/{}", certificate.key.scheme.name(), certificate.key.root.0, certificate.epoch)
    };
    let name = genesis.and_then(|g| g.cosigner(health.party)).map(|c| c.name.clone());
    CosignerView {
        index: health.party.number(),
        name: name.unwrap_or_default(),
        connected: health.connected,
        ready: health.connected && status.is_some_and(|s| s.ready),
        boot: status.map_or(0, |s| s.boot),
        refusal: status.filter(|_| health.connected).and_then(|s| s.refusal.clone()),
        boot_key: status.map(|s| s.boot_key),
        channel_key: health.introduction.map(|i| hex::encode(i.channel_key)),
        identity_key: health.introduction.map(|i| i.identity_key),
        peers: status.map(|s| numbers(&s.peers)).unwrap_or_default(),
        banned: status.map(|s| numbers(&s.banned)).unwrap_or_default(),
        policy: status.and_then(|s| s.policy),
        sessions: status.map_or(0, |s| s.sessions),
        keys: status.map(|s| s.certificates.iter().map(key).collect()).unwrap_or_default(),
    }
}
