//! What holds for every plan and choice: decode gives the plan back, bytes are their own re-encoding, signatures fit.

use super::fixture::*;
use proptest::prelude::*;
use ringi_chain::bitcoin::{AddressKind, Change, Choice, assemble, decode, encode, export_signed, signed_vsize, txid};
use ringi_primitives::amount::Amount;
use ringi_primitives::effects::{Effect, Slot};
use ringi_primitives::plan::Plan;

fn kind() -> impl Strategy<Value = AddressKind> {
    prop_oneof![Just(AddressKind::P2wpkh), Just(AddressKind::P2tr)]
}

prop_compose! {
    /// A plan and a choice that fit: the coins pay for everything, the rest is change.
    fn case()(
        coins in prop::collection::vec((kind(), 0u32..2, 0u32..40, 200_000u64..900_000, any::<u32>()), 1..6),
        payments in prop::collection::vec((any::<u8>(), 1_000u64..20_000), 1..8),
        fee in 0u64..5_000,
        spare in 0u64..100,
        change in (kind(), 0u32..20, any::<prop::sample::Index>()),
        lock_time in 0u32..500_000_000,
        version in 1i32..=2,
    ) -> (Wallet, Plan, Choice) {
        let wallet = Wallet::new("properties");
        let inputs = coins.iter().enumerate().map(|(n, (kind, branch, index, value, sequence))| {
            let mut input = coin(&wallet, *kind, at(*branch, *index), *value, n as u8);
            input.sequence = *sequence;
            input
        });
        let plan = plan_of(&payments.iter().map(|(s, a)| (address(&somebody(*s)), *a)).collect::<Vec<_>>(), fee + spare);
        let (kind, index, place) = change;
        let change = Change { position: at(CHANGE, index), kind, after: place.index(payments.len() + 1) };
        let fee = Amount::from_u64(fee);
        let choice = Choice { inputs: inputs.collect(), change: Some(change), fee, lock_time, version };
        (wallet, plan, choice)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn decode_gives_the_plan_back((wallet, plan, choice) in case()) {
        let unsigned = encode(&plan, &choice, &wallet).unwrap();
        let decoded = decode(&policy(), &wallet, NET, &unsigned).unwrap();
        prop_assert_eq!(decoded.effects(), &plan.effects[..]);
        prop_assert_eq!(decoded.max_fee(), choice.fee);
        prop_assert_eq!(decoded.sighashes().len(), choice.inputs.len());
        for (sighash, input) in decoded.sighashes().iter().zip(&choice.inputs) {
            prop_assert_eq!(sighash.position(), input.position);
        }
        let Slot::Outpoints { network, outpoints } = decoded.slot() else { panic!("not outpoints") };
        prop_assert_eq!(*network, NETWORK);
        prop_assert_eq!(outpoints.len(), choice.inputs.len());
        prop_assert_eq!(&close(&open(&unsigned)), &unsigned);
    }

    #[test]
    fn signatures_of_the_wallet_assemble((wallet, plan, choice) in case()) {
        let unsigned = encode(&plan, &choice, &wallet).unwrap();
        let decoded = decode(&policy(), &wallet, NET, &unsigned).unwrap();
        let mut signatures = wallet.sign_all(&decoded);
        let signed = assemble(&policy(), &wallet, NET, &unsigned, &signatures).unwrap();
        prop_assert_eq!(&signed.id, &txid(&unsigned).unwrap());
        let tx: ::bitcoin::Transaction = ::bitcoin::consensus::deserialize(&signed.bytes).unwrap();
        let bound = signed_vsize(&unsigned).unwrap();
        let vsize = tx.vsize() as u64;
        prop_assert!(vsize <= bound && bound <= vsize + 1 + choice.inputs.len() as u64, "{vsize} {bound}");

        let exported = export_signed(&policy(), &wallet, NET, &unsigned, &signatures).unwrap();
        let psbt = ::bitcoin::psbt::Psbt::deserialize(&exported).unwrap();
        prop_assert_eq!(psbt.extract_tx_unchecked_fee_rate(), tx);

        signatures[0].bytes[40] ^= 1;
        prop_assert!(assemble(&policy(), &wallet, NET, &unsigned, &signatures).is_err());
    }

    /// I4: one changed bit is refused, or seen in the effects or the fee, or it is the host's to choose. The judge here
    /// reads the transaction itself and knows the wallet's change scripts and the coins' true values.
    #[test]
    fn i4_a_changed_bit_moves_nothing_unseen(
        (wallet, plan, choice) in case(),
        place in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let unsigned = encode(&plan, &choice, &wallet).unwrap();
        let mut changed = unsigned.clone();
        let place = place.index(changed.bytes.len());
        changed.bytes[place] ^= 1 << bit;
        let Ok(decoded) = decode(&policy(), &wallet, NET, &changed) else { return Ok(()) };
        prop_assert_ne!(&changed, &unsigned);
        if decoded.effects() != &plan.effects[..] || decoded.max_fee() > plan.max_fee {
            return Ok(());
        }
        let kinds = [AddressKind::P2wpkh, AddressKind::P2tr];
        let own: Vec<_> = (0..20).flat_map(|i| kinds.map(|k| wallet.script(k, at(CHANGE, i)))).collect();
        let tx = open(&changed).unsigned_tx;
        let (change, paid): (Vec<_>, Vec<_>) = tx.output.iter().partition(|o| own.contains(&o.script_pubkey));
        prop_assert!(change.len() <= 1);
        let asked: Vec<_> = plan.effects.iter().map(|e| (e.beneficiary().unwrap(), e.spends()[0].1)).collect();
        let paid: Vec<_> = paid.iter().map(|o| (address(&o.script_pubkey), Amount::from_u64(o.value.to_sat()))).collect();
        prop_assert_eq!(paid, asked);
        if decoded.sighashes().iter().any(|s| s.scheme() == AddressKind::P2wpkh.scheme()) {
            let true_in: u64 = open(&unsigned).inputs.iter().map(|i| i.witness_utxo.as_ref().unwrap().value.to_sat()).sum();
            let out: u64 = tx.output.iter().map(|o| o.value.to_sat()).sum();
            prop_assert_eq!(decoded.max_fee(), Amount::from_u64(true_in - out));
        }
    }
}

#[test]
fn a_cancel_pays_nobody() {
    let wallet = Wallet::new("cancel");
    let (mut plan, mut choice) = mixed(&wallet);
    plan.effects = vec![Effect::SelfCancel { network: NETWORK }];
    let unsigned = encode(&plan, &choice, &wallet).unwrap();
    assert_eq!(decode(&policy(), &wallet, NET, &unsigned).unwrap().effects(), &plan.effects[..]);
    choice.change = None;
    assert!(encode(&plan, &choice, &wallet).is_err());
}
