//! Bitcoin's own script code, as of version 26, accepts what we assemble and refuses it with any one field changed.

use super::fixture::*;
use ::bitcoin::hashes::Hash as _;
use ::bitcoin::transaction::{Transaction, Version};
use ::bitcoin::{Amount as Sats, Sequence, TxOut, Txid, Witness, absolute, consensus};
use bitcoinconsensus::{Utxo, VERIFY_ALL_PRE_TAPROOT, VERIFY_TAPROOT, verify_with_flags};
use ringi_chain::bitcoin::{AddressKind, SpentOutput, assemble, decode, encode, spent_outputs};
use ringi_primitives::amount::Amount;

/// One verdict per input.
fn verdicts(tx: &Transaction, spent: &[SpentOutput]) -> Vec<bool> {
    let value = |o: &SpentOutput| i64::try_from(o.amount.to_u64().unwrap()).unwrap();
    let utxo = |o: &SpentOutput| Utxo {
        script_pubkey: o.script.as_ptr(),
        script_pubkey_len: u32::try_from(o.script.len()).unwrap(),
        value: value(o),
    };
    let utxos: Vec<Utxo> = spent.iter().map(utxo).collect();
    let bytes = consensus::serialize(tx);
    let flags = VERIFY_ALL_PRE_TAPROOT | VERIFY_TAPROOT;
    let verify = |(n, o): (usize, &SpentOutput)| {
        let amount = o.amount.to_u64().unwrap();
        verify_with_flags(&o.script, amount, &bytes, Some(&utxos), n, flags).is_ok()
    };
    spent.iter().enumerate().map(verify).collect()
}

/// A signed transaction of two P2WPKH and two P2TR inputs, three payments and change, and what it spends.
fn signed() -> (Transaction, Vec<SpentOutput>) {
    let wallet = Wallet::new("consensus");
    let (_, mut choice) = mixed(&wallet);
    choice.inputs.push(coin(&wallet, AddressKind::P2wpkh, at(CHANGE, 0), 30_000, 3));
    choice.inputs.push(coin(&wallet, AddressKind::P2tr, at(RECEIVE, 12), 40_000, 4));
    let payments = [(9, 70_000), (10, 20_000), (11, 5_000)];
    let plan = plan_of(&payments.map(|(salt, amount)| (address(&somebody(salt)), amount)), 2_000);
    let unsigned = encode(&plan, &choice, &wallet).unwrap();
    let decoded = decode(&policy(), &wallet, NET, &unsigned).unwrap();
    let signed = assemble(&policy(), &wallet, NET, &unsigned, &wallet.sign_all(&decoded)).unwrap();
    (consensus::deserialize(&signed.bytes).unwrap(), spent_outputs(&unsigned).unwrap())
}

#[test]
fn bitcoin_accepts_our_signatures() {
    let (tx, spent) = signed();
    assert_eq!(verdicts(&tx, &spent), [true; 4]);
}

/// Every field that all signatures cover, changed in every place where it stands.
fn covered_changes(tx: &Transaction) -> Vec<(String, Transaction)> {
    let mut out: Vec<(String, Transaction)> = Vec::new();
    let mut change = |name: String, edit: &dyn Fn(&mut Transaction)| {
        let mut changed = tx.clone();
        edit(&mut changed);
        out.push((name, changed));
    };
    change("version".into(), &|t| t.version = Version::ONE);
    change("lock time".into(), &|t| t.lock_time = absolute::LockTime::from_consensus(800_001));
    for n in 0..tx.input.len() {
        change(format!("input {n} txid"), &|t| t.input[n].previous_output.txid = Txid::from_byte_array([9; 32]));
        change(format!("input {n} vout"), &|t| t.input[n].previous_output.vout += 1);
        change(format!("input {n} sequence"), &|t| t.input[n].sequence = Sequence(5));
    }
    for n in 0..tx.output.len() {
        change(format!("output {n} up"), &|t| t.output[n].value += Sats::ONE_SAT);
        change(format!("output {n} down"), &|t| t.output[n].value -= Sats::ONE_SAT);
        change(format!("output {n} script"), &|t| t.output[n].script_pubkey = somebody(99));
        change(format!("output {n} left out"), &|t| drop(t.output.remove(n)));
    }
    change("one more output".into(), &|t| t.output.push(TxOut { value: Sats::ONE_SAT, script_pubkey: somebody(1) }));
    change("outputs swapped".into(), &|t| t.output.swap(0, 1));
    out
}

#[test]
fn bitcoin_refuses_every_changed_field_on_every_input() {
    let (tx, spent) = signed();
    let changes = covered_changes(&tx);
    assert_eq!(changes.len(), 2 + 3 * 4 + 4 * 4 + 2);
    for (name, changed) in changes {
        assert_eq!(verdicts(&changed, &spent), [false; 4], "{name}");
    }
}

#[test]
fn bitcoin_refuses_every_changed_witness() {
    let (tx, spent) = signed();
    for n in 0..4 {
        let items = tx.input[n].witness.to_vec();
        for (item, bytes) in items.iter().enumerate() {
            for place in 0..bytes.len() {
                let mut changed = tx.clone();
                let mut items = items.clone();
                items[item][place] ^= 1;
                changed.input[n].witness = Witness::from_slice(&items);
                let expected: Vec<bool> = (0..4).map(|i| i != n).collect();
                assert_eq!(verdicts(&changed, &spent), expected, "input {n} item {item} byte {place}");
            }
        }
        let mut changed = tx.clone();
        changed.input[n].witness = Witness::new();
        assert!(!verdicts(&changed, &spent)[n], "input {n} without witness");
    }
}

/// Why `decode` asks for previous transactions: a v0 signature covers its own amount only, a taproot signature those of all inputs.
#[test]
fn c1_v0_covers_its_own_amount_taproot_covers_all() {
    let (tx, spent) = signed();
    let taproot: Vec<bool> = spent.iter().map(|o| o.script[0] == 0x51).collect();
    assert_eq!(taproot, [false, true, false, true]);
    for lied in 0..4 {
        let mut spent = spent.clone();
        spent[lied].amount = spent[lied].amount.checked_add(Amount::from_u64(1)).unwrap();
        let expected: Vec<bool> = (0..4).map(|n| n != lied && !taproot[n]).collect();
        assert_eq!(verdicts(&tx, &spent), expected, "input {lied}");
    }
}
