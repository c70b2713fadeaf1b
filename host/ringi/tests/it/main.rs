//! The command line as its users meet it: files, ceremonies, and verification that nothing slips past.

mod approver;
mod ceremonies;
mod evidence;
mod workspace;
