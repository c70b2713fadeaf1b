//! Wallets: where a wallet's keys lie below the workspace's roots.
//!
//! A wallet costs no ceremony and no stored record: its path is a function of its vault and id, so every
//! cosigner and every offline verifier finds the same key, and a wallet of one vault can never be passed off
//! as one of another (rule G3).

use crate::digest::{Digest, Domain};
use crate::id::WalletId;
use minicbor::{Decode, Encode};

/// The number of a vault in the policy set: a group of wallets under one policy. Below 2^31.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct VaultIndex(#[n(0)] pub u32);

/// A wallet, exactly: its vault and its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct WalletRef {
    /// The vault whose policy rules it.
    #[n(0)]
    pub vault: VaultIndex,
    /// Its id.
    #[n(1)]
    pub wallet: WalletId,
}

/// Receiving keys.
pub const BRANCH_RECEIVE: u32 = 0;
/// Change keys (rule C1).
pub const BRANCH_CHANGE: u32 = 1;

/// The last two steps of a path, below the wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct KeyPosition {
    /// [`BRANCH_RECEIVE`] or [`BRANCH_CHANGE`].
    #[n(0)]
    pub branch: u32,
    /// Index on the branch, below 2^31.
    #[n(1)]
    pub index: u32,
}

impl KeyPosition {
    /// The account key of chains with one address per wallet.
    pub const ACCOUNT: KeyPosition = KeyPosition { branch: BRANCH_RECEIVE, index: 0 };
}

impl WalletRef {
    /// The non-hardened path of a key: vault / 31 bits / 31 bits / branch / index, where the 62 bits are the head of
    /// H(wallet path ‖ wallet id). `None` if a step is 2^31 or more.
    pub fn path(&self, position: KeyPosition) -> Option<[u32; 5]> {
        let Digest(h) = Digest::of(Domain::WalletPath, &self.wallet.bytes());
        let word = |at: usize| -> Option<u32> {
            let bytes: [u8; 4] = h.get(at..at.checked_add(4)?)?.try_into().ok()?;
            Some(u32::from_be_bytes(bytes) & 0x7fff_ffff)
        };
        let path = [self.vault.0, word(0)?, word(4)?, position.branch, position.index];
        path.iter().all(|step| *step < 1 << 31).then_some(path)
    }
}
