//! A witness: reads prices, balances and finality where its owner says, and signs what it saw for the platform (M1, L3).
//!
//! Its key is one that the policy set names; what it signs, cosigners believe as far as the policy set says. It never signs what it
//! could not read whole and exactly, and never anything for another workspace than the pinned one.

mod config;
pub mod decimal;
mod error;
mod fetch;
mod pointer;
mod rounds;
mod serve;

pub use config::{BalanceForm, Config, NodeForm, PriceForm};
pub use error::WitnessError;
pub use fetch::{Ask, Fetcher};
pub use pointer::at;
pub use rounds::{Report, Witness};
pub use serve::serve;
