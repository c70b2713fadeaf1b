//! The signature schemes a workspace may hold a distributed key for, and the numbers of its cosigners.

use minicbor::{Decode, Encode};

/// A signature scheme. Rule K1: a workspace has one distributed key per scheme and root, never one across schemes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Scheme {
    /// ECDSA on secp256k1, low-s, over a 32-byte digest (SEC 1 §4.1; BIP-62 rule 5).
    #[n(0)]
    EcdsaSecp256k1,
    /// BIP-340 Schnorr on secp256k1 over a 32-byte message.
    #[n(1)]
    Bip340,
    /// Ed25519 over the message itself (RFC 8032, pure).
    #[n(2)]
    Ed25519,
}

impl Scheme {
    /// Every scheme, in wire order.
    pub const ALL: [Scheme; 3] = [Scheme::EcdsaSecp256k1, Scheme::Bip340, Scheme::Ed25519];

    /// The stable lower-case name used in text forms.
    pub fn name(self) -> &'static str {
        match self {
            Scheme::EcdsaSecp256k1 => "ecdsa-secp256k1",
            Scheme::Bip340 => "bip340",
            Scheme::Ed25519 => "ed25519",
        }
    }

    /// The scheme with this name, if there is one.
    pub fn from_name(name: &str) -> Option<Scheme> {
        Scheme::ALL.into_iter().find(|s| s.name() == name)
    }
}

/// A cosigner's number in its workspace, 1 to 9. It is its share's x-coordinate in every key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode)]
#[cbor(transparent)]
pub struct PartyIndex(#[n(0)] u8);

impl PartyIndex {
    /// The largest workspace: nine cosigners.
    pub const MAX: u8 = 9;

    /// `None` unless 1 <= n <= 9.
    pub fn new(n: u8) -> Option<PartyIndex> {
        (1..=Self::MAX).contains(&n).then_some(PartyIndex(n))
    }

    /// The number itself, 1 to 9.
    pub fn number(self) -> u8 {
        self.0
    }
}

impl std::fmt::Display for PartyIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl<'b, C> Decode<'b, C> for PartyIndex {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        PartyIndex::new(d.u8()?).ok_or_else(|| minicbor::decode::Error::message("cosigner number outside 1..=9"))
    }
}
