//! The evaluator against a model of the same policies, written in Python from the documents: `oracles/policy/model.py`.

mod coverage;
mod dice;
mod oracle;
mod questions;
mod sets;
mod wire;
