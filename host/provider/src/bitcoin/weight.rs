//! Sizes in weight units (BIP-141) before there is a transaction to measure.

use ringi_chain::bitcoin::AddressKind;

/// Version, lock time, marker and flag.
const FRAME: u64 = 4 * (4 + 4) + 2;
/// Outpoint, empty script with its length, sequence.
const INPUT: u64 = 4 * (36 + 1 + 4);

/// An input with its witness at its longest: DER signature of 72 bytes with its type, or a bare one of 64.
pub(super) fn input(kind: AddressKind) -> u64 {
    INPUT
        + match kind {
            AddressKind::P2wpkh => 1 + 1 + 72 + 1 + 33,
            AddressKind::P2tr => 1 + 1 + 64,
        }
}

/// An output locked with a script of so many bytes.
pub(super) fn output(script_bytes: usize) -> u64 {
    4 * (8 + compact_size(script_bytes) + script_bytes as u64)
}

/// A script's length by kind.
pub(super) fn script_bytes(kind: AddressKind) -> usize {
    match kind {
        AddressKind::P2wpkh => 22,
        AddressKind::P2tr => 34,
    }
}

/// Everything that is neither input nor output.
pub(super) fn frame(inputs: usize, outputs: usize) -> u64 {
    FRAME + 4 * (compact_size(inputs) + compact_size(outputs))
}

fn compact_size(n: usize) -> u64 {
    match n {
        0..=0xfc => 1,
        0xfd..=0xffff => 3,
        _ => 5,
    }
}
