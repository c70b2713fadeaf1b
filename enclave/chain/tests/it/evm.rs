//! EVM: vectors, properties, hostile payloads and the independent encoder.

mod transactions;
mod world;
