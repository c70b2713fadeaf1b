//! What the host learns of chains and what it chooses there: facts, nonces, coins, fees, broadcast, finality.
//!
//! A provider never decides anything about safety. Its nodes may be down, slow or lying: a lie can delay or stop a
//! transfer, make it cost up to the signed maximum fee, or show a wrong balance. What is signed is decided by cosigners,
//! who decode the bytes themselves and ask no node.

pub mod bitcoin;
pub mod evm;
