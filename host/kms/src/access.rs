//! Access keys: who signs as whom, and what they may do where no key's policy is asked.
//!
//! They stand in for what IAM is at AWS. A file of JSON, mode 0600: SigV4 needs the secrets themselves.

use crate::error::Refusal;
use crate::identity::Principal;
use crate::limits::{ACCESS_FILE_BYTES, ACCESS_KEYS};
use crate::policy::matches_action;
use crate::secret::{Secret, random};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use zeroize::Zeroizing;

/// Why access keys cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The file.
    #[error("access keys: {0}")]
    Io(#[from] io::Error),
    /// Others may read it.
    #[error("access keys: others may read the file; its mode must be 0600")]
    Mode,
    /// What it says.
    #[error("access keys: {0}")]
    Form(String),
}

/// One access key.
#[derive(Clone)]
pub struct AccessKey {
    /// The public half: 16 to 128 letters and digits.
    pub access_key_id: String,
    /// The secret half: 32 characters or more.
    pub secret_access_key: Secret,
    /// Where set, requests must bring it (temporary credentials).
    pub session_token: Option<Secret>,
    /// Who signs with it.
    pub principal: Principal,
    /// Actions such as `kms:CreateKey` or `kms:*`, for calls that concern no key, and where a key's policy leaves the
    /// choice to the account.
    pub actions: Vec<String>,
}

/// An access key as its file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptKey {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    principal: Principal,
    #[serde(default)]
    actions: Vec<String>,
}

/// The same on its way into the file.
#[derive(Serialize)]
struct KeepingKey<'a> {
    access_key_id: &'a str,
    secret_access_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_token: Option<&'a str>,
    principal: &'a Principal,
    actions: &'a [String],
}

impl KeptKey {
    fn key(self) -> AccessKey {
        let KeptKey { access_key_id, secret_access_key, session_token, principal, actions } = self;
        AccessKey {
            access_key_id,
            secret_access_key: Secret::new(secret_access_key.into_bytes()),
            session_token: session_token.map(|token| Secret::new(token.into_bytes())),
            principal,
            actions,
        }
    }
}

impl AccessKey {
    /// A fresh one for this principal.
    ///
    /// # Errors
    /// Where there is no randomness.
    pub fn generate(principal: Principal, actions: Vec<String>) -> Result<AccessKey, Refusal> {
        let id = hex::encode_upper(random::<8>()?);
        let secret = Secret::random(32)?;
        Ok(AccessKey {
            access_key_id: format!("RKMS{id}"),
            secret_access_key: Secret::new(hex::encode(secret.expose()).into_bytes()),
            session_token: None,
            principal,
            actions,
        })
    }

    /// Whether the account lets this principal do an action.
    pub fn may(&self, action: &str) -> bool {
        self.actions.iter().any(|pattern| matches_action(pattern, action))
    }

    fn check(&self) -> Result<(), AccessError> {
        let wrong = |what: &str| Err(AccessError::Form(format!("{}: {what}", self.principal)));
        let id = &self.access_key_id;
        if !(16..=128).contains(&id.len()) || !id.bytes().all(|c| c.is_ascii_alphanumeric()) {
            return wrong("an access key's id is 16 to 128 letters and digits");
        }
        if !(32..=256).contains(&self.secret_access_key.expose().len()) {
            return wrong("a secret access key has 32 to 256 characters");
        }
        if self.session_token.as_ref().is_some_and(|token| !(16..=4096).contains(&token.expose().len())) {
            return wrong("a session token has 16 to 4096 characters");
        }
        let known = |action: &String| action.strip_prefix("kms:").is_some_and(|name| !name.is_empty());
        if !self.actions.iter().all(known) {
            return wrong("an action begins with kms:");
        }
        Ok(())
    }
}

fn keeping(key: &AccessKey) -> Result<KeepingKey<'_>, AccessError> {
    Ok(KeepingKey {
        access_key_id: &key.access_key_id,
        secret_access_key: readable(&key.secret_access_key)?,
        session_token: key.session_token.as_ref().map(readable).transpose()?,
        principal: &key.principal,
        actions: &key.actions,
    })
}

fn readable(secret: &Secret) -> Result<&str, AccessError> {
    std::str::from_utf8(secret.expose()).map_err(|_| AccessError::Form("a secret is no text".to_owned()))
}

/// All access keys of a server, by id.
#[derive(Clone, Default)]
pub struct AccessKeys(BTreeMap<String, AccessKey>);

impl AccessKeys {
    /// Of these keys.
    ///
    /// # Errors
    /// [`AccessError::Form`] for a key out of its bounds, or an id that stands twice.
    pub fn new(keys: Vec<AccessKey>) -> Result<AccessKeys, AccessError> {
        let mut all = BTreeMap::new();
        if keys.len() > ACCESS_KEYS {
            return Err(AccessError::Form(format!("more than {ACCESS_KEYS}")));
        }
        for key in keys {
            key.check()?;
            if let Some(twice) = all.insert(key.access_key_id.clone(), key) {
                return Err(AccessError::Form(format!("{} stands twice", twice.access_key_id)));
            }
        }
        Ok(AccessKeys(all))
    }

    /// Reads the file: a JSON array of access keys.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn read(path: &Path) -> Result<AccessKeys, AccessError> {
        let file = File::open(path)?;
        if file.metadata()?.mode() & 0o077 != 0 {
            return Err(AccessError::Mode);
        }
        let mut text = Zeroizing::new(String::new());
        file.take(ACCESS_FILE_BYTES).read_to_string(&mut text)?;
        // A parser's message could quote a secret: only its place is told.
        let place = |e: serde_json::Error| {
            AccessError::Form(format!("not an array of access keys, line {} column {}", e.line(), e.column()))
        };
        let kept: Vec<KeptKey> = serde_json::from_str(&text).map_err(place)?;
        AccessKeys::new(kept.into_iter().map(KeptKey::key).collect())
    }

    /// Writes the file anew, mode 0600, whole or not at all.
    ///
    /// # Errors
    /// [`AccessError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), AccessError> {
        let all = self.0.values().map(keeping).collect::<Result<Vec<_>, _>>()?;
        let text = serde_json::to_string_pretty(&all).map_err(|e| AccessError::Form(e.to_string()))?;
        let text = Zeroizing::new(text);
        let new = path.with_extension("new");
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()?;
        Ok(())
    }

    /// One more.
    ///
    /// # Errors
    /// [`AccessError::Form`].
    pub fn with(self, key: AccessKey) -> Result<AccessKeys, AccessError> {
        AccessKeys::new(self.0.into_values().chain([key]).collect())
    }

    /// The first by id.
    pub fn first(&self) -> Option<&AccessKey> {
        self.0.values().next()
    }

    /// The key of this id.
    pub fn find(&self, id: &str) -> Option<&AccessKey> {
        self.0.get(id)
    }
}
