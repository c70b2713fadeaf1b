//! EVM chains over JSON-RPC.

mod balances;
mod broadcast;
mod choice;
mod config;
mod deposits;
mod error;
mod facts;
mod inclusion;
mod node;
mod nonce;
mod quantity;
mod rpc;
mod scan;

pub use broadcast::{Broadcast, BroadcastError};
pub use choice::{Outbid, choose};
pub use config::{Envelope, NodeConfig};
pub use deposits::{Deposit, DepositEvent, DepositSource, ScanRules, WatchState, Watched};
pub use error::{ChoiceError, Fault, NodeError};
pub use facts::{Facts, FeeFacts, NonceFacts};
pub use inclusion::{BlockRef, Confirmation, Inclusion, Mined};
pub use node::Node;
pub use nonce::choose_nonce;
pub use scan::{Scan, ScanError};
