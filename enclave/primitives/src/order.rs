//! Orders: the only way share material moves or a limit is given back (rule G2). Signed by the admin quorum, used once.

use crate::address::Address;
use crate::digest::Digest;
use crate::genesis::Measurement;
use crate::id::{IntentId, OrderId};
use crate::key::PublicKey;
use crate::network::NetworkId;
use crate::policy_set::RootIndex;
use crate::scheme::{PartyIndex, Scheme};
use crate::time::UnixMs;
use minicbor::{Decode, Encode};

/// An order's body.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Order {
    /// Always 1.
    #[n(0)]
    pub version: u8,
    /// Unique; each cosigner carries it out at most once.
    #[n(1)]
    pub id: OrderId,
    /// The workspace.
    #[n(2)]
    pub genesis: Digest,
    /// When it was written.
    #[n(3)]
    pub issued_at: UnixMs,
    /// At most [`crate::limits::ORDER_LIFE_MS`] after `issued_at`.
    #[n(4)]
    pub expires_at: UnixMs,
    /// What to do.
    #[n(5)]
    pub action: OrderAction,
}

/// What the admin quorum orders.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum OrderAction {
    /// Make the distributed key of a scheme and root (rule K1).
    #[n(0)]
    KeyGeneration {
        /// Which.
        #[n(0)]
        key: KeyId,
    },
    /// New shares of the same key; the only thing that ends a ban (rule K2).
    #[n(1)]
    Refresh {
        /// Which.
        #[n(0)]
        key: KeyId,
        /// The epoch it makes.
        #[n(1)]
        epoch: u32,
        /// Bans that end with it.
        #[n(2)]
        clear_bans: Vec<PartyIndex>,
    },
    /// Let these boots sign although too few peers remember (rule B1): earlier intents and approvals are void and every
    /// window counts as exhausted for its full length.
    #[n(2)]
    Resume {
        /// Receipt keys of the boots that resume.
        #[n(0)]
        boot_keys: Vec<PublicKey>,
    },
    /// Give back what an intent that will never confirm was charged (rule L2).
    #[n(3)]
    GiveBack {
        /// The intent.
        #[n(0)]
        intent: IntentId,
    },
    /// Hand the whole state of one cosigner over to another image (rule E1).
    #[n(4)]
    Upgrade {
        /// Whose state. One: each hand-over is used up for itself.
        #[n(0)]
        cosigner: PartyIndex,
        /// The genesis version that must be in force: it allows the new image and names its key service's key.
        #[n(1)]
        head: Digest,
        /// The new image: one value for each register, the whole image's among them.
        #[n(2)]
        measurements: Vec<Measurement>,
    },
    /// Restore the shares of a cosigner whose state is lost, from its kits, into the one that replaces it (rule K3). Its peers
    /// know it by the genesis version that names its new keys.
    #[n(6)]
    Recovery {
        /// Which.
        #[n(0)]
        cosigner: PartyIndex,
        /// The channel key of its replacement, as genesis names it: recipients seal what they open to this key.
        #[n(1)]
        #[cbor(with = "minicbor::bytes")]
        channel_key: [u8; 32],
        /// Digests of the kits, one per key.
        #[n(2)]
        kits: Vec<Digest>,
        /// The policy set that must be in force there: no older one comes back with the shares.
        #[n(3)]
        policy: Digest,
        /// Nonces that accounts on chain have come to, where nobody may be left who remembers (rule I3).
        #[n(4)]
        nonces: Vec<NextNonce>,
    },
    /// Lift these freezes, and no other: one that is not named stays, and one that is named never comes back (rule P1).
    #[n(7)]
    Unfreeze {
        /// Digests of the freezes, 1 to [`crate::limits::LIFTED`].
        #[n(0)]
        freezes: Vec<Digest>,
    },
    /// A recovery drill (rule K3): recipients open kits for the cosigner that holds these very shares, which compares.
    #[n(8)]
    Drill {
        /// Which.
        #[n(0)]
        cosigner: PartyIndex,
        /// Its channel key, as genesis names it: recipients seal what they open to this key.
        #[n(1)]
        #[cbor(with = "minicbor::bytes")]
        channel_key: [u8; 32],
        /// Digests of the kits, one per key.
        #[n(2)]
        kits: Vec<Digest>,
    },
}

/// The nonce of an account's next transaction: those below it are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct NextNonce {
    /// The chain.
    #[n(0)]
    pub network: NetworkId,
    /// The account.
    #[n(1)]
    pub account: Address,
    /// Its next nonce.
    #[n(2)]
    pub nonce: u64,
}

/// A distributed key of the workspace: one per scheme and root (rule K1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct KeyId {
    /// The scheme.
    #[n(0)]
    pub scheme: Scheme,
    /// The root that vaults name.
    #[n(1)]
    pub root: RootIndex,
}
