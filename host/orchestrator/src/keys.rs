//! A wallet's public keys, derived from key certificates (rule A1); the branch nodes are kept, so that an address costs one step.

use ringi_chain::{ChainError, KeySource, bitcoin, evm};
use ringi_mpc::hd::{ChildKey, derive_public};
use ringi_primitives::certificate::SignedCertificate;
use ringi_primitives::limits;
use ringi_primitives::network::NetworkId;
use ringi_primitives::order::KeyId;
use ringi_primitives::policy_set::RootIndex;
use ringi_primitives::scheme::Scheme;
use ringi_primitives::wallet::{BRANCH_CHANGE, BRANCH_RECEIVE, KeyPosition, WalletRef};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::ports::OwnAddress;

/// One wallet's keys of every scheme its root has.
pub(crate) struct WalletKeys {
    wallet: WalletRef,
    root: RootIndex,
    certificates: Arc<BTreeMap<KeyId, SignedCertificate>>,
    branches: Mutex<BTreeMap<(Scheme, u32), ChildKey>>,
    keys: Mutex<BTreeMap<(Scheme, KeyPosition), Vec<u8>>>,
}

impl WalletKeys {
    pub(crate) fn new(
        wallet: WalletRef,
        root: RootIndex,
        certificates: Arc<BTreeMap<KeyId, SignedCertificate>>,
    ) -> WalletKeys {
        WalletKeys { wallet, root, certificates, branches: Mutex::default(), keys: Mutex::default() }
    }

    pub(crate) fn certificate(&self, scheme: Scheme) -> Option<&SignedCertificate> {
        self.certificates.get(&KeyId { scheme, root: self.root })
    }

    fn branch(&self, scheme: Scheme, position: KeyPosition) -> Option<ChildKey> {
        let mut branches = self.branches.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(node) = branches.get(&(scheme, position.branch)) {
            return Some(node.clone());
        }
        let root = &self.certificate(scheme)?.certificate;
        let path = self.wallet.path(position)?;
        let node = derive_public(scheme, &root.public_key, &root.chain_code, path.get(..4)?).ok()?;
        branches.insert((scheme, position.branch), node.clone());
        Some(node)
    }

    /// One own address; its kind follows from the scheme.
    pub(crate) fn address(
        &self,
        network: NetworkId,
        kind: &'static str,
        position: KeyPosition,
    ) -> Result<OwnAddress, ChainError> {
        let (scheme, form) = match (network, kind) {
            (NetworkId::Evm(_), "account") => (Scheme::EcdsaSecp256k1, None),
            (NetworkId::Bitcoin(net), "p2tr") => (Scheme::Bip340, Some((net, bitcoin::AddressKind::P2tr))),
            (NetworkId::Bitcoin(net), "p2wpkh") => (Scheme::EcdsaSecp256k1, Some((net, bitcoin::AddressKind::P2wpkh))),
            _ => return Err(ChainError::Unsupported("this kind of address")),
        };
        let key = self.public_key(scheme, position).ok_or(ChainError::NoKey)?;
        let (address, text) = match form {
            Some((net, kind)) => bitcoin::address_of(net, kind, &key)?,
            None => {
                let address = evm::address_from_key(&key)?;
                (address, evm::format_address(&address))
            }
        };
        Ok(OwnAddress { position, kind, address, text })
    }

    /// Every address whose coins are the wallet's: on EVM the account; on Bitcoin `next(kind)` receiving ones per kind and
    /// the change gap. Kinds without a key are left out.
    pub(crate) fn own_addresses(&self, network: NetworkId, next: impl Fn(&str) -> u32) -> Vec<OwnAddress> {
        if matches!(network, NetworkId::Evm(_)) {
            return self.address(network, "account", KeyPosition::ACCOUNT).into_iter().collect();
        }
        let positions = |branch: u32, n: u32| (0..n).map(move |index| KeyPosition { branch, index });
        let all = ["p2tr", "p2wpkh"].into_iter().flat_map(|kind| {
            let receive = positions(BRANCH_RECEIVE, next(kind));
            receive.chain(positions(BRANCH_CHANGE, limits::CHANGE_GAP)).map(move |at| (kind, at))
        });
        all.filter_map(|(kind, at)| self.address(network, kind, at).ok()).collect()
    }
}

impl KeySource for WalletKeys {
    fn public_key(&self, scheme: Scheme, position: KeyPosition) -> Option<Vec<u8>> {
        if let Some(key) = self.keys.lock().unwrap_or_else(PoisonError::into_inner).get(&(scheme, position)) {
            return Some(key.clone());
        }
        let node = self.branch(scheme, position)?;
        let key = derive_public(scheme, &node.public_key, &node.chain_code, &[position.index]).ok()?.public_key;
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).insert((scheme, position), key.clone());
        Some(key)
    }
}
