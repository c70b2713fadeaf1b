//! One signature, everything inside the cosigner: one initiator signature, no approvals, decode, policy, limits, channel,
//! sealing. Two cosigners and the relay run on this thread; storage acknowledges at once.

use crate::clock::thread_ns;
use crate::progress::Progress;
use crate::report::{Goal, Row};
use crate::{bare, machines};
use frost_ed25519::Ed25519Sha512;
use frost_secp256k1_tr::Secp256K1Sha256TR;
use ringi_chain::bitcoin::AddressKind;
use ringi_primitives::scheme::Scheme;
use ringi_sim::coins::{self, CoinDraft};
use ringi_sim::requests::{Draft, Standard, outcomes};
use ringi_sim::world::World;

/// Signatures per measurement: dkls23 takes milliseconds, FROST tenths of one.
const ECDSA: u64 = 60;
const SCHNORR: u64 = 200;
/// Measurements of each side, in turn, so that both see the same machine.
const PAIRS: usize = 7;
/// The standard policy's window holds no more.
const PER_DAY: u64 = 20;

/// Every scheme beside its bare library.
pub fn rows(progress: &Progress) -> Vec<Row> {
    let half = Goal::AtMost(2.0);
    let keys = Scheme::ALL.map(|scheme| (scheme, machines::keys(scheme)));
    let machine = |scheme: Scheme, rounds| {
        let shares = keys.iter().find(|(s, _)| *s == scheme).map(|(_, shares)| shares.as_slice());
        machines::sign(shares.expect("all schemes"), rounds)
    };
    let pairs = |what: &str, ours: &dyn Fn() -> f64, reference: &dyn Fn() -> f64| {
        progress.step(what);
        (0..PAIRS).map(|_| (ours(), reference())).collect::<Vec<_>>()
    };
    let ecdsa = pairs("ECDSA in the cosigner", &|| evm(ECDSA), &|| bare::dkls(ECDSA));
    let ecdsa_machine = pairs("ECDSA machine", &|| machine(Scheme::EcdsaSecp256k1, ECDSA), &|| bare::dkls(ECDSA));
    let frost_tr = || bare::frost::<Secp256K1Sha256TR>(SCHNORR);
    let taproot = pairs("BIP-340 in the cosigner", &|| taproot(SCHNORR), &frost_tr);
    let taproot_machine = pairs("BIP-340 machine", &|| machine(Scheme::Bip340, SCHNORR), &frost_tr);
    let ed_frost = || bare::frost::<Ed25519Sha512>(SCHNORR);
    let ed_machine = pairs("Ed25519 machine", &|| machine(Scheme::Ed25519, SCHNORR), &ed_frost);
    let overhead = around(&taproot, &taproot_machine);
    let ed: Vec<(f64, f64)> = ed_machine.iter().map(|(ours, reference)| (ours + overhead, *reference)).collect();
    vec![
        Row::beside("2-of-3 ECDSA signature, CPU per cosigner", &ecdsa, "ms", Some(Goal::AtMost(1.25))),
        Row::beside("  of it the threshold machine", &ecdsa_machine, "ms", None),
        Row::beside("2-of-3 BIP-340 signature, CPU per cosigner", &taproot, "ms", Some(half)),
        Row::beside("  of it the threshold machine", &taproot_machine, "ms", None),
        Row::beside("2-of-3 Ed25519 signature, machine + the rest as for BIP-340", &ed, "ms", Some(half)),
        Row::beside("  of it the threshold machine", &ed_machine, "ms", None),
    ]
}

/// What a cosigner does around the machine, milliseconds.
fn around(whole: &[(f64, f64)], machine: &[(f64, f64)]) -> f64 {
    let ours = |pairs: &[(f64, f64)]| crate::report::median(pairs.iter().map(|(ours, _)| *ours).collect());
    ours(whole) - ours(machine)
}

/// EVM payments.
fn evm(rounds: u64) -> f64 {
    signed(rounds, |world, standard, n| {
        Draft::payment(world, u8::try_from(n).expect("few rounds"), 1, n).bytes(standard)
    })
}

/// Bitcoin payments with one taproot input: another previous transaction each time.
fn taproot(rounds: u64) -> f64 {
    signed(rounds, |world, standard, n| {
        let id = u8::try_from(n).expect("few rounds");
        let mut draft = CoinDraft::payment(world, standard, id, 5_000);
        draft.choice.inputs = vec![coins::coin(standard, AddressKind::P2tr, coins::change(7), 50_000, id)];
        draft.bytes(standard)
    })
}

/// CPU milliseconds per cosigner of requests that are made beforehand: their cost is the clients'.
fn signed(rounds: u64, request: impl Fn(&World, &Standard, u64) -> Vec<u8>) -> f64 {
    let (mut world, standard) = Standard::world(7);
    let mut spent_ns = 0;
    for day in 0..rounds.div_ceil(PER_DAY) {
        let first = day * PER_DAY;
        let requests: Vec<_> = (first..first + PER_DAY).map(|n| request(&world, &standard, n)).collect();
        let from = thread_ns();
        for request in &requests {
            assert_eq!(outcomes(&world.sign(request, &[1, 2])), ["signed", "signed"]);
        }
        spent_ns += thread_ns() - from;
        world.pass(86_400_001);
    }
    spent_ns as f64 / 1e6 / (2 * rounds) as f64
}
