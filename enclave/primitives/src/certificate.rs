//! Key certificates and address statements: how anyone finds a wallet's address offline (rule A1).

use crate::cbor;
use crate::digest::{Digest, Domain};
use crate::genesis::{CosignerIdentity, Genesis, GenesisChain};
use crate::key::SignatureBytes;
use crate::network::NetworkId;
use crate::order::KeyId;
use crate::scheme::PartyIndex;
use crate::time::UnixMs;
use crate::wallet::{KeyPosition, WalletRef};
use minicbor::{Decode, Encode};
use std::collections::BTreeSet;

/// What all n cosigners agree a distributed key is.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct KeyCertificate {
    /// Always 1.
    #[n(0)]
    pub version: u8,
    /// The workspace.
    #[n(1)]
    pub genesis: Digest,
    /// Which key.
    #[n(2)]
    pub key: KeyId,
    /// The epoch whose shares are durable at all n; public key and chain code are the same in every epoch.
    #[n(3)]
    pub epoch: u32,
    /// Group public key: 33 bytes compressed SEC 1, or 32 bytes Ed25519.
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub public_key: Vec<u8>,
    /// BIP-32 chain code.
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    pub chain_code: [u8; 32],
}

impl KeyCertificate {
    /// What each cosigner's identity key signs once its share is durable (rule K2).
    pub fn digest(&self) -> Digest {
        Digest::of(Domain::KeyCertificate, &cbor::encode(self))
    }
}

/// A certificate with every cosigner's signature.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SignedCertificate {
    /// The certificate.
    #[n(0)]
    pub certificate: KeyCertificate,
    /// One signature per cosigner, in order of their numbers.
    #[n(1)]
    pub signatures: Vec<(PartyIndex, SignatureBytes)>,
}

impl SignedCertificate {
    /// Whether all n cosigners of this version of genesis signed it, in order.
    pub fn signed_by_all(&self, genesis: &Genesis) -> bool {
        self.signed_by(&genesis.cosigners)
    }

    /// Whether all n cosigners of one version of this genesis signed it, in order: a certificate outlives a cosigner's
    /// replacement (rule K3).
    pub fn signed_within(&self, genesis: &GenesisChain) -> bool {
        genesis.cosigners_of_versions().any(|cosigners| self.signed_by(cosigners))
    }

    fn signed_by(&self, cosigners: &[CosignerIdentity]) -> bool {
        let digest = self.certificate.digest();
        let signers: BTreeSet<_> = self.signatures.iter().map(|(p, _)| *p).collect();
        let ordered = self.signatures.is_sorted_by_key(|(p, _)| *p);
        let all = cosigners.len() == self.signatures.len() && signers.len() == self.signatures.len();
        ordered
            && all
            && self.signatures.iter().all(|(party, signature)| {
                let named = cosigners.iter().find(|c| c.index == *party);
                named.is_some_and(|c| c.identity_key.verifies_digest(&digest, signature))
            })
    }
}

/// What a cosigner says when a drill has passed (rule K3): more than half of its recipients opened a kit of its share of this
/// key for it, and what came of it is the share.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Drill {
    /// Always 1.
    #[n(0)]
    pub version: u8,
    /// The workspace.
    #[n(1)]
    pub genesis: Digest,
    /// Whose share.
    #[n(2)]
    pub cosigner: PartyIndex,
    /// Of which key, in whatever epoch.
    #[n(3)]
    pub key: KeyId,
    /// Digest of the order under which it was done.
    #[n(4)]
    pub order: Digest,
    /// When, by the cosigner's trusted time.
    #[n(5)]
    pub at: UnixMs,
}

impl Drill {
    /// What the cosigner's identity key signs.
    pub fn digest(&self) -> Digest {
        Digest::of(Domain::Drill, &cbor::encode(self))
    }
}

/// A drill with its cosigner's signature.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SignedDrill {
    /// What it says.
    #[n(0)]
    pub drill: Drill,
    /// By the cosigner's identity key.
    #[n(1)]
    pub signature: SignatureBytes,
}

impl SignedDrill {
    /// Whether the cosigner that it names, as one version of this genesis names it, signed it.
    pub fn signed_within(&self, genesis: &GenesisChain) -> bool {
        let digest = self.drill.digest();
        let own = |c: &CosignerIdentity| {
            c.index == self.drill.cosigner && c.identity_key.verifies_digest(&digest, &self.signature)
        };
        self.drill.genesis == genesis.root() && genesis.cosigners_of_versions().flatten().any(own)
    }
}

/// K3: whether every cosigner says that a drill of this key has passed.
pub fn drilled_by_all(drills: &[SignedDrill], key: &KeyId, genesis: &GenesisChain) -> bool {
    let of_key = || drills.iter().filter(|d| d.drill.key == *key && d.signed_within(genesis));
    genesis.head().cosigners.iter().all(|c| of_key().any(|d| d.drill.cosigner == c.index))
}

/// An address and all that is needed to derive it again (rule A1). The host writes it; the verifier believes only
/// the certificate's signatures and its own derivation.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AddressStatement {
    /// Always 1.
    #[n(0)]
    pub version: u8,
    /// The workspace.
    #[n(1)]
    pub genesis: Digest,
    /// The wallet.
    #[n(2)]
    pub wallet: WalletRef,
    /// Which of its keys.
    #[n(3)]
    pub position: KeyPosition,
    /// The chain.
    #[n(4)]
    pub network: NetworkId,
    /// `account` on EVM; `p2tr` or `p2wpkh` on Bitcoin.
    #[n(5)]
    pub kind: String,
    /// The address in the chain's text form.
    #[n(6)]
    pub address: String,
    /// The key it derives from.
    #[n(7)]
    pub certificate: SignedCertificate,
    /// Drills of that key; in production one of every cosigner (rule K3).
    #[n(8)]
    pub drills: Vec<SignedDrill>,
}
