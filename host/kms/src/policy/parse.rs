//! A policy's text to statements. What is not understood is refused, and so is a name that stands twice.

use super::condition::{Condition, Key, Operator};
use crate::error::{Code, Refusal};
use crate::identity::{Principal, account_of_root, printable};
use crate::limits::{POLICY_BYTES, STATEMENTS};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer};
use std::fmt;
use std::marker::PhantomData;

/// A policy that was understood as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its statements.
    pub statements: Vec<Statement>,
}

/// What a statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Effect {
    /// It allows.
    Allow,
    /// It denies; nothing allows what one statement denies.
    Deny,
}

/// Whom a statement is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PrincipalPattern {
    /// `*`.
    Anyone,
    /// An account: allowing it leaves the choice to the account; denying it denies all in it.
    Account(String),
    /// One user or role.
    One(String),
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its `Sid`, if it has one.
    pub sid: Option<String>,
    /// Allow or deny.
    pub effect: Effect,
    /// Whom.
    pub principals: Vec<PrincipalPattern>,
    /// Patterns of actions.
    pub actions: Vec<String>,
    /// Patterns of key ARNs; in a key's own policy `*` is that key.
    pub resources: Vec<String>,
    pub(crate) conditions: Vec<Condition>,
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// `MalformedPolicyDocumentException`: no JSON, too long, or with an element, a principal, an operator or a condition key
    /// that this server does not hold to.
    pub fn parse(text: &str) -> Result<Policy, Refusal> {
        if text.len() > POLICY_BYTES {
            return Err(malformed(format!("it is longer than {POLICY_BYTES} bytes")));
        }
        let form: PolicyForm = serde_json::from_str(text).map_err(|e| malformed(e.to_string()))?;
        if !matches!(form.version.as_deref(), None | Some("2012-10-17" | "2008-10-17")) {
            return Err(malformed("its Version is unknown"));
        }
        let statements = form.statement.0;
        if statements.is_empty() || statements.len() > STATEMENTS {
            return Err(malformed(format!("it has 1 to {STATEMENTS} statements")));
        }
        let statements = statements.into_iter().map(StatementForm::statement).collect::<Result<_, _>>()?;
        Ok(Policy { statements })
    }
}

fn malformed(what: impl fmt::Display) -> Refusal {
    Refusal::new(Code::MalformedPolicy, format!("The policy is malformed or not supported: {what}"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct PolicyForm {
    version: Option<String>,
    #[serde(rename = "Id")]
    _id: Option<String>,
    statement: Many<StatementForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct StatementForm {
    sid: Option<String>,
    effect: Effect,
    principal: PrincipalForm,
    action: Many<String>,
    resource: Many<String>,
    #[serde(default)]
    condition: Option<Pairs<Pairs<Many<Scalar>>>>,
}

impl StatementForm {
    fn statement(self) -> Result<Statement, Refusal> {
        let (actions, resources) = (self.action.0, self.resource.0);
        if actions.is_empty() || resources.is_empty() {
            return Err(malformed("a statement needs an Action and a Resource"));
        }
        let is_action = |a: &String| *a == "*" || a.to_ascii_lowercase().starts_with("kms:");
        if let Some(wrong) = actions.iter().find(|action| !is_action(action)) {
            return Err(malformed(format!("the action {} is none of kms", printable(wrong))));
        }
        if let Some(wrong) = resources.iter().find(|r| *r != "*" && !r.starts_with("arn:aws:kms:")) {
            return Err(malformed(format!("the resource {} is no key", printable(wrong))));
        }
        let principals = self.principal.0.into_iter().map(|p| principal(&p)).collect::<Result<Vec<_>, _>>()?;
        if principals.is_empty() {
            return Err(malformed("a statement needs a Principal"));
        }
        let conditions = conditions(self.condition)?;
        if let Some(variable) = conditions.iter().flat_map(|c| &c.values).chain(&resources).find(|v| v.contains("${")) {
            return Err(malformed(format!("variables are not supported: {}", printable(variable))));
        }
        Ok(Statement { sid: self.sid, effect: self.effect, principals, actions, resources, conditions })
    }
}

fn principal(text: &str) -> Result<PrincipalPattern, Refusal> {
    if text == "*" {
        return Ok(PrincipalPattern::Anyone);
    }
    if let Some(account) = account_of_root(text) {
        return Ok(PrincipalPattern::Account(account.to_owned()));
    }
    let one = Principal::parse(text).ok_or_else(|| malformed(format!("the principal {}", printable(text))))?;
    Ok(PrincipalPattern::One(one.arn().to_owned()))
}

fn conditions(form: Option<Pairs<Pairs<Many<Scalar>>>>) -> Result<Vec<Condition>, Refusal> {
    let mut all = Vec::new();
    for (name, keys) in form.map(|pairs| pairs.0).unwrap_or_default() {
        let operator = Operator::parse(&name);
        let operator = operator.ok_or_else(|| malformed(format!("the operator {}", printable(&name))))?;
        for (name, values) in keys.0 {
            let key = Key::parse(&name).ok_or_else(|| malformed(format!("the condition key {}", printable(&name))))?;
            let values = values.0.into_iter().map(|Scalar(value)| value).collect();
            let condition = Condition { operator, key, values };
            if let Some(objection) = condition.objection() {
                return Err(malformed(objection));
            }
            all.push(condition);
        }
    }
    Ok(all)
}

/// One value or an array of them.
struct Many<T>(Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Many<T>, D::Error> {
        struct OneOrSeveral<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrSeveral<T> {
            type Value = Many<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one value or an array")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Many<T>, E> {
                Ok(Many(vec![T::deserialize(de::value::StrDeserializer::new(text))?]))
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Many<T>, E> {
                Ok(Many(vec![T::deserialize(de::value::BoolDeserializer::new(value))?]))
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Many<T>, M::Error> {
                Ok(Many(vec![T::deserialize(MapAccessDeserializer::new(map))?]))
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Many<T>, S::Error> {
                let mut all = Vec::new();
                while let Some(one) = seq.next_element()? {
                    all.push(one);
                }
                Ok(Many(all))
            }
        }
        from.deserialize_any(OneOrSeveral(PhantomData))
    }
}

/// A value of a condition: text, or true and false as `Null` has them.
struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Scalar, D::Error> {
        struct TextOrBool;
        impl Visitor<'_> for TextOrBool {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, true or false")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(text.to_owned()))
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
        }
        from.deserialize_any(TextOrBool)
    }
}

/// An object whose names stand once each.
struct Pairs<V>(Vec<(String, V)>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Pairs<V> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Pairs<V>, D::Error> {
        struct Unique<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Unique<V> {
            type Value = Pairs<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Pairs<V>, M::Error> {
                let mut all: Vec<(String, V)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, V>()? {
                    if all.iter().any(|(known, _)| *known == name) {
                        return Err(de::Error::custom(format!("{} stands twice", printable(&name))));
                    }
                    all.push((name, value));
                }
                Ok(Pairs(all))
            }
        }
        from.deserialize_map(Unique(PhantomData))
    }
}

/// `"*"` or `{"AWS": ...}`.
struct PrincipalForm(Vec<String>);

impl<'de> Deserialize<'de> for PrincipalForm {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<PrincipalForm, D::Error> {
        struct StarOrAws;
        impl<'de> Visitor<'de> for StarOrAws {
            type Value = PrincipalForm;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"*\" or {\"AWS\": ...}")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<PrincipalForm, E> {
                let star = (text == "*").then(|| PrincipalForm(vec!["*".to_owned()]));
                star.ok_or_else(|| E::custom("a principal is \"*\" or {\"AWS\": ...}"))
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<PrincipalForm, M::Error> {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Aws {
                    #[serde(rename = "AWS")]
                    aws: Many<String>,
                }
                Ok(PrincipalForm(Aws::deserialize(MapAccessDeserializer::new(map))?.aws.0))
            }
        }
        from.deserialize_any(StarOrAws)
    }
}
