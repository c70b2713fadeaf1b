//! Where sealed records are: in the data folder, or in a bucket that `[records]` of the settings names.

use super::settings::Settings;
use crate::failure::Failure;
use ringi_enclave_host::{Access, Bucket};
use serde::Deserialize;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A bucket of an S3-compatible store.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordSettings {
    /// `s3://NAME` or `s3://NAME/PREFIX`.
    pub bucket: String,
    /// Where the store is, if it is not AWS.
    pub endpoint: Option<String>,
    /// As requests are signed for it.
    #[serde(default = "us_east_1")]
    pub region: String,
    /// A file of credentials, mode 0600; without it they come from `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and
    /// `AWS_SESSION_TOKEN`.
    pub credentials: Option<PathBuf>,
    /// The certificate of a private authority, PEM, for the endpoint.
    pub root: Option<PathBuf>,
}

fn us_east_1() -> String {
    "us-east-1".into()
}

/// The file of credentials.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

/// The bucket that the settings name, where they name one.
///
/// # Errors
/// As [`RecordSettings::bucket`].
pub fn bucket(settings: &Settings) -> Result<Option<Bucket>, Failure> {
    settings.records.as_ref().map(RecordSettings::bucket).transpose()
}

impl RecordSettings {
    /// The bucket, with its credentials from the file or from the environment.
    ///
    /// # Errors
    /// If the address is none, or the credentials are missing or open to others.
    pub fn bucket(&self) -> Result<Bucket, Failure> {
        self.bucket_with(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn bucket_with(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Bucket, Failure> {
        let wrong = |what: &str| Failure::new("cli.records", what, "write bucket = \"s3://NAME/PREFIX\" in [records]");
        let address = self.bucket.strip_prefix("s3://").ok_or_else(|| wrong("the bucket's address is not s3://…"))?;
        let (name, prefix) = address.split_once('/').unwrap_or((address, ""));
        if name.is_empty() {
            return Err(wrong("the bucket has no name"));
        }
        let known = |e: &str| e.starts_with("https://") || e.starts_with("http://");
        if self.endpoint.as_deref().is_some_and(|endpoint| !known(endpoint) || endpoint.contains('@')) {
            return Err(wrong("the bucket's endpoint is not https://… without a user"));
        }
        let access = match &self.credentials {
            Some(file) => of_file(file)?,
            None => of_environment(variable)?,
        };
        let root =
            self.root.as_ref().map(|path| std::fs::read(path).map_err(|e| Failure::file(path, &e))).transpose()?;
        Ok(Bucket {
            name: name.into(),
            prefix: prefix.trim_end_matches('/').into(),
            endpoint: self.endpoint.clone(),
            region: self.region.clone(),
            access,
            root,
        })
    }
}

fn of_file(path: &Path) -> Result<Access, Failure> {
    let mode = std::fs::metadata(path).map_err(|e| Failure::file(path, &e))?.mode();
    if mode & 0o077 != 0 {
        let what = format!("{}: others may read the bucket's credentials", path.display());
        return Err(Failure::new("cli.records", what, "chmod 600 the file"));
    }
    // Not the message of the parser, which may show what stands in the file.
    let unread = |_| {
        let what = format!("{}: not a file of credentials", path.display());
        Failure::new("cli.records", what, "write access_key_id = \"…\" and secret_access_key = \"…\" in it")
    };
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(|e| Failure::file(path, &e))?);
    let Credentials { access_key_id, secret_access_key, session_token } = toml::from_str(&text).map_err(unread)?;
    let session_token = session_token.map(Zeroizing::new);
    Ok(Access { access_key: access_key_id, secret_key: Zeroizing::new(secret_access_key), session_token })
}

fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Access, Failure> {
    let wanted = |name: &str| {
        variable(name).ok_or_else(|| {
            let next = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a file as credentials in [records]";
            Failure::new("cli.records", format!("{name} is not set, and no file of credentials is named"), next)
        })
    };
    Ok(Access {
        access_key: wanted("AWS_ACCESS_KEY_ID")?,
        secret_key: Zeroizing::new(wanted("AWS_SECRET_ACCESS_KEY")?),
        session_token: variable("AWS_SESSION_TOKEN").map(Zeroizing::new),
    })
}

/// Whether this home's records are where the settings say: elsewhere the cosigner would start without its past.
///
/// # Errors
/// If they are not.
pub fn kept_so(home: &Path, bucket: Option<&Bucket>) -> Result<(), Failure> {
    let (what, next) = match bucket {
        Some(_) if home.join("records").exists() => (
            "its records are in the data folder",
            "take [records] out of ringi.toml, or found a workspace in a new folder",
        ),
        None if home.join("records.instance").exists() => {
            ("its records are in a bucket", "name the bucket in [records] of ringi.toml")
        }
        _ => return Ok(()),
    };
    Err(Failure::new("cli.records", format!("{}: {what}", home.display()), next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn settings(text: &str) -> RecordSettings {
        toml::from_str(text).unwrap()
    }

    fn none(_: &str) -> Option<String> {
        None
    }

    fn code(settings: &RecordSettings) -> &'static str {
        let failure = settings.bucket_with(|name| Some(format!("of {name}"))).unwrap_err();
        assert_eq!(failure.code, "cli.records");
        "cli.records"
    }

    #[test]
    fn an_address_names_bucket_and_prefix() {
        let bucket = settings("bucket = \"s3://mine/a/b/\"\nendpoint = \"https://store.example\"\n");
        let bucket = bucket.bucket_with(|name| Some(format!("of {name}"))).unwrap();
        assert_eq!(
            (bucket.name.as_str(), bucket.prefix.as_str(), bucket.region.as_str()),
            ("mine", "a/b", "us-east-1")
        );
        assert_eq!(bucket.access.access_key, "of AWS_ACCESS_KEY_ID");
        assert_eq!(bucket.access.secret_key.as_str(), "of AWS_SECRET_ACCESS_KEY");
        assert_eq!(bucket.access.session_token.unwrap().as_str(), "of AWS_SESSION_TOKEN");
        for wrong in ["mine", "s3://", "s3:///a", "https://mine"] {
            code(&settings(&format!("bucket = \"{wrong}\"")));
        }
        for endpoint in ["store.example", "https://user:password@store.example"] {
            code(&settings(&format!("bucket = \"s3://mine\"\nendpoint = \"{endpoint}\"")));
        }
    }

    #[test]
    fn credentials_are_wanted_and_the_owners_alone() {
        assert_eq!(settings("bucket = \"s3://mine\"").bucket_with(none).unwrap_err().code, "cli.records");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("access.toml");
        std::fs::write(&file, "access_key_id = \"id\"\nsecret_access_key = \"very-secret\"\n").unwrap();
        let named = settings(&format!("bucket = \"s3://mine\"\ncredentials = \"{}\"", file.display()));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        code(&named);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let bucket = named.bucket_with(none).unwrap();
        assert_eq!((bucket.access.access_key.as_str(), bucket.access.secret_key.as_str()), ("id", "very-secret"));
        assert!(!format!("{bucket:?} {named:?}").contains("very-secret"));
        std::fs::write(&file, "secret_access_key = \"very-secret\"\nother = 1\n").unwrap();
        let failure = named.bucket_with(none).unwrap_err();
        assert!(failure.code == "cli.records" && !failure.to_string().contains("very-secret"), "{failure}");
    }

    #[test]
    fn records_stay_where_they_began() {
        let home = tempfile::tempdir().unwrap();
        let bucket = settings("bucket = \"s3://mine\"").bucket_with(|_| Some("x".into())).unwrap();
        assert!(kept_so(home.path(), None).is_ok() && kept_so(home.path(), Some(&bucket)).is_ok());
        std::fs::write(home.path().join("records"), "").unwrap();
        assert_eq!(kept_so(home.path(), Some(&bucket)).unwrap_err().code, "cli.records");
        assert!(kept_so(home.path(), None).is_ok());
        std::fs::remove_file(home.path().join("records")).unwrap();
        std::fs::write(home.path().join("records.instance"), "").unwrap();
        assert_eq!(kept_so(home.path(), None).unwrap_err().code, "cli.records");
        assert!(kept_so(home.path(), Some(&bucket)).is_ok());
    }
}
