//! Names: of the deployment, of keys, of those who call.

use crate::error::{Code, Refusal};
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// Whose server this is: a part of every key's ARN. It is this server's name for itself and claims nothing of AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    account: String,
    region: String,
}

impl Deployment {
    /// `None` unless the account is 12 digits and the region lower-case letters, digits and hyphens.
    pub fn new(account: &str, region: &str) -> Option<Deployment> {
        let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        let good = is_account(account) && (1..=32).contains(&region.len()) && region.bytes().all(plain);
        good.then(|| Deployment { account: account.to_owned(), region: region.to_owned() })
    }

    /// 12 digits.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Such as `us-east-1`; requests are signed for it.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// A key's ARN.
    pub fn arn(&self, key: &KeyId) -> String {
        format!("arn:aws:kms:{}:{}:key/{key}", self.region, self.account)
    }

    /// The key that a caller names by its id or its ARN.
    ///
    /// # Errors
    /// `NotFoundException` for anything else: another account, another region, an alias.
    pub fn key_of(&self, text: &str) -> Result<KeyId, Refusal> {
        let prefix = format!("arn:aws:kms:{}:{}:key/", self.region, self.account);
        let id = text.strip_prefix(prefix.as_str()).unwrap_or(text);
        let unknown = || Refusal::new(Code::NotFound, format!("Key '{}' does not exist", printable(text)));
        KeyId::parse(id).ok_or_else(unknown)
    }
}

/// A caller's text in a message: bounded and without control characters.
pub(crate) fn printable(text: &str) -> String {
    text.chars().take(256).map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|c| c.is_ascii_digit())
}

/// A key's id: a random UUID, in lower case with hyphens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(Uuid);

impl TryFrom<String> for KeyId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<KeyId, &'static str> {
        KeyId::parse(&text).ok_or("a key's id is a UUID in lower case")
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> String {
        id.to_string()
    }
}

impl KeyId {
    /// Of these random bytes.
    pub fn of_random(bytes: [u8; 16]) -> KeyId {
        KeyId(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    /// Exactly the form that [`fmt::Display`] gives.
    pub fn parse(text: &str) -> Option<KeyId> {
        let id = KeyId(Uuid::try_parse(text).ok()?);
        (id.to_string() == text).then_some(id)
    }

    /// 16 bytes.
    pub fn bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// From 16 bytes, whatever they are.
    pub fn of_bytes(bytes: [u8; 16]) -> KeyId {
        KeyId(Uuid::from_bytes(bytes))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

/// Somebody who calls: `arn:aws:iam::ACCOUNT:user/NAME` or `.../role/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Principal {
    arn: String,
    account: String,
}

impl Principal {
    /// `None` for anything but a user or a role, and for wildcards.
    pub fn parse(arn: &str) -> Option<Principal> {
        let (account, name) = arn.strip_prefix("arn:aws:iam::")?.split_once(':')?;
        let name = name.strip_prefix("user/").or_else(|| name.strip_prefix("role/"))?;
        let plain = |c: u8| c.is_ascii_alphanumeric() || b"+=,.@_-/".contains(&c);
        let good = is_account(account) && (1..=512).contains(&name.len()) && name.bytes().all(plain);
        good.then(|| Principal { arn: arn.to_owned(), account: account.to_owned() })
    }

    /// The whole name.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// 12 digits.
    pub fn account(&self) -> &str {
        &self.account
    }
}

impl TryFrom<String> for Principal {
    type Error = &'static str;

    fn try_from(arn: String) -> Result<Principal, &'static str> {
        Principal::parse(&arn).ok_or("a principal is arn:aws:iam::ACCOUNT:user/NAME or arn:aws:iam::ACCOUNT:role/NAME")
    }
}

impl From<Principal> for String {
    fn from(principal: Principal) -> String {
        principal.arn
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn)
    }
}

/// The account of an ARN's root, `arn:aws:iam::ACCOUNT:root`, or of an account's bare number.
pub(crate) fn account_of_root(text: &str) -> Option<&str> {
    let account = text.strip_prefix("arn:aws:iam::").and_then(|rest| rest.strip_suffix(":root")).unwrap_or(text);
    is_account(account).then_some(account)
}

/// The account named in an ARN, whatever it is an ARN of.
pub(crate) fn account_in(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| is_account(account))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_named_by_id_or_arn_of_this_deployment() {
        let here = Deployment::new("000000000000", "us-east-1").unwrap();
        let id = KeyId::of_random([0xab; 16]);
        assert_eq!(here.key_of(&id.to_string()), Ok(id));
        assert_eq!(here.key_of(&here.arn(&id)), Ok(id));
        let other = Deployment::new("000000000001", "us-east-1").unwrap();
        assert_eq!(here.key_of(&other.arn(&id)).unwrap_err().code, Code::NotFound);
        assert_eq!(here.key_of(&id.to_string().to_uppercase()).unwrap_err().code, Code::NotFound);
        assert_eq!(here.key_of("../../etc/passwd").unwrap_err().code, Code::NotFound);
        assert!(Deployment::new("12", "us-east-1").is_none());
    }

    #[test]
    fn principals_are_users_and_roles() {
        assert!(Principal::parse("arn:aws:iam::000000000000:role/cosigner-1").is_some());
        for bad in [
            "arn:aws:iam::000000000000:root",
            "arn:aws:iam::000000000000:user/*",
            "arn:aws:iam::0:user/a",
            "arn:aws:iam::000000000000:user/",
            "*",
        ] {
            assert!(Principal::parse(bad).is_none(), "{bad}");
        }
    }
}
