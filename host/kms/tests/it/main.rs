//! The key server as its clients meet it: boto3, the SDK for Rust, and bytes on a socket.

mod actions;
mod boto;
mod raw;
mod world;
