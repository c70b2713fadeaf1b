//! What a parse yields: effects and the digests to sign, joined so that nobody can check one and sign another.

use ringi_primitives::amount::Amount;
use ringi_primitives::effects::{Effect, Slot};
use ringi_primitives::scheme::Scheme;
use ringi_primitives::wallet::KeyPosition;

/// The wallet's public keys, found by the caller from its own records (rule G3), never from the request.
pub trait KeySource {
    /// The public key at a position: 33 bytes compressed SEC 1 for the secp256k1 schemes, 32 bytes for Ed25519;
    /// `None` where the workspace has no key of that scheme or the position is out of range.
    fn public_key(&self, scheme: Scheme, position: KeyPosition) -> Option<Vec<u8>>;

    /// The first change index the wallet has not used yet, by the caller's own records. Own change is recognised up to
    /// [`ringi_primitives::limits::CHANGE_GAP`] indices from here (rule C1). Who keeps no such record leaves this 0:
    /// then only the first indices are change, and a host uses those in turn.
    fn next_change_index(&self) -> u32 {
        0
    }
}

/// What is done to a derived key before it signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tweak {
    /// Nothing.
    None,
    /// The BIP-341 tweak of a key path spend without scripts (BIP-86).
    TaprootKeyPath,
}

/// One digest to sign and the key that must sign it. Only a chain's decoder makes one.
#[derive(Debug, PartialEq, Eq)]
pub struct SigHash {
    scheme: Scheme,
    position: KeyPosition,
    tweak: Tweak,
    digest: [u8; 32],
}

impl SigHash {
    pub(crate) fn new(scheme: Scheme, position: KeyPosition, tweak: Tweak, digest: [u8; 32]) -> SigHash {
        SigHash { scheme, position, tweak, digest }
    }

    /// The scheme that signs.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Which of the wallet's keys signs.
    pub fn position(&self) -> KeyPosition {
        self.position
    }

    /// What is done to that key first.
    pub fn tweak(&self) -> Tweak {
        self.tweak
    }

    /// The digest itself. Security: outside this crate only the cosigner's signing file may call this, together with
    /// a committed permit; a repository test greps for it.
    pub fn expose_to_signer(&self) -> [u8; 32] {
        self.digest
    }
}

/// What one parse of the bytes says: private, so that effects and digests cannot be mixed.
#[derive(Debug, PartialEq, Eq)]
pub struct Decoded {
    effects: Vec<Effect>,
    max_fee: Amount,
    slot: Slot,
    sighashes: Vec<SigHash>,
    coins: Option<Coins>,
}

/// The coins of a transaction of a chain that has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coins {
    /// How many inputs.
    pub inputs: u32,
    /// How many outputs, change included.
    pub outputs: u32,
    /// What all inputs hold, base units of the network's coin.
    pub value: Amount,
}

impl Decoded {
    pub(crate) fn new(effects: Vec<Effect>, max_fee: Amount, slot: Slot, sighashes: Vec<SigHash>) -> Decoded {
        Decoded { effects, max_fee, slot, sighashes, coins: None }
    }

    pub(crate) fn with_coins(self, coins: Coins) -> Decoded {
        Decoded { coins: Some(coins), ..self }
    }

    /// The transaction's coins; `None` where the chain has none, or for a message.
    pub fn coins(&self) -> Option<Coins> {
        self.coins
    }

    /// What the bytes request, in order.
    pub fn effects(&self) -> &[Effect] {
        &self.effects
    }

    /// The most that can be paid in fees, base units of the network's coin.
    pub fn max_fee(&self) -> Amount {
        self.max_fee
    }

    /// The slot the bytes take (rule I3).
    pub fn slot(&self) -> &Slot {
        &self.slot
    }

    /// What must be signed, in order.
    pub fn sighashes(&self) -> &[SigHash] {
        &self.sighashes
    }
}

/// A verified, broadcastable transaction (or a finished off-chain signature).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedTx {
    /// The bytes to broadcast; for a message the 65-byte signature.
    pub bytes: Vec<u8>,
    /// The transaction's id as explorers show it: `0x…` on EVM, reversed hex on Bitcoin.
    pub id: String,
}
