//! The real image: built by the command, measured, booted under QEMU, taken apart, built twice to the same bytes.
//!
//! RINGI_SKIP_QEMU=1 leaves out what needs QEMU or the kernel, and says so. Nothing else does.

use crate::node::root;
use crate::platform::ringi;
use ringi_attestation::{AttestationError, Expectation, Moment, Pcr, PcrIndex, Root, verify};
use ringi_eif::Image;
use ringi_enclave_host::{Qemu, QemuSettings, StartError};
use ringi_nsm::{Authority, SystemClock};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::time::UnixMs;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The whole image, at most.
const IMAGE_BYTES: u64 = 16 << 20;

fn skipped() -> bool {
    let skipped = std::env::var("RINGI_SKIP_QEMU").is_ok_and(|value| value == "1");
    if skipped {
        eprintln!("SKIPPED: RINGI_SKIP_QEMU=1: no image is built or booted");
    }
    skipped
}

/// A script's last line: the path that it prints.
fn script(name: &str) -> PathBuf {
    let output = Command::new(root().join("scripts").join(name)).output().unwrap();
    assert!(output.status.success(), "scripts/{name}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().last().unwrap().into()
}

fn program(name: &str) -> PathBuf {
    let program = root().join("target/image").join(name);
    assert!(program.is_file(), "no {name} in target/image: run scripts/build-enclave.sh");
    program
}

fn good(folder: &Path, arguments: &[&str]) -> Value {
    let outcome = ringi(folder, "", arguments);
    assert_eq!(outcome.exit, Some(0), "{arguments:?}: {outcome:?}");
    outcome.out
}

fn refused(folder: &Path, arguments: &[&str]) -> String {
    let outcome = ringi(folder, "", arguments);
    assert_eq!(outcome.exit, Some(1), "{arguments:?}: {outcome:?}");
    outcome.err["code"].as_str().unwrap().to_owned()
}

/// `ringi eif build` into this folder; what it says.
fn build(folder: &Path, out: &str, cosigner: &Path) -> Value {
    let (kernel, cmdline) = (script("kernel.sh"), root().join("enclave/image/cmdline"));
    let init = program("init");
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let parts = [text(&kernel), text(&cmdline), text(&init), text(cosigner)];
    let names = ["--kernel", "--cmdline", "--init", "--cosigner"];
    let flags = names.into_iter().zip(&parts).flat_map(|(name, value)| [name, value.as_str()]);
    let arguments: Vec<_> = ["eif", "build"].into_iter().chain(flags).chain(["--out", out]).collect();
    good(folder, &arguments)
}

fn qemu(image: &Path, authority: &Arc<Authority>) -> Result<Qemu, StartError> {
    let settings = QemuSettings { qemu: script("qemu.sh"), vsock: script("vhost-vsock.sh"), memory_mib: 256 };
    Qemu::new(settings, image, Arc::clone(authority), Arc::new(SystemClock))
}

fn authority() -> Arc<Authority> {
    Arc::new(Authority::generate().unwrap())
}

fn me() -> PartyIndex {
    PartyIndex::new(1).unwrap()
}

/// What `ringi eif describe` says of PCR0 to 2, as an expectation.
fn expectation(roots: Vec<Root>, described: &Value) -> Expectation {
    let registers = [("PCR0", PcrIndex::IMAGE), ("PCR1", PcrIndex::BOOT), ("PCR2", PcrIndex::APPLICATION)];
    registers.into_iter().fold(Expectation::of(roots, Moment::Document), |expectation, (name, index)| {
        expectation.with_pcr(index, Pcr::from_hex(described["pcrs"][name].as_str().unwrap()).unwrap())
    })
}

#[tokio::test]
async fn the_real_image_boots_under_qemu_and_presents_itself() {
    if skipped() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    build(folder.path(), "ringi.eif", &program("cosigner"));
    let described = good(folder.path(), &["eif", "describe", "ringi.eif"]);
    let image = folder.path().join("ringi.eif");
    let bytes = std::fs::metadata(&image).unwrap().len();
    assert!(bytes < IMAGE_BYTES, "{bytes} bytes");
    let authority = authority();
    let qemu = qemu(&image, &authority).unwrap();
    let began = Instant::now();
    let mut booted = qemu.boot(me()).await.unwrap();
    println!("image {bytes} bytes; QEMU's start to the signed document {} ms", began.elapsed().as_millis());
    let nonce = booted.attested.document().nonce.clone().unwrap();
    assert_eq!(nonce.len(), 32);
    let now = UnixMs(0);
    let expected = expectation(vec![authority.root()], &described).with_nonce(&nonce);
    assert_eq!(verify(&booted.document, &expected, now).as_ref(), Ok(&booted.attested));
    let aws = expectation(vec![Root::AWS], &described);
    assert_eq!(verify(&booted.document, &aws, now), Err(AttestationError::Root));
    let another = expectation(vec![self::authority().root()], &described);
    assert_eq!(verify(&booted.document, &another, now), Err(AttestationError::Root));
    booted.life.kill();
    tokio::time::timeout(Duration::from_secs(10), booted.life.ended()).await.unwrap();
    // The next boot answers another challenge.
    let again = qemu.boot(me()).await.unwrap();
    assert_ne!(again.attested.document().nonce, Some(nonce));
}

#[tokio::test]
async fn an_image_with_one_bit_changed_is_not_the_image() {
    if skipped() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let described = build(folder.path(), "ringi.eif", &program("cosigner"));
    let image = folder.path().join("ringi.eif");
    let authority = authority();
    let mut bytes = std::fs::read(&image).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let flipped = folder.path().join("flipped.eif");
    std::fs::write(&flipped, &bytes).unwrap();
    assert!(matches!(qemu(&flipped, &authority), Err(StartError::Image(_))), "the file's checksum is wrong");
    assert_eq!(refused(folder.path(), &["eif", "describe", "flipped.eif"]), "eif.checksum");
    // The same bit in an image that is whole again: it boots, and says what it is.
    let mut changed = Image::parse(&std::fs::read(&image).unwrap()).unwrap();
    let middle = changed.ramdisks[1].len() / 2;
    changed.ramdisks[1][middle] ^= 1;
    std::fs::write(&flipped, changed.write()).unwrap();
    let now_described = good(folder.path(), &["eif", "describe", "flipped.eif"]);
    assert_eq!(now_described["pcrs"]["PCR1"], described["pcrs"]["PCR1"]);
    let booted = qemu(&flipped, &authority).unwrap().boot(me()).await.unwrap();
    let roots = || vec![authority.root()];
    let now = UnixMs(0);
    assert!(verify(&booted.document, &expectation(roots(), &now_described), now).is_ok());
    let refused = verify(&booted.document, &expectation(roots(), &described), now);
    assert_eq!(refused, Err(AttestationError::Pcr(PcrIndex::IMAGE)));
}

/// `init` in the cosigner's place says that it is not the first process, and ends with code 2: the machine ends with it.
#[tokio::test]
async fn the_machine_ends_with_its_cosigner_and_the_exit_code_comes_out() {
    if skipped() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    build(folder.path(), "short.eif", &program("init"));
    let mut booted = qemu(&folder.path().join("short.eif"), &authority()).unwrap().boot(me()).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(60), booted.life.ended()).await.unwrap();
    assert_eq!(ended, Some(2));
}

#[test]
fn two_builds_in_two_folders_give_the_same_bytes_and_registers() {
    if skipped() {
        return;
    }
    let again = script("repro.sh");
    assert_ne!(again, root().join("target/image"));
    for name in ["init", "cosigner"] {
        let (one, other) = (std::fs::read(program(name)).unwrap(), std::fs::read(again.join(name)).unwrap());
        assert!(one == other, "{name} differs: {} and {} bytes", one.len(), other.len());
        let path = root().to_str().unwrap().to_owned();
        assert!(!one.windows(path.len()).any(|part| part == path.as_bytes()), "{name} holds this folder's path");
    }
    let folder = tempfile::tempdir().unwrap();
    let one = build(folder.path(), "one.eif", &program("cosigner"));
    let other = build(folder.path(), "other.eif", &again.join("cosigner"));
    assert_eq!(one, other);
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert!(read("one.eif") == read("other.eif"));
}
