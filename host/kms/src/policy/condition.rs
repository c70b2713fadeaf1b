//! Conditions: an operator, a key of the request, values.
//!
//! IAM User Guide, "IAM JSON policy elements: Condition operators"; KMS Developer Guide, "Condition keys".

use super::evaluate::Context;
use super::pattern::matches;
use ringi_attestation::PcrIndex;

/// What a condition looks at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// `kms:RecipientAttestation:ImageSha384`: register 0.
    Image,
    /// `kms:RecipientAttestation:PCR<n>`.
    Pcr(PcrIndex),
    /// `kms:EncryptionContext:<key>`. The key's case counts.
    EncryptionContext(String),
    /// `kms:EncryptionContextKeys`, of several values.
    EncryptionContextKeys,
    /// `aws:PrincipalArn`.
    PrincipalArn,
    /// `aws:PrincipalAccount`.
    PrincipalAccount,
    /// `kms:CallerAccount`.
    CallerAccount,
    /// `kms:ViaService`: nobody calls through a service here, so it is never there.
    ViaService,
}

impl Key {
    /// `None` for keys that are not known here. Case does not count but in an encryption context's own key.
    pub(crate) fn parse(text: &str) -> Option<Key> {
        let lower = text.to_ascii_lowercase();
        if let Some(register) = lower.strip_prefix("kms:recipientattestation:pcr") {
            let plain = register == "0" || !register.starts_with(['0', '+']);
            return register.parse().ok().filter(|_| plain).and_then(PcrIndex::new).map(Key::Pcr);
        }
        if lower.starts_with("kms:encryptioncontext:") {
            let name = text.splitn(3, ':').nth(2).filter(|name| !name.is_empty())?;
            return Some(Key::EncryptionContext(name.to_owned()));
        }
        match lower.as_str() {
            "kms:recipientattestation:imagesha384" => Some(Key::Image),
            "kms:encryptioncontextkeys" => Some(Key::EncryptionContextKeys),
            "aws:principalarn" => Some(Key::PrincipalArn),
            "aws:principalaccount" => Some(Key::PrincipalAccount),
            "kms:calleraccount" => Some(Key::CallerAccount),
            "kms:viaservice" => Some(Key::ViaService),
            _ => None,
        }
    }

    /// Whether only an attestation document gives it a value.
    pub(crate) fn is_attestation(&self) -> bool {
        matches!(self, Key::Image | Key::Pcr(_))
    }

    /// Whether it looks at a pair of the encryption context.
    pub(crate) fn is_encryption_context(&self) -> bool {
        matches!(self, Key::EncryptionContext(_))
    }

    /// The register it looks at.
    pub(crate) fn register(&self) -> Option<PcrIndex> {
        match self {
            Key::Image => Some(PcrIndex::IMAGE),
            Key::Pcr(index) => Some(*index),
            _ => None,
        }
    }
}

/// How a value is compared with one of the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Exact,
    IgnoreCase,
    Like,
}

/// Over which of a key's values a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Set {
    Single,
    ForAny,
    ForAll,
}

/// What a condition asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    /// String and ARN comparisons.
    Compare {
        /// How.
        comparison: Comparison,
        /// `...Not...`: holds where no value matches, and where the key is absent.
        negated: bool,
        /// `...IfExists`: holds where the key is absent.
        if_exists: bool,
        /// `ForAnyValue:`, `ForAllValues:`.
        set: Set,
    },
    /// `Null`: whether the key is absent.
    Null,
}

impl Operator {
    /// `None` for operators that are not known here.
    pub(crate) fn parse(text: &str) -> Option<Operator> {
        if text == "Null" {
            return Some(Operator::Null);
        }
        let (set, text) = match text.split_once(':') {
            Some(("ForAnyValue", rest)) => (Set::ForAny, rest),
            Some(("ForAllValues", rest)) => (Set::ForAll, rest),
            Some(_) => return None,
            None => (Set::Single, text),
        };
        let if_exists = text.ends_with("IfExists");
        let (comparison, negated) = match text.strip_suffix("IfExists").unwrap_or(text) {
            "StringEquals" => (Comparison::Exact, false),
            "StringNotEquals" => (Comparison::Exact, true),
            "StringEqualsIgnoreCase" => (Comparison::IgnoreCase, false),
            "StringNotEqualsIgnoreCase" => (Comparison::IgnoreCase, true),
            // ArnEquals behaves as ArnLike (IAM, "ARN condition operators").
            "StringLike" | "ArnLike" | "ArnEquals" => (Comparison::Like, false),
            "StringNotLike" | "ArnNotLike" | "ArnNotEquals" => (Comparison::Like, true),
            _ => return None,
        };
        Some(Operator::Compare { comparison, negated, if_exists, set })
    }
}

/// One condition of a statement. Any of its values is enough; of a negated one, none may match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) operator: Operator,
    pub(crate) key: Key,
    pub(crate) values: Vec<String>,
}

impl Condition {
    /// Why it cannot be held to, though each part of it is known.
    pub(crate) fn objection(&self) -> Option<&'static str> {
        let many = self.key == Key::EncryptionContextKeys;
        match self.operator {
            Operator::Null => {
                let plain = matches!(self.values.as_slice(), [value] if value == "true" || value == "false");
                (!plain).then_some("Null takes true or false")
            }
            Operator::Compare { set: Set::Single, .. } if many => {
                Some("kms:EncryptionContextKeys has several values: it takes ForAnyValue or ForAllValues")
            }
            Operator::Compare { set: Set::ForAny | Set::ForAll, .. } if !many => {
                Some("ForAnyValue and ForAllValues are for kms:EncryptionContextKeys")
            }
            Operator::Compare { .. } if self.values.is_empty() => Some("a condition has no value"),
            Operator::Compare { .. } => None,
        }
    }

    /// Whether it holds for a request.
    pub(crate) fn holds(&self, context: &Context) -> bool {
        let found = context.values(&self.key);
        let Operator::Compare { comparison, negated, if_exists, set } = self.operator else {
            let absent = found.is_empty();
            return self.values.first().is_some_and(|wanted| (wanted == "true") == absent);
        };
        let one = |value: &String| self.values.iter().any(|wanted| equal(comparison, wanted, value)) != negated;
        match set {
            Set::ForAll => found.iter().all(one),
            _ if found.is_empty() => if_exists || (negated && set == Set::Single),
            Set::ForAny | Set::Single => found.iter().any(one),
        }
    }
}

fn equal(comparison: Comparison, wanted: &str, found: &str) -> bool {
    match comparison {
        Comparison::Exact => wanted == found,
        Comparison::IgnoreCase => wanted.eq_ignore_ascii_case(found),
        Comparison::Like => matches(wanted, found),
    }
}
