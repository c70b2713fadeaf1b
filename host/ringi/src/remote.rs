//! The commands that speak to a running platform, over its API only.

use crate::approver::{Proposal, served_policy};
use crate::brakes;
use crate::cli::{ApiArgs, DraftArgs, TransferCommand, WalletCommand};
use crate::documents;
use crate::failure::{Done, Failure};
use crate::fresh;
use crate::keys::SecretKey;
use crate::output::Output;
use crate::policy::read_signed;
use ringi_gateway::client::{Client, ClientError, RequestSigner};
use ringi_gateway::model;
use ringi_primitives::id::{IntentId, WalletId};
use ringi_primitives::intent::Intent;
use ringi_primitives::key::{PublicKey, SignatureBytes};
use ringi_primitives::limits;
use ringi_primitives::signed::Signed;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a transfer that is watched is looked at.
const WATCH_EVERY: Duration = Duration::from_millis(250);
/// Statuses that end a watch: the transfer has ended, or people must act.
const RESTING: [&str; 6] = ["awaiting_approval", "completed", "cancelled", "rejected", "blocked", "failed"];

impl RequestSigner for SecretKey {
    fn public(&self) -> PublicKey {
        SecretKey::public(self)
    }

    fn sign(&self, message: &[u8]) -> SignatureBytes {
        SecretKey::sign(self, message)
    }
}

/// A client from the common arguments, and the key it signs with.
pub(crate) fn connect(args: &ApiArgs) -> Result<(Client, Arc<SecretKey>), Failure> {
    let key = Arc::new(SecretKey::load(&args.key)?);
    Ok((Client::new(&args.url, key.clone()).map_err(of_client)?, key))
}

/// A client's error, as the command line shows it.
pub fn of_client(error: ClientError) -> Failure {
    let next = match &error {
        ClientError::Refused(problem) => problem.remedy.to_string(),
        ClientError::Unreachable(_) => "check --url and that `ringi up` runs; then run the command again".to_string(),
        ClientError::Answer(_) => "check that --url is a Ringi API of this version".to_string(),
        ClientError::Misuse(_) => "correct --url and the arguments".to_string(),
    };
    Failure::new(error.code(), &error, next)
}

fn id<T: FromStr>(text: &str) -> Result<T, Failure> {
    text.parse().map_err(|_| Failure::new("cli.id", format!("{text} is no id of this kind"), "copy it from a listing"))
}

/// `ringi status`: the caller, the policy and every cosigner.
///
/// # Errors
/// If the server does not answer or refuses.
pub async fn status(args: &ApiArgs, output: Output) -> Done {
    let (client, _) = connect(args)?;
    let cosigners = client.cosigners().await.map_err(of_client)?;
    output.show(&cosigners, |c| {
        let line = |c: &model::Cosigner| {
            let state = if c.ready {
                "ready"
            } else if c.connected {
                "waits for its peers"
            } else {
                "away"
            };
            let waits = c.boot_key.as_ref().filter(|_| !c.ready).map(|key| format!(", boot key {}", key.text()));
            let keys = if c.keys.is_empty() { "none".to_owned() } else { c.keys.join(", ") };
            let why = c.refusal.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
            format!(
                "cosigner {} {}: {state}{why}, boot {}, keys {keys}{}",
                c.index,
                c.name,
                c.boot,
                waits.unwrap_or_default()
            )
        };
        c.items.iter().map(line).collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

/// `ringi wallet …`.
///
/// # Errors
/// If the server does not answer or refuses.
pub async fn wallet(command: WalletCommand, output: Output) -> Done {
    match command {
        WalletCommand::New { api, vault, name } => {
            let (client, _) = connect(&api)?;
            let wanted = model::NewWallet { id: None, vault, name };
            let wallet = client.create_wallet(&wanted).await.map_err(of_client)?;
            output.show(&wallet, |w| format!("{} {} in {}", w.id, w.name, w.vault));
        }
        WalletCommand::List { api } => {
            let (client, _) = connect(&api)?;
            let wallets = client.wallets("").await.map_err(of_client)?;
            output.show(&wallets, |l| {
                l.items.iter().map(|w| format!("{} {} in {}", w.id, w.name, w.vault)).collect::<Vec<_>>().join("\n")
            });
        }
        WalletCommand::Addresses { api, wallet, statements } => {
            let (client, _) = connect(&api)?;
            let addresses = client.addresses(id::<WalletId>(&wallet)?).await.map_err(of_client)?;
            if let Some(folder) = statements {
                keep_statements(&folder, &addresses)?;
            }
            output.show(&addresses, |l| {
                let line = |a: &model::Address| format!("{:<18} {:<8} {}", a.network, a.kind, a.address);
                l.items.iter().map(line).collect::<Vec<_>>().join("\n")
            });
        }
        WalletCommand::Balances { api, wallet } => {
            let (client, _) = connect(&api)?;
            let balances = client.balances(id::<WalletId>(&wallet)?).await.map_err(of_client)?;
            output.show(&balances, |l| {
                let line =
                    |b: &model::Balance| format!("{:<18} {} {}", b.network, b.amount.to_decimal(b.decimals), b.asset);
                l.items.iter().map(line).collect::<Vec<_>>().join("\n")
            });
        }
    }
    Ok(())
}

/// Leaves each address's statement in a file that `ringi verify address` reads.
fn keep_statements(folder: &Path, addresses: &model::Addresses) -> Done {
    std::fs::create_dir_all(folder).map_err(|e| Failure::file(folder, &e))?;
    for address in &addresses.items {
        let path = folder.join(format!("address-{}.ringi", address.address));
        std::fs::write(&path, &address.statement).map_err(|e| Failure::file(&path, &e))?;
    }
    Ok(())
}

/// `ringi transfer …`.
///
/// # Errors
/// If a file makes no sense, or the server does not answer or refuses.
pub async fn transfer(command: TransferCommand, output: Output) -> Done {
    match command {
        TransferCommand::Submit { api, intent, dry_run } => submit(&api, &intent, dry_run, output).await,
        TransferCommand::Draft(args) => draft(&args, output),
        TransferCommand::Watch { api, transfer, timeout_s } => {
            watch(&api, id(&transfer)?, Duration::from_secs(timeout_s), output).await
        }
        TransferCommand::Show { api, transfer } => {
            let (client, _) = connect(&api)?;
            let transfer = client.transfer(id::<IntentId>(&transfer)?).await.map_err(of_client)?;
            output.show(&transfer, line);
            Ok(())
        }
        TransferCommand::List { api } => {
            let (client, _) = connect(&api)?;
            let transfers = client.transfers("").await.map_err(of_client)?;
            output.show(&transfers, |l| l.items.iter().map(line).collect::<Vec<_>>().join("\n"));
            Ok(())
        }
        TransferCommand::Cancel { api, transfer } => {
            let (client, _) = connect(&api)?;
            let transfer = client.cancel(id::<IntentId>(&transfer)?).await.map_err(of_client)?;
            output.show(&transfer, line);
            Ok(())
        }
        TransferCommand::Veto(args) => brakes::veto(&args, output).await,
        TransferCommand::Withdraw(args) => brakes::withdraw(&args, output).await,
        TransferCommand::Receipt { api, transfer, out } => {
            let (client, _) = connect(&api)?;
            let receipt = client.receipt(id::<IntentId>(&transfer)?).await.map_err(of_client)?;
            documents::write_new(&out, &receipt)?;
            let value = serde_json::json!({"file": out, "bytes": receipt.len()});
            output.show(&value, |_| format!("receipt in {}: check it with ringi verify receipt", out.display()));
            Ok(())
        }
    }
}

/// Follows a transfer until nothing more happens without people.
async fn watch(api: &ApiArgs, transfer: IntentId, timeout: Duration, output: Output) -> Done {
    let (client, _) = connect(api)?;
    let began = Instant::now();
    let mut shown = String::new();
    loop {
        let now = client.transfer(transfer).await.map_err(of_client)?;
        let said = line(&now);
        if said != shown {
            output.note(&format!("{:>7.1} s  {said}", began.elapsed().as_secs_f64()));
            shown = said;
        }
        if RESTING.contains(&now.status.as_str()) {
            output.show(&now, |_| String::new());
            return Ok(());
        }
        if began.elapsed() > timeout {
            let next = "look at `ringi status`; run the command again to follow it further";
            return Err(Failure::new("cli.timeout", format!("it is still {} ({})", now.status, now.sub_status), next));
        }
        tokio::time::sleep(WATCH_EVERY).await;
    }
}

fn line(transfer: &model::Transfer) -> String {
    let told = |e: &model::TransferError| {
        let way = match transfer.status.as_str() {
            "blocked" => format!("; then ringi transfer draft --replaces {}", transfer.id),
            _ => String::new(),
        };
        format!(": {} {}\n  next: {}{way}", e.code, e.detail, e.next)
    };
    let error = transfer.error.as_ref().map(told).unwrap_or_default();
    let error = transfer.brake.as_ref().map_or(error, |code| format!(": stopped by {code}"));
    let hash = transfer.transaction.as_ref().map(|t| format!(" as {}", t.id)).unwrap_or_default();
    format!("{} on {}: {} ({}){hash}{error}", transfer.id, transfer.network, transfer.status, transfer.sub_status)
}

async fn submit(api: &ApiArgs, path: &Path, dry_run: bool, output: Output) -> Done {
    let (client, _) = connect(api)?;
    let body = std::fs::read(path).map_err(|e| Failure::file(path, &e))?;
    Intent::parse(&body).map_err(|e| {
        let next = "correct the file; `ringi transfer submit --help` shows the form";
        Failure::new("cli.intent", format!("{}: {e}", path.display()), next)
    })?;
    let answer = if dry_run { client.dry_run(&body).await } else { client.submit(&body).await };
    let submission = answer.map_err(of_client)?;
    output.show(&submission, |s| {
        let rules = if s.decision.rules.is_empty() { "no rule".into() } else { s.decision.rules.join(", ") };
        format!("{}\nthe host's advice: {} by {rules}", line(&s.transfer), s.decision.verdict)
    });
    Ok(())
}

/// What an approver wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// See what the transfer asks for.
    Look,
    /// Sign it.
    Approve,
}

/// `ringi approve`: reads the envelope with this program, shows it in words, and signs it (rule I2).
///
/// # Errors
/// If the envelope is of another workspace or cannot be read, or the approver is unknown.
pub async fn approve(api: &ApiArgs, transfer: &str, genesis: &Path, wish: Wish, output: Output) -> Done {
    let (client, key) = connect(api)?;
    let (_, chain) = documents::read_genesis(genesis)?;
    let transfer = id::<IntentId>(transfer)?;
    let proposal = Proposal::fetch(&client, &chain, transfer).await?;
    let words = proposal.words();
    if wish == Wish::Look {
        let digest = proposal.envelope.digest().hex();
        let value = serde_json::json!({"effects": proposal.effects(), "digest": digest, "approved": false});
        let text = format!("{words}\nnothing is signed yet: if this is what you want, run it again with --yes");
        output.show(&value, |_| text);
        return Ok(());
    }
    let (name, given) = proposal.approve(&key)?;
    let after = client.approve(transfer, &given).await.map_err(of_client)?;
    output.show(&after, |t| format!("{name} approved: {words}\n{}", line(t)));
    Ok(())
}

/// `ringi policy fetch`: the policy set in force, believed only with the admins' signatures.
///
/// # Errors
/// If the server refuses, or what it serves is not signed by a quorum.
pub async fn fetch_policy(api: &ApiArgs, genesis: &Path, out: &Path, output: Output) -> Done {
    let (client, _) = connect(api)?;
    let (_, chain) = documents::read_genesis(genesis)?;
    crate::policy::keep(&served_policy(&client).await?, &chain, out, output)
}

/// `ringi install policy|order`: hands a signed document to the platform.
///
/// # Errors
/// If the document makes no sense, or the server does not answer or refuses.
pub async fn install_policy(api: &ApiArgs, file: &Path, output: Output) -> Done {
    let (client, _) = connect(api)?;
    let (signed, _) = read_signed(file)?;
    installed(&client.install_policy(&signed).await.map_err(of_client)?, output)
}

/// Hands a signed order to the platform and waits for its end.
///
/// # Errors
/// If the order makes no sense, or the server does not answer or refuses.
pub async fn submit_order(api: &ApiArgs, file: &Path, output: Output) -> Done {
    let (client, _) = connect(api)?;
    let signed: Signed = documents::read(file, limits::POLICY_BYTES)?;
    installed(&client.submit_order(&signed).await.map_err(of_client)?, output)
}

/// `ringi install genesis`: all versions, the newest for the cosigners that have an older one.
///
/// # Errors
/// If the file does not verify, or the server does not answer or refuses.
pub async fn install_genesis(api: &ApiArgs, file: &Path, output: Output) -> Done {
    let (client, _) = connect(api)?;
    let (versions, _) = documents::read_genesis(file)?;
    installed(&client.install_genesis(&versions.0).await.map_err(of_client)?, output)
}

pub(crate) fn installed(done: &model::Installation, output: Output) -> Done {
    if !done.in_force {
        let answer = |a: &model::PartyAnswer| {
            let why = [&a.code, &a.detail].into_iter().flatten().cloned().collect::<Vec<_>>().join(" ");
            format!("cosigner {} {} {why}", a.cosigner, a.answer).trim_end().to_string()
        };
        let answers: Vec<String> = done.answers.iter().map(answer).collect();
        let what = format!("the {} is NOT in force: {}", done.document, answers.join("; "));
        return Err(Failure::new("cli.not_in_force", what, "look at the answers; `ringi status` shows the cosigners"));
    }
    output.show(done, |i| {
        format!("{}: {} of {} cosigners acknowledged, in force", i.document, i.acknowledged, i.cosigners)
    });
    Ok(())
}

/// `ringi transfer draft`: an intent to edit and submit, with a fresh id and an expiry in an hour.
///
/// # Errors
/// If the file exists.
fn draft(draft: &DraftArgs, output: Output) -> Done {
    let (_, chain) = documents::read_genesis(&draft.genesis)?;
    let replaces = draft.replaces.as_deref().map(id::<IntentId>).transpose()?;
    let mut body = serde_json::json!({
        "version": 1, "id": IntentId::from_bytes(fresh::id()?), "genesis": chain.root(), "vault": draft.vault,
        "wallet": id::<WalletId>(&draft.wallet)?, "network": draft.network, "max_fee": draft.max_fee,
        "expires_at": fresh::now_whole_s().plus_ms(3_600_000),
        "actions": [{"type": "transfer", "asset": draft.asset, "to": draft.to, "amount": draft.amount}],
    });
    if let Some(replaced) = replaces {
        body["replaces"] = serde_json::json!(replaced);
    }
    let bytes = serde_json::to_vec_pretty(&body).map_err(|e| Failure::new("cli.intent", e, "report this"))?;
    Intent::parse(&bytes)
        .map_err(|e| Failure::new("cli.intent", e, "amounts are whole numbers of base units; correct the arguments"))?;
    documents::write_new(&draft.out, &bytes)?;
    output.show(&body, |_| format!("intent in {}: read it, then ringi transfer submit", draft.out.display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringi_primitives::digest::Digest;

    #[test]
    fn a_document_that_too_few_took_is_a_failure() {
        let refused = model::PartyAnswer {
            cosigner: 2,
            answer: "refused".into(),
            code: Some("policy.order".into()),
            detail: Some("not the next".into()),
        };
        let mut done = model::Installation {
            document: "policy".into(),
            digest: Digest([1; 32]),
            order: None,
            acknowledged: 1,
            cosigners: 3,
            in_force: false,
            answers: vec![refused],
            certificate: None,
        };
        let failure = installed(&done, Output::Json).unwrap_err();
        assert_eq!(failure.code, "cli.not_in_force");
        assert!(failure.what.contains("cosigner 2 refused policy.order not the next"), "{failure}");
        done.in_force = true;
        assert!(installed(&done, Output::Json).is_ok());
    }
}
