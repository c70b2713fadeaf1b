//! The command line as its users meet it: files, ceremonies, and verification that nothing slips past.

mod approver;
mod attested;
mod bad_node;
mod brakes;
mod bucket;
mod callback;
mod ceremonies;
mod changes;
mod commands;
mod concurrent;
mod evidence;
mod image;
mod kms;
mod lost;
mod node;
mod oracle;
mod platform;
mod production;
mod questions;
mod recovery;
mod rolling;
mod upgrade;
mod witness;
mod workspace;
