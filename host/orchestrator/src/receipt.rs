//! Receipts (rule R1): everything about a signed transfer that verifies offline, kept without the policy set it shares with others.

use crate::attempt::Outcome;
use crate::core::{Core, Live};
use crate::error::ServiceError;
use crate::judge::Case;
use crate::ports::{ReceiptRecord, Write};
use crate::service::ReceiptDocument;
use ringi_chain::SignedTx;
use ringi_primitives::cbor;
use ringi_primitives::certificate::SignedCertificate;
use ringi_primitives::id::IntentId;
use ringi_primitives::receipt::{Receipt, SignedBoot, SignedVerdict};
use ringi_primitives::request::{FinishedSignature, Unsigned};
use ringi_primitives::signed::Signed;
use std::collections::BTreeSet;

/// A receipt is as long as its request, its policy set and its signatures allow.
const RECEIPT_BYTES: usize = 16 * 1024 * 1024;

/// What was signed, and with what.
pub(crate) struct Made<'a> {
    pub(crate) request: &'a [u8],
    pub(crate) unsigned: &'a Unsigned,
    pub(crate) signatures: &'a [FinishedSignature],
    pub(crate) tx: &'a SignedTx,
}

pub(crate) fn write(core: &Core, case: &Case, live: &Live, outcome: &Outcome, made: &Made<'_>) -> Write {
    let mut verdicts = outcome.verdicts.clone();
    verdicts.sort_by_key(|v| v.verdict.cosigner);
    let receipt = Receipt {
        version: 1,
        policy: Signed { body: Vec::new(), signatures: Vec::new() },
        request: made.request.to_vec(),
        plan: case.plan.clone(),
        boots: boots(core, &verdicts),
        verdicts,
        certificates: certificates(case, live, made.unsigned),
        signatures: made.signatures.to_vec(),
        transaction: made.tx.bytes.clone(),
        transaction_id: made.tx.id.clone(),
    };
    let (intent, policy) = (live.record.header.id, case.policy.digest);
    Write::Receipt(Box::new(ReceiptRecord { intent, policy, body: cbor::encode(&receipt) }))
}

fn boots(core: &Core, verdicts: &[SignedVerdict]) -> Vec<SignedBoot> {
    let health = core.ports.cosigners.health();
    let known = |v: &SignedVerdict| {
        health
            .iter()
            .filter_map(|h| h.boot.clone())
            .find(|b| b.certificate.cosigner == v.verdict.cosigner && b.certificate.boot == v.verdict.boot)
    };
    verdicts.iter().filter_map(known).collect()
}

/// The keys that signed, in order of scheme.
fn certificates(case: &Case, live: &Live, unsigned: &Unsigned) -> Vec<SignedCertificate> {
    let header = &live.record.header;
    let Ok(keys) = case.workspace.wallet_keys(header.wallet) else { return Vec::new() };
    let decoded = ringi_chain::decode(&case.policy.set, &*keys, header.network, unsigned);
    let schemes: BTreeSet<_> = decoded.iter().flat_map(|d| d.sighashes().iter().map(|s| s.scheme())).collect();
    schemes.into_iter().filter_map(|s| keys.certificate(s).cloned()).collect()
}

pub(crate) async fn read(core: &Core, id: IntentId) -> Result<ReceiptDocument, ServiceError> {
    let damaged = |what: &str| ServiceError::internal(format!("stored receipt: {what}"));
    let Some(record) = core.ports.store.receipt(id).await? else {
        core.ports.store.transfer(id).await?.ok_or_else(|| ServiceError::not_found("transfer"))?;
        return Err(ServiceError::not_found("receipt"));
    };
    let mut receipt: Receipt = cbor::decode(&record.body, RECEIPT_BYTES).map_err(|e| damaged(&e.to_string()))?;
    let policy = core.ports.store.policy(record.policy).await?;
    receipt.policy = policy.ok_or_else(|| damaged("its policy set is missing"))?;
    Ok(ReceiptDocument { bytes: cbor::encode(&receipt) })
}
