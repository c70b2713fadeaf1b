//! The real image: built by the command, measured, booted under QEMU, taken apart, built twice to the same bytes.
//!
//! RINGI_SKIP_QEMU=1 leaves out what needs QEMU or the kernel, and says so. Nothing else does.

use crate::commands::{a_policy_is_installed_once_and_signed, a_wallet_is_made_and_funded};
use crate::node::{Node, root};
use crate::oracle;
use crate::platform::{INITIATOR, Platform, ringi};
use ringi_attestation::{AttestationError, Expectation, Moment, Pcr, PcrIndex, Root, verify};
use ringi_eif::{Image, Metadata, cpio};
use ringi_enclave_host::{Enclave as _, Qemu, QemuSettings, Records, StartError};
use ringi_nsm::{Authority, SystemClock};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::time::UnixMs;
use serde_json::Value;
use std::collections::BTreeSet;
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
    program_in("target/image", name)
}

fn program_in(folder: &str, name: &str) -> PathBuf {
    let program = root().join(folder).join(name);
    assert!(program.is_file(), "no {name} in {folder}: run scripts/build-enclave.sh {folder}");
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
    build_with(folder, out, &program("init"), cosigner)
}

fn build_with(folder: &Path, out: &str, init: &Path, cosigner: &Path) -> Value {
    let (kernel, cmdline) = (script("kernel.sh"), root().join("enclave/image/cmdline"));
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let parts = [text(&kernel), text(&cmdline), text(init), text(cosigner)];
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

/// A probe in the cosigner's place (enclave/init/examples/probe.rs) says what it was given and ends with code 7.
#[tokio::test]
async fn the_cosigner_runs_without_privileges_and_the_machine_ends_with_it() {
    use tokio::io::AsyncReadExt as _;
    if skipped() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    build(folder.path(), "probe.eif", &program("probe"));
    let qemu = qemu(&folder.path().join("probe.eif"), &authority()).unwrap();
    let mut launched = qemu.launch(me(), folder.path(), Records::None).await.unwrap();
    let mut report = String::new();
    launched.reader.read_to_string(&mut report).await.unwrap();
    let lines: Vec<_> = report.lines().collect();
    let none = "0000000000000000";
    let capabilities = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map(|name| format!("{name}: {none}"));
    let stated = ["Uid: 1000 1000 1000 1000", "Gid: 1000 1000 1000 1000", "Groups:", "NoNewPrivs: 1"];
    let given = ["arguments 0 variables 0", "module on descriptor 1: Ok(32)", "init again: Ok(Some(2))"];
    for line in stated.iter().chain(&given).copied().chain(capabilities.iter().map(String::as_str)) {
        assert!(lines.contains(&line), "{line} is not in:\n{report}");
    }
    let written: Vec<_> = lines.iter().filter(|line| line.starts_with("write ")).collect();
    assert!(written.len() == 5 && written.iter().all(|line| line.ends_with("false")), "{report}");
    let ended = tokio::time::timeout(Duration::from_secs(60), launched.life.ended()).await.unwrap();
    assert_eq!((ended, qemu.kind()), (Some(7), "qemu"));
}

/// The probe in the place of `init` answers the challenge with a document of another nonce.
#[tokio::test]
async fn a_stale_or_borrowed_document_is_not_taken() {
    if skipped() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    build_with(folder.path(), "liar.eif", &program("probe"), &program("probe"));
    let lied = qemu(&folder.path().join("liar.eif"), &authority()).unwrap().boot(me()).await;
    let Err(StartError::Presentation(why)) = lied else { panic!("it is taken: {:?}", lied.err()) };
    assert_eq!(why, AttestationError::Nonce);
}

/// The image in a machine without a security module.
#[test]
fn without_the_security_module_the_machine_ends() {
    if skipped() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    build(folder.path(), "ringi.eif", &program("cosigner"));
    let image = Image::parse(&std::fs::read(folder.path().join("ringi.eif")).unwrap()).unwrap();
    std::fs::write(folder.path().join("kernel"), &image.kernel).unwrap();
    std::fs::write(folder.path().join("ramdisk"), image.ramdisks.concat()).unwrap();
    let machine = "-M microvm,acpi=off,pcie=off -accel tcg -cpu max -m 256M -nodefaults -no-user-config -display none \
                   -serial stdio -no-reboot -kernel kernel -initrd ramdisk -append";
    let mut command = Command::new("timeout");
    command.arg("60").arg(script("qemu.sh")).args(machine.split_whitespace()).arg(&image.cmdline);
    let output = command.current_dir(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("ringi-init: init.module: there is no security module"), "{said}");
    assert!(output.status.success() && !said.contains("cosigner ended"), "{said}");
}

#[tokio::test]
async fn an_image_that_does_not_boot_is_an_error_with_its_last_words() {
    if skipped() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    build(folder.path(), "ringi.eif", &program("cosigner"));
    let mut broken = Image::parse(&std::fs::read(folder.path().join("ringi.eif")).unwrap()).unwrap();
    broken.ramdisks.swap_remove(0);
    std::fs::write(folder.path().join("broken.eif"), broken.write()).unwrap();
    let qemu = qemu(&folder.path().join("broken.eif"), &authority()).unwrap();
    let Err(StartError::Machine(said)) = qemu.boot(me()).await else { panic!("it boots without init") };
    assert!(said.contains("Kernel panic"), "{said}");
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_string()
}

/// The crates that a scanner (syft) finds in a layout: program, name, version. `None` where oracles are left out.
fn scanned(layout: &Path) -> Option<BTreeSet<[String; 3]>> {
    let python = oracle::python("scanner")?;
    let mut scan = Command::new(python.with_file_name("syft"));
    scan.arg("scan").arg(format!("oci-dir:{}", layout.display())).args(["-o", "json", "-q"]);
    let output = scan.env("SYFT_CHECK_FOR_APP_UPDATE", "false").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let crates = report["artifacts"].as_array().unwrap().iter().filter(|a| a["type"] == "rust-crate");
    Some(crates.map(|a| [&a["locations"][0]["path"], &a["name"], &a["version"]].map(text)).collect())
}

/// Scanners see what is in the image: syft lists its crates, another program unpacks the layout, and the lists name our crates.
#[test]
fn an_extracted_image_is_read_by_others() {
    if skipped() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    build(folder.path(), "ringi.eif", &program("cosigner"));
    let said = good(folder.path(), &["eif", "extract", "ringi.eif", "--out", "parts", "--tar", "parts.tar"]);
    assert!(said["kernel_version"].as_str().unwrap().starts_with("6."), "{said}");
    let list: Value = serde_json::from_slice(&std::fs::read(folder.path().join("parts/crates.json")).unwrap()).unwrap();
    for (program, wanted) in [("init", "rustix"), ("cosigner", "dkls23-core")] {
        let packages = list[program]["packages"].as_array().unwrap();
        assert!(packages.iter().any(|package| package["name"] == wanted), "{program} does not list {wanted}");
    }
    if let Some(found) = scanned(&folder.path().join("parts/oci")) {
        let linked = |program: &str| {
            let packages = list[program]["packages"].as_array().unwrap().iter();
            let linked = packages.filter(|package| package["kind"] != "build");
            linked
                .map(|p| [&Value::from(format!("/{program}")), &p["name"], &p["version"]].map(text))
                .collect::<Vec<_>>()
        };
        let said: BTreeSet<[String; 3]> = ["init", "cosigner"].into_iter().flat_map(linked).collect();
        assert_eq!(found, said, "the scanner finds what the programs say they are made of");
        assert!(found.len() > 200, "{}", found.len());
    }
    let unpack = ["unpack", "--rootless", "--image", "parts/oci:latest", "bundle"];
    let output = Command::new("umoci").args(unpack).current_dir(folder.path()).output();
    let output = output.expect("umoci is installed: run scripts/setup.sh");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for name in ["init", "cosigner"] {
        let unpacked = std::fs::read(folder.path().join("bundle/rootfs").join(name)).unwrap();
        assert!(unpacked == std::fs::read(program(name)).unwrap(), "{name} is another");
    }
    let listed = Command::new("tar").args(["-tf", "parts.tar"]).current_dir(folder.path()).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.lines().any(|line| line == "index.json"), "{listed}");
    assert_eq!(refused(folder.path(), &["eif", "extract", "ringi.eif", "--out", "parts"]), "cli.file");
}

/// These need neither a kernel nor QEMU.
#[test]
fn what_is_no_image_or_could_hurt_is_refused_and_leaves_nothing() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("inner");
    std::fs::create_dir(&folder).unwrap();
    let path = |name: &str| folder.join(name);
    std::fs::write(path("junk"), b"junk").unwrap();
    for command in ["describe", "verify"] {
        assert_eq!(refused(&folder, &["eif", command, "junk"]), "eif.malformed");
    }
    assert_eq!(refused(&folder, &["eif", "describe", "missing"]), "cli.file");
    let parts = ["--kernel", "junk", "--cmdline", "junk", "--init", "junk", "--cosigner", "junk"];
    let build = [&["eif", "build", "--out", "x.eif"], &parts[..]].concat();
    assert_eq!(refused(&folder, &build), "eif.kernel");
    let mut kernel = vec![0; 0x400];
    kernel[0x202..0x206].copy_from_slice(b"HdrS");
    kernel[0x20E..0x210].copy_from_slice(&0x100u16.to_le_bytes());
    kernel[0x300..0x305].copy_from_slice(b"6.1.2");
    let outside = cpio::Entry { path: "../x".into(), mode: 0o644, content: cpio::Content::File(b"x".to_vec()) };
    let ramdisks = vec![cpio::write(&[outside])];
    let hostile = Image::new(kernel, "quiet", &Metadata::new("\u{1b}[2J", "1", "6.1.2"), ramdisks);
    std::fs::write(path("hostile.eif"), hostile.write()).unwrap();
    assert_eq!(good(&folder, &["eif", "describe", "hostile.eif"])["ramdisks"], 1);
    assert_eq!(refused(&folder, &["eif", "extract", "hostile.eif", "--out", "parts"]), "eif.path_outside");
    assert!(!path("parts").exists() && !path("x.eif").exists() && !path("../x").exists());
    let mut text = Command::new(env!("CARGO_BIN_EXE_ringi"));
    let text = text.args(["eif", "describe", "hostile.eif"]).current_dir(&folder).output().unwrap();
    assert!(text.status.success() && !text.stdout.contains(&0x1b), "a control character reaches the terminal");
}

#[test]
fn images_are_signed_and_verified() {
    if skipped() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    build(folder.path(), "ringi.eif", &program("cosigner"));
    let openssl = |arguments: &str| {
        let words = arguments.split(' ').collect::<Vec<_>>();
        let output = Command::new("openssl").args(words).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out key.pem");
    openssl("req -new -x509 -key key.pem -subj /CN=publisher -days 30 -out certificate.pem");
    assert_eq!(refused(folder.path(), &["eif", "verify", "ringi.eif"]), "eif.unsigned");
    let keys = ["--sign-key", "key.pem", "--sign-certificate", "certificate.pem"];
    let sign = [&["eif", "sign", "ringi.eif", "--out", "signed.eif"], &keys[..]].concat();
    let signed = good(folder.path(), &sign);
    let register = signed["pcrs"]["PCR8"].as_str().unwrap().to_owned();
    let unsigned = good(folder.path(), &["eif", "describe", "ringi.eif"]);
    assert_eq!((&signed["pcrs"]["PCR0"], signed["signed"].as_bool()), (&unsigned["pcrs"]["PCR0"], Some(true)));
    good(folder.path(), &["eif", "verify", "signed.eif", "--pcr", &format!("8={register}")]);
    let another = format!("8={}", "ab".repeat(48));
    assert_eq!(refused(folder.path(), &["eif", "verify", "signed.eif", "--pcr", &another]), "eif.register");
    assert_eq!(refused(folder.path(), &sign), "cli.file");
}

#[test]
fn two_builds_in_two_folders_give_the_same_bytes_and_registers() {
    if skipped() {
        return;
    }
    let (first, again) = (script("build-enclave.sh"), script("repro.sh"));
    assert!(first == root().join("target/image").canonicalize().unwrap() && first != again);
    for name in ["init", "cosigner"] {
        let (one, other) = (std::fs::read(program(name)).unwrap(), std::fs::read(again.join(name)).unwrap());
        assert!(one == other, "{name} differs: {} and {} bytes", one.len(), other.len());
        let path = root().canonicalize().unwrap().to_str().unwrap().to_owned();
        assert!(!one.windows(path.len()).any(|part| part == path.as_bytes()), "{name} holds this folder's path");
    }
    let folder = tempfile::tempdir().unwrap();
    let one = build(folder.path(), "one.eif", &program("cosigner"));
    let other = build(folder.path(), "other.eif", &again.join("cosigner"));
    assert_eq!(one, other);
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert!(read("one.eif") == read("other.eif"));
}

/// E3: a release holds no socket to an emulated module, no key from its host and no root but AWS's; a simulation build does
/// hold them, so that the words looked for are the right ones.
#[test]
fn e3_a_release_holds_nothing_of_a_simulation() {
    if skipped() {
        return;
    }
    let release = std::fs::read(program("cosigner")).unwrap();
    let simulation = std::fs::read(crate::platform::cosigner()).unwrap();
    let holds = |program: &[u8], words: &[u8]| program.windows(words.len()).any(|w| w == words);
    let of_simulation: [&[u8]; 2] = [b"its document names no root", b"a message is longer than an NSM takes"];
    for words in of_simulation {
        assert!(holds(&simulation, words) && !holds(&release, words), "{}", String::from_utf8_lossy(words));
    }
    let of_release = b"a release takes no key from its host";
    assert!(holds(&release, of_release) && !holds(&simulation, of_release));
}

/// The simulation's image in this folder, and the flags that start its machines.
fn machines(folder: &Path) -> [String; 8] {
    let simulation = |name| program_in("target/simulation", name);
    build_with(folder, "ringi.eif", &simulation("init"), &simulation("cosigner"));
    let text = |path: PathBuf| path.to_str().unwrap().to_owned();
    let (image, qemu, vsock) = (folder.join("ringi.eif"), script("qemu.sh"), script("vhost-vsock.sh"));
    let words = ["--enclave", "qemu", "--image", &text(image), "--qemu", &text(qemu), "--vsock", &text(vsock)];
    words.map(str::to_owned)
}

/// The story of `ringi demo`, told by three machines: killed, and started from an old blob, as processes are.
#[test]
fn the_demo_is_told_by_real_images() {
    if skipped() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let anvil = script("anvil.sh");
    let demo = ["demo", "--anvil", anvil.to_str().unwrap(), "--folder", "demo"];
    let machines = machines(folder.path());
    let told = good(folder.path(), &[&demo[..], &machines.each_ref().map(String::as_str)].concat());
    let chapters = told["chapters"].as_array().unwrap();
    assert_eq!(chapters.len(), 9);
    let says = |chapter: usize, words: &str| {
        let lines = chapters[chapter - 1]["lines"].as_array().unwrap();
        assert!(
            lines.iter().any(|l| l["what"].as_str().unwrap().contains(words)),
            "{chapter} tells no {words}: {told}"
        );
    };
    says(1, "three emulated machines booted the enclave image");
    says(6, "boot.rolled_back");
    says(7, "it takes part again");
}

/// Three machines of the simulation's image: founded, a key made between them, paid from, said what they run, started again.
#[test]
fn a_platform_of_real_images_pays() {
    if skipped() {
        return;
    }
    let (node, folder) = (Node::start(), tempfile::tempdir().unwrap());
    let folder = folder.path();
    Platform::settle(folder, &node);
    let machines = machines(folder);
    let flags = machines.each_ref().map(String::as_str);
    let platform = Platform::up_with(folder, &flags);
    a_policy_is_installed_once_and_signed(folder, &platform);
    let scene = a_wallet_is_made_and_funded(&node, platform);
    let id = scene.pay("small.json", &[]);
    scene.platform.until(&id, "completed");
    let (genesis, simulated) = ("data/genesis.ringi", "data/simulation/root.der");
    let attest = ["cosigner", "attest", "--key", INITIATOR, "2", "--genesis", genesis, "--root", simulated];
    let shown = scene.platform.good(&attest);
    assert_eq!((shown["boot"].as_u64(), shown["assurance"].as_str()), (Some(1), Some("qemu")));
    assert_eq!(scene.platform.stop(), Some(0));
    // From its records again: the image, its registers and the key server's policy are what they were.
    let platform = Platform::up_with(folder, &flags);
    assert_eq!(platform.good(&attest)["boot"], 2);
    assert_eq!(platform.stop(), Some(0));
}
