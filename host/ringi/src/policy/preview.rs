//! `ringi policy preview`: transfers of a running platform, replayed here under the set in force and under another.

use super::tools::load_after;
use crate::approver::served_policy;
use crate::cli::PlanArgs;
use crate::documents;
use crate::failure::{Done, Failure};
use crate::output::Output;
use crate::remote::{connect, of_client};
use ringi_gateway::client::Client;
use ringi_gateway::model;
use ringi_policy_tools::preview::{Past, Preview, preview};
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::genesis::GenesisChain;
use ringi_primitives::id::IntentId;
use ringi_primitives::intent::Intent;
use ringi_primitives::policy_set::PolicySet;
use ringi_primitives::wallet::{VaultIndex, WalletRef};
use std::collections::HashMap;

/// Transfers of one page, as the API gives them.
const PAGE: u32 = 200;

/// The set that a platform serves, believed with the admins' signatures only.
pub(crate) struct InForce {
    pub(crate) set: PolicySet,
    pub(crate) digest: Digest,
}

/// Asks for the set in force.
///
/// # Errors
/// If the server refuses, or what it serves is not signed by a quorum.
pub(crate) async fn in_force(client: &Client, chain: &GenesisChain) -> Result<InForce, Failure> {
    let signed = served_policy(client).await?;
    let set = super::verified(&signed, chain)?;
    Ok(InForce { set, digest: signed.digest(Domain::PolicySet) })
}

/// `ringi policy preview`.
///
/// # Errors
/// If the file makes no sense, or the server does not answer or refuses.
pub async fn run(args: &PlanArgs, output: Output) -> Done {
    let (client, _) = connect(&args.api)?;
    let (_, chain) = documents::read_genesis(&args.genesis)?;
    let now = in_force(&client, &chain).await?;
    let after = load_after(&args.file, &chain, &now)?;
    let found = replay(&client, &now.set, &after, args.last).await?;
    output.show(&found, |p| text(p).join("\n"));
    Ok(())
}

/// Replays the last transfers of a platform under both sets, here.
///
/// # Errors
/// If the server does not answer or refuses, or an intent that it serves makes no sense.
pub(crate) async fn replay(
    client: &Client,
    before: &PolicySet,
    after: &PolicySet,
    last: u32,
) -> Result<Preview, Failure> {
    let mut transfers = Vec::new();
    let mut cursor = String::new();
    while (transfers.len() as u64) < u64::from(last) {
        let limit = PAGE.min(last.saturating_sub(u32::try_from(transfers.len()).unwrap_or(u32::MAX)));
        let page = client.transfers(&format!("limit={limit}{cursor}")).await.map_err(of_client)?;
        transfers.extend(page.items);
        match page.next {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    Ok(preview(before, after, &past(client, before, transfers).await?))
}

/// As a replay takes them: oldest first, each with the first intent of its chain.
async fn past(client: &Client, before: &PolicySet, newest_first: Vec<model::Transfer>) -> Result<Vec<Past>, Failure> {
    let mut roots: HashMap<IntentId, IntentId> = HashMap::new();
    let mut past = Vec::new();
    for transfer in newest_first.into_iter().rev() {
        let root = transfer.replaces.map_or(transfer.id, |first| roots.get(&first).copied().unwrap_or(first));
        roots.insert(transfer.id, root);
        let vault = match before.vault_named(&transfer.vault) {
            Some(vault) => vault.index,
            // The set in force has its vault no more.
            None => VaultIndex(client.wallet(transfer.wallet).await.map_err(of_client)?.vault_index),
        };
        let bytes = serde_json::to_vec(&transfer.intent).unwrap_or_default();
        let intent = Intent::parse(&bytes).map_err(|e| {
            Failure::new("cli.answer", format!("the server shows a senseless intent: {e}"), "ask the operator")
        })?;
        past.push(Past {
            intent,
            root,
            wallet: WalletRef { vault, wallet: transfer.wallet },
            initiator: transfer.initiator,
            approvals: transfer.approvals.iter().map(|a| a.person).collect(),
            independent: transfer.approvals.iter().filter(|a| a.independent).map(|a| a.person).collect(),
            at: transfer.created_at,
        });
    }
    Ok(past)
}

/// In lines.
pub(crate) fn text(found: &Preview) -> Vec<String> {
    let changed = found.changed.iter().map(|c| format!("{} at {}: {} -> {}", c.intent, c.at, c.before, c.after));
    let lost = found.not_compared.iter().map(|n| format!("{} at {}: not compared: {}", n.intent, n.at, n.why));
    let (k, n) = (found.changed.len(), found.compared);
    let sum = format!("{k} of {n} verdicts would change; {} could not be compared", found.not_compared.len());
    let limits = "limits begin empty with the first of them, and what was outstanding counts as final".to_string();
    changed.chain(lost).chain([sum, limits]).collect()
}
