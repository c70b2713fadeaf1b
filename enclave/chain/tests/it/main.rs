//! Integration tests of the chain families.

mod bitcoin;
mod evm;
