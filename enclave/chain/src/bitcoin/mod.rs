//! Bitcoin: P2WPKH and P2TR key path wallets, PSBT v0 in and out (BIP-174, BIP-371), under rule C1.
//!
//! `plan` says what an intent asks, `encode` writes it down with the host's choice of coins, `decode` reads bytes that
//! nobody vouches for, `assemble` puts verified signatures in. Inside this crate the third-party crate is `::bitcoin`.

mod address;
mod assemble;
mod decode;
mod encode;
mod inspect;
mod own;
mod plan;
mod psbt;
mod sighash;

pub use address::{AddressKind, address_of, format_address, fuzz as fuzz_address, parse_address};
pub use assemble::{assemble, export_signed};
pub use decode::{decode, fuzz as fuzz_decode};
pub use encode::{Change, Choice, Input, encode};
pub use inspect::{SpentOutput, signed_vsize, spent_outputs, txid};
pub use plan::plan;
pub use psbt::fuzz as fuzz_psbt;
