//! The one command-line program: ceremonies, offline verification, the API's client, and the platform itself.
//!
//! Wiring and clap only. It starts `ringi-cosigner` and never links it.

mod access;
pub mod approver;
pub mod attestation;
pub mod audit;
mod brakes;
pub mod callback;
pub mod cli;
pub mod demo;
pub mod documents;
pub mod eif;
pub mod failure;
pub mod form;
mod founding;
pub mod fresh;
pub mod genesis;
pub mod keys;
pub mod kms;
pub mod log;
pub mod order;
pub mod output;
pub mod platform;
pub mod policy;
pub mod recovery;
pub mod remote;
pub mod run;
pub mod up;
pub mod upgrade;
pub mod verify;
pub mod witness;
pub mod words;

pub use cli::command;
