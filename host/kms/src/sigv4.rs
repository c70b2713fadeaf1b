//! Signature version 4: who sent exactly these bytes. Header signatures only.
//!
//! AWS, "Create a signed AWS API request" (IAM User Guide). Stricter than it in one point: every header that this server
//! reads must be signed.

use crate::access::{AccessKey, AccessKeys};
use crate::error::{Code, Refusal};
use crate::identity::printable;
use crate::limits::REQUEST_SKEW_MS;
use axum::http::{HeaderMap, Method};
use hmac::{Hmac, KeyInit as _, Mac as _};
use ringi_primitives::time::UnixMs;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use subtle::ConstantTimeEq as _;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SERVICE: &str = "kms";
const TERMINATOR: &str = "aws4_request";

/// A request as it came.
pub struct Signable<'a> {
    /// The method.
    pub method: &'a Method,
    /// Path and query as sent.
    pub target: &'a str,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The body's bytes.
    pub body: &'a [u8],
}

/// The parts of the Authorization header.
struct Claim<'a> {
    access_key_id: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: Vec<&'a str>,
    signature: [u8; 32],
}

/// The access key that signed the request, now, for this region.
///
/// # Errors
/// `MissingAuthenticationTokenException`, `IncompleteSignatureException`, `UnrecognizedClientException`,
/// `InvalidSignatureException`.
pub fn verify<'k>(
    request: &Signable<'_>,
    keys: &'k AccessKeys,
    region: &str,
    now: UnixMs,
) -> Result<&'k AccessKey, Refusal> {
    let missing = || Refusal::new(Code::MissingAuthentication, "Missing Authentication Token");
    let claim = Claim::parse(single(request.headers, "authorization")?.ok_or_else(missing)?)?;
    let date = single(request.headers, "x-amz-date")?.ok_or_else(|| incomplete("it must be sent with 'X-Amz-Date'"))?;
    claim.check_signed(request.headers)?;
    let unknown = || Refusal::new(Code::UnrecognizedClient, "The security token included in the request is invalid.");
    let key = keys.find(claim.access_key_id).ok_or_else(unknown)?;
    claim.check_scope(date, region)?;
    check_date(date, now)?;
    let hash = hex::encode(Sha256::digest(request.body));
    if single(request.headers, "x-amz-content-sha256")?.is_some_and(|said| said != hash) {
        return Err(mismatch());
    }
    let canonical = canonical(request, &claim.signed_headers, &hash)?;
    let scope = format!("{}/{}/{}/{}", claim.date, claim.region, claim.service, TERMINATOR);
    let wanted = signature(key.secret_access_key.expose(), &scope, date, &canonical);
    if !bool::from(wanted.ct_eq(&claim.signature)) {
        return Err(mismatch());
    }
    let token = single(request.headers, "x-amz-security-token")?;
    let same = match (&key.session_token, token) {
        (None, None) => true,
        (Some(wanted), Some(token)) => wanted.expose().ct_eq(token.as_bytes()).into(),
        _ => false,
    };
    if same { Ok(key) } else { Err(unknown()) }
}

/// The signature over a canonical request, for a scope `date/region/service/aws4_request`.
fn signature(secret: &[u8], scope: &str, date: &str, canonical: &str) -> [u8; 32] {
    let hashed = hex::encode(Sha256::digest(canonical.as_bytes()));
    let key = zeroize::Zeroizing::new([b"AWS4".as_slice(), secret].concat());
    let signing = scope.split('/').fold(key, |key, part| zeroize::Zeroizing::new(keyed(&key, part).to_vec()));
    keyed(&signing, &format!("{ALGORITHM}\n{date}\n{scope}\n{hashed}"))
}

fn keyed(key: &[u8], message: &str) -> [u8; 32] {
    // HMAC takes keys of every length: there is no other arm.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().into()
}

fn canonical(request: &Signable<'_>, signed: &[&str], hash: &str) -> Result<String, Refusal> {
    if request.target != "/" {
        return Err(incomplete("it must be sent to '/' without a query"));
    }
    let mut text = format!("{}\n/\n\n", request.method);
    for name in signed {
        let values: Result<Vec<_>, _> =
            request.headers.get_all(*name).iter().map(|value| value.to_str().map(trimmed)).collect();
        let values = values.map_err(|_| incomplete("its headers must be ASCII"))?;
        text.push_str(&format!("{name}:{}\n", values.join(",")));
    }
    text.push_str(&format!("\n{}\n{hash}", signed.join(";")));
    Ok(text)
}

/// Without spaces around, and one for several inside.
fn trimmed(value: &str) -> String {
    value.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The one value of a header.
pub(crate) fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(incomplete(&format!("'{name}' stands twice")));
    }
    first.to_str().map(Some).map_err(|_| incomplete(&format!("'{name}' is no text")))
}

impl<'a> Claim<'a> {
    fn parse(header: &'a str) -> Result<Claim<'a>, Refusal> {
        let rest = header.strip_prefix(ALGORITHM).and_then(|rest| rest.strip_prefix(' '));
        let rest = rest.ok_or_else(|| incomplete(&format!("it must begin with '{ALGORITHM}'")))?;
        let (mut credential, mut signed, mut signature) = (None, None, None);
        for part in rest.split(',') {
            let (name, value) = part.trim().split_once('=').ok_or_else(|| incomplete("its parts are NAME=VALUE"))?;
            let place = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed,
                "Signature" => &mut signature,
                _ => return Err(incomplete("it has an unknown parameter")),
            };
            if place.replace(value).is_some() {
                return Err(incomplete("a parameter stands twice"));
            }
        }
        let needs = |name: &str| incomplete(&format!("Authorization header requires '{name}' parameter."));
        let credential: Vec<_> = credential.ok_or_else(|| needs("Credential"))?.split('/').collect();
        let [access_key_id, date, region, service, TERMINATOR] = credential[..] else {
            return Err(incomplete("Credential is KEY/DATE/REGION/SERVICE/aws4_request"));
        };
        let mut bytes = [0; 32];
        let hex = signature.ok_or_else(|| needs("Signature"))?;
        hex::decode_to_slice(hex, &mut bytes).map_err(|_| mismatch())?;
        let signed_headers = signed.ok_or_else(|| needs("SignedHeaders"))?.split(';').collect();
        Ok(Claim { access_key_id, date, region, service, signed_headers, signature: bytes })
    }

    /// What is read must be signed: host, content-type, and everything that begins with x-amz-.
    fn check_signed(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let signed: BTreeSet<_> = self.signed_headers.iter().copied().collect();
        let in_order = self.signed_headers.is_sorted() && signed.len() == self.signed_headers.len();
        if !in_order {
            return Err(incomplete("'SignedHeaders' must be sorted and name each header once"));
        }
        for name in &signed {
            if !headers.contains_key(*name) || name.bytes().any(|c| c.is_ascii_uppercase()) {
                return Err(incomplete(&format!("'SignedHeaders' names '{}', which was not sent", printable(name))));
            }
        }
        let read = |name: &str| name == "content-type" || name.starts_with("x-amz-");
        let mut names =
            headers.keys().map(|name| name.as_str()).filter(|name| read(name)).chain(["host", "x-amz-date"]);
        match names.find(|name| !signed.contains(name)) {
            Some(name) => Err(incomplete(&format!("'{name}' must be a 'SignedHeader' in the AWS Authorization."))),
            None => Ok(()),
        }
    }

    fn check_scope(&self, date: &str, region: &str) -> Result<(), Refusal> {
        let wrong = |what: &str| Err(Refusal::new(Code::InvalidSignature, what));
        if self.region != region {
            return wrong("Credential should be scoped to a valid region.");
        }
        if self.service != SERVICE {
            return wrong("Credential should be scoped to correct service: 'kms'.");
        }
        if date.get(..8) != Some(self.date) {
            return wrong("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP");
        }
        Ok(())
    }
}

/// `YYYYMMDDTHHMMSSZ`, within five minutes.
fn check_date(text: &str, now: UnixMs) -> Result<(), Refusal> {
    let wrong = |what: &str| Refusal::new(Code::InvalidSignature, format!("{what}: {}", printable(text)));
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let whole = text.len() == 16 && part(8, 9) == "T" && part(15, 16) == "Z";
    let (y, mo, d, h, mi, s) = (part(0, 4), part(4, 6), part(6, 8), part(9, 11), part(11, 13), part(13, 15));
    let at = UnixMs::parse_rfc3339(&format!("{y}-{mo}-{d}T{h}:{mi}:{s}Z"));
    let at = at.filter(|_| whole).ok_or_else(|| incomplete("Date must be in ISO-8601 'basic format'"))?;
    if at.distance_ms(now) <= REQUEST_SKEW_MS {
        return Ok(());
    }
    Err(wrong(if at < now { "Signature expired" } else { "Signature not yet current" }))
}

fn incomplete(what: &str) -> Refusal {
    Refusal::new(Code::IncompleteSignature, format!("The request signature is incomplete: {what}"))
}

fn mismatch() -> Refusal {
    Refusal::new(
        Code::InvalidSignature,
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
         Key and signing method. Consult the service documentation for details.",
    )
}

/// Reads a foreign Authorization header and date; nothing that is read is signed.
pub(crate) fn fuzz(text: &str) {
    let _ = check_date(text, UnixMs(0));
    if let Ok(claim) = Claim::parse(text) {
        assert!(claim.check_signed(&HeaderMap::new()).is_err());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AWS's signature version 4 test suite, `get-vanilla` (aws-sig-v4-test-suite).
    #[test]
    fn the_published_example() {
        let canonical = concat!(
            "GET\n/\n\nhost:example.amazonaws.com\nx-amz-date:20150830T123600Z\n\nhost;x-amz-date\n",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        let secret = b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        let scope = "20150830/us-east-1/service/aws4_request";
        let signed = signature(secret, scope, "20150830T123600Z", canonical);
        assert_eq!(hex::encode(signed), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
    }

    #[test]
    fn dates_are_within_five_minutes() {
        let now = UnixMs::parse_rfc3339("2026-01-01T00:05:00Z").unwrap();
        let code = |text: &str| check_date(text, now).map_err(|e| e.code);
        assert_eq!(code("20260101T000000Z"), Ok(()));
        assert_eq!(code("20260101T001000Z"), Ok(()));
        assert_eq!(code("20251231T235959Z"), Err(Code::InvalidSignature));
        assert_eq!(code("20260101T001001Z"), Err(Code::InvalidSignature));
        for bad in ["", "2026-01-01T00:05:00Z", "20260101T000500", "20260101X000500Z", "20261301T000500Z"] {
            assert_eq!(code(bad), Err(Code::IncompleteSignature), "{bad}");
        }
    }

    #[test]
    fn spaces_in_values_are_folded() {
        assert_eq!(trimmed("  a   b  "), "a b");
    }
}
