//! Points 2 to 5 and 7 to 9: deposits, transfers, a lost cosigner, Bitcoin, receipts.

use super::desk::Payment;
use super::stage::{BITCOIN, BITCOIN_SUPPLIER, EVM, STRANGER, SUPPLIER, Stage, receipt_file, short};
use super::{PATIENCE, Story};
use crate::failure::{Done, Failure};
use crate::platform::development::Development;
use crate::remote::of_client;
use crate::verify::{VerifiedReceipt, VerifyError, verify_receipt};
use ringi_attestation::Root;
use ringi_chain::parse_address;
use ringi_gateway::model::Transfer as TransferView;
use ringi_primitives::amount::Amount;
use ringi_primitives::id::IntentId;
use ringi_primitives::scheme::PartyIndex;
use std::time::{Duration, Instant};

/// 10^18 wei.
pub const ETHER: u128 = 1_000_000_000_000_000_000;
/// What the demo's payments may cost in fees, wei.
pub const MAX_FEE: u128 = ETHER / 1000;

/// Point 2.
pub async fn deposits(stage: &Stage, story: &mut Story) -> Done {
    story.chapter(2, "Deposits are seen and confirmed");
    let account = stage.address("account")?;
    stage.anvil.send(Some(&account), 5 * ETHER, &[]).await?;
    stage.anvil.send_token(&stage.token, &account, 1_000_000_000).await?;
    wait_for_deposits(stage, 2).await?;
    story.tell("5 eth and 1000 tusd arrived and are confirmed");
    Ok(())
}

async fn wait_for_deposits(stage: &Stage, wanted: usize) -> Done {
    let began = Instant::now();
    loop {
        let of_wallet = format!("wallet={}", stage.wallet);
        let found = stage.desk.client.deposits(&of_wallet).await.map_err(of_client)?;
        if found.items.iter().filter(|d| d.status == "confirmed").count() >= wanted {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            return Err(Failure::new("demo.deposit", "a deposit was not seen", "look at the log in the demo's folder"));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn ether(stage: &Stage, to: &'static str, amount: u128) -> Payment<'static> {
    Payment { wallet: stage.wallet, network: EVM, asset: "eth", to, amount, max_fee: MAX_FEE }
}

fn transaction(done: &TransferView) -> &str {
    done.transaction.as_ref().map_or("no transaction", |t| t.id.as_str())
}

async fn supplier_balance(stage: &Stage) -> Result<u128, Failure> {
    let supplier = parse_address(EVM, SUPPLIER).map_err(|e| Failure::new("demo.address", e, "report this"))?;
    stage.anvil.balance_wei(&supplier).await
}

/// The node's balance is the proof.
async fn paid(stage: &Stage, before: u128, amount: u128) -> Done {
    let after = supplier_balance(stage).await?;
    if after.checked_sub(before) == Some(amount) {
        return Ok(());
    }
    Err(Failure::new("demo.balance", format!("the supplier had {before} and has {after} wei"), "report this"))
}

/// Point 3.
pub async fn under_the_limit(stage: &Stage, story: &mut Story) -> Result<Vec<IntentId>, Failure> {
    story.chapter(3, "A transfer under the limit: rules alone decide");
    let before = supplier_balance(stage).await?;
    let asked = stage.desk.submit(&ether(stage, SUPPLIER, ETHER / 2)).await?;
    story.tell(format!("Ines asks to pay 0.5 eth to {SUPPLIER}: {}", asked.status));
    let done = stage.desk.until(asked.id, &["completed"]).await?;
    let rules = done.rules.join(", ");
    story.tell(format!("allowed by {rules}; two cosigners decoded and signed; mined as {}", transaction(&done)));
    paid(stage, before, ETHER / 2).await?;
    story.tell("the node says: the supplier has 0.5 eth more");
    Ok(vec![asked.id, token_payment(stage, story).await?])
}

/// The same with a token: what the contract's books say is the proof.
async fn token_payment(stage: &Stage, story: &mut Story) -> Result<IntentId, Failure> {
    let supplier = parse_address(EVM, SUPPLIER).map_err(|e| Failure::new("demo.address", e, "report this"))?;
    let before = stage.anvil.token_balance(&stage.token, &supplier).await?;
    let asked = stage.desk.submit(&Payment { asset: "tusd", amount: 250_000_000, ..ether(stage, SUPPLIER, 0) }).await?;
    let done = stage.desk.until(asked.id, &["completed"]).await?;
    let after = stage.anvil.token_balance(&stage.token, &supplier).await?;
    if after.checked_sub(before) != Some(250_000_000) {
        return Err(Failure::new(
            "demo.balance",
            format!("the supplier had {before} and has {after} units"),
            "report this",
        ));
    }
    story.tell(format!("250 tusd to the same supplier: mined as {}; the token's books agree", transaction(&done)));
    Ok(asked.id)
}

/// Point 4.
pub async fn above_the_limit(stage: &Stage, story: &mut Story) -> Result<IntentId, Failure> {
    story.chapter(4, "A transfer above the limit: it waits for two of three treasurers");
    let before = supplier_balance(stage).await?;
    let asked = stage.desk.submit(&ether(stage, SUPPLIER, 2 * ETHER)).await?;
    let mut waiting = stage.desk.until(asked.id, &["awaiting_approval"]).await?;
    for (name, key) in stage.approvers.iter().take(2) {
        let missing: Vec<_> =
            waiting.missing.iter().map(|m| format!("{} of {} ({})", m.count, m.group, m.rule)).collect();
        story.tell(format!("it waits for {}", missing.join(", ")));
        let read = stage.desk.approve(asked.id, key).await?;
        story.tell(format!("{name} reads \"{read}\" in code the host did not serve, and signs"));
        waiting = stage.desk.transfer(asked.id).await?;
    }
    let done = stage.desk.until(asked.id, &["completed"]).await?;
    paid(stage, before, 2 * ETHER).await?;
    story.tell(format!("mined as {}; the supplier has 2 eth more", transaction(&done)));
    Ok(asked.id)
}

/// Point 5.
pub async fn to_a_stranger(stage: &Stage, story: &mut Story) -> Done {
    story.chapter(5, "A transfer to an address that is on no list");
    let asked = stage.desk.submit(&ether(stage, STRANGER, ETHER / 10)).await?;
    let denied = stage.desk.until(asked.id, &["rejected"]).await?;
    let why = denied.error.map_or_else(String::new, |e| format!("{} by rule {}", e.code, e.detail));
    story.tell(format!("denied: {why}"));
    Ok(())
}

/// Point 7.
pub async fn one_cosigner_down(stage: &Stage, story: &mut Story) -> Result<Vec<IntentId>, Failure> {
    story.chapter(7, "A cosigner is killed: the two others sign; it comes back");
    let second = PartyIndex::new(2).ok_or_else(|| Failure::new("demo.party", "no such cosigner", "report this"))?;
    stage.platform.fleet.kill(second).await;
    story.tell("cosigner 2 is killed");
    let before = supplier_balance(stage).await?;
    let first = stage.desk.submit(&ether(stage, SUPPLIER, ETHER / 20)).await?;
    stage.desk.until(first.id, &["completed"]).await?;
    paid(stage, before, ETHER / 20).await?;
    story.tell(format!("a transfer of 0.05 eth went on meanwhile, signed by {:?}", signers(stage, first.id).await?));
    wait_until_ready(stage, second).await?;
    story.tell("cosigner 2 is back: peers granted its new boot");
    let mut done = vec![first.id];
    for _ in 0..6 {
        let asked = stage.desk.submit(&ether(stage, SUPPLIER, ETHER / 100)).await?;
        stage.desk.until(asked.id, &["completed"]).await?;
        done.push(asked.id);
        let by = signers(stage, asked.id).await?;
        if by.contains(&2) {
            story.tell(format!("it takes part again: 0.01 eth signed by {by:?}"));
            return Ok(done);
        }
    }
    Err(Failure::new("demo.rejoin", "cosigner 2 did not sign again", "look at the log in the demo's folder"))
}

async fn wait_until_ready(stage: &Stage, party: PartyIndex) -> Done {
    let began = Instant::now();
    loop {
        let cosigners = stage.desk.client.cosigners().await.map_err(of_client)?.items;
        if cosigners.iter().any(|c| c.index == party.number() && c.ready) {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            return Err(Failure::new("demo.rejoin", format!("cosigner {party} is not back"), "look at the log"));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn receipt(stage: &Stage, id: IntentId) -> Result<Vec<u8>, Failure> {
    stage.desk.client.receipt(id).await.map_err(of_client)
}

/// As `ringi verify receipt` does, with the root of this machine's enclaves.
fn check(stage: &Stage, bytes: &[u8]) -> Result<VerifiedReceipt, VerifyError> {
    let roots: Vec<_> = stage.platform.attested.iter().map(|attested| attested.root).collect();
    verify_receipt(bytes, &stage.development.chain, &stage.development.genesis.0, &roots)
}

async fn signers(stage: &Stage, id: IntentId) -> Result<Vec<u8>, Failure> {
    let bytes = receipt(stage, id).await?;
    let verified = check(stage, &bytes);
    Ok(verified.map_err(|e| Failure::new(e.code(), e, "the receipt is wrong: report this"))?.signers)
}

/// Point 8.
pub async fn bitcoin(stage: &Stage, story: &mut Story) -> Result<IntentId, Failure> {
    story.chapter(8, "Bitcoin, decoded and signed the same way");
    let coins = stage.platform.coins.as_ref();
    let coins = coins.ok_or_else(|| Failure::new("demo.coins", "no Bitcoin network", "report this"))?;
    let grant = |kind: &str, sat| Ok::<_, Failure>((stage.address(kind)?, Amount::from_u64(sat)));
    let outputs = [grant("p2wpkh", 60_000)?, grant("p2tr", 50_000)?];
    coins.grant(&outputs).map_err(|e| Failure::new(e.code(), e, "report this"))?;
    wait_for_deposits(stage, 4).await?;
    story.tell("a segwit coin of 60000 sat and a taproot coin of 50000 sat arrived");
    let (wallet, to) = (stage.wallet, BITCOIN_SUPPLIER);
    let payment = Payment { wallet, network: BITCOIN, asset: "btc", to, amount: 80_000, max_fee: 5_000 };
    let asked = stage.desk.submit(&payment).await?;
    let done = stage.desk.until(asked.id, &["completed"]).await?;
    story.tell(format!("80000 sat to {to}: both coins spent, change recognised as ours, two schemes signed"));
    story.tell(format!("Bitcoin's own consensus code accepts {}", transaction(&done)));
    Ok(asked.id)
}

/// Point 9.
pub async fn receipts(stage: &Stage, story: &mut Story, done: &[IntentId]) -> Done {
    story.chapter(9, "A receipt for each, checked offline");
    for id in done {
        let bytes = receipt(stage, *id).await?;
        let file = receipt_file(&stage.folder, &id.to_string());
        std::fs::write(&file, &bytes).map_err(|e| Failure::file(&file, &e))?;
        let verified =
            check(stage, &bytes).map_err(|e| Failure::new(e.code(), e, "the receipt is wrong: report this"))?;
        let step = (bytes.len() / 64).max(1);
        let mut tried = 0;
        for at in (0..bytes.len()).step_by(step) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            tried += 1;
            if check(stage, &flipped).is_ok() {
                return Err(Failure::new("demo.receipt", format!("byte {at} of {id} flips unnoticed"), "report this"));
            }
        }
        let what = verified.effects.join("; ");
        story.tell(format!(
            "{} by {:?}: {what}; {tried} flipped bytes, all noticed",
            short(&verified.transaction_id),
            verified.signers
        ));
    }
    let (folder, genesis) = (stage.folder.display(), Development::genesis_path(&stage.folder));
    let root = match &stage.platform.attested {
        Some(attested) if attested.root != Root::AWS => format!(" --root {folder}/simulation/root.der"),
        _ => String::new(),
    };
    let command = format!("ringi verify receipt {folder}/receipt-….ringi --genesis {}{root}", genesis.display());
    story.tell(format!("check one yourself: {command}"));
    Ok(())
}
