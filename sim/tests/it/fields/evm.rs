//! Changes of the EVM transaction: bytes made by the chain's own encoder from other plans and other choices.

use super::envelope::{at, fine};
use super::{Attack, Ground, Mutator};
use ringi_chain::evm::{self, AccessEntry, Choice, Fees};
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::effects::Effect;
use ringi_primitives::intent::Intent;
use ringi_primitives::network::NetworkId;
use ringi_primitives::plan::Plan;
use ringi_primitives::request::{SigningRequest, Unsigned};
use ringi_sim::requests::{EVM, FRIEND, STRANGER, TOKEN};

pub const MUTATORS: &[(&str, Mutator)] = &[
    ("unsigned.evm.type", kinds),
    ("unsigned.evm.chain_id", chain_ids),
    ("unsigned.evm.nonce", nonces),
    ("unsigned.evm.gas_limit", gas_limits),
    ("unsigned.evm.max_fee_per_gas", fees_per_gas),
    ("unsigned.evm.max_priority_fee_per_gas", priority_fees),
    ("unsigned.evm.to", recipients),
    ("unsigned.evm.value", values),
    ("unsigned.evm.data", data),
    ("unsigned.evm.access_list", access_lists),
    ("unsigned.evm.authorization", authorizations),
];

pub fn address(text: &str) -> Address {
    evm::parse_address(text).unwrap()
}

/// The choice that the ground's requests were made with.
pub fn choice(nonce: u64) -> Choice {
    let fees = Fees::Eip1559 { max_fee_per_gas: 2, max_priority_fee_per_gas: 1, access_list: vec![] };
    Choice { nonce, gas_limit: 21_000, fees }
}

/// Bytes of another plan under another choice; the encoder's own fee bound is out of the way.
pub fn bytes(ground: &Ground, base: &SigningRequest, mut plan: Plan, choice: &Choice) -> Unsigned {
    plan.max_fee = Amount::MAX;
    let intent = Intent::parse(&base.intent).unwrap();
    evm::encode(&plan, &intent, &ground.standard.account(), choice).unwrap()
}

fn both(ground: &Ground, change: impl Fn(&SigningRequest, &Plan, &Choice, &mut Vec<Attack>)) -> Vec<Attack> {
    let mut out = Vec::new();
    for (nonce, base) in [(0, &ground.coin), (1, &ground.token)] {
        change(base, &ground.plan(base), &choice(nonce), &mut out);
    }
    out
}

/// The code that refuses it, and what is changed in a plan.
type NamedChange<'a> = (&'static str, &'a dyn Fn(&mut Plan));

/// Attacks that change the plan the bytes are made from.
fn replanned(ground: &Ground, changes: &[NamedChange<'_>]) -> Vec<Attack> {
    both(ground, |base, plan, choice, out| {
        for (code, change) in changes {
            let mut other = plan.clone();
            change(&mut other);
            if other != *plan {
                let unsigned = bytes(ground, base, other, choice);
                out.push(at(base, code, |r| r.unsigned = unsigned));
            }
        }
    })
}

fn kinds(ground: &Ground) -> Vec<Attack> {
    both(ground, |base, plan, choice, out| {
        let with = |fees: Fees| bytes(ground, base, plan.clone(), &Choice { fees, ..choice.clone() });
        let legacy = with(Fees::Legacy { gas_price: 2 });
        out.push(fine("legacy with EIP-155", base, |r| r.unsigned = legacy.clone()));
        let with_list = with(Fees::Eip2930 { gas_price: 2, access_list: vec![] });
        out.push(fine("EIP-2930", base, |r| r.unsigned = with_list));
        // C2: without a chain id (the last three items: two bytes of id, 0, 0), and types that are none of ours.
        let mut unprotected = legacy.bytes.clone();
        unprotected.truncate(unprotected.len() - 5);
        let head = unprotected.len();
        match unprotected[0] {
            0xf8 => unprotected[1] = u8::try_from(head - 2).unwrap(),
            _ => unprotected[0] = 0xc0 + u8::try_from(head - 1).unwrap(),
        }
        out.push(at(base, "bytes.refused", |r| r.unsigned.bytes = unprotected));
        for kind in [0, 1, 3, 4, 5, 0x19, 0x7f] {
            out.push(at(base, "bytes.refused", |r| r.unsigned.bytes[0] = kind));
        }
    })
}

fn chain_ids(ground: &Ground) -> Vec<Attack> {
    let moved = |id: u64| {
        move |plan: &mut Plan| {
            plan.network = NetworkId::Evm(id);
        }
    };
    replanned(
        ground,
        &[
            ("bytes.refused", &moved(1)),
            ("bytes.refused", &moved(31338)),
            ("bytes.refused", &moved(0)),
            ("bytes.refused", &moved(u64::MAX)),
        ],
    )
}

/// I3: the base's slot is taken already; every other number is another slot.
fn nonces(ground: &Ground) -> Vec<Attack> {
    both(ground, |base, plan, choice, out| {
        for nonce in [0, 1, 2, 3, u64::MAX].into_iter().filter(|n| *n != choice.nonce) {
            let unsigned = bytes(ground, base, plan.clone(), &Choice { nonce, ..choice.clone() });
            // EIP-2681: the last nonce is none.
            let code = if nonce == u64::MAX { "bytes.refused" } else { "pin.other_slot" };
            out.push(at(base, code, |r| r.unsigned = unsigned));
        }
        out.push(fine("the same again", base, |_| {}));
    })
}

fn gas_limits(ground: &Ground) -> Vec<Attack> {
    both(ground, |base, plan, choice, out| {
        let with = |gas_limit: u64| bytes(ground, base, plan.clone(), &Choice { gas_limit, ..choice.clone() });
        for gas in [0, 1, 20_999] {
            out.push(fine("less gas", base, |r| r.unsigned = with(gas)));
        }
        for gas in [21_001, 42_000, u64::MAX] {
            out.push(at(base, "bytes.fee_above_maximum", |r| r.unsigned = with(gas)));
        }
    })
}

fn fees(max_fee_per_gas: u128, max_priority_fee_per_gas: u128) -> Fees {
    Fees::Eip1559 { max_fee_per_gas, max_priority_fee_per_gas, access_list: vec![] }
}

fn fees_per_gas(ground: &Ground) -> Vec<Attack> {
    both(ground, |base, plan, choice, out| {
        let with = |fees: Fees| bytes(ground, base, plan.clone(), &Choice { fees, ..choice.clone() });
        out.push(fine("a lower fee", base, |r| r.unsigned = with(fees(1, 1))));
        out.push(fine("no fee", base, |r| r.unsigned = with(fees(0, 0))));
        for price in [3, u128::from(u64::MAX)] {
            out.push(at(base, "bytes.fee_above_maximum", |r| r.unsigned = with(fees(price, 1))));
            let legacy = with(Fees::Legacy { gas_price: price });
            out.push(at(base, "bytes.fee_above_maximum", |r| r.unsigned = legacy));
        }
    })
}

fn priority_fees(ground: &Ground) -> Vec<Attack> {
    both(ground, |base, plan, choice, out| {
        let with = |fees: Fees| bytes(ground, base, plan.clone(), &Choice { fees, ..choice.clone() });
        out.push(fine("no tip", base, |r| r.unsigned = with(fees(2, 0))));
        out.push(fine("all tip", base, |r| r.unsigned = with(fees(2, 2))));
        // The encoder refuses a tip above the whole, so the byte is changed in place: type, list head, chain id (3), nonce, tip.
        let tip = base.unsigned.bytes.windows(3).position(|w| w == [0x82, 0x7a, 0x69]).unwrap() + 4;
        assert_eq!(base.unsigned.bytes[tip], 1);
        out.push(at(base, "bytes.refused", |r| r.unsigned.bytes[tip] = 3));
        out.push(at(base, "bytes.refused", |r| r.unsigned.bytes[tip] = 0x7f));
    })
}

fn effect(plan: &mut Plan) -> (&mut AssetKey, &mut Address, &mut Amount) {
    match &mut plan.effects[0] {
        Effect::Transfer { asset, to, amount } => (asset, to, amount),
        other => panic!("{other:?}"),
    }
}

fn recipients(ground: &Ground) -> Vec<Attack> {
    let to = |address: Address| move |plan: &mut Plan| *effect(plan).1 = address;
    // A contract call's `to` is the token, so another token is another `to`.
    let token = |plan: &mut Plan| *effect(plan).0 = AssetKey::token(EVM, address(STRANGER));
    let own = ground.standard.account();
    let mut out = replanned(
        ground,
        &[
            ("bytes.effects_differ", &to(address(STRANGER))),
            ("bytes.effects_differ", &to(Address::new(&[0; 20]).unwrap())),
            ("bytes.effects_differ", &to(address(TOKEN))),
        ],
    );
    // A cancel of nothing: an empty transfer to the wallet itself.
    out.extend(replanned(ground, &[("bytes.effects_differ", &to(own))]));
    out.extend(replanned(ground, &[("bytes.effects_differ", &token)]).into_iter().skip(1));
    // Contract creation: no recipient at all.
    let base = &ground.coin;
    let at_to = base.unsigned.bytes.windows(20).position(|w| w == address(FRIEND).raw()).unwrap();
    out.push(at(base, "bytes.effects_differ", |r| {
        r.unsigned.bytes.splice(at_to - 1..at_to + 20, [0x80]);
        r.unsigned.bytes[1] -= 20;
    }));
    out
}

fn values(ground: &Ground) -> Vec<Attack> {
    let amount = |change: fn(Amount) -> Amount| move |plan: &mut Plan| *effect(plan).2 = change(*effect(plan).2);
    replanned(
        ground,
        &[
            ("bytes.effects_differ", &amount(|a| a.checked_add(Amount::from_u64(1)).unwrap())),
            ("bytes.effects_differ", &amount(|a| a.checked_sub(Amount::from_u64(1)).unwrap())),
            ("bytes.effects_differ", &amount(|a| a.checked_mul(Amount::from_u64(256)).unwrap())),
            ("bytes.effects_differ", &amount(|_| Amount::MAX)),
        ],
    )
}

fn data(ground: &Ground) -> Vec<Attack> {
    let call = |data: Vec<u8>| {
        move |plan: &mut Plan| {
            let (asset, to, amount) = effect(plan);
            let (contract, value) = asset.token.map_or((*to, *amount), |token| (token, Amount::ZERO));
            let data = data.clone();
            plan.effects[0] = Effect::Call { network: EVM, contract, value, function: String::new(), data };
        }
    };
    let word = |last: u8| [[0; 31].as_slice(), &[last]].concat();
    // transfer(address,uint256) and approve(address,uint256) with this recipient and amount.
    let token_call =
        |selector: [u8; 4], to: &str, amount: u8| [&selector[..], &[0; 12], address(to).raw(), &word(amount)].concat();
    let (transfer, approve) = ([0xa9, 0x05, 0x9c, 0xbb], [0x09, 0x5e, 0xa7, 0xb3]);
    let mut longer = token_call(transfer, FRIEND, 5);
    longer.push(0);
    let mut dirty = token_call(transfer, FRIEND, 5);
    dirty[4] = 1;
    let mut out = replanned(
        ground,
        &[
            ("bytes.effects_differ", &call(vec![0])),
            ("bytes.effects_differ", &call(vec![1, 2, 3, 4])),
            ("bytes.effects_differ", &call(token_call(transfer, STRANGER, 5))),
            ("bytes.effects_differ", &call(token_call(transfer, FRIEND, 6))),
            ("bytes.effects_differ", &call(token_call(approve, FRIEND, 5))),
        ],
    );
    for malformed in [longer, dirty] {
        // To a contract that no token is, these are some other call; to the token they are no call at all.
        let change = call(malformed);
        out.extend(replanned(ground, &[("bytes.effects_differ", &change)]).into_iter().take(1));
        out.extend(replanned(ground, &[("bytes.refused", &change)]).into_iter().skip(1));
    }
    out
}

fn access_lists(ground: &Ground) -> Vec<Attack> {
    both(ground, |base, plan, choice, out| {
        let entry = |keys: usize| AccessEntry { address: [7; 20], storage_keys: vec![[9; 32]; keys] };
        let with = |access_list: Vec<AccessEntry>| {
            let fees = Fees::Eip1559 { max_fee_per_gas: 2, max_priority_fee_per_gas: 1, access_list };
            bytes(ground, base, plan.clone(), &Choice { fees, ..choice.clone() })
        };
        out.push(fine("one contract", base, |r| r.unsigned = with(vec![entry(0)])));
        out.push(fine("slots of two", base, |r| r.unsigned = with(vec![entry(3), entry(1)])));
        out.push(at(base, "bytes.refused", |r| r.unsigned = with(vec![entry(0); 257])));
        out.push(at(base, "bytes.refused", |r| r.unsigned = with(vec![entry(1025)])));
        let mut with_fee = Fees::Eip2930 { gas_price: 3, access_list: vec![entry(1)] };
        let dear = bytes(ground, base, plan.clone(), &Choice { fees: with_fee.clone(), ..choice.clone() });
        out.push(at(base, "bytes.fee_above_maximum", |r| r.unsigned = dear));
        with_fee = Fees::Eip2930 { gas_price: 2, access_list: vec![entry(1)] };
        let cheap = bytes(ground, base, plan.clone(), &Choice { fees: with_fee, ..choice.clone() });
        out.push(fine("in an EIP-2930 envelope", base, |r| r.unsigned = cheap));
    })
}

/// C2: an authorization is signed for an intent that delegates, and then to exactly its target.
fn authorizations(ground: &Ground) -> Vec<Attack> {
    both(ground, |base, plan, choice, out| {
        for (network, to, code) in [
            (EVM, FRIEND, "bytes.effects_differ"),
            (EVM, STRANGER, "bytes.effects_differ"),
            (NetworkId::Evm(1), FRIEND, "bytes.refused"),
            (NetworkId::Evm(0), FRIEND, "bytes.refused"),
        ] {
            let delegate = address(to);
            let plan = Plan { network, effects: vec![Effect::Delegate { network, delegate }], ..plan.clone() };
            let unsigned = evm::encode_authorization(&plan, choice.nonce).unwrap();
            out.push(at(base, code, |r| r.unsigned = unsigned));
        }
    })
}
