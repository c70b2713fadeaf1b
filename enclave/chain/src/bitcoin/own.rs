//! The wallet's own keys and scripts: the only inputs that are signed, the only change that is free (rule C1).

use crate::bitcoin::address::AddressKind;
use crate::{ChainError, KeySource};
use ::bitcoin::bip32::{ChildNumber, DerivationPath, Fingerprint, KeySource as Origin};
use ::bitcoin::key::{TapTweak as _, TweakedPublicKey, XOnlyPublicKey};
use ::bitcoin::psbt::{Input, Output};
use ::bitcoin::secp256k1::{PublicKey, Secp256k1, VerifyOnly};
use ::bitcoin::{CompressedPublicKey, ScriptBuf, TapLeafHash};
use ringi_primitives::wallet::{BRANCH_CHANGE, BRANCH_RECEIVE, KeyPosition};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Verification only: it holds no secret, so one serves all.
pub(super) static VERIFIER: LazyLock<Secp256k1<VerifyOnly>> = LazyLock::new(Secp256k1::verification_only);

/// One of the wallet's keys and the way it locks outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OwnKey {
    P2wpkh(CompressedPublicKey),
    /// The output key is the internal key tweaked for no scripts (BIP-341 "constructing and spending", BIP-86).
    P2tr {
        internal: XOnlyPublicKey,
        output: TweakedPublicKey,
    },
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
        Ok(match kind {
            AddressKind::P2wpkh => OwnKey::P2wpkh(CompressedPublicKey(key)),
            AddressKind::P2tr => {
                let internal = key.x_only_public_key().0;
                OwnKey::P2tr { internal, output: internal.tap_tweak(&VERIFIER, None).0 }
            }
        })
    }

    pub(super) fn kind(&self) -> AddressKind {
        match self {
            OwnKey::P2wpkh(_) => AddressKind::P2wpkh,
            OwnKey::P2tr { .. } => AddressKind::P2tr,
        }
    }

    /// What an output to this key is locked with.
    pub(super) fn script(&self) -> ScriptBuf {
        match self {
            OwnKey::P2wpkh(key) => ScriptBuf::new_p2wpkh(&key.wpubkey_hash()),
            OwnKey::P2tr { output, .. } => ScriptBuf::new_p2tr_tweaked(*output),
        }
    }

    /// The hint for this key at `at`, relative to the wallet. The fingerprint is zero: the parent is not told.
    pub(super) fn hint(&self, at: KeyPosition) -> Result<Hint, ChainError> {
        let step = |n: u32| ChildNumber::from_normal_idx(n).map_err(|_| ChainError::NoKey);
        let origin = (Fingerprint::default(), DerivationPath::from(vec![step(at.branch)?, step(at.index)?]));
        Ok(match self {
            OwnKey::P2wpkh(key) => Hint { v0: [(key.0, origin)].into(), ..Hint::default() },
            OwnKey::P2tr { internal, .. } => Hint {
                taproot: [(*internal, (Vec::new(), origin))].into(),
                internal: Some(*internal),
                ..Hint::default()
            },
        })
    }
}

/// The fields by which an input or output of a PSBT names a key (BIP-174, BIP-371).
#[derive(Default, PartialEq, Eq)]
pub(super) struct Hint {
    pub(super) v0: BTreeMap<PublicKey, Origin>,
    pub(super) taproot: BTreeMap<XOnlyPublicKey, (Vec<TapLeafHash>, Origin)>,
    pub(super) internal: Option<XOnlyPublicKey>,
}

impl Hint {
    pub(super) fn of_input(input: &Input) -> Hint {
        let (v0, taproot) = (input.bip32_derivation.clone(), input.tap_key_origins.clone());
        Hint { v0, taproot, internal: input.tap_internal_key }
    }

    pub(super) fn of_output(output: &Output) -> Hint {
        let (v0, taproot) = (output.bip32_derivation.clone(), output.tap_key_origins.clone());
        Hint { v0, taproot, internal: output.tap_internal_key }
    }

    /// Which key is named, if one is.
    ///
    /// # Errors
    /// [`ChainError::Forbidden`] if it is more than one, or one of a script tree.
    pub(super) fn place(&self) -> Result<Option<(AddressKind, KeyPosition)>, ChainError> {
        let v0: Vec<_> = self.v0.values().collect();
        let taproot: Vec<_> = self.taproot.values().collect();
        match (v0.as_slice(), taproot.as_slice(), self.internal) {
            ([], [], None) => Ok(None),
            ([origin], [], None) => Ok(Some((AddressKind::P2wpkh, position(origin)?))),
            ([], [(leaves, origin)], Some(_)) if leaves.is_empty() => Ok(Some((AddressKind::P2tr, position(origin)?))),
            _ => Err(ChainError::Forbidden("not one derivation hint")),
        }
    }
}

/// The position a derivation path names, relative to the wallet: branch and index. It is a claim: the key itself is
/// looked up in the caller's records and the whole hint compared with that key's (rule G3).
fn position(origin: &Origin) -> Result<KeyPosition, ChainError> {
    match origin.1.as_ref() {
        [ChildNumber::Normal { index: branch }, ChildNumber::Normal { index }] => {
            Ok(KeyPosition { branch: *branch, index: *index })
        }
        _ => Err(ChainError::Forbidden("a derivation hint that is not branch and index")),
    }
}
