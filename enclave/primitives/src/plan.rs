//! The plan: an intent in the chain's own terms, known before nonce, inputs and fees are chosen.

use crate::amount::Amount;
use crate::effects::Effect;
use crate::network::NetworkId;
use crate::time::UnixMs;
use minicbor::{Decode, Encode};

/// The effects asked for, with bounds. No nonce, no inputs: those are the host's choice within the bounds.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Plan {
    /// The chain.
    #[n(0)]
    pub network: NetworkId,
    /// Exactly these effects, in this order.
    #[n(1)]
    pub effects: Vec<Effect>,
    /// The most that may be paid in fees, in the network's own coin (rules I2, C1: always a cap). Zero for messages.
    #[n(2)]
    pub max_fee: Amount,
    /// After this nothing is signed for it.
    #[n(3)]
    pub expires_at: UnixMs,
}
