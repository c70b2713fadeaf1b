//! The embedded store: conformance, the folder's lock, damage; and the orchestrator over it, killed at every crash point.

mod conformance;
mod crash;
mod damage;
mod facts;
mod flow;
mod world;
