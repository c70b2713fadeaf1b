//! Deposits: stored once, pending until final, each change an event.

use crate::core::{Core, notice};
use crate::error::ServiceError;
use crate::ports::{Commit, DepositRecord, DepositSeen, Write};
use serde_json::json;

pub(crate) async fn seen(core: &Core, deposit: DepositSeen) -> Result<(), ServiceError> {
    let confirmed = deposit.height.is_some() && deposit.confirmations >= core.ports.chain.finality(deposit.network);
    let known = core.ports.store.deposit(deposit.network, &deposit.transaction, deposit.place).await?;
    let now = core.now();
    let record = DepositRecord {
        network: deposit.network,
        transaction: deposit.transaction,
        place: deposit.place,
        wallet: deposit.wallet.wallet,
        address: deposit.address,
        asset: deposit.asset,
        amount: deposit.amount,
        height: deposit.height,
        confirmed,
        seen_at: known.as_ref().map_or(now, |k| k.seen_at),
    };
    let kind = match &known {
        Some(k) if k.confirmed || (k.height == record.height && !confirmed) => return Ok(()),
        _ if confirmed => Some("deposit.confirmed"),
        None => Some("deposit.pending"),
        Some(_) => None,
    };
    let mut commit = Commit::default();
    if let Some(kind) = kind {
        let data = json!({
            "network": record.network,
            "transaction": record.transaction,
            "place": record.place,
            "wallet": record.wallet,
            "address": record.address,
            "amount": record.amount,
        });
        let (event, audit) = notice(now, kind, record.transaction.clone(), data);
        commit.events.push(event);
        commit.audit.push(audit);
    }
    commit.writes.push(Write::Deposit(Box::new(record)));
    core.commit(commit).await.map(|_| ())
}
