//! Rule C1, attacked: each row tampers with a good PSBT in one way and names the refusal.

use super::fixture::*;
use ::bitcoin::bip32::{ChildNumber, DerivationPath, Fingerprint};
use ::bitcoin::hashes::Hash as _;
use ::bitcoin::psbt::{Psbt, PsbtSighashType, raw};
use ::bitcoin::transaction::Version;
use ::bitcoin::{Amount as Sats, ScriptBuf, Sequence, TxOut, absolute};
use ringi_chain::bitcoin::{AddressKind, Change, assemble, decode, encode};
use ringi_chain::{ChainError, KeySource};
use ringi_primitives::amount::Amount;
use ringi_primitives::effects::Effect;
use ringi_primitives::limits;
use ringi_primitives::request::{PayloadKind, Unsigned};
use ringi_primitives::wallet::KeyPosition;

const V0: usize = 0;
const TAPROOT: usize = 1;
const OWN_CHANGE: usize = 0;
const PAYMENT: usize = 1;

type Tamper = fn(&mut Psbt);

fn honest() -> (Wallet, Unsigned) {
    let wallet = Wallet::new("attacks");
    let (plan, choice) = mixed(&wallet);
    let unsigned = encode(&plan, &choice, &wallet).unwrap();
    (wallet, unsigned)
}

fn refusal(tamper: Tamper) -> ChainError {
    let (wallet, unsigned) = honest();
    let mut psbt = open(&unsigned);
    tamper(&mut psbt);
    match decode(&policy(), &wallet, NET, &close(&psbt)) {
        Ok(decoded) => panic!("taken: {:?}", decoded.effects()),
        Err(error) => error,
    }
}

fn check(rows: &[(&str, Tamper, ChainError)]) {
    let (wallet, unsigned) = honest();
    assert!(decode(&policy(), &wallet, NET, &unsigned).is_ok());
    for (name, tamper, expected) in rows {
        assert_eq!(refusal(*tamper), *expected, "{name}");
    }
}

const LIE: ChainError = ChainError::Forbidden("a spent output that is not the previous transaction's");
const NO_PREVIOUS: ChainError = ChainError::Forbidden("an input without its previous transaction");
const OTHER_PREVIOUS: ChainError = ChainError::Forbidden("a previous transaction that is not the one spent");
const FOREIGN: ChainError = ChainError::Forbidden("an input that is not the wallet's");
const TYPE: ChainError = ChainError::Forbidden("a signature type of the host's choosing");
const NOT_POSITION: ChainError = ChainError::Forbidden("a derivation hint that is not branch and index");
const HINT: ChainError = ChainError::Forbidden("not one derivation hint");
const NOT_CHANGE: ChainError = ChainError::Forbidden("change that is not the wallet's");
const NOT_UNDERSTOOD: ChainError = ChainError::Undecodable("PSBT field that is not understood");

fn utxo(psbt: &mut Psbt, n: usize) -> &mut TxOut {
    psbt.inputs[n].witness_utxo.as_mut().unwrap()
}

/// The same key presented as the owner of another kind of output.
fn present_as_taproot(psbt: &mut Psbt, n: usize, position: KeyPosition) {
    let wallet = Wallet::new("attacks");
    let input = &mut psbt.inputs[n];
    let origin = input.bip32_derivation.pop_first().unwrap().1;
    let bytes = wallet.public_key(AddressKind::P2tr.scheme(), position).unwrap();
    let key = ::bitcoin::XOnlyPublicKey::from_slice(&bytes[1..]).unwrap();
    input.tap_internal_key = Some(key);
    input.tap_key_origins.insert(key, (vec![], origin));
    input.witness_utxo.as_mut().unwrap().script_pubkey = wallet.script(AddressKind::P2tr, position);
}

#[test]
fn c1_amounts_are_proved() {
    check(&[
        ("v0 amount raised", |p| utxo(p, V0).value += Sats::from_sat(1), LIE),
        ("v0 amount lowered", |p| utxo(p, V0).value -= Sats::from_sat(1), LIE),
        ("taproot amount lowered beside v0", |p| utxo(p, TAPROOT).value -= Sats::from_sat(1), LIE),
        ("previous transaction of v0 left out", |p| p.inputs[V0].non_witness_utxo = None, NO_PREVIOUS),
        ("of taproot left out beside v0", |p| p.inputs[TAPROOT].non_witness_utxo = None, NO_PREVIOUS),
        (
            "amount raised in the previous transaction too",
            |p| {
                utxo(p, V0).value += Sats::from_sat(1);
                p.inputs[V0].non_witness_utxo.as_mut().unwrap().output[1].value += Sats::from_sat(1);
            },
            OTHER_PREVIOUS,
        ),
        (
            "previous transactions swapped",
            |p| {
                let one = p.inputs[V0].non_witness_utxo.take();
                p.inputs[V0].non_witness_utxo = std::mem::replace(&mut p.inputs[TAPROOT].non_witness_utxo, one);
            },
            OTHER_PREVIOUS,
        ),
        ("another output of it", |p| p.unsigned_tx.input[V0].previous_output.vout = 0, LIE),
        ("no output of it", |p| p.unsigned_tx.input[V0].previous_output.vout = 2, LIE),
        (
            "spent output left out",
            |p| p.inputs[V0].witness_utxo = None,
            ChainError::Forbidden("an input without its spent output"),
        ),
        ("a v0 coin presented as taproot", |p| present_as_taproot(p, V0, at(RECEIVE, 3)), LIE),
    ]);
}

/// The fee attack in full: each of two requests lies about the other coin; the two honest halves would fit together.
/// With v0 coins presented as taproot, taproot's own cover is no help: hence every input's previous transaction.
#[test]
fn c1_two_half_lies_never_make_a_whole() {
    let wallet = Wallet::new("attacks");
    let (plan, mut choice) = mixed(&wallet);
    choice.inputs[1] = coin(&wallet, AddressKind::P2wpkh, at(CHANGE, 7), 50_000, 2);
    let psbt = open(&encode(&plan, &choice, &wallet).unwrap());
    for (lied, position) in [(0, at(RECEIVE, 3)), (1, at(CHANGE, 7))] {
        let mut half = psbt.clone();
        half.inputs[lied].non_witness_utxo = None;
        utxo(&mut half, lied).value -= Sats::from_sat(900);
        assert_eq!(decode(&policy(), &wallet, NET, &close(&half)), Err(NO_PREVIOUS), "input {lied}");
        present_as_taproot(&mut half, lied, position);
        assert_eq!(decode(&policy(), &wallet, NET, &close(&half)), Err(NO_PREVIOUS), "input {lied} as taproot");
    }
}

/// Taproot alone could do without previous transactions, since its digests cover every amount: a lie spoils every
/// signature. The fee that is decided on shall be true all the same.
#[test]
fn c1_taproot_alone_proves_its_amounts_too() {
    let wallet = Wallet::new("attacks");
    let (plan, mut choice) = mixed(&wallet);
    choice.inputs[0] = coin(&wallet, AddressKind::P2tr, at(RECEIVE, 3), 60_000, 1);
    let mut psbt = open(&encode(&plan, &choice, &wallet).unwrap());
    utxo(&mut psbt, 1).value += Sats::from_sat(1);
    assert_eq!(decode(&policy(), &wallet, NET, &close(&psbt)), Err(LIE));
    psbt.inputs[1].non_witness_utxo = None;
    assert_eq!(decode(&policy(), &wallet, NET, &close(&psbt)), Err(NO_PREVIOUS));
}

#[test]
fn c1_foreign_inputs_are_refused() {
    check(&[
        (
            "an input of somebody else's",
            |p| {
                utxo(p, V0).script_pubkey = somebody(4);
            },
            FOREIGN,
        ),
        (
            "a hint at another own key",
            |p| *p.inputs[V0].bip32_derivation.values_mut().next().unwrap() = path(&[0, 4]),
            FOREIGN,
        ),
        (
            "a hint at another own taproot key",
            |p| p.inputs[TAPROOT].tap_key_origins.values_mut().next().unwrap().1 = path(&[1, 8]),
            FOREIGN,
        ),
        (
            "a third branch",
            |p| *p.inputs[V0].bip32_derivation.values_mut().next().unwrap() = path(&[2, 3]),
            ChainError::NoKey,
        ),
        ("no hint", |p| p.inputs[V0].bip32_derivation.clear(), FOREIGN),
        ("hints of both kinds", |p| p.inputs[TAPROOT].bip32_derivation = p.inputs[V0].bip32_derivation.clone(), HINT),
        (
            "a hint with another key's name",
            |p| {
                let origin = p.inputs[V0].bip32_derivation.pop_first().unwrap().1;
                p.inputs[V0].bip32_derivation.insert(public(at(RECEIVE, 4)), origin);
            },
            FOREIGN,
        ),
        (
            "another internal key",
            |p| p.inputs[TAPROOT].tap_internal_key = p.outputs[OWN_CHANGE].tap_internal_key,
            FOREIGN,
        ),
        ("no taproot hint", |p| p.inputs[TAPROOT].tap_key_origins.clear(), HINT),
        ("no internal key", |p| p.inputs[TAPROOT].tap_internal_key = None, HINT),
        (
            "a hardened hint",
            |p| *p.inputs[V0].bip32_derivation.values_mut().next().unwrap() = path(&[0, 3 | 1 << 31]),
            NOT_POSITION,
        ),
        (
            "a hint of three steps",
            |p| *p.inputs[V0].bip32_derivation.values_mut().next().unwrap() = path(&[9, 0, 3]),
            NOT_POSITION,
        ),
        (
            "a hint with a fingerprint",
            |p| p.inputs[V0].bip32_derivation.values_mut().next().unwrap().0 = Fingerprint::from([1; 4]),
            FOREIGN,
        ),
        (
            "a previous transaction with witnesses",
            |p| p.inputs[V0].non_witness_utxo.as_mut().unwrap().input[0].witness = vec![vec![1]].into(),
            ChainError::Undecodable("a previous transaction with witnesses"),
        ),
        (
            "a leaf of a script tree",
            |p| p.inputs[TAPROOT].tap_key_origins.values_mut().next().unwrap().0 = vec![leaf()],
            HINT,
        ),
    ]);
}

/// C1: only signatures that cover everything; the type is not the host's to choose, not even when it chooses right.
#[test]
fn c1_signature_types_are_not_chosen() {
    check(&[
        ("v0 ALL, spelled out", |p| p.inputs[V0].sighash_type = Some(PsbtSighashType::from_u32(1)), TYPE),
        ("v0 SIGHASH_NONE", |p| p.inputs[V0].sighash_type = Some(PsbtSighashType::from_u32(2)), TYPE),
        ("v0 SIGHASH_SINGLE", |p| p.inputs[V0].sighash_type = Some(PsbtSighashType::from_u32(3)), TYPE),
        ("v0 ANYONECANPAY", |p| p.inputs[V0].sighash_type = Some(PsbtSighashType::from_u32(0x81)), TYPE),
        ("v0 DEFAULT", |p| p.inputs[V0].sighash_type = Some(PsbtSighashType::from_u32(0)), TYPE),
        ("taproot ALL, a longer form", |p| p.inputs[TAPROOT].sighash_type = Some(PsbtSighashType::from_u32(1)), TYPE),
        ("taproot NONE", |p| p.inputs[TAPROOT].sighash_type = Some(PsbtSighashType::from_u32(2)), TYPE),
        ("unknown type", |p| p.inputs[TAPROOT].sighash_type = Some(PsbtSighashType::from_u32(0x1_0001)), TYPE),
    ]);
}

fn public(at: KeyPosition) -> ::bitcoin::secp256k1::PublicKey {
    let bytes = Wallet::new("attacks").public_key(AddressKind::P2wpkh.scheme(), at).unwrap();
    ::bitcoin::secp256k1::PublicKey::from_slice(&bytes).unwrap()
}

fn path(steps: &[u32]) -> (Fingerprint, DerivationPath) {
    let steps: Vec<ChildNumber> = steps.iter().map(|s| ChildNumber::from(*s)).collect();
    (Fingerprint::default(), DerivationPath::from(steps))
}

fn leaf() -> ::bitcoin::TapLeafHash {
    ::bitcoin::TapLeafHash::from_byte_array([1; 32])
}

fn rehint_change(p: &mut Psbt, steps: &[u32]) {
    p.outputs[OWN_CHANGE].tap_key_origins.values_mut().next().unwrap().1 = path(steps);
}

/// Output and hint of an own taproot key at any position, as an honest wallet would write them.
fn change_to(p: &mut Psbt, wallet: &Wallet, branch: u32, index: u32) {
    let bytes = wallet.public_key(AddressKind::P2tr.scheme(), at(branch, index)).unwrap();
    let key = ::bitcoin::XOnlyPublicKey::from_slice(&bytes[1..]).unwrap();
    p.unsigned_tx.output[OWN_CHANGE].script_pubkey = wallet.script(AddressKind::P2tr, at(branch, index));
    p.outputs[OWN_CHANGE].tap_internal_key = Some(key);
    p.outputs[OWN_CHANGE].tap_key_origins = [(key, (vec![], path(&[branch, index])))].into();
}

#[test]
fn c1_change_is_the_same_wallets_change_branch_within_the_gap() {
    const OFF_BRANCH: ChainError = ChainError::Forbidden("change off the change branch");
    const BEYOND: ChainError = ChainError::Forbidden("change beyond the index gap");
    check(&[
        ("script of somebody else", |p| p.unsigned_tx.output[OWN_CHANGE].script_pubkey = somebody(5), NOT_CHANGE),
        ("of another wallet, its own hint", |p| change_to(p, &Wallet::new("another"), CHANGE, 5), NOT_CHANGE),
        ("on the receive branch", |p| change_to(p, &Wallet::new("attacks"), RECEIVE, 5), OFF_BRANCH),
        ("at the gap", |p| change_to(p, &Wallet::new("attacks"), CHANGE, limits::CHANGE_GAP), BEYOND),
        ("far beyond", |p| change_to(p, &Wallet::new("attacks"), CHANGE, (1 << 31) - 1), BEYOND),
        ("hint at another index", |p| rehint_change(p, &[1, 6]), NOT_CHANGE),
        ("hint of one step", |p| rehint_change(p, &[5]), NOT_POSITION),
        ("internal key without hint", |p| p.outputs[OWN_CHANGE].tap_key_origins.clear(), HINT),
        ("hint without internal key", |p| p.outputs[OWN_CHANGE].tap_internal_key = None, HINT),
        ("hint on a payment", |p| p.outputs[PAYMENT] = p.outputs[OWN_CHANGE].clone(), NOT_CHANGE),
        (
            "a second change output",
            |p| {
                p.unsigned_tx.output.push(p.unsigned_tx.output[OWN_CHANGE].clone());
                p.outputs.push(p.outputs[OWN_CHANGE].clone());
                p.unsigned_tx.output.iter_mut().for_each(|o| o.value = Sats::from_sat(10_000));
            },
            ChainError::Forbidden("more than one change output"),
        ),
    ]);
}

/// The last index inside the gap is change; the gap moves with the caller's own record.
#[test]
fn c1_the_gap_begins_at_the_wallets_own_record() {
    let mut wallet = Wallet::new("attacks");
    let (plan, mut choice) = mixed(&wallet);
    let mut at_index = |wallet: &Wallet, index| {
        choice.change = Some(Change { position: at(CHANGE, index), kind: AddressKind::P2wpkh, after: 1 });
        encode(&plan, &choice, wallet).is_ok()
    };
    assert!(at_index(&wallet, limits::CHANGE_GAP - 1));
    assert!(!at_index(&wallet, limits::CHANGE_GAP));
    wallet.next_change_index = 1_000;
    assert!(at_index(&wallet, 1_000 + limits::CHANGE_GAP - 1));
    assert!(!at_index(&wallet, 1_000 + limits::CHANGE_GAP));
}

/// C1: what is not change is spending, own addresses included.
#[test]
fn c1_outputs_without_a_hint_are_spending() {
    let (wallet, unsigned) = honest();
    let mut psbt = open(&unsigned);
    psbt.outputs[OWN_CHANGE] = ::bitcoin::psbt::Output::default();
    let decoded = decode(&policy(), &wallet, NET, &close(&psbt)).unwrap();
    assert_eq!(decoded.effects().len(), 2);
    assert_eq!(decoded.effects()[0].beneficiary(), Some(wallet.address(AddressKind::P2tr, at(CHANGE, 5))));

    let own = wallet.address(AddressKind::P2wpkh, at(RECEIVE, 0));
    let (_, choice) = mixed(&wallet);
    let plan = plan_of(&[(own, 70_000)], 2_000);
    let decoded = decode(&policy(), &wallet, NET, &encode(&plan, &choice, &wallet).unwrap()).unwrap();
    assert_eq!(decoded.effects(), &plan.effects[..]);
}

#[test]
fn c1_effects_show_every_change_of_a_payment() {
    let (wallet, unsigned) = honest();
    let honest = decode(&policy(), &wallet, NET, &unsigned).unwrap();
    let rows: [(&str, Tamper); 4] = [
        ("recipient", |p| p.unsigned_tx.output[PAYMENT].script_pubkey = somebody(10)),
        ("amount", |p| p.unsigned_tx.output[PAYMENT].value -= Sats::from_sat(1)),
        ("one more payment", |p| {
            p.unsigned_tx.output.push(TxOut { value: Sats::from_sat(500), script_pubkey: somebody(11) });
            p.outputs.push(Default::default());
        }),
        ("outputs swapped, hints not", |p| {
            p.outputs.swap(0, 1);
            p.unsigned_tx.output.swap(0, 1);
            p.unsigned_tx.output[0].value = Sats::from_sat(1_000);
        }),
    ];
    for (name, tamper) in rows {
        let mut psbt = open(&unsigned);
        tamper(&mut psbt);
        let decoded = decode(&policy(), &wallet, NET, &close(&psbt)).unwrap();
        assert_ne!(decoded.effects(), honest.effects(), "{name}");
    }
    assert_eq!(refusal(|p| p.unsigned_tx.output.swap(0, 1)), NOT_CHANGE);
}

#[test]
fn c1_the_fee_is_what_is_left() {
    let (wallet, unsigned) = honest();
    assert_eq!(decode(&policy(), &wallet, NET, &unsigned).unwrap().max_fee(), Amount::from_u64(1_000));
    let mut psbt = open(&unsigned);
    psbt.unsigned_tx.output[OWN_CHANGE].value -= Sats::from_sat(5_000);
    assert_eq!(decode(&policy(), &wallet, NET, &close(&psbt)).unwrap().max_fee(), Amount::from_u64(6_000));
    const MORE: ChainError = ChainError::Amounts("more than all coins");
    check(&[
        (
            "outputs above inputs",
            |p| p.unsigned_tx.output[OWN_CHANGE].value += Sats::from_sat(1_001),
            ChainError::Amounts("inputs do not cover outputs"),
        ),
        (
            "an output above all coins",
            |p| p.unsigned_tx.output[PAYMENT].value = Sats::MAX_MONEY + Sats::from_sat(1),
            MORE,
        ),
        ("a sum that overflows", |p| p.unsigned_tx.output.iter_mut().for_each(|o| o.value = Sats::MAX), MORE),
        (
            "an output of nothing",
            |p| p.unsigned_tx.output[PAYMENT].value = Sats::ZERO,
            ChainError::Forbidden("an output of nothing"),
        ),
    ]);
}

#[test]
fn c1_only_kinds_that_somebody_can_spend_are_paid() {
    let (wallet, unsigned) = honest();
    let pay = |script: Vec<u8>| {
        let mut psbt = open(&unsigned);
        psbt.unsigned_tx.output[PAYMENT].script_pubkey = ScriptBuf::from_bytes(script);
        decode(&policy(), &wallet, NET, &close(&psbt)).map(|d| d.effects().len())
    };
    let program = |head: &[u8], len: usize| [head, &vec![7; len]].concat();
    let taproot = [&[0x51, 32][..], &::bitcoin::secp256k1::constants::GENERATOR_X].concat();
    let no_point = [&[0x51, 32][..], &[0xff; 32]].concat();
    let p2pkh = [&[0x76, 0xa9, 0x14][..], &[7; 20], &[0x88, 0xac]].concat();
    let p2sh = [&[0xa9, 0x14][..], &[7; 20], &[0x87]].concat();
    for good in [program(&[0, 20], 20), program(&[0, 32], 32), taproot, p2pkh, p2sh] {
        assert_eq!(pay(good), Ok(1));
    }
    let data = [&[0x6a, 4][..], b"data"].concat();
    let bare_key = [&[33, 2][..], &[7; 32], &[0xac]].concat();
    let unpaid = [
        data,
        bare_key,
        vec![],
        vec![0x51],
        no_point,
        program(&[0x52, 32], 32),
        program(&[0x51, 2], 2),
        program(&[0, 21], 21),
    ];
    for bad in unpaid {
        assert_eq!(pay(bad), Err(ChainError::Forbidden("an output of a kind that is not paid")));
    }
}

#[test]
fn i4_fields_of_the_transaction_stay_within_their_bounds() {
    check(&[
        (
            "version 0",
            |p| p.unsigned_tx.version = Version(0),
            ChainError::Forbidden("transaction version is not 1 or 2"),
        ),
        (
            "version 3",
            |p| p.unsigned_tx.version = Version(3),
            ChainError::Forbidden("transaction version is not 1 or 2"),
        ),
        (
            "a date",
            |p| p.unsigned_tx.lock_time = absolute::LockTime::from_consensus(500_000_000),
            ChainError::Forbidden("lock time is a date"),
        ),
        (
            "the same coin twice",
            |p| {
                p.unsigned_tx.input.push(p.unsigned_tx.input[V0].clone());
                p.inputs.push(p.inputs[V0].clone());
            },
            ChainError::Forbidden("an input stands twice"),
        ),
        (
            "too many outputs",
            |p| {
                for _ in 0..limits::INTENT_ACTIONS {
                    p.unsigned_tx.output.push(TxOut { value: Sats::ONE_SAT, script_pubkey: somebody(1) });
                    p.outputs.push(Default::default());
                }
            },
            ChainError::TooLarge("list of outputs"),
        ),
        (
            "too many inputs",
            |p| {
                for n in 0..u32::try_from(limits::SIGHASHES).unwrap() - 1 {
                    let mut input = p.unsigned_tx.input[V0].clone();
                    input.previous_output.vout = 2 + n;
                    p.unsigned_tx.input.push(input);
                    p.inputs.push(p.inputs[V0].clone());
                }
            },
            ChainError::TooLarge("list of inputs"),
        ),
    ]);
    let (wallet, unsigned) = honest();
    let mut psbt = open(&unsigned);
    psbt.unsigned_tx.input[V0].sequence = Sequence::ZERO;
    psbt.unsigned_tx.lock_time = absolute::LockTime::from_consensus(499_999_999);
    psbt.unsigned_tx.version = Version::ONE;
    assert!(decode(&policy(), &wallet, NET, &close(&psbt)).is_ok());
}

/// I4: every single bit of the PSBT. What is still taken differs in a bounded field only, or in a payment, and then the
/// effects say so.
#[test]
fn i4_every_bit_is_fixed_bounded_or_seen() {
    let (wallet, unsigned) = honest();
    let original = open(&unsigned);
    let before = decode(&policy(), &wallet, NET, &unsigned).unwrap();
    let mut taken = 0;
    for bit in 0..unsigned.bytes.len() * 8 {
        let mut changed = unsigned.clone();
        changed.bytes[bit / 8] ^= 1 << (bit % 8);
        let Ok(after) = decode(&policy(), &wallet, NET, &changed) else { continue };
        taken += 1;
        let mut psbt = open(&changed);
        psbt.unsigned_tx.version = original.unsigned_tx.version;
        psbt.unsigned_tx.lock_time = original.unsigned_tx.lock_time;
        psbt.unsigned_tx.input.iter_mut().zip(&original.unsigned_tx.input).for_each(|(a, b)| a.sequence = b.sequence);
        psbt.unsigned_tx.output[OWN_CHANGE].value = original.unsigned_tx.output[OWN_CHANGE].value;
        if after.effects() != before.effects() {
            psbt.unsigned_tx.output[PAYMENT] = original.unsigned_tx.output[PAYMENT].clone();
        }
        assert_eq!(psbt, original, "bit {bit}");
        assert_eq!(after.slot(), before.slot(), "bit {bit}");
    }
    // Sequences, the payment's hash, and the low bits of lock time and amounts.
    assert!((64 + 160..400).contains(&taken), "{taken}");
}

#[test]
fn fields_that_are_not_understood_are_refused() {
    check(&[
        ("unknown global", |p| drop(p.unknown.insert(key(0x77), vec![])), NOT_UNDERSTOOD),
        ("unknown of an input", |p| drop(p.inputs[0].unknown.insert(key(0x77), vec![])), NOT_UNDERSTOOD),
        ("unknown of an output", |p| drop(p.outputs[0].unknown.insert(key(0x77), vec![])), NOT_UNDERSTOOD),
        ("proprietary global", |p| drop(p.proprietary.insert(own_field(), vec![1])), NOT_UNDERSTOOD),
        ("proprietary of an input", |p| drop(p.inputs[0].proprietary.insert(own_field(), vec![1])), NOT_UNDERSTOOD),
        ("proprietary of an output", |p| drop(p.outputs[0].proprietary.insert(own_field(), vec![1])), NOT_UNDERSTOOD),
        ("extended key", |p| drop(p.xpub.insert(EXTENDED.parse().unwrap(), path(&[]))), NOT_UNDERSTOOD),
        (
            "RIPEMD preimage",
            |p| drop(p.inputs[0].ripemd160_preimages.insert(hash(b"x"), b"x".to_vec())),
            NOT_UNDERSTOOD,
        ),
        ("HASH160 preimage", |p| drop(p.inputs[0].hash160_preimages.insert(hash(b"x"), b"x".to_vec())), NOT_UNDERSTOOD),
        ("HASH256 preimage", |p| drop(p.inputs[0].hash256_preimages.insert(hash(b"x"), b"x".to_vec())), NOT_UNDERSTOOD),
        ("signature", |p| p.inputs[0].partial_sigs = [(public(at(0, 3)).into(), signature())].into(), NOT_UNDERSTOOD),
        ("taproot signature", |p| p.inputs[1].tap_key_sig = Some(taproot_signature()), NOT_UNDERSTOOD),
        (
            "taproot script signature",
            |p| {
                let key = p.inputs[1].tap_internal_key.unwrap();
                p.inputs[1].tap_script_sigs.insert((key, leaf()), taproot_signature());
            },
            NOT_UNDERSTOOD,
        ),
        ("redeem script", |p| p.inputs[0].redeem_script = Some(somebody(1)), NOT_UNDERSTOOD),
        ("witness script", |p| p.inputs[0].witness_script = Some(somebody(1)), NOT_UNDERSTOOD),
        ("final script", |p| p.inputs[0].final_script_sig = Some(somebody(1)), NOT_UNDERSTOOD),
        ("final witness", |p| p.inputs[0].final_script_witness = Some(Default::default()), NOT_UNDERSTOOD),
        ("merkle root", |p| p.inputs[1].tap_merkle_root = Some(root()), NOT_UNDERSTOOD),
        ("preimage", |p| drop(p.inputs[0].sha256_preimages.insert(hash(b"x"), b"x".to_vec())), NOT_UNDERSTOOD),
        ("redeem script of an output", |p| p.outputs[0].redeem_script = Some(somebody(1)), NOT_UNDERSTOOD),
        ("witness script of an output", |p| p.outputs[0].witness_script = Some(somebody(1)), NOT_UNDERSTOOD),
    ]);
}

fn key(type_value: u8) -> raw::Key {
    raw::Key { type_value, key: vec![1] }
}

fn own_field() -> raw::ProprietaryKey {
    raw::ProprietaryKey { prefix: b"x".to_vec(), subtype: 1, key: vec![] }
}

fn root() -> ::bitcoin::TapNodeHash {
    ::bitcoin::TapNodeHash::from_byte_array([1; 32])
}

fn hash<H: ::bitcoin::hashes::Hash>(bytes: &[u8]) -> H {
    <H as ::bitcoin::hashes::Hash>::hash(bytes)
}

const EXTENDED: &str =
    "xpub661MyMwAqRbcFkPHucMnrGNzDwb6teAX1RbKQmqtEF8kK3Z7LZ59qafCjB9eCRLiTVG3uxBxgKvRgbubRhqSKXnGGb1aoaqLrpMBDrVxga8";

fn signature() -> ::bitcoin::ecdsa::Signature {
    let signature = ::bitcoin::secp256k1::ecdsa::Signature::from_compact(&[1; 64]).unwrap();
    ::bitcoin::ecdsa::Signature::sighash_all(signature)
}

fn taproot_signature() -> ::bitcoin::taproot::Signature {
    ::bitcoin::taproot::Signature::from_slice(&[1; 64]).unwrap()
}

#[test]
fn other_payloads_networks_and_sizes_are_refused() {
    let (wallet, unsigned) = honest();
    for kind in [PayloadKind::TypedData, PayloadKind::Message, PayloadKind::Authorization] {
        let other = Unsigned { kind, bytes: unsigned.bytes.clone() };
        assert!(matches!(decode(&policy(), &wallet, NET, &other), Err(ChainError::Unsupported(_))));
    }
    let long = Unsigned { kind: PayloadKind::Transaction, bytes: vec![0; limits::UNSIGNED_BYTES + 1] };
    assert_eq!(decode(&policy(), &wallet, NET, &long), Err(ChainError::TooLarge("transaction")));
    let main = ringi_primitives::network::BitcoinNetwork::Main;
    assert_eq!(decode(&policy(), &wallet, main, &unsigned), Err(ChainError::Unknown("network")));
    let version = [&unsigned.bytes[..], &[0]].concat();
    let trailing = Unsigned { kind: PayloadKind::Transaction, bytes: version };
    assert!(matches!(decode(&policy(), &wallet, NET, &trailing), Err(ChainError::Undecodable(_))));
}

#[test]
fn signatures_of_other_keys_inputs_or_forms_do_not_assemble() {
    let (wallet, unsigned) = honest();
    let decoded = decode(&policy(), &wallet, NET, &unsigned).unwrap();
    let good = wallet.sign_all(&decoded);
    let put = |signatures: &[_]| assemble(&policy(), &wallet, NET, &unsigned, signatures);
    assert!(put(&good).is_ok());
    let swapped: Vec<_> = good.iter().rev().copied().collect();
    let others = Wallet::new("another").sign_all(&decoded);
    let mut high_s = good.clone();
    high_s[V0].bytes = with_high_s(&good[V0].bytes);
    let mut zero = good.clone();
    zero[V0].bytes = [0; 64];
    for (name, bad) in [("none", vec![]), ("one", good[..1].to_vec()), ("swapped", swapped), ("others", others)] {
        assert_eq!(put(&bad), Err(ChainError::BadSignature), "{name}");
    }
    for (name, bad) in [("high s", high_s), ("zero", zero), ("three", [&good[..], &good[..1]].concat())] {
        assert_eq!(put(&bad), Err(ChainError::BadSignature), "{name}");
    }
}

/// The same signature with n - s for s (BIP-62 rule 5 forbids it).
fn with_high_s(bytes: &[u8; 64]) -> [u8; 64] {
    let mut out = *bytes;
    let s = ::bitcoin::secp256k1::SecretKey::from_slice(&bytes[32..]).unwrap();
    out[32..].copy_from_slice(&s.negate().secret_bytes());
    out
}

#[test]
fn encode_keeps_to_the_plan() {
    let wallet = Wallet::new("attacks");
    let (plan, good) = mixed(&wallet);
    let refused = |change: &dyn Fn(&mut ringi_chain::bitcoin::Choice)| {
        let mut choice = good.clone();
        change(&mut choice);
        encode(&plan, &choice, &wallet).unwrap_err()
    };
    assert_eq!(refused(&|c| c.fee = Amount::from_u64(2_001)), ChainError::Amounts("fee above the plan's maximum"));
    assert_eq!(refused(&|c| c.change = None), ChainError::Amounts("something is left and no change"));
    assert_eq!(refused(&|c| c.inputs.truncate(1)), ChainError::Amounts("inputs do not cover payments and fee"));
    assert_eq!(refused(&|c| c.change.as_mut().unwrap().after = 2), ChainError::Amounts("change has no place"));
    assert_eq!(refused(&|c| c.inputs[0].vout = 2), ChainError::Undecodable("previous transaction has no such output"));
    assert_eq!(refused(&|c| c.inputs[0].position = at(RECEIVE, 4)), FOREIGN);
    assert_eq!(refused(&|c| c.inputs[1] = c.inputs[0].clone()), ChainError::Forbidden("an input stands twice"));
    assert_eq!(refused(&|c| c.inputs[0].previous_tx.push(0)), ChainError::Undecodable("previous transaction"));
    let exact = plan_of(&[(address(&somebody(9)), 109_700)], 2_000);
    let mut choice = good.clone();
    choice.fee = Amount::from_u64(200);
    assert_eq!(encode(&exact, &choice, &wallet), Err(ChainError::Amounts("change is below the dust limit")));
    choice.change = None;
    choice.fee = Amount::from_u64(300);
    assert!(encode(&exact, &choice, &wallet).is_ok());
    let mut elsewhere = plan.clone();
    elsewhere.network = ringi_primitives::network::NetworkId::Evm(1);
    assert_eq!(encode(&elsewhere, &good, &wallet), Err(ChainError::WrongChain));
    let mut approve = plan.clone();
    approve.effects = vec![Effect::Delegate { network: NETWORK, delegate: address(&somebody(9)) }];
    assert!(matches!(encode(&approve, &good, &wallet), Err(ChainError::Unsupported(_))));
}
