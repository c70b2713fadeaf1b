//! Carries sealed frames between cosigners. It may drop, delay and reorder across pairs; it reads nothing.
//!
//! [`Relay`] is the in-process one: a bounded mailbox per ordered pair, order kept within a pair. Nothing here is trusted:
//! cosigners seal and number their frames themselves (rules S1, E2), so a lost frame is a retry, never a danger.

mod carrier;
mod endpoint;
mod mailbox;
mod relay;

pub use carrier::{Carrier, Due, Faithful, Letter};
pub use endpoint::{Endpoint, EndpointGone};
pub use relay::{MAILBOX_BYTES, MAILBOX_LETTERS, Notice, PostError, Relay};
