//! One cosigner's share of one distributed key.

use frost_core::keys::{KeyPackage, PublicKeyPackage, SigningShare, VerifyingShare};
use frost_core::{Ciphersuite, VerifyingKey};
use frost_ed25519::Ed25519Sha512;
use frost_secp256k1_tr::Secp256K1Sha256TR;
use k256::elliptic_curve::group::GroupEncoding;
use ringi_primitives::scheme::{PartyIndex, Scheme};
use std::collections::BTreeMap;
use zeroize::{Zeroize, Zeroizing};

use crate::Fault;
use crate::ecdsa::EcdsaParty;
use crate::frost::{FrostShare, identifier};
use crate::hd::{ChildKey, DeriveError, Ed, Memo, Node, Secp};
use crate::quorum::Quorum;
use crate::transcript::Framed;

/// A share of a key: secret, wiped on drop. A refresh makes a new one and leaves the old one as it is (PROTOCOL.md K2).
pub struct KeyShare {
    pub(crate) quorum: Quorum,
    pub(crate) facts: KeyFacts,
    pub(crate) tree: Tree,
    pub(crate) secret: Secret,
}

/// What may be known about a share. The chain code is not secret, but with the public key it shows every child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFacts {
    /// The signature scheme of the key.
    pub scheme: Scheme,
    /// How often the key was refreshed. Shares of different epochs do not sign together.
    pub epoch: u32,
    /// How many parties sign.
    pub threshold: u8,
    /// How many parties hold a share: those with the numbers from 1 to this one.
    pub parties: u8,
    /// Whose share this is.
    pub index: PartyIndex,
    /// The root public key: 33 bytes compressed SEC 1 for the secp256k1 schemes, 32 bytes for Ed25519.
    pub public_key: Vec<u8>,
    /// The chain code for [`crate::hd`].
    pub chain_code: [u8; 32],
}

pub(crate) enum Secret {
    Ecdsa(Box<EcdsaParty>),
    Bip340(Box<FrostShare<Secp256K1Sha256TR>>),
    Ed25519(Box<FrostShare<Ed25519Sha512>>),
}

/// The key's tree.
pub(crate) enum Tree {
    Secp(Memo<Secp>),
    Ed(Memo<Ed>),
}

/// Bytes that are no share of ours: damaged, of another version, or inconsistent in themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a key share")]
pub struct UnsealError;

const PATH: Fault = Fault::Misuse("the path gives no key");

const VERSION: u8 = 2;
/// Version, scheme, threshold, parties, index, epoch (big-endian), chain code.
const HEADER_LEN: usize = 5 + 4 + 32;

impl KeyShare {
    /// Everything that may be known about it.
    pub fn facts(&self) -> &KeyFacts {
        &self.facts
    }

    /// See [`KeyFacts::scheme`].
    pub fn scheme(&self) -> Scheme {
        self.facts.scheme
    }

    /// See [`KeyFacts::epoch`].
    pub fn epoch(&self) -> u32 {
        self.facts.epoch
    }

    /// See [`KeyFacts::threshold`].
    pub fn threshold(&self) -> u8 {
        self.facts.threshold
    }

    /// See [`KeyFacts::parties`].
    pub fn parties(&self) -> u8 {
        self.facts.parties
    }

    /// See [`KeyFacts::index`].
    pub fn index(&self) -> PartyIndex {
        self.facts.index
    }

    /// See [`KeyFacts::public_key`].
    pub fn public_key(&self) -> &[u8] {
        &self.facts.public_key
    }

    /// See [`KeyFacts::chain_code`].
    pub fn chain_code(&self) -> [u8; 32] {
        self.facts.chain_code
    }

    /// The public key at a path of non-hardened indices: what [`crate::hd::derive_public`] gives, from the remembered tree.
    ///
    /// # Errors
    /// See [`DeriveError`].
    pub fn child(&self, path: &[u32]) -> Result<ChildKey, DeriveError> {
        let (public_key, chain_code) = match &self.tree {
            Tree::Secp(tree) => tree.node(path).map(|n| (n.bytes.clone(), n.chain_code))?,
            Tree::Ed(tree) => tree.node(path).map(|n| (n.bytes.clone(), n.chain_code))?,
        };
        Ok(ChildKey { public_key, chain_code })
    }

    /// The share as plain bytes, for the caller's AEAD and nothing else: whoever reads t of these has the key.
    ///
    /// # Errors
    /// `Bug` if the libraries' serialisation fails.
    pub fn expose_bytes(&self) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let mut body = match &self.secret {
            Secret::Ecdsa(party) => crate::ecdsa::encode(party.as_ref())?,
            Secret::Bip340(share) => frost_bytes(share)?,
            Secret::Ed25519(share) => frost_bytes(share)?,
        };
        let mut bytes = Zeroizing::new(Vec::with_capacity(HEADER_LEN + body.len()));
        bytes.extend([VERSION, scheme_byte(self.scheme()), self.threshold(), self.parties(), self.index().number()]);
        bytes.extend(self.epoch().to_be_bytes());
        bytes.extend(self.chain_code());
        bytes.extend(&body);
        body.zeroize();
        Ok(bytes)
    }

    /// The share from the bytes that [`KeyShare::expose_bytes`] gave. Checks that they are consistent in themselves, not
    /// that they are genuine or fresh: that is the AEAD's and the caller's part.
    ///
    /// # Errors
    /// [`UnsealError`] on anything else.
    pub fn unseal_bytes(bytes: &[u8]) -> Result<KeyShare, UnsealError> {
        let (header, body) = bytes.split_first_chunk::<HEADER_LEN>().ok_or(UnsealError)?;
        let [version, scheme, threshold, parties, index, rest @ ..] = header;
        let (epoch, chain_code) = rest.split_first_chunk::<4>().ok_or(UnsealError)?;
        let scheme = Scheme::ALL.into_iter().find(|s| scheme_byte(*s) == *scheme).ok_or(UnsealError)?;
        if *version != VERSION {
            return Err(UnsealError);
        }
        let quorum = Quorum::new(*threshold, *parties).map_err(|_| UnsealError)?;
        let index = PartyIndex::new(*index).filter(|i| quorum.all().contains(i)).ok_or(UnsealError)?;
        let secret = match scheme {
            Scheme::EcdsaSecp256k1 => Secret::Ecdsa(Box::new(ecdsa_from(body, quorum, index)?)),
            Scheme::Bip340 => Secret::Bip340(Box::new(frost_from(body, quorum, index)?)),
            Scheme::Ed25519 => Secret::Ed25519(Box::new(frost_from(body, quorum, index)?)),
        };
        let mut code = [0; 32];
        code.copy_from_slice(chain_code);
        if let Secret::Ecdsa(party) = &secret
            && party.derivation_data.chain_code != code
        {
            return Err(UnsealError);
        }
        let epoch = u32::from_be_bytes(*epoch);
        KeyShare::assemble(quorum, index, epoch, code, secret).map_err(|_| UnsealError)
    }

    pub(crate) fn assemble(
        quorum: Quorum,
        index: PartyIndex,
        epoch: u32,
        chain_code: [u8; 32],
        secret: Secret,
    ) -> Result<KeyShare, Fault> {
        let facts = KeyFacts {
            scheme: secret.scheme(),
            epoch,
            threshold: quorum.threshold(),
            parties: quorum.parties(),
            index,
            public_key: secret.public_key()?,
            chain_code,
        };
        const NO_KEY: Fault = Fault::Bug("the public key is none");
        let (key, code) = (&facts.public_key, facts.chain_code);
        let tree = match facts.scheme {
            Scheme::EcdsaSecp256k1 | Scheme::Bip340 => Tree::Secp(Memo::new(key, code).map_err(|_| NO_KEY)?),
            Scheme::Ed25519 => Tree::Ed(Memo::new(key, code).map_err(|_| NO_KEY)?),
        };
        Ok(KeyShare { quorum, facts, tree, secret })
    }

    pub(crate) fn secp_node(&self, path: &[u32]) -> Result<Node<Secp>, Fault> {
        match &self.tree {
            Tree::Secp(memo) => memo.node(path).map_err(|_| PATH),
            Tree::Ed(_) => Err(Fault::Bug("another curve")),
        }
    }

    pub(crate) fn ed_node(&self, path: &[u32]) -> Result<Node<Ed>, Fault> {
        match &self.tree {
            Tree::Ed(memo) => memo.node(path).map_err(|_| PATH),
            Tree::Secp(_) => Err(Fault::Bug("another curve")),
        }
    }

    /// Hash of what all holders of this key in this epoch have in common.
    pub(crate) fn digest(&self) -> [u8; 32] {
        Framed::new("ringi/mpc/key/v1")
            .part(self.scheme().name().as_bytes())
            .part(&[self.threshold(), self.parties()])
            .part(&self.epoch().to_be_bytes())
            .part(self.public_key())
            .part(&self.chain_code())
            .finish()
    }
}

impl Secret {
    fn scheme(&self) -> Scheme {
        match self {
            Secret::Ecdsa(_) => Scheme::EcdsaSecp256k1,
            Secret::Bip340(_) => Scheme::Bip340,
            Secret::Ed25519(_) => Scheme::Ed25519,
        }
    }

    fn public_key(&self) -> Result<Vec<u8>, Fault> {
        const UNENCODABLE: Fault = Fault::Bug("public key does not serialise");
        match self {
            Secret::Ecdsa(party) => Ok(party.pk.to_bytes().to_vec()),
            Secret::Bip340(share) => share.public.verifying_key().serialize().map_err(|_| UNENCODABLE),
            Secret::Ed25519(share) => share.public.verifying_key().serialize().map_err(|_| UNENCODABLE),
        }
    }
}

fn scheme_byte(scheme: Scheme) -> u8 {
    match scheme {
        Scheme::EcdsaSecp256k1 => 0,
        Scheme::Bip340 => 1,
        Scheme::Ed25519 => 2,
    }
}

/// The signing share, the key, and the verifying shares of all parties in their order, each as RFC 9591 encodes it. One point
/// each: what the library's own packages repeat would be decoded, and its subgroup checked, twice.
fn frost_bytes<C: Ciphersuite>(share: &FrostShare<C>) -> Result<Vec<u8>, Fault> {
    const UNENCODABLE: Fault = Fault::Bug("share does not serialise");
    let secret = Zeroizing::new(share.key.signing_share().serialize());
    let mut points = vec![share.public.verifying_key().serialize().map_err(|_| UNENCODABLE)?];
    for verifying in share.public.verifying_shares().values() {
        points.push(verifying.serialize().map_err(|_| UNENCODABLE)?);
    }
    // One allocation, so that no freed copy of the share stays behind.
    let mut bytes = Vec::with_capacity(secret.len() + points.iter().map(Vec::len).sum::<usize>());
    bytes.extend(secret.iter());
    points.iter().for_each(|point| bytes.extend(point));
    Ok(bytes)
}

/// Bytes of a scalar in both ciphersuites.
const SCALAR: usize = 32;

fn frost_from<C: Ciphersuite>(body: &[u8], quorum: Quorum, me: PartyIndex) -> Result<FrostShare<C>, UnsealError> {
    let (secret, points) = body.split_at_checked(SCALAR).ok_or(UnsealError)?;
    let secret = SigningShare::<C>::deserialize(secret).map_err(|_| UnsealError)?;
    let parties = quorum.all();
    let count = parties.len().checked_add(1).ok_or(UnsealError)?;
    let length = points.len().checked_div(count).filter(|length| *length > 0).ok_or(UnsealError)?;
    let mut points = points.chunks(length);
    let key = VerifyingKey::<C>::deserialize(points.next().unwrap_or_default()).map_err(|_| UnsealError)?;
    let mut shares = BTreeMap::new();
    for party in parties {
        let point = points.next().ok_or(UnsealError)?;
        let id = identifier::<C>(party).map_err(|_| UnsealError)?;
        shares.insert(id, VerifyingShare::<C>::deserialize(point).map_err(|_| UnsealError)?);
    }
    let id = identifier::<C>(me).map_err(|_| UnsealError)?;
    let own = shares.get(&id).filter(|_| points.next().is_none()).ok_or(UnsealError)?;
    let threshold = u16::from(quorum.threshold());
    let key = KeyPackage::new(id, secret, *own, key, threshold);
    let public = PublicKeyPackage::new(shares, *key.verifying_key(), Some(threshold));
    Ok(FrostShare { key, public })
}

fn ecdsa_from(body: &[u8], quorum: Quorum, me: PartyIndex) -> Result<EcdsaParty, UnsealError> {
    let Ok((party, [])) = postcard::take_from_bytes::<EcdsaParty>(body) else { return Err(UnsealError) };
    let peers: Vec<u8> = quorum.peers_of(me).map_err(|_| UnsealError)?.iter().map(|p| p.number()).collect();
    let consistent = party.party_index.as_u8() == me.number()
        && party.parameters.threshold == quorum.threshold()
        && party.parameters.share_count == quorum.parties()
        && party.derivation_data.pk == party.pk
        && party.derivation_data.poly_point == party.poly_point
        && party.mul_senders.keys().map(|p| p.as_u8()).eq(peers.iter().copied())
        && party.mul_receivers.keys().map(|p| p.as_u8()).eq(peers.iter().copied());
    if consistent { Ok(party) } else { Err(UnsealError) }
}
