//! The wallet's own keys and scripts: the only inputs that are signed, the only change that is free (rule C1).

use crate::bitcoin::address::AddressKind;
use crate::{ChainError, KeySource};
use ::bitcoin::bip32::{ChildNumber, DerivationPath, Fingerprint, KeySource as Origin};
use ::bitcoin::key::{TapTweak as _, TweakedPublicKey, XOnlyPublicKey};
use ::bitcoin::secp256k1::{PublicKey, Secp256k1, VerifyOnly};
use ::bitcoin::{CompressedPublicKey, ScriptBuf};
use ringi_primitives::wallet::{BRANCH_CHANGE, BRANCH_RECEIVE, KeyPosition};

/// Steps a hint's path may have: BIP-86 has five, ours has five.
const PATH_STEPS: usize = 16;

/// One of the wallet's keys and the way it locks outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OwnKey {
    kind: AddressKind,
    key: PublicKey,
}

impl OwnKey {
    /// The key at a position, from the caller's own records.
    pub(super) fn find(keys: &dyn KeySource, kind: AddressKind, at: KeyPosition) -> Result<OwnKey, ChainError> {
        if at.branch != BRANCH_RECEIVE && at.branch != BRANCH_CHANGE {
            return Err(ChainError::NoKey);
        }
        OwnKey::from_bytes(kind, &keys.public_key(kind.scheme(), at).ok_or(ChainError::NoKey)?)
    }

    pub(super) fn from_bytes(kind: AddressKind, key: &[u8]) -> Result<OwnKey, ChainError> {
        let compressed: [u8; 33] = key.try_into().map_err(|_| ChainError::NoKey)?;
        let key = PublicKey::from_slice(&compressed).map_err(|_| ChainError::NoKey)?;
        Ok(OwnKey { kind, key })
    }

    pub(super) fn kind(&self) -> AddressKind {
        self.kind
    }

    /// As ECDSA uses it.
    pub(super) fn public(&self) -> PublicKey {
        self.key
    }

    /// As taproot uses it, before the tweak.
    pub(super) fn internal(&self) -> XOnlyPublicKey {
        self.key.x_only_public_key().0
    }

    /// As taproot uses it, tweaked for no scripts (BIP-341 "constructing and spending").
    pub(super) fn tweaked(&self, secp: &Secp256k1<VerifyOnly>) -> TweakedPublicKey {
        self.internal().tap_tweak(secp, None).0
    }

    /// What an output to this key is locked with.
    pub(super) fn script(&self) -> ScriptBuf {
        match self.kind {
            AddressKind::P2wpkh => ScriptBuf::new_p2wpkh(&CompressedPublicKey(self.key).wpubkey_hash()),
            AddressKind::P2tr => ScriptBuf::new_p2tr_tweaked(self.tweaked(&Secp256k1::verification_only())),
        }
    }
}

/// The position a derivation hint names: its last two steps. The fingerprint and the steps before say nothing here,
/// since the key itself is looked up in the caller's records and compared (rule G3).
pub(super) fn hinted_position(origin: &Origin) -> Result<KeyPosition, ChainError> {
    let steps: &[ChildNumber] = origin.1.as_ref();
    if steps.len() > PATH_STEPS {
        return Err(ChainError::TooLarge("derivation path"));
    }
    match steps {
        [.., ChildNumber::Normal { index: branch }, ChildNumber::Normal { index }] => {
            Ok(KeyPosition { branch: *branch, index: *index })
        }
        _ => Err(ChainError::Forbidden("derivation hint does not end in branch and index")),
    }
}

/// A hint for a position, relative to the wallet. The fingerprint is zero: the wallet's parent is not told.
pub(super) fn hint(at: KeyPosition) -> Result<Origin, ChainError> {
    let step = |n: u32| ChildNumber::from_normal_idx(n).map_err(|_| ChainError::NoKey);
    Ok((Fingerprint::default(), DerivationPath::from(vec![step(at.branch)?, step(at.index)?])))
}
