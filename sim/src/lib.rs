//! The world in one process from one seed: real cosigner step machines, a relay that obeys a script, a clock that is moved
//! by hand, and documents signed by made-up people. Hostile suites and crash runs are built on it.

pub mod authenticator;
pub mod coins;

pub mod enclaves;
pub mod history;
pub mod inside;
pub mod people;
pub mod recipients;
pub mod requests;
pub mod twin;
pub mod witnesses;
pub mod world;
