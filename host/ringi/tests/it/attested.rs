//! The platform with attested cosigners: founded, attested from outside, paid from, killed, and wrongly started.

use crate::commands::{a_policy_is_installed_once_and_signed, a_wallet_is_made_and_funded};
use crate::node::Node;
use crate::platform::{INITIATOR, Platform, cosigner, refused, ringi};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

const GENESIS: &str = "data/genesis.ringi";
const ROOT: &str = "data/simulation/root.der";

/// The settings with this line about the enclave.
pub fn settled(folder: &Path, line: &str) {
    let settings = folder.join("data/ringi.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    let rest: String = text.lines().filter(|l| !l.starts_with("enclave")).map(|l| format!("{l}\n")).collect();
    std::fs::write(&settings, format!("{line}{rest}")).unwrap();
}

/// A copy of the cosigner's program with one byte more: another image, which does the same.
pub fn changed_program(folder: &Path) -> PathBuf {
    let changed = folder.join("changed");
    std::fs::copy(cosigner(), &changed).unwrap();
    OpenOptions::new().append(true).open(&changed).unwrap().write_all(&[0]).unwrap();
    changed
}

#[test]
fn attested_cosigners_sign_and_say_what_they_run() {
    let node = Node::start();
    let folder = tempfile::tempdir().unwrap();
    Platform::settle(folder.path(), &node);
    let with = |line: &str| settled(folder.path(), line);
    with("enclave = \"process\"\n");
    let platform = Platform::up(folder.path());
    a_policy_is_installed_once_and_signed(folder.path(), &platform);
    let scene = a_wallet_is_made_and_funded(&node, platform);
    let platform = &scene.platform;
    for cosigner in ["1", "2", "3"] {
        let attest = |root| ["cosigner", "attest", "--key", INITIATOR, cosigner, "--genesis", GENESIS, "--root", root];
        let shown = platform.good(&attest(ROOT));
        assert_eq!((shown["boot"].as_u64(), shown["assurance"].as_str()), (Some(1), Some("process")));
        // E3: nobody mistakes a simulation for AWS.
        platform.refuses(&attest("aws"), "attestation.root");
    }
    platform.refuses(
        &["cosigner", "attest", "--key", INITIATOR, "4", "--genesis", GENESIS, "--root", ROOT],
        "cosigner.unattested",
    );
    let id = scene.pay("small.json", &[]);
    platform.until(&id, "completed");
    platform.good(&["transfer", "receipt", "--key", INITIATOR, &id, "--out", "receipt"]);
    let verify = |root| ["verify", "receipt", "receipt", "--genesis", GENESIS, "--root", root];
    let receipt = platform.good(&verify(ROOT));
    let images = receipt["images"].as_array().unwrap();
    assert_eq!((images.len(), images[0].as_str().unwrap().len()), (2, 96));
    platform.refuses(&verify("aws"), "verify.verdict");
    scene.platform.kill();

    let platform = Platform::up(folder.path());
    let attest = ["cosigner", "attest", "--key", INITIATOR, "2", "--genesis", GENESIS, "--root", ROOT];
    assert_eq!(platform.good(&attest)["boot"], 2);
    assert_eq!(platform.stop(), Some(0));

    changed_program(folder.path());
    let up = |program: &str| {
        ringi(folder.path(), "", &["up", "--data", "data", "--listen", "127.0.0.1:0", "--cosigner", program])
    };
    refused(&up("changed"), &["up"], "cli.other_program");
    with("enclave = \"plain\"\n");
    refused(&up(cosigner().to_str().unwrap()), &["up"], "cli.enclave");
}

/// Nitro enclaves are asked for on a machine that may have none: what is missing is said, and nothing is founded.
#[test]
fn a_machine_without_nitro_enclaves_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let up = ["up", "--data", "data", "--listen", "127.0.0.1:0", "--enclave", "nitro"];
    let nameless = ringi(folder.path(), "", &up);
    assert!(nameless.err["next"].as_str().unwrap().contains("[nitro]"), "{nameless:?}");
    refused(&nameless, &["up"], "cli.enclave");
    let image = [&up[..], &["--image", "none.eif"]].concat();
    let has_device = std::path::Path::new("/dev/nitro_enclaves").exists();
    let outcome = ringi(folder.path(), "", &image);
    refused(&outcome, &["up"], if has_device { "enclave.image" } else { "enclave.nitro_missing" });
    let next = outcome.err["next"].as_str().unwrap();
    assert!(has_device || next.contains("docs/enclaves.md"), "{next}");
    assert!(!folder.path().join("data/genesis.ringi").exists());
}
