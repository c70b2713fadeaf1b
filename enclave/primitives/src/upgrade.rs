//! Frames of a hand-over: a cosigner's whole state goes from its old image to the new one that an order names (rule E1).
//!
//! The host carries them between the two. It can lose them and start again, and can open nothing.

use crate::signed::Signed;
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

/// From host to cosigner.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum UpgradeStep {
    /// To the new image, which has no records yet: ask for the state under this order.
    #[n(0)]
    Ask {
        /// All versions of genesis, first to newest.
        #[n(0)]
        genesis: Vec<Signed>,
        /// An order of [`crate::order::OrderAction::Upgrade`].
        #[n(1)]
        order: Signed,
    },
    /// To the old image: hand over to whoever made this document. It may be said again until the new image has the state.
    #[n(1)]
    HandOver {
        /// The same order.
        #[n(0)]
        order: Signed,
        /// What [`UpgradeWord::Asked`] said.
        #[n(1)]
        document: ByteVec,
    },
    /// To the new image: what [`UpgradeWord::HandedOver`] said. The records follow.
    #[n(2)]
    Take {
        /// Its head.
        #[n(0)]
        head: HandOver,
    },
    /// To the new image: a record, in order.
    #[n(3)]
    Record {
        /// As [`UpgradeWord::Record`] said it.
        #[n(0)]
        record: ByteVec,
    },
}

/// From cosigner to host.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum UpgradeWord {
    /// The new image asks.
    #[n(0)]
    Asked {
        /// Its attestation document: what it is, and the key to seal to.
        #[n(0)]
        document: ByteVec,
    },
    /// The old image hands over, durably: from now on it does nothing else. The records follow.
    #[n(1)]
    HandedOver {
        /// Opens the records.
        #[n(0)]
        head: HandOver,
    },
    /// A sealed record of the state.
    #[n(2)]
    Record {
        /// Its bytes.
        #[n(0)]
        record: ByteVec,
    },
}

/// What opens the records of a hand-over, for the one who asked.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct HandOver {
    /// The key of the records: one message of Noise K, from the cosigner's channel key to the key in the asking document.
    #[n(0)]
    pub sealed_key: ByteVec,
    /// The old image's attestation document, which answers all of it.
    #[n(1)]
    pub document: ByteVec,
    /// How many records follow.
    #[n(2)]
    pub records: u32,
}
