//! Where a cosigner's key lies, as genesis names it: the admins sign it, so the host cannot name another.

use std::fmt;

/// A key and how its service is recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KmsKey {
    /// The key's ARN; AWS KMS and ours alike.
    pub arn: String,
    /// Region of the ARN.
    pub region: String,
    /// Host name of the service.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whose certificate its TLS must show.
    pub trust: Trust,
}

/// How a service's certificate is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// A public certificate for the host name under Amazon's own roots.
    Amazon,
    /// Exactly the certificate with this SHA-256: our own server.
    Pinned([u8; 32]),
}

/// A text that names no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a KMS key: arn:aws:kms:REGION:ACCOUNT:key/ID, or that with @HOST:PORT/SHA256 behind it")]
pub struct KmsKeyError;

/// Longest host name (RFC 1035).
const HOST_BYTES: usize = 253;
const ARN_BYTES: usize = 256;

impl KmsKey {
    /// Reads `arn:aws:kms:REGION:ACCOUNT:key/ID` (AWS), or the same with `@HOST:PORT/SHA256-OF-CERTIFICATE` behind it.
    ///
    /// # Errors
    /// [`KmsKeyError`].
    pub fn parse(text: &str) -> Result<KmsKey, KmsKeyError> {
        let (arn, place) = match text.split_once('@') {
            Some((arn, place)) => (arn, Some(place)),
            None => (text, None),
        };
        let region = region(arn).ok_or(KmsKeyError)?.to_string();
        let arn = arn.to_string();
        match place {
            None => {
                let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
                let host = format!("kms.{region}.{suffix}");
                Ok(KmsKey { arn, region, host, port: 443, trust: Trust::Amazon })
            }
            Some(place) => {
                let (address, pin) = place.split_once('/').ok_or(KmsKeyError)?;
                let (host, port) = address.rsplit_once(':').ok_or(KmsKeyError)?;
                let mut pinned = [0; 32];
                hex::decode_to_slice(pin, &mut pinned).map_err(|_| KmsKeyError)?;
                let port = port.parse().ok().filter(|p| *p != 0).ok_or(KmsKeyError)?;
                let host = Some(host).filter(|h| named(h, HOST_BYTES)).ok_or(KmsKeyError)?.to_string();
                Ok(KmsKey { arn, region, host, port, trust: Trust::Pinned(pinned) })
            }
        }
    }
}

impl fmt::Display for KmsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.trust {
            Trust::Amazon => f.write_str(&self.arn),
            Trust::Pinned(pin) => write!(f, "{}@{}:{}/{}", self.arn, self.host, self.port, hex::encode(pin)),
        }
    }
}

/// The region of a key's ARN, if it is one.
fn region(arn: &str) -> Option<&str> {
    let parts: Vec<&str> = arn.split(':').collect();
    let [prefix, partition, service, region, account, key] = parts[..] else { return None };
    let sound = prefix == "arn" && partition.starts_with("aws") && service == "kms" && arn.len() <= ARN_BYTES;
    let id = key.strip_prefix("key/")?;
    let account_sound = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    (sound && account_sound && named(region, 64) && named(id, 128) && named(partition, 16)).then_some(region)
}

/// Letters, digits, hyphens and dots: nothing that ends a header or a host name.
fn named(text: &str, most: usize) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    !text.is_empty() && text.len() <= most && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    #[test]
    fn both_kinds_are_read_and_written_again() {
        let aws = KmsKey::parse(ARN).unwrap();
        assert_eq!((aws.host.as_str(), aws.port, aws.trust), ("kms.eu-central-1.amazonaws.com", 443, Trust::Amazon));
        let text = format!("{ARN}@kms.example:7443/{}", "ab".repeat(32));
        let own = KmsKey::parse(&text).unwrap();
        assert_eq!((own.host.as_str(), own.port, own.trust), ("kms.example", 7443, Trust::Pinned([0xab; 32])));
        assert_eq!((aws.to_string(), own.to_string()), (ARN.to_string(), text));
    }

    #[test]
    fn nothing_else_names_a_key() {
        let pin = "ab".repeat(32);
        for bad in [
            String::new(),
            "alias/mine".into(),
            "arn:aws:s3:eu-central-1:111122223333:key/1".into(),
            "arn:aws:kms:eu central:111122223333:key/1".into(),
            "arn:aws:kms:eu-central-1:1:key/1".into(),
            "arn:aws:kms:eu-central-1:111122223333:alias/1".into(),
            format!("{ARN}@kms.example:7443"),
            format!("{ARN}@kms.example:0/{pin}"),
            format!("{ARN}@kms.example/{pin}"),
            format!("{ARN}@kms\r\n.example:1/{pin}"),
            format!("{ARN}@kms.example:1/{}", "ab".repeat(31)),
            format!("{ARN}\r\n"),
        ] {
            assert_eq!(KmsKey::parse(&bad), Err(KmsKeyError), "{bad}");
        }
    }
}
