//! Tests of the provider: against a node that misbehaves and against a real one.

mod anvil;
mod bitcoin_coins;
mod bitcoin_wallet;
mod chain;
mod deposits;
mod fake_node;
mod misbehaviour;
mod transfers;
