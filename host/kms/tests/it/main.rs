//! The key server as its clients meet it: boto3, the SDK for Rust, and bytes on a socket.

mod actions;
mod boto;
mod cms;
mod durable;
mod enclave;
mod errors;
mod foreign;
mod lint;
mod policies;
mod raw;
mod recipients;
mod sdk;
mod signatures;
mod world;
