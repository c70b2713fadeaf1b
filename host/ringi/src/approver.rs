//! An approver's side (rule I2): decodes the envelope here, in code the host did not serve, and signs what it asks for.
//!
//! Nothing the host says in words is believed: names and decimals come from a policy set that a quorum of admins signed.

use crate::failure::Failure;
use crate::keys::SecretKey;
use crate::remote::of_client;
use crate::words;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringi_gateway::client::Client;
use ringi_gateway::model;
use ringi_primitives::approval::Envelope;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::cbor;
use ringi_primitives::digest::Domain;
use ringi_primitives::genesis::GenesisChain;
use ringi_primitives::id::IntentId;
use ringi_primitives::limits;
use ringi_primitives::policy_set::{KeyPurpose, PersonKey, PolicySet};
use ringi_primitives::signed::Signed;

/// What a transfer asks approvers for.
pub struct Proposal {
    /// The envelope, decoded here; of this workspace and of the policy set beside it.
    pub envelope: Envelope,
    /// The policy set, signed by a quorum of admins.
    policy: PolicySet,
}

impl Proposal {
    /// Asks the server for a transfer's envelope and reads it.
    ///
    /// # Errors
    /// If the server refuses, or the envelope is no document, of another workspace, or of another policy set than the
    /// one that the admins signed.
    pub async fn fetch(client: &Client, chain: &GenesisChain, transfer: IntentId) -> Result<Proposal, Failure> {
        let served = client.envelope(transfer).await.map_err(of_client)?;
        let signed = served_policy(client).await?;
        Proposal::read(&served.envelope, &signed, chain)
    }

    /// Reads an envelope (base64 of its CBOR) under this policy set.
    ///
    /// # Errors
    /// As [`Proposal::fetch`].
    pub fn read(text: &str, signed: &Signed, chain: &GenesisChain) -> Result<Proposal, Failure> {
        let bytes = STANDARD.decode(text).map_err(|_| refused("the envelope is no base64"))?;
        let envelope: Envelope =
            cbor::decode(&bytes, limits::INTENT_BYTES).map_err(|_| refused("the envelope is no document"))?;
        if envelope.genesis != chain.root() {
            return Err(refused("the envelope is of another workspace"));
        }
        let policy = crate::policy::verified(signed, chain).map_err(|e| refused(e.what))?;
        if envelope.policy != signed.digest(Domain::PolicySet) {
            return Err(refused("the envelope is of another policy set than the one in force"));
        }
        Ok(Proposal { envelope, policy })
    }

    /// Each effect in words.
    pub fn effects(&self) -> Vec<String> {
        self.envelope.plan.effects.iter().map(|e| words::effect(&self.policy, e)).collect()
    }

    /// All of it in words, with the most it may cost in fees.
    pub fn words(&self) -> String {
        let plan = &self.envelope.plan;
        let fee = words::amount(&self.policy, &AssetKey::native(plan.network), plan.max_fee);
        format!("{}; at most {fee} in fees", self.effects().join("; "))
    }

    /// The approval with this key, and the name of the person whose key it is.
    ///
    /// # Errors
    /// If the policy set names nobody who approves with this key.
    pub fn approve(&self, key: &SecretKey) -> Result<(&str, model::NewApproval), Failure> {
        let mine = PersonKey { key: key.public(), purpose: KeyPurpose::Approve };
        let person = self.policy.people.iter().find(|p| p.keys.contains(&mine));
        let person = person.ok_or_else(|| {
            Failure::new("cli.approver", "the policy set names nobody who approves with this key", "use another --key")
        })?;
        let signature = STANDARD.encode(key.sign_digest(&self.envelope.digest()).0);
        Ok((
            &person.name,
            model::NewApproval {
                person: person.id,
                key: Some(key.public()),
                signature: Some(signature),
                passkey: None,
            },
        ))
    }
}

/// The policy set as served, with whatever signatures it carries.
///
/// # Errors
/// If the server refuses or what it gives is no document.
pub async fn served_policy(client: &Client) -> Result<Signed, Failure> {
    let served = client.policy().await.map_err(of_client)?;
    let bytes = STANDARD.decode(&served.document).map_err(|_| refused("the policy set is no base64"))?;
    cbor::decode(&bytes, limits::POLICY_BYTES * 2).map_err(|_| refused("the policy set is no document"))
}

fn refused(what: impl std::fmt::Display) -> Failure {
    Failure::new("cli.envelope", what, "do not approve it; ask the operator")
}
