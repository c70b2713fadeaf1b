//! Foreign bytes for every parser: random ones, and good ones with a few bytes changed. Repeated with coverage by
//! scripts/fuzz.sh.

use crate::recipients::recommended;
use ringi_kms::fuzz;
use serde_json::json;

/// A generator that gives the same numbers every time (xorshift).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }
}

#[test]
fn nothing_foreign_panics_or_is_taken() {
    let signature = concat!(
        "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/kms/aws4_request, SignedHeaders=host;x-amz-date, Signature=",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    );
    let request = json!({
        "KeyId": "00000000-0000-4000-8000-000000000000", "CiphertextBlob": "AAAA", "EncryptionContext": {"a": "b"},
        "Recipient": {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": "AAAA"},
    });
    let blob = [&[1][..], &[7; 120]].concat();
    let good = [
        recommended().into_bytes(),
        signature.into(),
        request.to_string().into_bytes(),
        blob,
        b"20260101T000000Z".to_vec(),
    ];
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for _ in 0..400 {
        let length = numbers.next(300);
        fuzz(&(0..length).map(|_| numbers.next(256) as u8).collect::<Vec<_>>());
        for bytes in &good {
            let mut changed = bytes.clone();
            for _ in 0..=numbers.next(3) {
                let at = numbers.next(changed.len());
                changed[at] = b"\"{}[],:*?0aA\x00\xff"[numbers.next(14)];
            }
            changed.truncate(changed.len() - numbers.next(2) * numbers.next(changed.len()));
            fuzz(&changed);
        }
    }
    // Depth is bounded by the parser.
    fuzz("[".repeat(30_000).as_bytes());
    fuzz(format!("{{\"Statement\":{}", "[".repeat(30_000)).as_bytes());
}
