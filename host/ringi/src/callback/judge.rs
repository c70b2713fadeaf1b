//! A machine approver's judgement. It believes the initiator's signature, the admins' and its own rules; what the platform
//! says in words, and the envelope that it sends, are only compared with what is made here (rule I2).

use super::{ApproverRules, CallbackAnswer, CallbackQuestion, decoded};
use crate::keys::SecretKey;
use crate::policy::verified;
use ringi_gateway::model::NewApproval;
use ringi_primitives::approval::Envelope;
use ringi_primitives::cbor;
use ringi_primitives::digest::Domain;
use ringi_primitives::genesis::GenesisChain;
use ringi_primitives::httpsig::RequestSignature;
use ringi_primitives::intent::Intent;
use ringi_primitives::limits;
use ringi_primitives::policy_set::{KeyPurpose, PolicySet};
use ringi_primitives::signed::Signed;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::WalletRef;

/// What the initiator's signature must be for: a signature for a dry run is none.
const INTENT_PLACE: (&str, &str) = ("POST", "/v1/transfers");

/// Why nothing is signed. Codes are `approver.<name>`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A part of the question is no document of its kind.
    #[error("{0} is malformed")]
    Malformed(&'static str),
    /// The policy set is of another workspace, senseless, or lacks the admin quorum.
    #[error("the policy set does not hold: {0}")]
    Policy(String),
    /// An older policy set than one that was seen (rule P1).
    #[error("policy set {0} is older than one that was seen")]
    OlderPolicy(u64),
    /// The intent is of another workspace.
    #[error("the intent is of another workspace")]
    OtherWorkspace,
    /// The initiator's signature does not count (rule I1).
    #[error("the initiator's signature does not count: {0}")]
    Initiator(String),
    /// The intent's time is over, or it lives too long.
    #[error("the intent is outside its time")]
    Expired,
    /// The intent cannot be planned.
    #[error("the intent cannot be planned: {0}")]
    Unplannable(String),
    /// The envelope is another than the intent makes: somebody asks for consent to something else.
    #[error("the envelope is not what the intent asks for")]
    EnvelopeDiffers,
    /// The key is not of the person that is asked, or of nobody.
    #[error("this key does not approve for the person who is asked")]
    Person,
    /// The service's own rules.
    #[error("{0}")]
    Rules(String),
}

impl Refusal {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::Malformed(_) => "approver.malformed",
            Refusal::Policy(_) => "approver.policy",
            Refusal::OlderPolicy(_) => "approver.older_policy",
            Refusal::OtherWorkspace => "approver.other_workspace",
            Refusal::Initiator(_) => "approver.initiator",
            Refusal::Expired => "approver.expired",
            Refusal::Unplannable(_) => "approver.unplannable",
            Refusal::EnvelopeDiffers => "approver.envelope_differs",
            Refusal::Person => "approver.person",
            Refusal::Rules(_) => "approver.rules",
        }
    }
}

/// A machine approver: its key, the workspace that it pinned, its rules, and the newest policy set that it saw.
pub struct Approver {
    /// Signs approvals; the policy set names it with the purpose `approve`.
    pub key: SecretKey,
    /// The pinned genesis.
    pub chain: GenesisChain,
    /// Its own rules.
    pub rules: ApproverRules,
    /// Sequence of the newest policy set seen.
    pub newest_policy: u64,
}

impl Approver {
    /// What it answers.
    pub fn answer(&mut self, question: &CallbackQuestion, now: UnixMs) -> CallbackAnswer {
        match self.judge(question, now) {
            Ok(approval) => CallbackAnswer::Approve { approval },
            Err(refusal) => CallbackAnswer::Reject { code: refusal.code().into(), reason: refusal.to_string() },
        }
    }

    /// Signs what the intent's own bytes ask for, if nothing differs and the rules let it.
    ///
    /// # Errors
    /// [`Refusal`]; nothing is signed then.
    pub fn judge(&mut self, question: &CallbackQuestion, now: UnixMs) -> Result<NewApproval, Refusal> {
        if question.version != 1 {
            return Err(Refusal::Malformed("the question's version"));
        }
        let (set, digest) = self.policy(question)?;
        let body = decoded(&question.intent).ok_or(Refusal::Malformed("the intent"))?;
        let intent = Intent::parse(&body).map_err(|_| Refusal::Malformed("the intent"))?;
        self.initiated(question, &set, &body, &intent, now)?;
        let plan = ringi_chain::plan(&set, &intent).map_err(|e| Refusal::Unplannable(e.to_string()))?;
        let vault = set.vaults.iter().find(|v| v.name == intent.vault);
        let vault = vault.ok_or_else(|| Refusal::Unplannable("its vault is not in the policy set".into()))?;
        let envelope = Envelope {
            version: 1,
            genesis: self.chain.root(),
            intent: Intent::digest(&body),
            wallet: WalletRef { vault: vault.index, wallet: intent.wallet },
            plan,
            policy: digest,
        };
        let given = decoded(&question.envelope).ok_or(Refusal::Malformed("the envelope"))?;
        if given != cbor::encode(&envelope) || question.envelope_digest != envelope.digest() {
            return Err(Refusal::EnvelopeDiffers);
        }
        let person = set.person_by_key(&self.key.public(), KeyPurpose::Approve).filter(|p| p.id == question.person);
        let person = person.ok_or(Refusal::Person)?.id;
        self.rules.allow(&set, &envelope.plan).map_err(Refusal::Rules)?;
        self.newest_policy = set.sequence;
        let signature = super::encoded(&self.key.sign_digest(&envelope.digest()).0);
        Ok(NewApproval { person, key: Some(self.key.public()), signature: Some(signature), passkey: None })
    }

    /// The policy set, signed by a quorum of the admins of the pinned genesis, and no older than one seen before.
    fn policy(&self, question: &CallbackQuestion) -> Result<(PolicySet, ringi_primitives::digest::Digest), Refusal> {
        let bytes = decoded(&question.policy_set).ok_or(Refusal::Malformed("the policy set"))?;
        let bound = limits::POLICY_BYTES + limits::GENESIS_BYTES;
        let signed: Signed = cbor::decode(&bytes, bound).map_err(|_| Refusal::Malformed("the policy set"))?;
        let set = verified(&signed, &self.chain).map_err(|e| Refusal::Policy(e.what))?;
        if set.sequence < self.newest_policy {
            return Err(Refusal::OlderPolicy(set.sequence));
        }
        let digest = signed.digest(Domain::PolicySet);
        if question.policy != digest {
            return Err(Refusal::Policy("its digest is another".into()));
        }
        Ok((set, digest))
    }

    /// I1: who may initiate asked for exactly these bytes, for this workspace, in time.
    fn initiated(
        &self,
        question: &CallbackQuestion,
        set: &PolicySet,
        body: &[u8],
        intent: &Intent,
        now: UnixMs,
    ) -> Result<(), Refusal> {
        let bytes = decoded(&question.initiator).ok_or(Refusal::Malformed("the initiator's signature"))?;
        let signature: RequestSignature =
            cbor::decode(&bytes, limits::REQUEST_BYTES).map_err(|_| Refusal::Malformed("the initiator's signature"))?;
        if intent.genesis != self.chain.root() {
            return Err(Refusal::OtherWorkspace);
        }
        if (signature.method.as_str(), signature.path.as_str()) != INTENT_PLACE {
            return Err(Refusal::Initiator("it is for another operation".into()));
        }
        signature.verify(body).map_err(|e| Refusal::Initiator(e.to_string()))?;
        if set.person_by_key(&signature.key, KeyPurpose::Initiate).is_none() {
            return Err(Refusal::Initiator("its key initiates for nobody".into()));
        }
        let created = UnixMs(signature.created_s.saturating_mul(1000));
        if now >= intent.expires_at || intent.expires_at > created.plus_ms(limits::INTENT_LIFE_MS) {
            return Err(Refusal::Expired);
        }
        if question.transfer != intent.id { Err(Refusal::EnvelopeDiffers) } else { Ok(()) }
    }
}
