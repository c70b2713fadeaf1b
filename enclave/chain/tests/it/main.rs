//! Integration tests of the chain families.

mod evm;
