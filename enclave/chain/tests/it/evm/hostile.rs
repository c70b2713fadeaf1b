//! Payloads and intents that must be refused, or must not pass for something they are not.

use super::world::*;
use ringi_chain::evm::{self, AccessEntry, Fees, SignedAuthorization};
use ringi_chain::{ChainError, Decoded, assemble, decode, plan};
use ringi_primitives::amount::Amount;
use ringi_primitives::effects::{Effect, OpaqueKind};
use ringi_primitives::intent::{Action, Approve, Call, Delegate, RawCall, Transfer, TransferFrom};
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::ContractFunction;
use ringi_primitives::request::{FinishedSignature, PayloadKind, Unsigned};

fn decode_bytes(bytes: Vec<u8>) -> Result<Decoded, ChainError> {
    decode(&policy(), &Wallet::new(1), NETWORK, &Unsigned { kind: PayloadKind::Transaction, bytes })
}

/// An EIP-1559 payload with everything free.
struct Fields {
    chain_id: u128,
    nonce: Rlp,
    tip: u128,
    fee: u128,
    gas: u128,
    to: Vec<u8>,
    value: u128,
    data: Vec<u8>,
    access: Rlp,
    more: Vec<Rlp>,
}

impl Default for Fields {
    fn default() -> Fields {
        Fields {
            chain_id: u128::from(CHAIN),
            nonce: Rlp::number(5),
            tip: 1,
            fee: 2,
            gas: 21000,
            to: vec![0xbb; 20],
            value: 7,
            data: vec![],
            access: Rlp::List(vec![]),
            more: vec![],
        }
    }
}

impl Fields {
    fn payload(self, type_byte: u8) -> Vec<u8> {
        let numbers = [Rlp::number(self.tip), Rlp::number(self.fee), Rlp::number(self.gas)];
        let mut items = vec![Rlp::number(self.chain_id), self.nonce];
        items.extend(numbers);
        items.extend([Rlp::Bytes(self.to), Rlp::number(self.value), Rlp::Bytes(self.data), self.access]);
        items.extend(self.more);
        [vec![type_byte], Rlp::List(items).encode()].concat()
    }

    fn decode(self) -> Result<Decoded, ChainError> {
        decode_bytes(self.payload(2))
    }
}

fn call(to: [u8; 20], data: Vec<u8>) -> Fields {
    Fields { to: to.to_vec(), value: 0, data, ..Fields::default() }
}

fn transfer_data() -> Vec<u8> {
    let word = [[0; 12].as_slice(), &[0xbb; 20]].concat();
    [hex::decode("a9059cbb").unwrap(), word, [0; 31].to_vec(), vec![9]].concat()
}

/// An access list with one entry: an address and these items.
fn access_entry(more: Vec<Rlp>) -> Fields {
    let entry = std::iter::once(Rlp::Bytes(vec![1; 20])).chain(more).collect();
    Fields { access: Rlp::List(vec![Rlp::List(entry)]), ..Fields::default() }
}

#[test]
fn envelopes_are_strict() {
    assert!(Fields::default().decode().is_ok());
    assert_eq!(Fields { chain_id: 1, ..Fields::default() }.decode(), Err(ChainError::WrongChain));
    assert_eq!(Fields { chain_id: 0, ..Fields::default() }.decode(), Err(ChainError::WrongChain));
    let amounts = Fields { tip: 3, ..Fields::default() }.decode();
    assert_eq!(amounts, Err(ChainError::Amounts("priority fee exceeds the fee per gas")));
    let undecodable = [
        ("number with a leading zero", Fields { nonce: Rlp::Bytes(vec![0]), ..Fields::default() }),
        ("number with a leading zero", Fields { nonce: Rlp::Bytes(vec![0, 5]), ..Fields::default() }),
        ("number out of range", Fields { nonce: Rlp::Bytes(vec![1; 9]), ..Fields::default() }),
        ("not canonical RLP", Fields { nonce: Rlp::List(vec![]), ..Fields::default() }),
        ("nonce out of range", Fields { nonce: Rlp::number(u128::from(u64::MAX)), ..Fields::default() }),
        ("number out of range", Fields { gas: u128::MAX, ..Fields::default() }),
        ("recipient is not 20 bytes", Fields { to: vec![0xbb; 19], ..Fields::default() }),
        ("too many fields", Fields { more: vec![Rlp::number(1)], ..Fields::default() }),
        ("not canonical RLP", Fields { access: Rlp::Bytes(vec![]), ..Fields::default() }),
        ("not canonical RLP", access_entry(vec![])),
        ("too many fields", access_entry(vec![Rlp::List(vec![]), Rlp::number(1)])),
        ("field of a wrong length", access_entry(vec![Rlp::List(vec![Rlp::Bytes(vec![1; 31])])])),
    ];
    for (why, fields) in undecodable {
        assert_eq!(fields.decode(), Err(ChainError::Undecodable(why)));
    }
    let good = Fields::default().payload(2);
    let long_form = [vec![2, 0xf8, (good.len() - 2) as u8], good[2..].to_vec()].concat();
    for bytes in [vec![], vec![2], good[..good.len() - 1].to_vec(), long_form] {
        assert!(matches!(decode_bytes(bytes), Err(ChainError::Undecodable(_))));
    }
    let trailing = decode_bytes([good.clone(), vec![0]].concat());
    assert_eq!(trailing, Err(ChainError::Undecodable("bytes after the list")));
    for type_byte in [0, 3, 5, 0x7f] {
        let refused = decode_bytes(Fields::default().payload(type_byte));
        assert_eq!(refused, Err(ChainError::Unsupported("transaction type")), "{type_byte}");
    }
}

#[test]
fn sizes_are_bounded() {
    let large = call(VAULT_CONTRACT, vec![1; 32 * 1024 + 1]).decode();
    assert_eq!(large, Err(ChainError::TooLarge("call data")));
    let creation = Fields { to: vec![], data: vec![1; 32 * 1024 + 1], ..Fields::default() }.decode();
    assert_eq!(creation, Err(ChainError::TooLarge("call data")));
    let keys = |n: usize| access_entry(vec![Rlp::List((0..n).map(|_| Rlp::Bytes(vec![2; 32])).collect())]);
    assert!(keys(1024).decode().is_ok());
    assert_eq!(keys(1025).decode(), Err(ChainError::TooLarge("access list")));
    let entry = || Rlp::List(vec![Rlp::Bytes(vec![1; 20]), Rlp::List(vec![])]);
    let access = |n: usize| Rlp::List((0..n).map(|_| entry()).collect());
    assert!(Fields { access: access(256), ..Fields::default() }.decode().is_ok());
    let refused = Fields { access: access(257), ..Fields::default() }.decode();
    assert_eq!(refused, Err(ChainError::TooLarge("access list")));
    assert_eq!(decode_bytes(vec![2; 2 * 1024 * 1024]), Err(ChainError::TooLarge("transaction")));
}

#[test]
fn c2_legacy_with_a_signature_or_without_chain_id() {
    let legacy = |tail: Vec<Rlp>| {
        let mut items: Vec<Rlp> = [5, 2, 21000].into_iter().map(Rlp::number).collect();
        items.extend([Rlp::Bytes(vec![0xbb; 20]), Rlp::number(7), Rlp::Bytes(vec![])]);
        items.extend(tail);
        decode_bytes(Rlp::List(items).encode())
    };
    let tail = |v, r, s| vec![Rlp::number(v), Rlp::number(r), Rlp::number(s)];
    assert!(legacy(tail(u128::from(CHAIN), 0, 0)).is_ok());
    assert_eq!(legacy(vec![]), Err(ChainError::Forbidden("legacy transaction without EIP-155")));
    assert_eq!(legacy(tail(0, 0, 0)), Err(ChainError::WrongChain));
    assert_eq!(legacy(tail(1, 0, 0)), Err(ChainError::WrongChain));
    let signed = Err(ChainError::Undecodable("legacy transaction is signed already"));
    assert_eq!(legacy(tail(27, 1, 1)), signed);
    assert_eq!(legacy(tail(u128::from(CHAIN), 1, 0)), signed);
    assert_eq!(legacy(tail(u128::from(CHAIN), 0, 1)), signed);
    assert!(matches!(legacy(vec![Rlp::number(u128::from(CHAIN))]), Err(ChainError::Undecodable(_))));
}

#[test]
fn g3_only_listed_tokens_are_tokens() {
    let token_call = call(TOKEN, transfer_data()).decode().unwrap();
    assert!(matches!(token_call.effects(), [Effect::Transfer { asset, .. }] if *asset == token()));
    let elsewhere = call([0xab; 20], transfer_data()).decode().unwrap();
    assert!(matches!(elsewhere.effects(), [Effect::Opaque { kind: OpaqueKind::Call, .. }]));
    let other = call(TOKEN, [vec![1, 2, 3, 4], transfer_data()].concat()).decode().unwrap();
    assert!(matches!(other.effects(), [Effect::Opaque { .. }]));
    let mut dirty = transfer_data();
    dirty[15] = 1;
    let inexact = [
        dirty,
        [transfer_data(), vec![0]].concat(),
        [transfer_data(), vec![0; 32]].concat(),
        transfer_data()[..67].to_vec(),
        transfer_data()[..4].to_vec(),
    ];
    for data in inexact {
        assert!(matches!(call(TOKEN, data).decode(), Err(ChainError::Undecodable(_))));
    }
    let paid = Fields { value: 1, ..call(TOKEN, transfer_data()) };
    assert_eq!(paid.decode(), Err(ChainError::Forbidden("coin sent along with a token call")));
}

#[test]
fn creation_is_opaque_and_nothing_is_refused() {
    let creation = Fields { to: vec![], data: vec![0x60; 9], ..Fields::default() }.decode().unwrap();
    assert!(matches!(creation.effects(), [Effect::Opaque { kind: OpaqueKind::Creation, target: None, .. }]));
    let nothing = Fields { value: 0, ..Fields::default() }.decode();
    assert_eq!(nothing, Err(ChainError::Forbidden("a transfer of nothing")));
}

#[test]
fn named_functions_are_exact() {
    let arguments = vec!["5".into(), text([0xbb; 20])];
    let call_ = |arguments, function: &str| {
        let call = Call { to: text(VAULT_CONTRACT), value: Amount::from_u64(3), function: function.into(), arguments };
        plan(&policy(), &intent(Action::Call(call))).map(|p| p.effects)
    };
    let effects = call_(arguments.clone(), "deposit(uint256,address)").unwrap();
    let [Effect::Call { data, value, .. }] = effects.as_slice() else { panic!() };
    assert_eq!(*value, Amount::from_u64(3));
    let raw = |data: &[u8]| Fields { value: 3, ..call(VAULT_CONTRACT, data.to_vec()) }.decode();
    assert_eq!(raw(data).unwrap().effects(), effects);
    let mut dirty = data.clone();
    dirty[40] = 1;
    for inexact in [dirty, [data.as_slice(), &[0]].concat(), [data.as_slice(), &[0; 32]].concat(), data[..36].to_vec()]
    {
        assert!(matches!(raw(&inexact), Err(ChainError::Undecodable(_))));
    }
    assert_eq!(
        call_(arguments.clone(), "withdraw(uint256,address)"),
        Err(ChainError::Unknown("function of this contract"))
    );
    for bad in [
        vec!["5".into()],
        vec!["05".into(), text([0xbb; 20])],
        vec!["-5".into(), text([0xbb; 20])],
        vec!["5".into(), text([0xbb; 20]), "1".into()],
        vec!["5.0".into(), text([0xbb; 20])],
        vec!["0x5".into(), text([0xbb; 20])],
    ] {
        assert!(matches!(call_(bad.clone(), "deposit(uint256,address)"), Err(ChainError::Undecodable(_))), "{bad:?}");
    }
    let lower = vec!["5".into(), text([0xbb; 20]).to_ascii_lowercase()];
    assert!(matches!(call_(lower, "deposit(uint256,address)"), Err(ChainError::Address(_))));
}

#[test]
fn dynamic_arguments_have_one_layout() {
    let arguments = vec![format!("[[\"{}\",\"7\"]]", text([0xbb; 20])), "0x0102".into(), "hé".into()];
    let function = "batch((address,uint256)[],bytes,string)".into();
    let action = Call { to: text(VAULT_CONTRACT), value: Amount::ZERO, function, arguments };
    let effects = plan(&policy(), &intent(Action::Call(action))).unwrap().effects;
    let [Effect::Call { data, .. }] = effects.as_slice() else { panic!() };
    assert_eq!(call(VAULT_CONTRACT, data.clone()).decode().unwrap().effects(), effects);
    // Every byte matters: no offset, length or padding has another accepted value with the same meaning.
    for at in 4..data.len() {
        let mut changed = data.clone();
        changed[at] ^= 1;
        if let Ok(decoded) = call(VAULT_CONTRACT, changed).decode() {
            assert_ne!(decoded.effects(), effects, "byte {at}");
        }
    }
    // The bytes' tail laid over the string's: readable by a lenient decoder, refused here.
    let mut overlapping = data.clone();
    let (second, third) = (4 + 32..4 + 64, 4 + 64..4 + 96);
    let tail = overlapping[third].to_vec();
    overlapping[second].copy_from_slice(&tail);
    assert!(matches!(call(VAULT_CONTRACT, overlapping).decode(), Err(ChainError::Undecodable(_))));
}

#[test]
fn a_selector_shared_by_two_names_is_refused() {
    let mut policy = policy();
    for signature in ["transfer(address,uint256)", "many_msg_babbage(bytes1)"] {
        let contract = address(VAULT_CONTRACT);
        policy.functions.push(ContractFunction { network: NETWORK, contract, signature: signature.into() });
    }
    let bytes = call(VAULT_CONTRACT, transfer_data()).payload(2);
    let unsigned = Unsigned { kind: PayloadKind::Transaction, bytes };
    let refused = decode(&policy, &Wallet::new(1), NETWORK, &unsigned);
    assert_eq!(refused, Err(ChainError::Forbidden("two named functions with the same selector")));
}

#[test]
fn g3_a_named_token_function_still_counts_as_the_token() {
    let mut policy = policy();
    let signature = "transfer(address,uint256)".to_owned();
    policy.functions.push(ContractFunction {
        network: NETWORK,
        contract: address(TOKEN),
        signature: signature.clone(),
    });
    let arguments = vec![text([0xbb; 20]), "9".into()];
    let action = Call { to: text(TOKEN), value: Amount::ZERO, function: signature, arguments };
    let effects = plan(&policy, &intent(Action::Call(action))).unwrap().effects;
    assert!(matches!(effects.as_slice(), [Effect::Transfer { asset, .. }] if *asset == token()));
}

#[test]
fn raw_calls_are_read_like_bytes() {
    let raw = |to, value, data: &[u8]| {
        let call = RawCall { to: text(to), value: Amount::from_u64(value), data: format!("0x{}", hex::encode(data)) };
        plan(&policy(), &intent(Action::RawCall(call))).map(|p| p.effects)
    };
    let bytes =
        |to, value, data: &[u8]| Fields { value, ..call(to, data.to_vec()) }.decode().map(|d| d.effects().to_vec());
    let deposit = [&evm::keccak256(b"deposit(uint256,address)")[..4], &[0; 64]].concat();
    for (to, value, data) in [
        (TOKEN, 0, transfer_data()),
        (TOKEN, 1, transfer_data()),
        (VAULT_CONTRACT, 4, deposit),
        (VAULT_CONTRACT, 4, vec![1, 2, 3]),
        ([0xab; 20], 0, transfer_data()),
        ([0xab; 20], 5, vec![]),
        ([0xab; 20], 0, vec![]),
    ] {
        assert_eq!(raw(to, value, &data), bytes(to, u128::from(value), &data));
    }
    for data in ["", "00", "0x0", "0xAB", "0xzz"] {
        let call = RawCall { to: text(TOKEN), value: Amount::ZERO, data: data.into() };
        let refused = plan(&policy(), &intent(Action::RawCall(call)));
        assert!(matches!(refused, Err(ChainError::Undecodable(_))), "{data}");
    }
}

#[test]
fn plans_refuse_what_the_policy_set_does_not_name() {
    let transfer =
        |asset: &str, to: String| Action::Transfer(Transfer { asset: asset.into(), to, amount: Amount::from_u64(1) });
    let to = || text([0xbb; 20]);
    let refused = |action| plan(&policy(), &intent(action)).unwrap_err();
    assert_eq!(refused(transfer("doge", to())), ChainError::Unknown("asset"));
    assert_eq!(refused(transfer("main-eth", to())), ChainError::Unknown("asset on this network"));
    assert!(matches!(refused(transfer("eth", to().to_ascii_lowercase())), ChainError::Address(_)));
    assert!(matches!(refused(transfer("eth", "bc1q".into())), ChainError::Address(_)));
    let approve = Action::Approve(Approve { asset: "eth".into(), spender: to(), amount: Amount::ZERO });
    assert!(matches!(refused(approve), ChainError::Unsupported(_)));
    let from = TransferFrom { asset: "eth".into(), owner: to(), to: to(), amount: Amount::from_u64(1) };
    assert!(matches!(refused(Action::TransferFrom(from)), ChainError::Unsupported(_)));
    let mut two = intent(transfer("eth", to()));
    two.actions.push(transfer("eth", to()));
    assert!(matches!(plan(&policy(), &two), Err(ChainError::Unsupported(_))));
    let mut elsewhere = intent(transfer("eth", to()));
    elsewhere.network = NetworkId::Evm(5);
    assert_eq!(plan(&policy(), &elsewhere), Err(ChainError::Unknown("network")));
    let unsigned = Unsigned { kind: PayloadKind::Transaction, bytes: Fields::default().payload(2) };
    let unknown = decode(&policy(), &Wallet::new(1), NetworkId::Evm(5), &unsigned);
    assert_eq!(unknown, Err(ChainError::Unknown("network")));
}

#[test]
fn i4_fees_above_the_plan_are_not_encoded() {
    let mut intent =
        intent(Action::Transfer(Transfer { asset: "eth".into(), to: text([0xbb; 20]), amount: Amount::from_u64(1) }));
    intent.max_fee = Amount::from_u64(100_000 * 30_000_000_000 - 1);
    let plan = plan(&policy(), &intent).unwrap();
    let account = Wallet::new(1).account();
    assert!(matches!(evm::encode(&plan, &intent, &account, &eip1559(1)), Err(ChainError::Amounts(_))));
    let mut choice = eip1559(1);
    choice.gas_limit -= 1;
    assert!(evm::encode(&plan, &intent, &account, &choice).is_ok());
}

#[test]
fn c2_authorizations_hold_on_one_chain_only() {
    let authorization = |chain_id: u128, nonce: u128| {
        let items = vec![Rlp::number(chain_id), Rlp::Bytes(vec![0xdd; 20]), Rlp::number(nonce)];
        let bytes = [vec![5], Rlp::List(items).encode()].concat();
        decode(&policy(), &Wallet::new(1), NETWORK, &Unsigned { kind: PayloadKind::Authorization, bytes })
    };
    assert!(authorization(u128::from(CHAIN), 6).is_ok());
    assert_eq!(authorization(0, 6), Err(ChainError::Forbidden("EIP-7702 authorization for every chain")));
    assert_eq!(authorization(1, 6), Err(ChainError::WrongChain));
    assert!(matches!(authorization(u128::from(CHAIN), 0), Err(ChainError::Unsupported(_))));
    let last = authorization(u128::from(CHAIN), u128::from(u64::MAX));
    assert_eq!(last, Err(ChainError::Undecodable("nonce out of range")));
    let bytes = Fields::default().payload(2);
    let unsigned = Unsigned { kind: PayloadKind::Authorization, bytes };
    assert!(matches!(decode(&policy(), &Wallet::new(1), NETWORK, &unsigned), Err(ChainError::Undecodable(_))));
}

/// A signed authorization as RLP, by any key and with any fields.
fn signed_authorization(signer: &Wallet, chain_id: u128, nonce: u128) -> Rlp {
    let fields = || vec![Rlp::number(chain_id), Rlp::Bytes(vec![0xdd; 20]), Rlp::number(nonce)];
    let digest = evm::keccak256(&[vec![5], Rlp::List(fields()).encode()].concat());
    let signature = signer.sign_digest(&digest);
    let scalar = |bytes: &[u8]| Rlp::Bytes(bytes.iter().copied().skip_while(|b| *b == 0).collect());
    let mut items = fields();
    items.push(Rlp::number(u128::from(signature.recovery_id.unwrap())));
    items.extend([scalar(&signature.bytes[..32]), scalar(&signature.bytes[32..])]);
    Rlp::List(items)
}

#[test]
fn c2_type_4_only_delegates_the_wallets_own_account() {
    let (own, chain) = (Wallet::new(1), u128::from(CHAIN));
    let fields = |authorizations: Vec<Rlp>| {
        let to = own.account().raw().to_vec();
        Fields { to, value: 0, more: vec![Rlp::List(authorizations)], ..Fields::default() }
    };
    let good = || signed_authorization(&own, chain, 6);
    let decode_4 = |fields: Fields| decode_bytes(fields.payload(4));
    let delegate = Effect::Delegate { network: NETWORK, delegate: address([0xdd; 20]) };
    assert_eq!(decode_4(fields(vec![good()])).unwrap().effects(), [delegate]);
    let refused = [
        fields(vec![signed_authorization(&Wallet::new(2), chain, 6)]),
        fields(vec![signed_authorization(&own, 0, 6)]),
        fields(vec![signed_authorization(&own, chain, 5)]),
        fields(vec![good(), good()]),
        Fields { to: vec![0xbb; 20], ..fields(vec![good()]) },
        Fields { value: 1, ..fields(vec![good()]) },
        Fields { data: vec![1], ..fields(vec![good()]) },
    ];
    for (i, fields) in refused.into_iter().enumerate() {
        let refused = decode_4(fields);
        assert!(matches!(refused, Err(ChainError::Forbidden(_))), "case {i}: {refused:?}");
    }
    assert_eq!(decode_4(fields(vec![signed_authorization(&own, 1, 6)])), Err(ChainError::WrongChain));
    assert!(matches!(decode_4(fields(vec![])), Err(ChainError::Undecodable(_))));
    let creation = decode_4(Fields { to: vec![], ..fields(vec![good()]) });
    assert_eq!(creation, Err(ChainError::Forbidden("a type 4 transaction that does more than delegate")));
}

#[test]
fn delegations_and_type_4_belong_together() {
    let wallet = Wallet::new(1);
    let account = wallet.account();
    let authorization = signed_authorization(&wallet, u128::from(CHAIN), 6).encode();
    let authorization = SignedAuthorization::parse(&authorization).unwrap();
    let mut type_4 = eip1559(5);
    let access_list = vec![AccessEntry { address: [1; 20], storage_keys: vec![[2; 32]] }];
    type_4.fees = Fees::Eip7702 { max_fee_per_gas: 2, max_priority_fee_per_gas: 1, access_list, authorization };
    let delegate = intent(Action::Delegate(Delegate { to: text([0xdd; 20]) }));
    let transfer =
        intent(Action::Transfer(Transfer { asset: "eth".into(), to: text([0xbb; 20]), amount: Amount::from_u64(1) }));
    let plan_of = |intent| plan(&policy(), intent).unwrap();
    assert!(evm::encode(&plan_of(&delegate), &delegate, &account, &type_4).is_ok());
    assert!(evm::encode(&plan_of(&delegate), &delegate, &account, &eip1559(5)).is_err());
    assert!(evm::encode(&plan_of(&transfer), &transfer, &account, &type_4).is_err());
    assert!(evm::encode_authorization(&plan_of(&transfer), 5).is_err());
}

#[test]
fn signatures_are_low_s_with_the_right_parity() {
    let wallet = Wallet::new(1);
    let unsigned = Unsigned { kind: PayloadKind::Transaction, bytes: Fields::default().payload(2) };
    let decoded = decode(&policy(), &wallet, NETWORK, &unsigned).unwrap();
    let good = wallet.sign(&decoded.sighashes()[0]);
    let assemble = |s: &[FinishedSignature]| assemble(&policy(), &wallet, NETWORK, &unsigned, s);
    assert!(assemble(&[good]).is_ok());
    let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    let order = ruint::aliases::U256::from_str_radix(order, 16).unwrap();
    let s = ruint::aliases::U256::from_be_slice(&good.bytes[32..]);
    let mut high = good;
    high.bytes[32..].copy_from_slice(&(order - s).to_be_bytes::<32>());
    high.recovery_id = good.recovery_id.map(|id| 1 - id);
    let mut parity = good;
    parity.recovery_id = good.recovery_id.map(|id| 1 - id);
    let mut overflow = good;
    overflow.recovery_id = good.recovery_id.map(|id| id + 2);
    let mut none = good;
    none.recovery_id = None;
    let mut zero = good;
    zero.bytes = [0; 64];
    for bad in [high, parity, overflow, none, zero] {
        assert_eq!(assemble(&[bad]), Err(ChainError::BadSignature));
    }
    assert_eq!(assemble(&[good, good]), Err(ChainError::BadSignature));
}
