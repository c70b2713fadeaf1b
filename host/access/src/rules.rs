//! The access policies in force, and their verdicts (H1). Whatever cannot be evaluated is refused.

use crate::question::Question;
use crate::{DEFAULT, SCHEMA};
use cedar_policy::{Authorizer, Decision, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

/// An operator's policies at most, bytes.
const OWN_BYTES: usize = 256 * 1024;
/// Goes before the ids of the operator's own policies.
const OWN: &str = "own:";

/// Verdicts that are remembered at most, and the longest question, bytes.
const REMEMBERED: usize = 4096;
const QUESTION_BYTES: usize = 1024;

/// Why access policies cannot be put in force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// They are longer than they may be.
    #[error("the access policies are longer than {OWN_BYTES} bytes")]
    TooLong,
    /// They are no Cedar.
    #[error("the access policies do not parse: {0}")]
    Malformed(String),
    /// They ask of the vocabulary what is not in it; such a policy would be skipped when it is needed.
    #[error("the access policies do not fit the vocabulary: {0}")]
    Invalid(String),
    /// A template permits and forbids nothing by itself.
    #[error("a template is in the access policies; write out what it stands for")]
    Template,
    /// Two policies have one id.
    #[error("two access policies have the id {0}")]
    Duplicate(String),
}

/// Why a verdict is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A policy permits it and none forbids it.
    Permitted,
    /// Nothing permits it, and the person has no role.
    NoRole,
    /// Nothing permits it.
    NotPermitted,
    /// A policy forbids it.
    Forbidden,
    /// A policy could not be evaluated, or the question not be asked.
    Faulty,
}

impl Reason {
    /// The stable code of the refusal; of a permission, what it says.
    pub fn code(self) -> &'static str {
        match self {
            Reason::Permitted => "access.permitted",
            Reason::NoRole => "access.no_role",
            Reason::NotPermitted => "access.not_permitted",
            Reason::Forbidden => "access.forbidden",
            Reason::Faulty => "access.faulty",
        }
    }
}

/// What the policies say to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Why.
    pub reason: Reason,
    /// The ids of the policies that decided; where none did, empty.
    pub policies: Vec<String>,
    /// What went wrong, for the operator's log.
    pub faults: Vec<String>,
}

impl Verdict {
    /// Whether it may be done.
    pub fn allows(&self) -> bool {
        self.reason == Reason::Permitted
    }
}

/// The access policies in force.
pub struct Access {
    schema: Schema,
    policies: PolicySet,
    authorizer: Authorizer,
    own: usize,
    /// Verdicts of before: the policies never change here, and nothing else but the question decides.
    said: Mutex<HashMap<String, Verdict>>,
}

impl Access {
    /// The built-in policies, and the operator's own beside them. All are held against the vocabulary, strictly.
    ///
    /// # Errors
    /// [`AccessError`]; nothing is in force then.
    pub fn new(own: Option<&str>) -> Result<Access, AccessError> {
        let (schema, _) = Schema::from_cedarschema_str(SCHEMA).map_err(|e| AccessError::Malformed(e.to_string()))?;
        let mut named = parse(DEFAULT, "")?;
        let own = own.unwrap_or_default();
        if own.len() > OWN_BYTES {
            return Err(AccessError::TooLong);
        }
        let own = parse(own, OWN)?;
        let count = own.len();
        named.extend(own);
        let policies =
            PolicySet::from_policies(named.into_values()).map_err(|e| AccessError::Malformed(e.to_string()))?;
        let checked = Validator::new(schema.clone()).validate(&policies, ValidationMode::Strict);
        if let Some(first) = checked.validation_errors().next() {
            return Err(AccessError::Invalid(first.to_string()));
        }
        // An impossible policy is no error of Cedar's, but no rule of anybody's either.
        if let Some(first) = checked.validation_warnings().next() {
            return Err(AccessError::Invalid(first.to_string()));
        }
        Ok(Access { schema, policies, authorizer: Authorizer::new(), own: count, said: Mutex::default() })
    }

    /// How many policies are the operator's own.
    pub fn own(&self) -> usize {
        self.own
    }

    /// The operations that the vocabulary knows, without the groups.
    pub fn actions(&self) -> BTreeSet<String> {
        let named = self.schema.actions().filter(|uid| {
            let applies = self.schema.principals_for_action(uid);
            applies.is_some_and(|mut principals| principals.next().is_some())
        });
        named.map(|uid| uid.id().unescaped().to_string()).collect()
    }

    /// What the policies say. A question that cannot be asked, and a policy that fails, are refusals: Cedar would skip a
    /// failing `forbid`, which must not open anything.
    pub fn decide(&self, question: &Question<'_>) -> Verdict {
        // The whole question, role included: who gets or loses one asks another question from then on.
        let key = format!("{question:?}");
        let said = || self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(verdict) = said().get(&key) {
            return verdict.clone();
        }
        let verdict = self.judge(question);
        if key.len() <= QUESTION_BYTES && verdict.reason != Reason::Faulty {
            let mut said = said();
            if said.len() >= REMEMBERED {
                said.clear();
            }
            said.insert(key, verdict.clone());
        }
        verdict
    }

    fn judge(&self, question: &Question<'_>) -> Verdict {
        let (request, entities) = match question.said(&self.schema) {
            Ok(said) => said,
            Err(fault) => return Verdict { reason: Reason::Faulty, policies: vec![], faults: vec![fault] },
        };
        let response = self.authorizer.is_authorized(&request, &self.policies, &entities);
        let faults: Vec<String> = response.diagnostics().errors().map(ToString::to_string).collect();
        let mut policies: Vec<String> = response.diagnostics().reason().map(ToString::to_string).collect();
        policies.sort();
        let reason = match response.decision() {
            _ if !faults.is_empty() => Reason::Faulty,
            Decision::Allow => Reason::Permitted,
            Decision::Deny if !policies.is_empty() => Reason::Forbidden,
            Decision::Deny if question.role.is_none() => Reason::NoRole,
            Decision::Deny => Reason::NotPermitted,
        };
        Verdict { reason, policies, faults }
    }
}

/// The policies of a text by their ids: the annotation `@id`, or the place in the text.
fn parse(text: &str, prefix: &str) -> Result<BTreeMap<String, Policy>, AccessError> {
    let set: PolicySet = text.parse().map_err(|e: cedar_policy::ParseErrors| AccessError::Malformed(e.to_string()))?;
    if set.num_of_templates() > 0 {
        return Err(AccessError::Template);
    }
    let mut named = BTreeMap::new();
    for policy in set.policies() {
        let id = format!("{prefix}{}", policy.annotation("id").map_or_else(|| policy.id().to_string(), str::to_string));
        if named.insert(id.clone(), policy.new_id(PolicyId::new(&id))).is_some() {
            return Err(AccessError::Duplicate(id));
        }
    }
    Ok(named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Target;
    use ringi_orchestrator::ports::Role;
    use ringi_primitives::id::PersonId;

    fn ask(action: &'static str, role: Option<Role>, target: Target<'static>) -> Question<'static> {
        Question {
            person: PersonId::from_bytes([1; 16]),
            name: "Grace",
            role,
            purpose: "initiate",
            address: [10, 1, 2, 3].into(),
            action,
            target,
        }
    }

    const WALLET: Target<'_> = Target::Wallet { id: "w", vault: Some("treasury") };

    fn reason(own: &str, question: Question<'_>) -> (Reason, String) {
        let verdict = Access::new(Some(own)).unwrap().decide(&question);
        (verdict.reason, verdict.policies.join(","))
    }

    #[test]
    fn what_is_in_force_says_what_it_is() {
        let access = Access::new(Some(
            "permit (principal, action, resource); @id(\"x\") forbid (principal, action, resource) \
                                       when { context.ip.isLoopback() };",
        ));
        assert_eq!([Access::new(None).unwrap().own(), access.unwrap().own()], [0, 2]);
        let actions = Access::new(None).unwrap().actions();
        assert!(
            actions.contains("submitTransfer") && actions.contains("grantRole") && actions.len() > 20,
            "{actions:?}"
        );
        let codes = [Reason::NoRole, Reason::NotPermitted, Reason::Forbidden, Reason::Faulty].map(Reason::code);
        assert_eq!(codes, ["access.no_role", "access.not_permitted", "access.forbidden", "access.faulty"]);
        let verdict = |reason| Verdict { reason, policies: vec![], faults: vec![] };
        assert!(verdict(Reason::Permitted).allows() && !verdict(Reason::Forbidden).allows());
        assert_eq!(WALLET.text(), "Wallet::\"w\"");
        assert_eq!(Target::Workspace.text(), "Workspace::\"this\"");
        let comment = |bytes: usize| Access::new(Some(&format!("//{}", "x".repeat(bytes - 2)))).map(|a| a.own());
        assert_eq!(comment(256 * 1024), Ok(0));
        assert_eq!(comment(256 * 1024 + 1), Err(AccessError::TooLong));
    }

    /// Who decides of their own role stands in the question once.
    #[test]
    fn one_may_ask_of_oneself() {
        let id = PersonId::from_bytes([1; 16]).to_string();
        let access = Access::new(None).unwrap();
        let grant = |id: &str, role| {
            let target = Target::Person { id, role, to: Some(Role::Viewer) };
            access.decide(&Question {
                person: PersonId::from_bytes([1; 16]),
                name: "Grace",
                role: Some(Role::Owner),
                purpose: "initiate",
                address: [10, 1, 2, 3].into(),
                action: "grantRole",
                target,
            })
        };
        let other = PersonId::from_bytes([2; 16]).to_string();
        assert_eq!(grant(&other, Some(Role::Viewer)).reason, Reason::Permitted);
        assert_ne!(grant(&id, Some(Role::Owner)).reason, Reason::Faulty);
    }

    /// Asked again, and again with one thing changed, each verdict is what it was, and that of its own question.
    #[test]
    fn h1_a_verdict_is_remembered_for_its_own_question_only() {
        let own = "@id(\"closed\") forbid (principal, action, resource in Vault::\"treasury\") \
                   when { context.ip.isInRange(ip(\"10.9.0.0/16\")) };";
        let access = Access::new(Some(own)).unwrap();
        let submit = ask("submitTransfer", Some(Role::Editor), WALLET);
        let changed = [
            (submit, Reason::Permitted),
            (Question { role: None, ..submit }, Reason::NoRole),
            (Question { role: Some(Role::Viewer), ..submit }, Reason::NotPermitted),
            (Question { address: [10, 9, 2, 3].into(), ..submit }, Reason::Forbidden),
            (Question { action: "grantRole", ..submit }, Reason::Faulty),
            (Question { target: Target::Wallet { id: "w", vault: None }, ..submit }, Reason::Permitted),
            (
                Question {
                    address: [10, 9, 2, 3].into(),
                    target: Target::Wallet { id: "w", vault: Some("other") },
                    ..submit
                },
                Reason::Permitted,
            ),
        ];
        for _ in 0..2 {
            for (question, reason) in &changed {
                assert_eq!(access.decide(question).reason, *reason, "{question:?}");
            }
        }
        let sound = changed.iter().filter(|(_, reason)| *reason != Reason::Faulty).count();
        let remembered = || access.said.lock().unwrap().len();
        assert_eq!(remembered(), sound, "what could not be asked is asked again");
        let long = "w".repeat(QUESTION_BYTES);
        access.decide(&Question { target: Target::Wallet { id: &long, vault: None }, ..submit });
        assert_eq!(remembered(), sound, "too long to be remembered");
        for n in 0..2 * REMEMBERED {
            let id = format!("w{n}");
            access.decide(&Question { target: Target::Wallet { id: &id, vault: None }, ..submit });
        }
        assert!(access.said.lock().unwrap().len() <= REMEMBERED);
    }

    #[test]
    fn h1_default_deny_and_forbid_before_permit() {
        let submit = |role| ask("submitTransfer", role, WALLET);
        assert_eq!(reason("", submit(None)), (Reason::NoRole, String::new()));
        assert_eq!(reason("", submit(Some(Role::Viewer))), (Reason::NotPermitted, String::new()));
        assert_eq!(reason("", submit(Some(Role::Editor))), (Reason::Permitted, "editor".into()));
        let own = "@id(\"closed\") forbid (principal, action, resource in Vault::\"treasury\");";
        assert_eq!(reason(own, submit(Some(Role::Owner))), (Reason::Forbidden, "own:closed".into()));
        let elsewhere = Target::Wallet { id: "w", vault: Some("other") };
        assert!(reason(own, ask("submitTransfer", Some(Role::Owner), elsewhere)).0 == Reason::Permitted);
        let own = "permit (principal == Person::\"x\", action, resource);";
        assert_eq!(reason(own, submit(None)).0, Reason::NoRole);
        let own = "permit (principal, action == Action::\"submitTransfer\", resource == Wallet::\"w\");";
        assert_eq!(reason(own, submit(None)), (Reason::Permitted, "own:policy0".into()));
    }

    #[test]
    fn h1_addresses_are_held_against_lists() {
        let own = "forbid (principal in Role::\"editor\", action, resource)
            unless { context.ip.isInRange(ip(\"10.0.0.0/8\")) || context.ip.isInRange(ip(\"fd00::/8\")) };";
        let from = |address: &str| Question {
            address: address.parse().unwrap(),
            ..ask("submitTransfer", Some(Role::Editor), WALLET)
        };
        for (address, is_allowed) in
            [("10.9.9.9", true), ("11.0.0.1", false), ("::ffff:10.0.0.1", true), ("fd00::1", true), ("fe80::1", false)]
        {
            assert_eq!(reason(own, from(address)).0 == Reason::Permitted, is_allowed, "{address}");
        }
        let signer = Question { role: Some(Role::Signer), ..from("11.0.0.1") };
        assert_eq!(reason(own, signer).0, Reason::Permitted);
    }

    #[test]
    fn h1_what_cannot_be_evaluated_is_refused() {
        let owner = |action| ask(action, Some(Role::Owner), WALLET);
        assert_eq!(reason("", owner("noSuchOperation")).0, Reason::Faulty);
        assert_eq!(reason("", owner("installPolicy")).0, Reason::Faulty, "an operation on a thing that it is not for");
        // Cedar skips a policy that fails; here it would have been the one that forbids.
        let own = "forbid (principal, action == Action::\"submitTransfer\", resource)
            when { 9223372036854775807 + 1 > 0 };";
        let verdict = Access::new(Some(own)).unwrap().decide(&owner("submitTransfer"));
        assert_eq!((verdict.reason, verdict.faults.len()), (Reason::Faulty, 1), "{:?}", verdict.policies);
    }

    #[test]
    fn h1_own_policies_are_checked_before_they_are_in_force() {
        let refused = |own: &str| Access::new(Some(own)).err().unwrap_or_else(|| panic!("taken: {own}"));
        assert!(matches!(refused("permit (principal"), AccessError::Malformed(_)));
        for senseless in [
            "permit (principal, action == Action::\"submitTransfers\", resource);",
            "permit (principal in Group::\"x\", action, resource);",
            "forbid (principal, action, resource) unless { context.address == \"x\" };",
            "forbid (principal, action == Action::\"readWallet\", resource) unless { context.ip == \"10.0.0.1\" };",
            "forbid (principal, action == Action::\"readWallet\", resource in Role::\"owner\");",
        ] {
            assert!(matches!(refused(senseless), AccessError::Invalid(_)), "{senseless}");
        }
        assert_eq!(refused("permit (principal == ?principal, action, resource);"), AccessError::Template);
        let twice = "@id(\"a\") permit (principal, action, resource); @id(\"a\") forbid (principal, action, resource);";
        assert_eq!(refused(twice), AccessError::Duplicate("own:a".into()));
        assert_eq!(refused(&"/".repeat(OWN_BYTES + 1)), AccessError::TooLong);
    }

    #[test]
    fn h1_owners_are_made_and_unmade_by_owners() {
        let change = |by, role, to| ask("grantRole", Some(by), Target::Person { id: "someone", role, to });
        let (owner, admin) = (Role::Owner, Role::Admin);
        assert_eq!(reason("", change(owner, None, Some(owner))).0, Reason::Permitted);
        assert_eq!(reason("", change(admin, None, Some(admin))).0, Reason::Permitted);
        assert_eq!(reason("", change(admin, None, Some(owner))).0, Reason::Forbidden);
        assert_eq!(reason("", change(admin, Some(owner), None)).0, Reason::Forbidden);
        for other in Role::ALL.into_iter().filter(|r| ![owner, admin].contains(r)) {
            assert_eq!(reason("", change(other, None, Some(Role::Viewer))).0, Reason::NotPermitted, "{other:?}");
        }
    }

    /// An operator's policy under the id of a built-in one stands beside it, not in its place.
    #[test]
    fn h1_own_policies_take_no_built_in_one_s_place() {
        let own = "@id(\"owners-are-made-by-owners\") permit (principal, action, resource);";
        let change = ask("grantRole", Some(Role::Admin), Target::Person { id: "x", role: None, to: Some(Role::Owner) });
        assert_eq!(reason(own, change), (Reason::Forbidden, "owners-are-made-by-owners".into()));
        let submit = ask("submitTransfer", None, WALLET);
        assert_eq!(reason(own, submit), (Reason::Permitted, "own:owners-are-made-by-owners".into()));
    }
}
