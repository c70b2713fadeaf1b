//! HTTP Message Signatures (RFC 9421) with one fixed component list; gateway and cosigner verify with this code.
//!
//! Signed: `("@method" "@path" "content-digest" "idempotency-key")` with parameters `created`, `expires`, `nonce`, `keyid`,
//! `tag="ringi/v1"`, in this order. Because the list is fixed, the signature base is rebuilt from typed fields: there is no header
//! parsing inside the enclave. `content-digest` is sha-256 of the body (RFC 9530).

use crate::key::{PublicKey, SignatureBytes};
use crate::limits;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minicbor::{Decode, Encode};
use sha2::{Digest as _, Sha256};

/// The only component list and tag accepted.
const COMPONENTS: &str = r#"("@method" "@path" "content-digest" "idempotency-key")"#;
const TAG: &str = "ringi/v1";
/// The label of our signature in the dictionary headers.
pub const LABEL: &str = "ringi";

/// A verified or to-be-verified request signature, as typed fields from which the signature base follows.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RequestSignature {
    /// HTTP method, upper case.
    #[n(0)]
    pub method: String,
    /// Path without query.
    #[n(1)]
    pub path: String,
    /// The `Idempotency-Key` header's value.
    #[n(2)]
    pub idempotency_key: String,
    /// The signer's key; `keyid` is its text form.
    #[n(3)]
    pub key: PublicKey,
    /// `created`, Unix seconds.
    #[n(4)]
    pub created_s: u64,
    /// `expires`, Unix seconds.
    #[n(5)]
    pub expires_s: u64,
    /// `nonce`: unique per key; the gateway remembers it while the signature lives.
    #[n(6)]
    pub nonce: String,
    /// The signature over the base.
    #[n(7)]
    pub signature: SignatureBytes,
}

/// Why a request's signature is refused. Codes are `auth.<name>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpSigError {
    /// A header is missing, repeated, too long or not of the fixed form.
    #[error("signature header malformed: {0}")]
    Malformed(&'static str),
    /// `Content-Digest` is not the body's.
    #[error("content digest does not match the body")]
    ContentDigest,
    /// The signature does not verify.
    #[error("request signature does not verify")]
    BadSignature,
    /// Not yet or no longer valid, or living longer than [`limits::REQUEST_LIFE_S`].
    #[error("request signature is outside its time")]
    Expired,
}

impl RequestSignature {
    /// The value of `Signature-Input` without the label.
    fn parameters(&self) -> String {
        format!(
            r#"{COMPONENTS};created={};expires={};nonce="{}";keyid="{}";tag="{TAG}""#,
            self.created_s,
            self.expires_s,
            self.nonce,
            self.key.text()
        )
    }

    /// The signature base (RFC 9421 §2.5) for this body.
    pub fn base(&self, body: &[u8]) -> String {
        format!(
            "\"@method\": {}\n\"@path\": {}\n\"content-digest\": {}\n\"idempotency-key\": {}\n\"@signature-params\": {}",
            self.method,
            self.path,
            content_digest(body),
            self.idempotency_key,
            self.parameters()
        )
    }

    /// Whether the signature is the key's over this body, and every text is plain (no quotes, no line breaks), so that
    /// two different requests never share a base. Time and key ownership are the caller's to check.
    ///
    /// # Errors
    /// [`HttpSigError::Malformed`] or [`HttpSigError::BadSignature`].
    pub fn verify(&self, body: &[u8]) -> Result<(), HttpSigError> {
        let plain = |s: &str| {
            (1..=limits::HEADER_BYTES).contains(&s.len())
                && s.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
        };
        if ![&self.method, &self.path, &self.idempotency_key, &self.nonce].into_iter().all(|s| plain(s)) {
            return Err(HttpSigError::Malformed("method, path, idempotency-key or nonce"));
        }
        if self.key.verifies(self.base(body).as_bytes(), &self.signature) {
            Ok(())
        } else {
            Err(HttpSigError::BadSignature)
        }
    }

    /// Whether `now_s` lies in the signature's time and that time is short enough.
    ///
    /// # Errors
    /// [`HttpSigError::Expired`].
    pub fn check_time(&self, now_s: u64) -> Result<(), HttpSigError> {
        let life = self.expires_s.checked_sub(self.created_s).ok_or(HttpSigError::Expired)?;
        let skew_s = limits::CLOCK_SKEW_MS / 1000;
        let fresh = self.created_s <= now_s.saturating_add(skew_s) && now_s < self.expires_s;
        if life <= limits::REQUEST_LIFE_S && fresh { Ok(()) } else { Err(HttpSigError::Expired) }
    }

    /// The header values a client sends: `Content-Digest`, `Signature-Input`, `Signature`.
    pub fn headers(&self, body: &[u8]) -> [(&'static str, String); 3] {
        [
            ("content-digest", content_digest(body)),
            ("signature-input", format!("{LABEL}={}", self.parameters())),
            ("signature", format!("{LABEL}=:{}:", STANDARD.encode(self.signature.0))),
        ]
    }

    /// Reads the fixed form from header values and checks `Content-Digest` against the body. Does not verify.
    ///
    /// # Errors
    /// [`HttpSigError::Malformed`] or [`HttpSigError::ContentDigest`].
    pub fn from_headers(
        method: &str,
        path: &str,
        header: impl Fn(&str) -> Option<String>,
        body: &[u8],
    ) -> Result<RequestSignature, HttpSigError> {
        let bounded = |name: &'static str| {
            header(name).filter(|v| v.len() <= limits::HEADER_BYTES).ok_or(HttpSigError::Malformed(name))
        };
        if bounded("content-digest")? != content_digest(body) {
            return Err(HttpSigError::ContentDigest);
        }
        let input = bounded("signature-input")?;
        let malformed = || HttpSigError::Malformed("signature-input");
        let mut rest = input.strip_prefix("ringi=").and_then(|r| r.strip_prefix(COMPONENTS)).ok_or_else(malformed)?;
        let mut next = |name: &str| -> Option<String> {
            let r = rest.strip_prefix(';')?.strip_prefix(name)?.strip_prefix('=')?;
            let (value, after) = match r.find(';') {
                Some(at) => r.split_at_checked(at)?,
                None => (r, ""),
            };
            rest = after;
            Some(value.to_string())
        };
        let unquote = |s: String| s.strip_prefix('"')?.strip_suffix('"').map(str::to_string);
        let fields = (|| {
            let created_s = next("created")?.parse().ok()?;
            let expires_s = next("expires")?.parse().ok()?;
            let nonce = unquote(next("nonce")?)?;
            let key = PublicKey::from_text(&unquote(next("keyid")?)?)?;
            (unquote(next("tag")?)? == TAG).then_some((created_s, expires_s, nonce, key))
        })();
        let (created_s, expires_s, nonce, key) = fields.ok_or_else(malformed)?;
        let signature = bounded("signature")?;
        let bytes = signature
            .strip_prefix("ringi=:")
            .and_then(|s| s.strip_suffix(':'))
            .and_then(|s| STANDARD.decode(s).ok())
            .and_then(|b| <[u8; 64]>::try_from(b).ok())
            .ok_or(HttpSigError::Malformed("signature"))?;
        let found = RequestSignature {
            method: method.to_string(),
            path: path.to_string(),
            idempotency_key: bounded("idempotency-key")?,
            key,
            created_s,
            expires_s,
            nonce,
            signature: SignatureBytes(bytes),
        };
        // What was read must be what will be rebuilt: no second spelling of the same parameters.
        if format!("{LABEL}={}", found.parameters()) == input { Ok(found) } else { Err(malformed()) }
    }
}

/// `sha-256=:<base64>:` of a body (RFC 9530 §2).
pub fn content_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(body)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::{Signer, SigningKey};

    fn signed(body: &[u8]) -> RequestSignature {
        let sk = SigningKey::from_bytes(&[7; 32]);
        let mut s = RequestSignature {
            method: "POST".into(),
            path: "/v1/transfers".into(),
            idempotency_key: "k-1".into(),
            key: PublicKey::Ed25519(sk.verifying_key().to_bytes()),
            created_s: 1000,
            expires_s: 1300,
            nonce: "n1".into(),
            signature: SignatureBytes([0; 64]),
        };
        s.signature = SignatureBytes(sk.sign(s.base(body).as_bytes()).to_bytes());
        s
    }

    fn read(
        s: &RequestSignature,
        body: &[u8],
        change: impl Fn(&str, String) -> String,
    ) -> Result<RequestSignature, HttpSigError> {
        let headers = s.headers(body);
        RequestSignature::from_headers(
            &s.method,
            &s.path,
            |name| {
                let value = if name == "idempotency-key" {
                    Some(s.idempotency_key.clone())
                } else {
                    headers.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone())
                };
                value.map(|v| change(name, v))
            },
            body,
        )
    }

    #[test]
    fn headers_round_trip_and_verify() {
        let s = signed(b"{}");
        let found = read(&s, b"{}", |_, v| v).unwrap();
        assert_eq!(found, s);
        found.verify(b"{}").unwrap();
        assert_eq!(found.verify(b"{ }"), Err(HttpSigError::BadSignature));
    }

    #[test]
    fn i1_every_signed_field_is_bound() {
        let s = signed(b"{}");
        let changes: [fn(&mut RequestSignature); 7] = [
            |s| s.method = "PUT".into(),
            |s| s.path = "/v1/wallets".into(),
            |s| s.idempotency_key = "k-2".into(),
            |s| s.created_s += 1,
            |s| s.expires_s += 1,
            |s| s.nonce = "n2".into(),
            |s| s.key = PublicKey::Ed25519(SigningKey::from_bytes(&[8; 32]).verifying_key().to_bytes()),
        ];
        for (i, change) in changes.iter().enumerate() {
            let mut bad = s.clone();
            change(&mut bad);
            assert_eq!(bad.verify(b"{}"), Err(HttpSigError::BadSignature), "change {i}");
        }
        let mut injected = s.clone();
        injected.nonce = "n1\";keyid=\"x".into();
        assert!(matches!(injected.verify(b"{}"), Err(HttpSigError::Malformed(_))));
    }

    #[test]
    fn only_the_fixed_form_is_read() {
        let s = signed(b"{}");
        let on = |header: &'static str, from: &'static str, to: &'static str| {
            read(&s, b"{}", move |n, v| if n == header { v.replacen(from, to, 1) } else { v })
        };
        for (header, from, to) in [
            ("signature-input", "\"@method\" ", ""),
            ("signature-input", ";created=1000", ";created=01000"),
            ("signature-input", ";tag=\"ringi/v1\"", ""),
            ("signature-input", ";tag=\"ringi/v1\"", ";tag=\"other\""),
            ("signature-input", "ringi=", "sig1="),
            ("signature-input", ";nonce", ";alg=\"ed25519\";nonce"),
            ("signature", "ringi=:", "ringi=:AA"),
        ] {
            assert!(matches!(on(header, from, to), Err(HttpSigError::Malformed(_))), "{header} {from} {to}");
        }
        assert_eq!(on("content-digest", "sha-256", "sha-512"), Err(HttpSigError::ContentDigest));
    }

    #[test]
    fn time_is_bounded() {
        let mut s = signed(b"{}");
        assert!(s.check_time(1000).is_ok() && s.check_time(1299).is_ok() && s.check_time(940).is_ok());
        assert!(s.check_time(1300).is_err() && s.check_time(939).is_err());
        s.expires_s = 1301;
        assert!(s.check_time(1100).is_err());
        s.expires_s = 999;
        assert!(s.check_time(998).is_err());
    }
}
