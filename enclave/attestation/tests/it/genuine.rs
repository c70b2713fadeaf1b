//! Documents that AWS signed. They are not part of the repository: RINGI_NITRO_DOCUMENTS names the folder that holds them
//! (shared/testdata/nitro beside the repository unless set). Where it is absent these tests say so and check nothing; the
//! emulation's documents are checked always.

use ringi_attestation::{AttestationError, Document, Expectation, Moment, Pcr, PcrIndex, Root, verify};
use ringi_primitives::time::UnixMs;
use std::path::PathBuf;

const GOOD: [&str; 2] =
    ["Dstack-TEE-nitro_attestation-5e983e0b.cbor", "veracruz-project-aws_nitro_document-8ff485d8.cbor"];
const BAD_SIGNATURE: &str = "veracruz-project-aws_nitro_document_bad_sig-7df2cdc0.cbor";
const DEBUG: &str = "evervault-debug-mode-attestation-doc-bytes-46591b92.cbor";

fn genuine(name: &str) -> Option<Vec<u8>> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/testdata/nitro"));
    let folder = std::env::var_os("RINGI_NITRO_DOCUMENTS").map_or_else(beside, PathBuf::from);
    if !folder.is_dir() {
        eprintln!("SKIPPED: no folder of genuine documents; name it with RINGI_NITRO_DOCUMENTS");
        return None;
    }
    let path = folder.join(name);
    Some(std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}

fn at_its_time() -> Expectation {
    Expectation::of(vec![Root::AWS], Moment::Document)
}

#[test]
fn genuine_documents_verify_at_their_own_time() {
    for name in GOOD {
        let Some(bytes) = genuine(name) else { return };
        let attested = verify(&bytes, &at_its_time(), UnixMs(0)).unwrap();
        assert_eq!(attested.root(), Root::AWS);
        assert_eq!(attested.document(), &Document::read(&bytes).unwrap());
        assert!(attested.document().pcrs.len() >= 16, "{name}");
    }
}

#[test]
fn genuine_documents_have_expired_by_now() {
    let Some(bytes) = genuine(GOOD[0]) else { return };
    let expectation = Expectation::of(vec![Root::AWS], Moment::Now { max_age_ms: u64::MAX });
    assert_eq!(verify(&bytes, &expectation, UnixMs(1_800_000_000_000)), Err(AttestationError::Expired));
    let made = Document::read(&bytes).unwrap().timestamp;
    assert!(verify(&bytes, &expectation, made.plus_ms(1_000)).is_ok());
}

#[test]
fn a_tampered_document_fails_by_its_signature() {
    let Some(bytes) = genuine(BAD_SIGNATURE) else { return };
    assert_eq!(verify(&bytes, &at_its_time(), UnixMs(0)), Err(AttestationError::Signature));
}

#[test]
fn a_debug_enclave_is_refused() {
    let Some(bytes) = genuine(DEBUG) else { return };
    assert_eq!(verify(&bytes, &at_its_time(), UnixMs(0)), Err(AttestationError::Debug(PcrIndex::IMAGE)));
}

#[test]
fn another_root_is_refused() {
    let Some(bytes) = genuine(GOOD[1]) else { return };
    let expectation = Expectation::of(vec![Root([7; 32])], Moment::Document);
    assert_eq!(verify(&bytes, &expectation, UnixMs(0)), Err(AttestationError::Root));
}

#[test]
fn registers_are_held_to_what_is_asked() {
    let Some(bytes) = genuine(GOOD[1]) else { return };
    let image = Document::read(&bytes).unwrap().pcrs[&PcrIndex::IMAGE];
    assert!(verify(&bytes, &at_its_time().with_pcr(PcrIndex::IMAGE, image), UnixMs(0)).is_ok());
    let other = at_its_time().with_pcr(PcrIndex::IMAGE, Pcr([1; 48]));
    assert_eq!(verify(&bytes, &other, UnixMs(0)), Err(AttestationError::Pcr(PcrIndex::IMAGE)));
}

#[test]
fn truncated_and_extended_documents_are_refused() {
    let Some(bytes) = genuine(GOOD[0]) else { return };
    for end in (0..bytes.len()).step_by(7) {
        assert!(verify(&bytes[..end], &at_its_time(), UnixMs(0)).is_err(), "cut at {end}");
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert_eq!(verify(&longer, &at_its_time(), UnixMs(0)), Err(AttestationError::Malformed("bytes follow")));
    assert_eq!(verify(&[0; 20_000], &at_its_time(), UnixMs(0)), Err(AttestationError::TooLong));
}

#[test]
fn no_byte_of_a_genuine_document_flips_unnoticed() {
    let Some(bytes) = genuine(GOOD[1]) else { return };
    for at in (0..bytes.len()).step_by(13) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        assert!(verify(&flipped, &at_its_time(), UnixMs(0)).is_err(), "byte {at}");
    }
}
