//! Key policies: read and replaced.

use super::{body, done};
use crate::error::{Code, Refusal};
use crate::kms::Turn;
use crate::policy::{Context, Policy};
use crate::symmetric::EncryptionContext;
use crate::wire::{self, PutKeyPolicy, ReadKeyPolicy};
use serde_json::json;

/// The only name that a policy has.
const NAME: &str = "default";

pub(crate) fn put(turn: &mut Turn<'_>, request: &[u8]) -> Result<Vec<u8>, Refusal> {
    let request: PutKeyPolicy = wire::read(request)?;
    named(request.policy_name.as_deref())?;
    let key = turn.key(&request.key_id)?;
    turn.authorize(&key, &EncryptionContext::new(), None)?;
    let policy = Policy::parse(&request.policy)?;
    if !request.bypass_policy_lockout_safety_check {
        check_lockout(turn, &policy, &turn.kms.deployment.arn(&key.facts.id))?;
    }
    turn.change(&key, |key| {
        key.facts.policy = request.policy;
        Ok(())
    })?;
    done()
}

pub(crate) fn read(turn: &mut Turn<'_>, request: &[u8]) -> Result<Vec<u8>, Refusal> {
    let request: ReadKeyPolicy = wire::read(request)?;
    named(request.policy_name.as_deref())?;
    let key = turn.key(&request.key_id)?;
    turn.authorize(&key, &EncryptionContext::new(), None)?;
    body(&json!({"Policy": key.facts.policy, "PolicyName": NAME}))
}

fn named(name: Option<&str>) -> Result<(), Refusal> {
    if name.is_none_or(|name| name == NAME) {
        return Ok(());
    }
    Err(Refusal::new(Code::NotFound, "No such policy exists"))
}

/// Whoever sets a policy must be able to set the next one, unless they say that they mean it.
pub(crate) fn check_lockout(turn: &Turn<'_>, policy: &Policy, arn: &str) -> Result<(), Refusal> {
    let context = Context::of(&turn.caller.principal, &EncryptionContext::new());
    let message = "The new key policy will not allow you to update the key policy in the future.";
    let locked = |_| Refusal::new(Code::MalformedPolicy, message);
    turn.judge(policy, arn, "kms:PutKeyPolicy", &context).map_err(locked)
}
