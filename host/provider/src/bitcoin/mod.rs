//! Bitcoin: which coins a wallet has, which of them to spend, and whether Bitcoin's own code accepts the result.
//!
//! No node is spoken to yet: coins come from a [`CoinSource`], of which [`FixedCoins`] is the offline one.

mod coin;
mod consensus;
mod error;
mod fixed;
mod select;
mod weight;

pub use coin::{Coin, CoinSource, FeeRate, OwnScripts};
pub use consensus::{ConsensusError, consensus_accepts};
pub use error::{CoinError, SelectError};
pub use fixed::FixedCoins;
pub use select::{ChangeTo, Needs, select};
