//! The HTTP API: signed requests in, problem+json out; it authenticates and translates, and decides nothing.
//!
//! A request passes [`admit`] (form, signature, key, rate, replay, idempotency) and [`permission`] (may this person do that),
//! then one handler of [`routes`], which calls the platform's [`ringi_orchestrator::Service`]. [`client`] is the same contract from the other side.

mod access;
mod admit;
mod api;
mod audit;
pub mod client;
pub mod codes;
mod envelope;
mod events;
mod extract;
mod idempotency;
pub mod model;
mod openapi;
pub mod peer;
mod permission;
mod problem;
mod rate;
mod replay;
mod routes;
mod serve;
pub mod statuses;

pub use api::Config;
pub use openapi::openapi_json;
pub use problem::Problem;
pub use serve::{Gateway, serve};
