//! EVM chains: what their transactions and messages mean.
//!
//! [`plan`] turns an intent into effects, [`encode`] turns a plan and the host's [`Choice`] into bytes, [`decode`] reads
//! such bytes back into effects and the digest to sign, [`assemble`] joins bytes and signature. Reading is strict: what is
//! accepted has exactly one spelling. RLP comes from `alloy-rlp`; ABI and EIP-712 are read here, because the general
//! libraries accept more than one spelling of a value and would bring fifty crates into the measured image.
//!
//! # Delegation (EIP-7702) and its slot
//! A `Delegate` intent is signed twice: first the authorization (nonce `n + 1`), then the transaction that carries it
//! (type 4, nonce `n`), a call of nothing to the wallet itself. The chain raises the sender's nonce before it looks at
//! authorizations, so a self-sponsored one always names the transaction's nonce plus one. Both payloads decode to the
//! plan's one effect and to the same slot `n`, so rule I3 pins them together. The authorization also uses up `n + 1`: the
//! host must leave that number free. A cancel at `n` leaves an authorization that was already handed out usable at
//! `n + 1` by anybody: until that nonce is used too, it counts as done.

mod abi;
mod account;
mod assemble;
mod authorization;
mod calls;
mod choice;
mod decode;
mod encode;
mod envelope;
mod erc20;
pub mod fuzz;
mod keccak;
mod message;
mod plan;
mod rlp;
mod signature;
mod typed_data;

pub use abi::Value;
pub use account::{address_from_key, format_address, parse_address};
pub use assemble::assemble;
pub use authorization::SignedAuthorization;
pub use choice::{AccessEntry, Choice, Fees};
pub use decode::decode;
pub use encode::{Target, encode, encode_authorization, encode_message, target};
pub use keccak::keccak256;
pub use plan::plan;
