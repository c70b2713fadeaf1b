//! The words of the domain as types: what is asked, what bytes request, who signed, what was decided.
//!
//! No I/O, no clock, no randomness. Every stored or signed form is deterministic CBOR ([`cbor`]) under a
//! domain-separated digest ([`digest`]), or the verbatim bytes of a signed request body ([`intent`]).
//! Host and cosigner use this same code.

pub mod address;
pub mod amount;
pub mod approval;
pub mod asset;
pub mod brake;
pub mod cbor;
pub mod certificate;
pub mod claim;
pub mod decision;
pub mod digest;
pub mod effects;
pub mod fact;
pub mod fuzz;
pub mod genesis;
pub mod httpsig;
pub mod id;
pub mod intent;
pub mod key;
pub mod kit;
pub mod limits;
pub mod network;
pub mod order;
pub mod passkey;
pub mod plan;
pub mod policy_set;
pub mod receipt;
pub mod request;
pub mod scheme;
pub mod signed;
pub mod time;
pub mod trust;
pub mod upgrade;
pub mod wallet;
pub mod weigh;
pub mod wire;
pub mod zone;
