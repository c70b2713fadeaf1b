//! The API as callers meet it: over a socket, before the real orchestrator and a real database.

mod access;
mod bodies;
mod description;
mod desk;
mod documents;
mod drafts;
mod feed;
mod http;
mod idempotency;
mod intents;
mod lists;
mod schema;
mod signatures;
mod wire;

/// Cosigners, chain and people of the store's tests: the gateway stands on the same world.
#[path = "../../../store/tests/it/world.rs"]
#[allow(dead_code)]
mod world;
