//! The command line as its users meet it: files, ceremonies, and verification that nothing slips past.

mod approver;
mod ceremonies;
mod commands;
mod evidence;
mod image;
mod node;
mod platform;
mod workspace;
