//! The signed documents in force, verified: genesis, policy set, key certificates. Replaced as a whole, never changed in place.

use crate::error::{ErrorClass, ServiceError};
use crate::keys::WalletKeys;
use ringi_primitives::certificate::SignedCertificate;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::genesis::GenesisChain;
use ringi_primitives::id::PersonId;
use ringi_primitives::key::PublicKey;
use ringi_primitives::limits;
use ringi_primitives::order::KeyId;
use ringi_primitives::policy_set::{KeyPurpose, PolicySet};
use ringi_primitives::signed::Signed;
use ringi_primitives::wallet::WalletRef;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// A verified policy set and its signed form.
#[derive(Debug)]
pub(crate) struct InForce {
    pub(crate) set: PolicySet,
    pub(crate) digest: Digest,
    pub(crate) signed: Signed,
}

impl InForce {
    /// Checks form, sense, workspace and admin quorum.
    pub(crate) fn verify(signed: Signed, genesis: &GenesisChain) -> Result<InForce, ServiceError> {
        let set = InForce::read(&signed, genesis)?;
        if !genesis.head().quorum_signed(&signed, Domain::PolicySet) {
            return Err(refuse("policy.signatures", "the policy set lacks the admin quorum".into()));
        }
        Ok(InForce { set, digest: signed.digest(Domain::PolicySet), signed })
    }

    /// Checks form, sense and workspace; says nothing about signatures.
    pub(crate) fn read(signed: &Signed, genesis: &GenesisChain) -> Result<PolicySet, ServiceError> {
        let set: PolicySet = signed
            .decode_unverified(limits::POLICY_BYTES)
            .map_err(|e| refuse("policy.malformed", format!("policy set: {e}")))?;
        set.validate().map_err(|e| refuse("policy.senseless", e.to_string()))?;
        if set.genesis != genesis.root() {
            return Err(refuse("policy.genesis", "the policy set is for another workspace".into()));
        }
        Ok(set)
    }
}

fn refuse(code: &str, what: String) -> ServiceError {
    ServiceError::bad_request(code, what, "Have the admins sign it again.")
}

/// Everything signed that decisions rest on.
#[derive(Clone, Default)]
pub(crate) struct Workspace {
    pub(crate) versions: Vec<Signed>,
    pub(crate) genesis: Option<Arc<GenesisChain>>,
    pub(crate) policy: Option<Arc<InForce>>,
    pub(crate) certificates: Arc<BTreeMap<KeyId, SignedCertificate>>,
    pub(crate) wallets: Arc<Mutex<HashMap<WalletRef, Arc<WalletKeys>>>>,
}

/// Wallets whose derived keys are kept; more than that and all are derived again.
const KEPT_WALLETS: usize = 20_000;

fn not_ready(what: &str) -> ServiceError {
    let message = format!("this workspace has no {what} yet");
    ServiceError::conflict("workspace.not_ready", message, "Install genesis, policy set and keys first.")
}

impl Workspace {
    pub(crate) fn genesis(&self) -> Result<&Arc<GenesisChain>, ServiceError> {
        self.genesis.as_ref().ok_or_else(|| not_ready("genesis"))
    }

    pub(crate) fn policy(&self) -> Result<&Arc<InForce>, ServiceError> {
        self.policy.as_ref().ok_or_else(|| not_ready("policy set"))
    }

    /// The same with other certificates: derived keys are forgotten.
    pub(crate) fn with_certificate(&self, certificate: SignedCertificate) -> Workspace {
        let mut certificates = (*self.certificates).clone();
        certificates.insert(certificate.certificate.key, certificate);
        Workspace { certificates: Arc::new(certificates), wallets: Arc::default(), ..self.clone() }
    }

    /// The same under another policy set: vaults may have moved, so derived keys are forgotten.
    pub(crate) fn with_policy(&self, policy: InForce) -> Workspace {
        Workspace { policy: Some(Arc::new(policy)), wallets: Arc::default(), ..self.clone() }
    }

    /// A wallet's keys, by the root its vault names.
    pub(crate) fn wallet_keys(&self, wallet: WalletRef) -> Result<Arc<WalletKeys>, ServiceError> {
        let mut wallets = self.wallets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = wallets.get(&wallet) {
            return Ok(keys.clone());
        }
        let policy = self.policy()?;
        let vault = policy.set.vault(wallet.vault).ok_or_else(|| ServiceError::not_found("vault"))?;
        let keys = Arc::new(WalletKeys::new(wallet, vault.root, self.certificates.clone()));
        if wallets.len() >= KEPT_WALLETS {
            wallets.clear();
        }
        wallets.insert(wallet, keys.clone());
        Ok(keys)
    }

    /// Rule I1: the person whose initiating key this is.
    pub(crate) fn initiator(&self, key: &PublicKey) -> Result<PersonId, ServiceError> {
        let person = self.policy()?.set.person_by_key(key, KeyPurpose::Initiate);
        person.map(|p| p.id).ok_or_else(|| {
            let message = "the key belongs to nobody who may initiate";
            ServiceError::new(
                ErrorClass::Unauthenticated,
                "auth.unknown_key",
                message,
                "Sign with a key of the policy set.",
            )
        })
    }
}
