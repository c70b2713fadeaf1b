//! What a cosigner's attestation document says of the program besides its measurements: its `user_data` (rules E2, R1).

use crate::digest::Digest;
use crate::key::PublicKey;
use crate::scheme::PartyIndex;
use minicbor::{Decode, Encode};

/// Longest encoded claim: an NSM takes 512 bytes and more.
pub const CLAIM_BYTES: usize = 512;

/// Whose document it is. Public; believed because the measured program wrote it into its own document.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Claim {
    /// Always 1.
    #[n(0)]
    pub version: u8,
    /// The workspace, once genesis is installed.
    #[n(1)]
    pub genesis: Option<Digest>,
    /// Its number.
    #[n(2)]
    pub cosigner: PartyIndex,
    /// X25519 static key of its peers' channel.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub channel_key: [u8; 32],
    /// Ed25519 key that genesis names.
    #[n(4)]
    pub identity_key: PublicKey,
    /// Signs this boot's verdicts; never sealed (rule R1).
    #[n(5)]
    pub receipt_key: PublicKey,
    /// Its boot number; 0 before genesis.
    #[n(6)]
    pub boot: u64,
}
