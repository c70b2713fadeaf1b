//! Genesis: who the admins and cosigners of a workspace are, signed by every admin (rule G1).
//!
//! The digest of the first version names the workspace for ever: it is in every key-generation transcript, sealing
//! AAD, intent, approval, address statement and receipt. Next versions are signed by the admin quorum of the one before.

use crate::digest::{Digest, Domain};
use crate::id::{PersonId, WorkspaceId};
use crate::key::PublicKey;
use crate::limits;
use crate::scheme::PartyIndex;
use crate::signed::Signed;
use crate::time::UnixMs;
use minicbor::{Decode, Encode};
use std::collections::BTreeSet;

/// A genesis document's body.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Genesis {
    /// Always 1.
    #[n(0)]
    pub version: u8,
    /// The workspace.
    #[n(1)]
    pub workspace: WorkspaceId,
    /// 0 for the first version, then 1, 2, …
    #[n(2)]
    pub sequence: u64,
    /// Digest of the version before; `None` for the first.
    #[n(3)]
    pub previous: Option<Digest>,
    /// When it was written.
    #[n(4)]
    pub created_at: UnixMs,
    /// The people who sign genesis, policy sets and orders.
    #[n(5)]
    pub admins: Vec<Admin>,
    /// How many distinct admins sign a policy set, an order or the next version; a majority at least.
    #[n(6)]
    pub admin_quorum: u32,
    /// Signers needed: 2t > n.
    #[n(7)]
    pub threshold: u8,
    /// All cosigners, numbered 1 to n in order.
    #[n(8)]
    pub cosigners: Vec<CosignerIdentity>,
    /// Allowed measurements of cosigner images (PCR digests); empty for plain processes.
    #[n(9)]
    pub measurements: Vec<Measurement>,
    /// SHA-256 of trusted attestation roots; empty for plain processes.
    #[n(10)]
    pub trust_roots: Vec<Digest>,
    /// WebAuthn relying parties for approvals (rule P2).
    #[n(11)]
    pub relying_parties: Vec<RelyingParty>,
    /// KMS key of each cosigner, by number (rule E1); empty for development.
    #[n(12)]
    pub kms_keys: Vec<String>,
    /// Who recovery kits are encrypted to (rule K3).
    #[n(13)]
    pub recovery: Vec<RecoveryRecipient>,
    /// What the cosigners run in; never upgradable (rule E3).
    #[n(14)]
    pub assurance: Assurance,
}

/// An admin and their one key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Admin {
    /// Identity.
    #[n(0)]
    pub id: PersonId,
    /// For display.
    #[n(1)]
    pub name: String,
    /// Their key.
    #[n(2)]
    pub key: PublicKey,
}

/// A cosigner's public keys; the secrets never leave it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CosignerIdentity {
    /// Its number, 1 to n.
    #[n(0)]
    pub index: PartyIndex,
    /// For display.
    #[n(1)]
    pub name: String,
    /// X25519 static key of its peers' channel.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub channel_key: [u8; 32],
    /// Ed25519 key that signs boot and key certificates.
    #[n(3)]
    pub identity_key: PublicKey,
}

/// One platform configuration register and its value.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Measurement {
    /// PCR number.
    #[n(0)]
    pub pcr: u8,
    /// SHA-384 value.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub value: Vec<u8>,
}

/// A WebAuthn relying party.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RelyingParty {
    /// RP id.
    #[n(0)]
    pub id: String,
    /// Allowed origins.
    #[n(1)]
    pub origins: Vec<String>,
}

/// Who a cosigner's recovery kit is encrypted to.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RecoveryRecipient {
    /// Which cosigner's kit.
    #[n(0)]
    pub cosigner: PartyIndex,
    /// The person.
    #[n(1)]
    pub person: PersonId,
    /// X25519 key.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub key: [u8; 32],
}

/// What a cosigner runs in, and so what its word is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Assurance {
    /// A plain process: root on the host can do anything.
    #[n(0)]
    Process,
    /// An emulated enclave: as a plain process, with the attested code path.
    #[n(1)]
    Qemu,
    /// AWS Nitro.
    #[n(2)]
    Nitro,
}

impl Assurance {
    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Assurance::Process => "process",
            Assurance::Qemu => "qemu",
            Assurance::Nitro => "nitro",
        }
    }
}

/// Why a genesis document is refused. Codes are `genesis.<name>`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// Not a canonical document within its bound.
    #[error("genesis document malformed")]
    Malformed,
    /// A field makes no sense; says which.
    #[error("genesis has a wrong {0}")]
    Field(&'static str),
    /// Not every admin (first version) or no quorum of the version before (next versions) signed.
    #[error("genesis lacks admin signatures")]
    Signatures,
    /// A next version that does not follow its predecessor.
    #[error("genesis version does not follow: {0}")]
    Succession(&'static str),
}

impl Genesis {
    /// The cosigner of this number.
    pub fn cosigner(&self, index: PartyIndex) -> Option<&CosignerIdentity> {
        self.cosigners.iter().find(|c| c.index == index)
    }

    /// Whether this version names the cosigner of that number by these very keys.
    pub fn names_keys_of(&self, other: &CosignerIdentity) -> bool {
        let same = |c: &CosignerIdentity| c.channel_key == other.channel_key && c.identity_key == other.identity_key;
        self.cosigner(other.index).is_some_and(same)
    }

    /// n.
    pub fn parties(&self) -> u8 {
        u8::try_from(self.cosigners.len()).unwrap_or(u8::MAX)
    }

    /// Peers whose answers make a grant: n - t + 1 (PROTOCOL, head).
    pub fn grant_size(&self) -> usize {
        usize::from(self.parties().saturating_sub(self.threshold)).saturating_add(1)
    }

    /// Whether this key is this admin's.
    pub fn is_admin_key(&self, person: &PersonId, key: &PublicKey) -> bool {
        self.admins.iter().any(|a| a.id == *person && a.key == *key)
    }

    /// Whether a quorum of distinct admins signed the document (policy set, order).
    pub fn quorum_signed(&self, signed: &Signed, domain: Domain) -> bool {
        let people = signed.verified_people(domain, |p, k| self.is_admin_key(p, k));
        u32::try_from(people.len()).is_ok_and(|n| n >= self.admin_quorum)
    }

    /// Who this cosigner's kit is encrypted to, in the order of the document.
    pub fn recovery_recipients(&self, cosigner: PartyIndex) -> impl Iterator<Item = &RecoveryRecipient> {
        self.recovery.iter().filter(move |r| r.cosigner == cosigner)
    }

    /// K3: how many of them open it: more than half. 0 for a cosigner without recipients.
    pub fn recovery_quorum(&self, cosigner: PartyIndex) -> usize {
        match self.recovery_recipients(cosigner).count() {
            0 => 0,
            count => (count / 2).saturating_add(1),
        }
    }

    /// K3: nobody serves t cosigners: whoever opens the kits of t, and so has the key, are more people than open one.
    fn recipients_are_apart(&self) -> bool {
        let serves = |person: &PersonId| self.recovery.iter().filter(|r| r.person == *person).count();
        self.recovery.iter().all(|r| serves(&r.person) < usize::from(self.threshold))
    }

    /// K3: every kit is a cosigner's of this genesis, a person counts once per kit, and no key opens two.
    fn recovery_sound(&self) -> bool {
        let kits: BTreeSet<_> = self.recovery.iter().map(|r| (r.cosigner, r.person)).collect();
        let keys: BTreeSet<_> = self.recovery.iter().map(|r| r.key).collect();
        let count = self.recovery.len();
        let few = |c: &CosignerIdentity| self.recovery_recipients(c.index).count() <= limits::KIT_RECIPIENTS;
        let checks = [
            self.cosigners.iter().all(few),
            kits.len() == count,
            keys.len() == count,
            self.recovery.iter().all(|r| self.cosigner(r.cosigner).is_some()),
            self.assurance != Assurance::Nitro || self.recipients_are_apart(),
        ];
        checks.iter().all(|sound| *sound)
    }

    /// Checks every field's sense; says nothing about signatures.
    ///
    /// # Errors
    /// [`GenesisError::Field`], the first found.
    pub fn validate(&self) -> Result<(), GenesisError> {
        let admins = self.admins.len();
        let n = self.cosigners.len();
        let quorum = usize::try_from(self.admin_quorum).unwrap_or(usize::MAX);
        let t = usize::from(self.threshold);
        let people: BTreeSet<_> = self.admins.iter().map(|a| a.id).collect();
        let keys: BTreeSet<_> = self.admins.iter().map(|a| a.key).collect();
        let channel: BTreeSet<_> = self.cosigners.iter().map(|c| c.channel_key).collect();
        let identity: BTreeSet<_> = self.cosigners.iter().map(|c| c.identity_key).collect();
        let numbered = self.cosigners.iter().zip(1u8..).all(|(c, i)| c.index.number() == i);
        let named = |s: &String| !s.is_empty() && s.len() <= limits::TEXT_BYTES && !s.chars().any(char::is_control);
        let names = self.admins.iter().map(|a| &a.name).chain(self.cosigners.iter().map(|c| &c.name)).all(named);
        let checks = [
            (self.version == 1, "version"),
            ((self.sequence == 0) == self.previous.is_none(), "previous digest"),
            ((1..=limits::ADMINS).contains(&admins), "number of admins"),
            (people.len() == admins && keys.len() == admins, "admin (repeated)"),
            (quorum <= admins && quorum.saturating_mul(2) > admins, "admin quorum"),
            ((2..=usize::from(PartyIndex::MAX)).contains(&n), "number of cosigners"),
            (numbered, "cosigner numbering"),
            (channel.len() == n && identity.len() == n, "cosigner key (repeated)"),
            (t >= 2 && t <= n && t.saturating_mul(2) > n, "threshold"),
            (names, "name"),
            (self.recovery_sound(), "recovery recipient"),
            (self.assurance == Assurance::Process || !self.measurements.is_empty(), "list of measurements"),
        ];
        match checks.iter().find(|(sound, _)| !sound) {
            Some((_, what)) => Err(GenesisError::Field(what)),
            None => Ok(()),
        }
    }
}

/// A verified chain of genesis versions: the root digest names the workspace, the head is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenesisChain {
    root: Digest,
    head_digest: Digest,
    head: Genesis,
    /// The cosigners of every version, each set once, the first version's first.
    cosigners: Vec<Vec<CosignerIdentity>>,
}

impl GenesisChain {
    /// Verifies a first version signed by *every* admin, then each next version signed by the admin quorum of the one before.
    ///
    /// # Errors
    /// [`GenesisError`].
    pub fn verify(versions: &[Signed]) -> Result<GenesisChain, GenesisError> {
        let (first, next) = versions.split_first().ok_or(GenesisError::Malformed)?;
        let mut chain = GenesisChain::verify_first(first)?;
        for signed in next {
            chain = chain.succeed(signed)?;
        }
        Ok(chain)
    }

    fn verify_first(signed: &Signed) -> Result<GenesisChain, GenesisError> {
        let head = decode(signed)?;
        if head.sequence != 0 {
            return Err(GenesisError::Succession("the first version has sequence 0"));
        }
        // G1: every admin signs the first version.
        let people = signed.verified_people(Domain::Genesis, |p, k| head.is_admin_key(p, k));
        if people.len() != head.admins.len() {
            return Err(GenesisError::Signatures);
        }
        let root = signed.digest(Domain::Genesis);
        let cosigners = vec![head.cosigners.clone()];
        Ok(GenesisChain { root, head_digest: root, head, cosigners })
    }

    /// The chain with one more version.
    ///
    /// # Errors
    /// [`GenesisError`] if it does not follow or the current admin quorum did not sign it.
    pub fn succeed(&self, signed: &Signed) -> Result<GenesisChain, GenesisError> {
        let next = decode(signed)?;
        let follows = [
            (next.previous == Some(self.head_digest), "previous digest"),
            (Some(next.sequence) == self.head.sequence.checked_add(1), "sequence"),
            (next.workspace == self.head.workspace, "workspace"),
            // Another set of cosigners needs a reshare, which is an order of its own. A lost cosigner's replacement has other
            // keys; share material reaches it by an order only (rules G2, K3).
            (next.parties() == self.head.parties() && next.threshold == self.head.threshold, "cosigners"),
            (self.replaces_by_new_keys(&next), "cosigner key (used before)"),
            (next.assurance == self.head.assurance, "assurance (E3)"),
        ];
        if let Some((_, what)) = follows.iter().find(|(sound, _)| !sound) {
            return Err(GenesisError::Succession(what));
        }
        if !self.head.quorum_signed(signed, Domain::Genesis) {
            return Err(GenesisError::Signatures);
        }
        let mut cosigners = self.cosigners.clone();
        if cosigners.last() != Some(&next.cosigners) {
            cosigners.push(next.cosigners.clone());
        }
        Ok(GenesisChain { root: self.root, head_digest: signed.digest(Domain::Genesis), head: next, cosigners })
    }

    /// K3: a replaced cosigner has two keys that no version ever named; nobody comes back under keys that were given up.
    fn replaces_by_new_keys(&self, next: &Genesis) -> bool {
        let past = || self.cosigners.iter().flatten();
        next.cosigners.iter().all(|c| {
            let unused =
                |old: &CosignerIdentity| old.channel_key != c.channel_key && old.identity_key != c.identity_key;
            self.head.names_keys_of(c) || past().all(unused)
        })
    }

    /// Whether this cosigner's keys are others than the first version's: it replaces one whose state was lost (rule K3).
    pub fn is_replacement(&self, index: PartyIndex) -> bool {
        let first = self.cosigners.first().and_then(|c| c.iter().find(|c| c.index == index));
        first.map(|c| c.identity_key) != self.head.cosigner(index).map(|c| c.identity_key)
    }

    /// The cosigners of every version, each set once.
    pub fn cosigners_of_versions(&self) -> impl Iterator<Item = &[CosignerIdentity]> {
        self.cosigners.iter().map(Vec::as_slice)
    }

    /// Digest of the first version: the workspace's name in every other document.
    pub fn root(&self) -> Digest {
        self.root
    }

    /// Digest of the version in force.
    pub fn head_digest(&self) -> Digest {
        self.head_digest
    }

    /// The version in force.
    pub fn head(&self) -> &Genesis {
        &self.head
    }
}

fn decode(signed: &Signed) -> Result<Genesis, GenesisError> {
    let genesis: Genesis = signed.decode_unverified(limits::GENESIS_BYTES).map_err(|_| GenesisError::Malformed)?;
    genesis.validate()?;
    Ok(genesis)
}
