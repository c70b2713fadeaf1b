//! Properties over generated plans, choices and foreign bytes.

use super::world::*;
use proptest::collection::vec;
use proptest::prelude::*;
use ringi_chain::evm::{self, AccessEntry, Choice, Fees};
use ringi_chain::{Decoded, decode, plan};
use ringi_primitives::amount::Amount;
use ringi_primitives::intent::{
    Action, Approve, Call, Cancel, Intent, Message, Permit, Prove, RawCall, Transfer, TransferFrom,
};
use ringi_primitives::plan::Plan;
use ringi_primitives::request::{PayloadKind, Unsigned};
use ringi_primitives::time::UnixMs;

fn amounts() -> impl Strategy<Value = Amount> {
    prop_oneof![
        any::<u64>().prop_map(|n| Amount::from_u64(n.max(1))),
        any::<u128>().prop_map(|n| Amount::from_u128(n.max(1))),
        any::<[u8; 32]>().prop_map(|mut bytes| {
            bytes[31] |= 1;
            Amount::from_be_bytes(bytes)
        }),
    ]
}

fn accounts() -> impl Strategy<Value = String> {
    any::<[u8; 20]>().prop_map(text)
}

fn raw_calls() -> impl Strategy<Value = Action> {
    let contracts = prop_oneof![Just(TOKEN), Just(VAULT_CONTRACT), any::<[u8; 20]>()];
    (contracts, any::<u64>(), vec(any::<u8>(), 1..200)).prop_map(|(to, value, data)| {
        let data = format!("0x{}", hex::encode(data));
        Action::RawCall(RawCall { to: text(to), value: Amount::from_u64(value), data })
    })
}

fn batches() -> impl Strategy<Value = Action> {
    let pairs = vec((accounts(), amounts()), 0..4);
    (pairs, vec(any::<u8>(), 0..80), ".{0,40}", any::<u64>()).prop_map(|(pairs, bytes, note, value)| {
        let pairs: Vec<[String; 2]> = pairs.into_iter().map(|(to, amount)| [to, amount.to_string()]).collect();
        let pairs = serde_json::to_string(&pairs).unwrap();
        let arguments = vec![pairs, format!("0x{}", hex::encode(bytes)), note];
        let function = "batch((address,uint256)[],bytes,string)".into();
        Action::Call(Call { to: text(VAULT_CONTRACT), value: Amount::from_u64(value), function, arguments })
    })
}

fn transactions() -> impl Strategy<Value = Action> {
    let asset = || prop_oneof![Just("eth".to_owned()), Just("usdc".to_owned())];
    let token = || Just("usdc".to_owned());
    prop_oneof![
        4 => (asset(), accounts(), amounts())
            .prop_map(|(asset, to, amount)| Action::Transfer(Transfer { asset, to, amount })),
        1 => (token(), accounts(), amounts())
            .prop_map(|(asset, spender, amount)| Action::Approve(Approve { asset, spender, amount })),
        1 => (token(), accounts(), accounts(), amounts())
            .prop_map(|(asset, owner, to, amount)| Action::TransferFrom(TransferFrom { asset, owner, to, amount })),
        1 => Just(Action::Cancel(Cancel {})),
        1 => raw_calls(),
        1 => batches(),
    ]
}

fn messages() -> impl Strategy<Value = Action> {
    prop_oneof![
        (accounts(), any::<u128>(), 0..4_000_000_000_u64).prop_map(|(spender, amount, s)| {
            let (amount, deadline) = (Amount::from_u128(amount), UnixMs(s * 1000));
            Action::Permit(Permit { asset: "usdc".into(), spender, amount, deadline })
        }),
        "[a-zA-Z0-9 ]{1,60}".prop_map(|statement| Action::Prove(Prove { statement })),
        ".{0,200}".prop_map(|text| Action::Message(Message { text })),
    ]
}

fn choices() -> impl Strategy<Value = Choice> {
    let keys = vec(any::<[u8; 32]>(), 0..3);
    let entry = (any::<[u8; 20]>(), keys).prop_map(|(address, storage_keys)| AccessEntry { address, storage_keys });
    let price = 0..1_000_000_000_000_u128;
    (0..u64::MAX, 0..1_000_000_u64, price, 0..=100_u128, vec(entry, 0..3), 0..3).prop_map(
        |(nonce, gas_limit, price, percent, access_list, envelope)| {
            let fees = match envelope {
                0 => Fees::Legacy { gas_price: price },
                1 => Fees::Eip2930 { gas_price: price, access_list },
                _ => Fees::Eip1559 {
                    max_fee_per_gas: price,
                    max_priority_fee_per_gas: price * percent / 100,
                    access_list,
                },
            };
            Choice { nonce, gas_limit, fees }
        },
    )
}

fn planned(action: Action) -> Option<(Intent, Plan)> {
    let intent = intent(action);
    plan(&policy(), &intent).ok().map(|plan| (intent, plan))
}

fn read(wallet: &Wallet, kind: PayloadKind, bytes: &[u8]) -> Option<Decoded> {
    decode(&policy(), wallet, NETWORK, &Unsigned { kind, bytes: bytes.to_vec() }).ok()
}

/// Every change of one byte is refused or seen: nothing signed can differ without the reading differing.
fn every_byte_counts(wallet: &Wallet, unsigned: &Unsigned, decoded: &Decoded, flip: u8) {
    for at in 0..unsigned.bytes.len() {
        let mut changed = unsigned.bytes.clone();
        changed[at] ^= flip;
        if let Some(other) = read(wallet, unsigned.kind, &changed) {
            let same = other.effects() == decoded.effects()
                && other.max_fee() == decoded.max_fee()
                && other.slot() == decoded.slot()
                && digest_of(&other) == digest_of(decoded);
            assert!(!same, "byte {at} of {}", hex::encode(&unsigned.bytes));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn i4_bytes_mean_what_was_planned(action in transactions(), choice in choices(), flip in 1..=255_u8) {
        let wallet = Wallet::new(1);
        let Some((intent, plan)) = planned(action) else { return Ok(()) };
        let unsigned = evm::encode(&plan, &intent, &wallet.account(), &choice).unwrap();
        let decoded = decode(&policy(), &wallet, NETWORK, &unsigned).unwrap();
        prop_assert_eq!(decoded.effects(), plan.effects);
        prop_assert!(decoded.max_fee() <= plan.max_fee);
        prop_assert_eq!(decoded.sighashes().len(), 1);
        prop_assert_eq!(digest_of(&decoded), evm::keccak256(&unsigned.bytes));
        evm::fuzz::transaction(&unsigned.bytes);
        every_byte_counts(&wallet, &unsigned, &decoded, flip);
    }

    #[test]
    fn i4_messages_mean_what_was_planned(action in messages(), nonce in any::<u64>(), flip in 1..=255_u8) {
        let wallet = Wallet::new(1);
        let Some((intent, plan)) = planned(action) else { return Ok(()) };
        let nonce = Amount::from_u64(nonce);
        let unsigned = evm::encode_message(&policy(), &plan, &intent, &wallet.account(), nonce).unwrap();
        let decoded = decode(&policy(), &wallet, NETWORK, &unsigned).unwrap();
        prop_assert_eq!(decoded.effects(), plan.effects);
        prop_assert_eq!(decoded.max_fee(), Amount::ZERO);
        every_byte_counts(&wallet, &unsigned, &decoded, flip);
    }

    #[test]
    fn parsers_hold_their_properties_on_foreign_bytes(bytes in vec(any::<u8>(), 0..300)) {
        fuzz_all(&bytes);
    }

    #[test]
    fn parsers_hold_their_properties_on_mutated_payloads(
        action in transactions(), choice in choices(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let Some((intent, plan)) = planned(action) else { return Ok(()) };
        let mut bytes = evm::encode(&plan, &intent, &Wallet::new(1).account(), &choice).unwrap().bytes;
        let at = at.index(bytes.len());
        bytes[at] = byte;
        fuzz_all(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        fuzz_all(&bytes);
    }

    #[test]
    fn signatures_and_call_data_are_checked_in_bounds(
        signature in "[a-c]\\(((uint8|bytes|string|bool|address|bytes3|int16)(\\[\\]|\\[2\\])?,?){0,4}\\)",
        words in vec(prop_oneof![0..4_u8, Just(0x20), Just(0x40), Just(0x60), any::<u8>()], 0..12),
    ) {
        let data = words.into_iter().flat_map(|w| [[0; 31].as_slice(), &[w]].concat());
        fuzz_all(&signature.bytes().chain([0]).chain(data).collect::<Vec<u8>>());
    }
}

fn fuzz_all(bytes: &[u8]) {
    evm::fuzz::transaction(bytes);
    evm::fuzz::authorization(bytes);
    evm::fuzz::typed_data(bytes);
    evm::fuzz::address(bytes);
    evm::fuzz::call(bytes);
}
