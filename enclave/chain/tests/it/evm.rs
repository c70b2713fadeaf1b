//! EVM: vectors, properties, hostile payloads and the independent encoder.

mod abi;
mod hostile;
mod offchain;
mod oracle;
mod properties;
mod transactions;
mod vectors;
mod world;
