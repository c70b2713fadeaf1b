//! Changes of the PSBT: the right one opened, changed and closed again, or made by the chain's own encoder from another choice.

use super::envelope::{at, fine};
use super::{Attack, Ground, Mutator};
use ::bitcoin::absolute::LockTime;
use ::bitcoin::bip32::{ChildNumber, DerivationPath};
use ::bitcoin::psbt::{Psbt, PsbtSighashType, raw};
use ::bitcoin::sighash::{EcdsaSighashType, TapSighashType};
use ::bitcoin::transaction::Version;
use ::bitcoin::{Amount as Sats, ScriptBuf, Sequence, TxIn, TxOut};
use ringi_chain::bitcoin::{AddressKind, Change, Choice, encode};
use ringi_primitives::amount::Amount;
use ringi_primitives::request::SigningRequest;
use ringi_primitives::wallet::KeyPosition;
use ringi_sim::coins::{change, coin, receive, somebody};
use ringi_sim::requests::Standard;

pub const MUTATORS: &[(&str, Mutator)] = &[
    ("unsigned.bitcoin.version", versions),
    ("unsigned.bitcoin.lock_time", lock_times),
    ("unsigned.bitcoin.input.outpoint", outpoints),
    ("unsigned.bitcoin.input.sequence", sequences),
    ("unsigned.bitcoin.input.previous", previous),
    ("unsigned.bitcoin.input.spent", spent),
    ("unsigned.bitcoin.input.hint", hints),
    ("unsigned.bitcoin.input.sighash_type", sighash_types),
    ("unsigned.bitcoin.output.script", scripts),
    ("unsigned.bitcoin.output.value", values),
    ("unsigned.bitcoin.change.script", change_scripts),
    ("unsigned.bitcoin.change.hint", change_hints),
    ("unsigned.bitcoin.change.value", change_values),
    ("unsigned.bitcoin.other", others),
];

/// The change stands first, then the payment.
const CHANGE: usize = 0;
const PAYMENT: usize = 1;

/// The PSBT of the right request, changed.
fn psbt(base: &SigningRequest, change: impl FnOnce(&mut Psbt)) -> Vec<u8> {
    let mut psbt = Psbt::deserialize(&base.unsigned.bytes).unwrap();
    change(&mut psbt);
    psbt.serialize()
}

fn bad(ground: &Ground, code: &'static str, change: impl FnOnce(&mut Psbt)) -> Attack {
    at(&ground.bitcoin, code, |r| r.unsigned.bytes = psbt(&ground.bitcoin, change))
}

fn good(ground: &Ground, what: &str, change: impl FnOnce(&mut Psbt)) -> Attack {
    fine(what, &ground.bitcoin, |r| r.unsigned.bytes = psbt(&ground.bitcoin, change))
}

/// The choice that the ground's request was made with.
pub fn choice(standard: &Standard) -> Choice {
    let inputs = vec![
        coin(standard, AddressKind::P2wpkh, receive(3), 60_000, 6),
        coin(standard, AddressKind::P2tr, change(7), 50_000, 7),
    ];
    let change = Change { position: change(5), kind: AddressKind::P2tr, after: 0 };
    Choice { inputs, change: Some(change), fee: Amount::from_u64(1_000), lock_time: 800_000, version: 2 }
}

fn chosen(ground: &Ground, change: impl FnOnce(&mut Choice)) -> Vec<u8> {
    let mut choice = choice(&ground.standard);
    change(&mut choice);
    let mut plan = ground.plan(&ground.bitcoin);
    plan.max_fee = Amount::from_u64(1_000_000);
    encode(&plan, &choice, &ground.standard.keys()).unwrap().bytes
}

fn versions(ground: &Ground) -> Vec<Attack> {
    let with = |n: i32| move |p: &mut Psbt| p.unsigned_tx.version = Version(n);
    let mut out = vec![good(ground, "version 1", with(1)), good(ground, "version 2", with(2))];
    out.extend([0, 3, -1, i32::MAX].map(|n| bad(ground, "bytes.refused", with(n))));
    out
}

fn lock_times(ground: &Ground) -> Vec<Attack> {
    let with = |n: u32| move |p: &mut Psbt| p.unsigned_tx.lock_time = LockTime::from_consensus(n);
    let mut out: Vec<Attack> = [0, 1, 499_999_999].map(|n| good(ground, "a height", with(n))).into();
    out.extend([500_000_000, 1_767_225_600, u32::MAX].map(|n| bad(ground, "bytes.refused", with(n))));
    out
}

/// I3: after the first signature every version spends the anchor, the first input.
fn outpoints(ground: &Ground) -> Vec<Attack> {
    let standard = &ground.standard;
    let other = |salt: u8| coin(standard, AddressKind::P2wpkh, receive(3), 60_000, salt);
    let set = |bytes: Vec<u8>| move |r: &mut SigningRequest| r.unsigned.bytes = bytes;
    let base = &ground.bitcoin;
    vec![
        at(base, "pin.other_slot", set(chosen(ground, |c| c.inputs[0] = other(90)))),
        at(base, "pin.other_slot", set(chosen(ground, |c| drop(c.inputs.splice(.., [other(91), other(92)]))))),
        at(
            base,
            "pin.other_slot",
            set(chosen(ground, |c| {
                c.inputs[0] = other(93);
                c.inputs.swap(0, 1);
            })),
        ),
        // The anchor stays: other coins beside it are the host's choice, in any order.
        fine("the inputs swapped", base, set(chosen(ground, |c| c.inputs.swap(0, 1)))),
        fine("another second coin", base, set(chosen(ground, |c| c.inputs[1] = other(94)))),
        fine("a third coin", base, set(chosen(ground, |c| c.inputs.push(other(95))))),
    ]
}

fn sequences(ground: &Ground) -> Vec<Attack> {
    let with = |n: u32| move |p: &mut Psbt| p.unsigned_tx.input[1].sequence = Sequence::from_consensus(n);
    let mut out: Vec<Attack> = [0, 1, 0xffff_ffff].map(|n| good(ground, "a sequence", with(n))).into();
    // Every number is the host's to choose; an input that stands twice under another number is not.
    out.push(bad(ground, "bytes.refused", |p| {
        let twin = TxIn { sequence: Sequence::from_consensus(5), ..p.unsigned_tx.input[1].clone() };
        p.unsigned_tx.input.push(twin);
        p.inputs.push(p.inputs[1].clone());
    }));
    out
}

fn previous(ground: &Ground) -> Vec<Attack> {
    let mut out = Vec::new();
    for n in [0, 1] {
        let mut add = |change: &dyn Fn(&mut ::bitcoin::psbt::Input)| {
            out.push(bad(ground, "bytes.refused", |p| change(&mut p.inputs[n])));
        };
        add(&|i| i.non_witness_utxo = None);
        add(&|i| i.non_witness_utxo.as_mut().unwrap().lock_time = LockTime::from_consensus(1));
        add(&|i| {
            i.non_witness_utxo.as_mut().unwrap().output[1].value += Sats::from_sat(1);
            i.witness_utxo.as_mut().unwrap().value += Sats::from_sat(1);
        });
    }
    out.push(bad(ground, "bytes.refused", |p| p.inputs.swap(0, 1)));
    out.push(bad(ground, "bytes.refused", |p| p.unsigned_tx.input[0].previous_output.vout = 0));
    out
}

fn spent(ground: &Ground) -> Vec<Attack> {
    let mut out = Vec::new();
    for n in [0, 1] {
        let mut add = |change: &dyn Fn(&mut ::bitcoin::psbt::Input)| {
            out.push(bad(ground, "bytes.refused", |p| change(&mut p.inputs[n])));
        };
        add(&|i| i.witness_utxo = None);
        // A coin that is said to be smaller than it is hides a fee; one said to be larger likewise beside another lie.
        add(&|i| i.witness_utxo.as_mut().unwrap().value -= Sats::from_sat(1));
        add(&|i| i.witness_utxo.as_mut().unwrap().value += Sats::from_sat(1));
        add(&|i| i.witness_utxo.as_mut().unwrap().script_pubkey = ScriptBuf::from_bytes(somebody(1)));
    }
    out
}

fn path(position: KeyPosition) -> DerivationPath {
    let step = |n| ChildNumber::from_normal_idx(n).unwrap();
    vec![step(position.branch), step(position.index)].into()
}

fn hints(ground: &Ground) -> Vec<Attack> {
    let place = |p: &mut Psbt, position: KeyPosition| {
        p.inputs[0].bip32_derivation.values_mut().for_each(|o| o.1 = path(position));
    };
    let taproot = |p: &mut Psbt, position: KeyPosition| {
        p.inputs[1].tap_key_origins.values_mut().for_each(|o| o.1.1 = path(position));
    };
    vec![
        bad(ground, "bytes.refused", |p| place(p, receive(4))),
        bad(ground, "bytes.refused", |p| place(p, change(3))),
        bad(ground, "bytes.refused", |p| place(p, KeyPosition { branch: 2, index: 3 })),
        bad(ground, "bytes.refused", |p| taproot(p, receive(7))),
        bad(ground, "bytes.refused", |p| p.inputs[0].bip32_derivation.clear()),
        bad(ground, "bytes.refused", |p| p.inputs[1].tap_key_origins.clear()),
        bad(ground, "bytes.refused", |p| p.inputs[1].tap_internal_key = None),
        bad(ground, "bytes.refused", |p| {
            p.inputs[0].tap_key_origins = p.inputs[1].tap_key_origins.clone();
            p.inputs[0].tap_internal_key = p.inputs[1].tap_internal_key;
        }),
    ]
}

fn sighash_types(ground: &Ground) -> Vec<Attack> {
    let v0 = [
        EcdsaSighashType::All,
        EcdsaSighashType::None,
        EcdsaSighashType::Single,
        EcdsaSighashType::AllPlusAnyoneCanPay,
    ];
    let v1 =
        [TapSighashType::Default, TapSighashType::All, TapSighashType::None, TapSighashType::SinglePlusAnyoneCanPay];
    let set =
        |n: usize, to: PsbtSighashType| bad(ground, "bytes.refused", move |p| p.inputs[n].sighash_type = Some(to));
    v0.map(|t| set(0, t.into())).into_iter().chain(v1.map(|t| set(1, t.into()))).collect()
}

fn scripts(ground: &Ground) -> Vec<Attack> {
    let with = |script: Vec<u8>| {
        move |p: &mut Psbt| p.unsigned_tx.output[PAYMENT].script_pubkey = ScriptBuf::from_bytes(script)
    };
    let mut flipped = somebody(200);
    flipped[21] ^= 1;
    let mut out: Vec<Attack> = [
        somebody(201),
        flipped,
        [&[0x51, 0x20][..], &[2; 32]].concat(),
        [&[0x76, 0xa9, 0x14][..], &[200; 20], &[0x88, 0xac]].concat(),
    ]
    .map(|s| bad(ground, "bytes.effects_differ", with(s)))
    .into();
    // To the wallet itself without a hint is spending too.
    let own = ringi_sim::coins::script(&ground.standard, AddressKind::P2tr, change(5));
    out.push(bad(ground, "bytes.effects_differ", with(own)));
    out.extend([vec![], vec![0x6a, 1, 1], vec![0x51]].map(|s| bad(ground, "bytes.refused", with(s))));
    // A second payment, and none.
    out.push(bad(ground, "bytes.effects_differ", |p| {
        let extra = TxOut { value: Sats::from_sat(600), script_pubkey: ScriptBuf::from_bytes(somebody(9)) };
        p.unsigned_tx.output.push(extra);
        p.outputs.push(::bitcoin::psbt::Output::default());
    }));
    out.push(bad(ground, "bytes.effects_differ", |p| {
        p.unsigned_tx.output.remove(PAYMENT);
        p.outputs.remove(PAYMENT);
    }));
    out
}

fn values(ground: &Ground) -> Vec<Attack> {
    let with = |sats: u64| move |p: &mut Psbt| p.unsigned_tx.output[PAYMENT].value = Sats::from_sat(sats);
    let mut out: Vec<Attack> = [69_999, 70_001, 1, 71_000].map(|n| bad(ground, "bytes.effects_differ", with(n))).into();
    out.extend([0, 72_000, u64::MAX].map(|n| bad(ground, "bytes.refused", with(n))));
    out
}

fn change_scripts(ground: &Ground) -> Vec<Attack> {
    let at_place = |position: KeyPosition, kind: AddressKind| {
        chosen(ground, move |c| c.change = Some(Change { position, kind, after: 0 }))
    };
    let set = |bytes: Vec<u8>| move |r: &mut SigningRequest| r.unsigned.bytes = bytes;
    let base = &ground.bitcoin;
    let script = |position, kind| ScriptBuf::from_bytes(ringi_sim::coins::script(&ground.standard, kind, position));
    let beyond = script(change(20), AddressKind::P2tr);
    let received = script(receive(5), AddressKind::P2tr);
    let locked = |to: ScriptBuf, position: KeyPosition| {
        bad(ground, "bytes.refused", move |p| {
            p.unsigned_tx.output[CHANGE].script_pubkey = to;
            change_hint(position)(p);
        })
    };
    let last = chosen(ground, |c| c.change = c.change.map(|x| Change { after: 1, ..x }));
    vec![
        fine("another index", base, set(at_place(change(0), AddressKind::P2tr))),
        fine("the last index of the gap", base, set(at_place(change(19), AddressKind::P2tr))),
        fine("segwit change", base, set(at_place(change(5), AddressKind::P2wpkh))),
        fine("change behind the payment", base, set(last)),
        // C1: beyond the gap, off the change branch, somebody else's, without its hint.
        locked(beyond, change(20)),
        locked(received, receive(5)),
        locked(ScriptBuf::from_bytes(somebody(9)), change(5)),
    ]
}

/// Says of the change that its key lies here.
fn change_hint(position: KeyPosition) -> impl Fn(&mut Psbt) {
    move |p| p.outputs[CHANGE].tap_key_origins.values_mut().for_each(|o| o.1.1 = path(position))
}

fn change_hints(ground: &Ground) -> Vec<Attack> {
    let elsewhere = Change { position: change(6), kind: AddressKind::P2tr, after: 0 };
    let moved = chosen(ground, |c| c.change = Some(elsewhere));
    vec![
        fine("another index and its script", &ground.bitcoin, |r| r.unsigned.bytes = moved),
        bad(ground, "bytes.refused", change_hint(change(6))),
        bad(ground, "bytes.effects_differ", |p| p.outputs[CHANGE] = ::bitcoin::psbt::Output::default()),
        bad(ground, "bytes.refused", |p| p.outputs.swap(0, 1)),
    ]
}

fn change_values(ground: &Ground) -> Vec<Attack> {
    let with = |sats: u64| move |p: &mut Psbt| p.unsigned_tx.output[CHANGE].value = Sats::from_sat(sats);
    // 110,000 come in and 70,000 are paid: at most 2,000 may be left to the miner.
    vec![
        good(ground, "no fee", with(40_000)),
        good(ground, "the maximum", with(38_000)),
        bad(ground, "bytes.fee_above_maximum", with(37_999)),
        bad(ground, "bytes.fee_above_maximum", with(1)),
        bad(ground, "bytes.refused", with(40_001)),
        bad(ground, "bytes.refused", with(0)),
    ]
}

/// Every other field that a PSBT may have: none is understood, so none is taken.
fn others(ground: &Ground) -> Vec<Attack> {
    let key = || raw::Key { type_value: 0x7f, key: vec![1] };
    let script = || Some(ScriptBuf::from_bytes(vec![0x51]));
    vec![
        bad(ground, "bytes.refused", |p| p.version = 2),
        bad(ground, "bytes.refused", |p| drop(p.unknown.insert(key(), vec![1]))),
        bad(ground, "bytes.refused", |p| drop(p.inputs[0].unknown.insert(key(), vec![1]))),
        bad(ground, "bytes.refused", |p| drop(p.outputs[0].unknown.insert(key(), vec![1]))),
        bad(ground, "bytes.refused", |p| p.inputs[0].redeem_script = script()),
        bad(ground, "bytes.refused", |p| p.inputs[0].witness_script = script()),
        bad(ground, "bytes.refused", |p| p.inputs[0].final_script_sig = script()),
        bad(ground, "bytes.refused", |p| p.outputs[1].redeem_script = script()),
        bad(ground, "bytes.refused", |p| p.outputs[1].witness_script = script()),
        at(&ground.bitcoin, "bytes.refused", |r| r.unsigned.bytes.push(0)),
        at(&ground.bitcoin, "bytes.refused", |r| r.unsigned.bytes.truncate(100)),
        at(&ground.bitcoin, "bytes.refused", |r| r.unsigned.bytes.clear()),
    ]
}
