//! Coins from a file: chosen, spent, judged by Bitcoin's own code.

use crate::bitcoin_wallet::{NET, NETWORK, Wallet, plan};
use ringi_chain::bitcoin::{AddressKind, Choice, signed_vsize, spent_outputs};
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::effects::{Effect, Outpoint};
use ringi_primitives::limits;
use ringi_primitives::plan::Plan;
use ringi_primitives::wallet::KeyPosition;
use ringi_provider::bitcoin::{
    ChangeTo, Coin, CoinError, CoinSource, FeeRate, FixedCoins, Needs, OwnScripts, SelectError, consensus_accepts,
    select,
};
use std::collections::BTreeSet;
use std::fs;
use tempfile::TempDir;

const RATE: FeeRate = FeeRate { sat_per_kvb: 2500 };
const WALLET: Wallet = Wallet("coins");

struct World {
    _folder: TempDir,
    coins: FixedCoins,
}

/// One granted transaction with an output of somebody else first, then one per amount, P2WPKH and P2TR in turn.
fn world(amounts: &[u64]) -> World {
    let folder = tempfile::tempdir().unwrap();
    let coins = FixedCoins::open(&folder.path().join("coins.json"), RATE).unwrap();
    let kinds = [AddressKind::P2wpkh, AddressKind::P2tr];
    let own = amounts.iter().zip(0u32..);
    let own = own.map(|(sat, n)| (WALLET.address(kinds[n as usize % 2], 0, n), Amount::from_u64(*sat)));
    let outputs: Vec<_> = std::iter::once((payee(), Amount::from_u64(1000))).chain(own).collect();
    coins.grant(&outputs).unwrap();
    World { _folder: folder, coins }
}

fn payee() -> Address {
    Wallet("payee").address(AddressKind::P2tr, 0, 0)
}

fn own() -> OwnScripts {
    OwnScripts::first(NET, &WALLET, 100, 20).unwrap()
}

fn needs() -> Needs {
    let change = ChangeTo { position: KeyPosition { branch: 1, index: 0 }, kind: AddressKind::P2tr };
    Needs { rate: RATE, change, reserved: BTreeSet::new(), anchor: None, replaced_fee_sat: None }
}

impl World {
    async fn coins(&self) -> Vec<Coin> {
        self.coins.coins(&own()).await.unwrap()
    }

    async fn choose(&self, plan: &Plan, needs: &Needs) -> Result<Choice, SelectError> {
        select(plan, &self.coins().await, needs)
    }
}

fn spends(choice: &Choice, coins: &[Coin]) -> Vec<u64> {
    let amount = |n: u32, tx: &[u8]| coins.iter().find(|c| c.outpoint.vout == n && c.previous_tx == tx).unwrap().amount;
    choice.inputs.iter().map(|i| amount(i.vout, &i.previous_tx).to_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_transfer_of_both_kinds_of_coin_is_accepted_and_its_change_can_be_spent() {
    let world = world(&[60_000, 50_000]);
    let plan = plan(&[(payee(), 80_000)], 5_000);
    let choice = world.choose(&plan, &needs()).await.unwrap();
    assert_eq!(spends(&choice, &world.coins().await), [60_000, 50_000]);
    let unsigned = WALLET.unsigned(&plan, &choice);
    let vsize = signed_vsize(&unsigned).unwrap();
    assert_eq!(choice.fee.to_u64(), RATE.fee_sat(vsize), "the fee is the rate times the size");
    let signed = WALLET.sign(&unsigned, &choice);
    let spent = spent_outputs(&unsigned).unwrap();
    consensus_accepts(&signed.bytes, &spent).unwrap();
    assert_eq!(world.coins.submit(&signed.bytes).await.unwrap(), signed.id);
    assert_eq!(world.coins.submit(&signed.bytes).await.unwrap(), signed.id, "again");
    let left = world.coins().await;
    let fee = choice.fee.to_u64().unwrap();
    let amounts: Vec<_> = left.iter().map(|c| (c.amount.to_u64().unwrap(), c.position.branch)).collect();
    assert_eq!(amounts, [(30_000 - fee, 1)]);
    // The change is spendable, after a restart too.
    let again = FixedCoins::open(&world._folder.path().join("coins.json"), FeeRate { sat_per_kvb: 1 }).unwrap();
    assert_eq!(again.coins(&own()).await.unwrap(), left);
    assert_eq!(again.fee_rate().await.unwrap(), RATE);
    let plan = crate::bitcoin_wallet::plan(&[(payee(), 5_000)], 5_000);
    let choice = select(&plan, &left, &needs()).unwrap();
    let signed = WALLET.sign(&WALLET.unsigned(&plan, &choice), &choice);
    again.submit(&signed.bytes).await.unwrap();
}

#[tokio::test]
async fn bitcoin_refuses_a_changed_transaction_and_a_changed_coin() {
    let world = world(&[60_000, 50_000]);
    let plan = plan(&[(payee(), 80_000)], 5_000);
    let choice = world.choose(&plan, &needs()).await.unwrap();
    let unsigned = WALLET.unsigned(&plan, &choice);
    let signed = WALLET.sign(&unsigned, &choice);
    let spent = spent_outputs(&unsigned).unwrap();
    let mut tx: bitcoin::Transaction = bitcoin::consensus::deserialize(&signed.bytes).unwrap();
    tx.output[0].value -= bitcoin::Amount::from_sat(1);
    let changed = bitcoin::consensus::serialize(&tx);
    assert_eq!(consensus_accepts(&changed, &spent).unwrap_err().code(), "consensus.refused");
    assert_eq!(world.coins.submit(&changed).await.unwrap_err().code(), "consensus.refused");
    for input in 0..2 {
        let mut spent = spent.clone();
        spent[input].amount = Amount::from_u64(1);
        assert!(consensus_accepts(&signed.bytes, &spent).is_err(), "input {input}");
    }
    assert_eq!(consensus_accepts(&signed.bytes, &spent[..1]).unwrap_err().code(), "consensus.mismatch");
    assert_eq!(consensus_accepts(b"not a transaction", &spent).unwrap_err().code(), "consensus.mismatch");
    assert!(matches!(world.coins.submit(b"nothing").await, Err(CoinError::NotATransaction)));
    // The first one goes in; then its coins are gone for another one.
    world.coins.submit(&signed.bytes).await.unwrap();
    let other = Plan { max_fee: Amount::from_u64(40_000), ..crate::bitcoin_wallet::plan(&[(payee(), 70_000)], 1) };
    let twice = WALLET.sign(&WALLET.unsigned(&other, &choice), &choice);
    assert!(matches!(world.coins.submit(&twice.bytes).await, Err(CoinError::NoSuchCoin { input: 0 })));
}

#[tokio::test]
async fn an_exact_match_needs_no_change() {
    let world = world(&[100_000, 31_000, 20_000, 10_500, 3_000]);
    let choice = world.choose(&plan(&[(payee(), 30_000)], 5_000), &needs()).await.unwrap();
    assert!(choice.change.is_none());
    let spent = spends(&choice, &world.coins().await);
    let fee = spent.iter().sum::<u64>() - 30_000;
    assert_eq!(choice.fee.to_u64(), Some(fee));
    let unsigned = WALLET.unsigned(&plan(&[(payee(), 30_000)], 5_000), &choice);
    let least = RATE.fee_sat(signed_vsize(&unsigned).unwrap()).unwrap();
    assert!((least..least + 400).contains(&fee), "{fee} {least} {spent:?}");
}

#[tokio::test]
async fn c1_the_fee_never_exceeds_the_plan_s_maximum() {
    let world = world(&[100_000]);
    let enough = world.choose(&plan(&[(payee(), 50_000)], 5_000), &needs()).await.unwrap().fee.to_u64().unwrap();
    assert!(world.choose(&plan(&[(payee(), 50_000)], enough), &needs()).await.is_ok());
    let error = world.choose(&plan(&[(payee(), 50_000)], enough - 1), &needs()).await.unwrap_err();
    let (max_fee, needed) = (Amount::from_u64(enough - 1), Amount::from_u64(enough));
    assert_eq!(error, SelectError::FeeTooLow { max_fee, needed });
    // What is left over may not become fee above the maximum either: another coin makes change possible.
    let world = self::world(&[50_800, 20_000]);
    let choice = world.choose(&plan(&[(payee(), 50_000)], 700), &needs()).await.unwrap();
    assert!(choice.change.is_some() && choice.inputs.len() == 2, "{choice:?}");
}

#[tokio::test]
async fn reserved_coins_stay_and_the_anchor_is_always_spent_first() {
    let world = world(&[90_000, 80_000, 70_000]);
    let coins = world.coins().await;
    let at = |sat: u64| coins.iter().find(|c| c.amount.to_u64() == Some(sat)).unwrap().outpoint;
    let pay = plan(&[(payee(), 40_000)], 5_000);
    let reserved = Needs { reserved: [at(90_000)].into(), ..needs() };
    assert_eq!(spends(&select(&pay, &coins, &reserved).unwrap(), &coins), [80_000]);
    let pinned = Needs { anchor: Some(at(70_000)), reserved: [at(70_000), at(90_000)].into(), ..needs() };
    assert_eq!(spends(&select(&pay, &coins, &pinned).unwrap(), &coins), [70_000]);
    let more = plan(&[(payee(), 120_000)], 5_000);
    assert_eq!(spends(&select(&more, &coins, &pinned).unwrap(), &coins), [70_000, 80_000]);
    let gone = Needs { anchor: Some(Outpoint { txid: [1; 32], vout: 0 }), ..needs() };
    assert_eq!(select(&pay, &coins, &gone), Err(SelectError::AnchorMissing));
}

#[tokio::test]
async fn a_replacement_pays_more_than_what_it_replaces() {
    let world = world(&[90_000]);
    let pay = plan(&[(payee(), 40_000)], 5_000);
    let first = world.choose(&pay, &needs()).await.unwrap();
    let replaced = first.fee.to_u64().unwrap();
    let anchor = world.coins().await[0].outpoint;
    let needs = Needs { anchor: Some(anchor), replaced_fee_sat: Some(replaced), ..needs() };
    let second = world.choose(&pay, &needs).await.unwrap();
    let vsize = signed_vsize(&WALLET.unsigned(&pay, &second)).unwrap();
    assert_eq!(second.fee.to_u64(), Some(replaced + vsize));
    // A cancel gives everything back to the wallet.
    let cancel = Plan { effects: vec![Effect::SelfCancel { network: NETWORK }], ..pay };
    let choice = world.choose(&cancel, &needs).await.unwrap();
    assert!(choice.change.is_some());
    let signed = WALLET.sign(&WALLET.unsigned(&cancel, &choice), &choice);
    world.coins.submit(&signed.bytes).await.unwrap();
}

#[tokio::test]
async fn inputs_are_bounded_and_worthless_coins_are_left() {
    let many = world(&[1_000; 90]);
    let error = many.choose(&plan(&[(payee(), 80_000)], 50_000), &needs()).await.unwrap_err();
    let available = Amount::from_u64(1_000 * limits::SIGHASHES as u64);
    assert!(matches!(error, SelectError::Funds { available: a, .. } if a == available), "{error}");
    let dust = world(&[100, 100, 100, 5_000]);
    let choice = dust.choose(&plan(&[(payee(), 2_000)], 5_000), &needs()).await.unwrap();
    assert_eq!(spends(&choice, &dust.coins().await), [5_000]);
}

#[test]
fn a_coins_file_of_another_form_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("coins.json");
    for bad in ["", "{}", r#"{"sat_per_kvb":1,"transactions":["zz"]}"#, r#"{"sat_per_kvb":1,"transactions":["00"]}"#] {
        fs::write(&path, bad).unwrap();
        assert_eq!(FixedCoins::open(&path, RATE).err().unwrap().code(), "coins.malformed", "{bad}");
    }
    fs::write(&path, r#"{"sat_per_kvb":1,"transactions":[],"more":1}"#).unwrap();
    assert_eq!(FixedCoins::open(&path, RATE).err().unwrap().code(), "coins.malformed");
}
