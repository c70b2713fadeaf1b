//! Advice: plan, envelope, whose approvals verify, and the policy's decision. Cosigners do all of it again and bind.

use crate::core::{Core, Live, lock};
use crate::error::ServiceError;
use crate::render::is_independent;
use crate::workspace::{InForce, Workspace};
use ringi_chain::ChainError;
use ringi_policy::{Coins, Question, decide};
use ringi_primitives::approval::{Approval, ApprovalError, Envelope};
use ringi_primitives::decision::Decision;
use ringi_primitives::digest::Digest;
use ringi_primitives::id::{IntentId, PersonId};
use ringi_primitives::intent::Intent;
use ringi_primitives::network::NetworkId;
use ringi_primitives::plan::Plan;
use ringi_primitives::policy_set::{Rule, Ruling};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::wallet::WalletRef;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A transfer under the policy in force.
pub(crate) struct Case {
    pub(crate) workspace: Arc<Workspace>,
    pub(crate) policy: Arc<InForce>,
    pub(crate) plan: Plan,
    pub(crate) envelope: Envelope,
    pub(crate) digest: Digest,
}

/// Who asks for what, before it is a transfer.
pub(crate) struct Asked<'a> {
    pub(crate) body: &'a [u8],
    pub(crate) intent: &'a Intent,
    pub(crate) wallet: WalletRef,
    pub(crate) initiator: PersonId,
    pub(crate) root: IntentId,
}

impl Case {
    pub(crate) fn open(workspace: Arc<Workspace>, asked: &Asked<'_>) -> Result<Case, ServiceError> {
        let policy = workspace.policy()?.clone();
        let plan = ringi_chain::plan(&policy.set, asked.intent).map_err(|e| unplannable(&e))?;
        let envelope = Envelope {
            version: 1,
            genesis: workspace.genesis()?.root(),
            intent: Intent::digest(asked.body),
            wallet: asked.wallet,
            plan: plan.clone(),
            policy: policy.digest,
        };
        let digest = envelope.digest();
        Ok(Case { workspace, policy, plan, envelope, digest })
    }

    pub(crate) fn of(core: &Core, live: &Live) -> Result<Case, ServiceError> {
        Case::open(core.workspace(), &asked(live))
    }

    /// Rules I2, P2: whether it is this person's consent to exactly this envelope. Whether a passkey's counter was used before
    /// is for the cosigners to say, which remember.
    pub(crate) fn verify(&self, approval: &Approval) -> Result<(), ServiceError> {
        let genesis = self.workspace.genesis()?;
        let verified = approval.verify(&self.digest, &self.policy.set, genesis.head());
        verified.map(drop).map_err(|error| match error {
            ApprovalError::Key => {
                let message = "the key is not an approving key of this person";
                ServiceError::forbidden(error.code(), message, "Use a key or passkey of the policy set.")
            }
            ApprovalError::Signature => {
                let message = "the signature is not over this transfer's envelope";
                let remedy = "Fetch the envelope again; it changes with the policy set.";
                ServiceError::unprocessable(error.code(), message, remedy)
            }
            ApprovalError::Passkey(_) => {
                let remedy =
                    "Approve again, with the passkey that the policy set names, on a page of its relying party.";
                ServiceError::unprocessable(error.code(), error.to_string(), remedy)
            }
        })
    }

    /// The approvals that count now (rule I1: distinct people).
    pub(crate) fn valid<'a>(&self, approvals: &'a [(Digest, Approval)]) -> Vec<&'a Approval> {
        let mut seen = BTreeSet::new();
        let of_this = approvals.iter().filter(|(envelope, _)| *envelope == self.digest);
        of_this.map(|(_, a)| a).filter(|a| self.verify(a).is_ok() && seen.insert(a.person)).collect()
    }

    /// What the policy says now.
    pub(crate) fn decide(&self, core: &Core, asked: &Asked<'_>, approvals: &[(Digest, Approval)]) -> Decision {
        let (_, facts) = self.weighed(core, asked);
        let valid = self.valid(approvals);
        let people: BTreeSet<PersonId> = valid.iter().map(|a| a.person).collect();
        let independent = valid.iter().filter(|a| is_independent(a)).map(|a| a.person).collect();
        let spent = lock(&core.spent);
        decide(&Question {
            policy: &self.policy.set,
            wallet: asked.wallet,
            initiator: asked.initiator,
            effects: &self.plan.effects,
            network: self.plan.network,
            fee: self.plan.max_fee,
            approvals: &people,
            independent: &independent,
            intent: asked.root,
            spent: &*spent,
            now: core.now(),
            prices: &facts.prices,
            balances: &facts.balances_of(&asked.wallet),
            signers: None,
            coins: match self.plan.network {
                NetworkId::Bitcoin(_) => Coins::Undecided,
                NetworkId::Evm(_) => Coins::Without,
            },
        })
    }

    /// The cosigners that these rules of the wallet's vault designate.
    pub(crate) fn designated(&self, wallet: WalletRef, rules: &[String]) -> BTreeSet<PartyIndex> {
        let vault = self.policy.set.vault(wallet.vault);
        let used = vault.into_iter().flat_map(|v| &v.rules).filter(|r| rules.contains(&r.name));
        let signers = |rule: &Rule| match &rule.then {
            Ruling::Allow(terms) => terms.signers.clone(),
            Ruling::Block => BTreeSet::new(),
        };
        used.flat_map(signers).collect()
    }

    /// The same for a transfer in memory.
    pub(crate) fn decide_live(&self, core: &Core, live: &Live) -> Decision {
        self.decide(core, &asked(live), &live.approvals)
    }
}

pub(crate) fn asked(live: &Live) -> Asked<'_> {
    let header = &live.record.header;
    Asked {
        body: &header.body,
        intent: &live.intent,
        wallet: header.wallet,
        initiator: header.initiator,
        root: header.root,
    }
}

fn unplannable(error: &ChainError) -> ServiceError {
    ServiceError::unprocessable(error.code(), error.to_string(), "Correct the intent and sign it again.")
}
