//! AWS Signature Version 4 of one POST with a body ("Create a signed AWS API request", AWS IAM user guide).
//!
//! The credentials are the host's: they say which account pays and may call, never that the caller is measured.

use hmac::{Hmac, KeyInit as _, Mac as _};
use ringi_primitives::time::UnixMs;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// What the host gives the enclave to sign requests with.
#[derive(Clone)]
pub struct Credentials {
    /// Names the key.
    pub access_key: String,
    /// The key.
    pub secret_key: Zeroizing<String>,
    /// Of temporary credentials.
    pub session_token: Option<String>,
}

/// The request to sign: a POST of `/` without a query.
pub struct Request<'a> {
    /// As in the Host header.
    pub host: &'a str,
    /// AWS region.
    pub region: &'a str,
    /// AWS service, `kms`.
    pub service: &'a str,
    /// The X-Amz-Target header.
    pub target: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// Headers and their values, Host left out: to be sent as they are.
pub fn authorization(request: &Request<'_>, credentials: &Credentials, now: UnixMs) -> Vec<(&'static str, String)> {
    let (day, time) = stamp(now);
    let at = format!("{day}T{time}Z");
    let mut headers = vec![
        ("content-type", "application/x-amz-json-1.1".to_string()),
        ("host", request.host.to_string()),
        ("x-amz-date", at.clone()),
    ];
    headers.extend(credentials.session_token.iter().map(|t| ("x-amz-security-token", t.clone())));
    headers.push(("x-amz-target", request.target.to_string()));
    let listed: String = headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let canonical = format!("POST\n/\n\n{listed}\n{names}\n{}", hex::encode(Sha256::digest(request.body)));
    let scope = format!("{day}/{}/{}/aws4_request", request.region, request.service);
    let to_sign = format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{}", hex::encode(Sha256::digest(canonical)));
    let first = Zeroizing::new(format!("AWS4{}", credentials.secret_key.as_str()).into_bytes());
    let key = [day.as_str(), request.region, request.service, "aws4_request"]
        .iter()
        .fold(first, |key, part| Zeroizing::new(hmac_sha256(&key, part.as_bytes()).to_vec()));
    let signature = hex::encode(hmac_sha256(&key, to_sign.as_bytes()));
    let access = &credentials.access_key;
    let value = format!("AWS4-HMAC-SHA256 Credential={access}/{scope}, SignedHeaders={names}, Signature={signature}");
    headers.retain(|(name, _)| *name != "host");
    headers.push(("authorization", value));
    headers
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    // HMAC takes keys of every length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// `YYYYMMDD` and `HHMMSS` of a time, UTC.
fn stamp(now: UnixMs) -> (String, String) {
    let seconds = now.0 / 1000;
    let (day, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, date) = civil(day);
    let time = format!("{:02}{:02}{:02}", second / 3600, second / 60 % 60, second % 60);
    (format!("{year:04}{month:02}{date:02}"), time)
}

/// The Gregorian date of a day since 1970-01-01: counted in years that begin with March, 146,097 days in 400 of them.
fn civil(day: u64) -> (u64, u64, u64) {
    let shifted = day.saturating_add(719_468);
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        of_era.saturating_sub(of_era / 1460).saturating_add(of_era / 36_524).saturating_sub(of_era / 146_096) / 365;
    let days_before =
        (year_of_era.saturating_mul(365)).saturating_add(year_of_era / 4).saturating_sub(year_of_era / 100);
    let of_year = of_era.saturating_sub(days_before);
    let march_month = of_year.saturating_mul(5).saturating_add(2) / 153;
    let date = of_year.saturating_sub(march_month.saturating_mul(153).saturating_add(2) / 5).saturating_add(1);
    let month = if march_month < 10 { march_month.saturating_add(3) } else { march_month.saturating_sub(9) };
    let year = era.saturating_mul(400).saturating_add(year_of_era);
    (if month <= 2 { year.saturating_add(1) } else { year }, month, date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_gregorian() {
        for (ms, want) in [
            (0, ("19700101", "000000")),
            (951_782_399_000, ("20000228", "235959")),
            (951_782_400_000, ("20000229", "000000")),
            (1_709_164_800_000, ("20240229", "000000")),
            (1_735_689_599_000, ("20241231", "235959")),
            (4_107_542_400_000, ("21000301", "000000")),
        ] {
            assert_eq!(stamp(UnixMs(ms)), (want.0.to_string(), want.1.to_string()));
        }
    }

    /// AWS's own example of the signing key: "Examples of how to derive a signing key", AWS general reference.
    #[test]
    fn the_signing_key_is_derived_as_in_awss_example() {
        let secret = b"AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        let parts = ["20120215", "us-east-1", "iam", "aws4_request"];
        let key = parts.iter().fold(secret.to_vec(), |key, part| hmac_sha256(&key, part.as_bytes()).to_vec());
        assert_eq!(hex::encode(key), "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d");
    }
}
