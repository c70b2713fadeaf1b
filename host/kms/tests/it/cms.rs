//! The form of CiphertextForRecipient: byte for byte the outline of what AWS sends.

use crate::enclave::{Enclave, Enveloped, IMAGE};
use crate::raw;
use crate::world::{ADMIN, World};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::path::PathBuf;

fn sealed(world: &World, enclave: &mut Enclave, length: usize) -> Vec<u8> {
    let body = json!({"NumberOfBytes": length, "Recipient": enclave.recipient()});
    let reply = raw::call(world, ADMIN, "GenerateRandom", body).body;
    assert!(reply.get("Plaintext").is_none(), "{reply}");
    STANDARD.decode(reply["CiphertextForRecipient"].as_str().unwrap()).unwrap()
}

/// RFC 5652 §6 with the algorithms of RFC 8017 and RFC 3565, as AWS writes it (aws-nitro-enclaves-sdk-c, cms_test.c).
#[test]
fn the_outline_is_awss() {
    let world = World::new();
    let mut enclave = Enclave::of(&world, IMAGE);
    let read = Enveloped::read(&sealed(&world, &mut enclave, 40));
    let wanted = [
        "30 indefinite",
        " 06 2a864886f70d010703",
        " a0 indefinite",
        "  30 indefinite",
        "   02 02",
        "   31 363",
        "    30 359",
        "     02 02",
        "     80 32 bytes",
        "     30 60",
        "      06 2a864886f70d010107",
        "      30 47",
        "       a0 15",
        "        30 13",
        "         06 608648016503040201",
        "         05 ",
        "       a1 28",
        "        30 26",
        "         06 2a864886f70d010108",
        "         30 13",
        "          06 608648016503040201",
        "          05 ",
        "     04 256 bytes",
        "   30 indefinite",
        "    06 2a864886f70d010701",
        "    30 29",
        "     06 60864801650304012a",
        "     04 16 bytes",
        "    a0 indefinite",
        "     04 48 bytes",
        "    end",
        "   end",
        "  end",
        " end",
        "end",
    ];
    assert_eq!(read.outline, wanted);
}

/// Against a genuine answer of AWS, which is not part of the repository: RINGI_NITRO_DOCUMENTS names its folder.
#[test]
fn a_genuine_answer_has_the_same_outline() {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/testdata/nitro"));
    let folder = std::env::var_os("RINGI_NITRO_DOCUMENTS").map_or_else(beside, PathBuf::from);
    let Ok(genuine) = std::fs::read(folder.join("aws-kms-cms-input_ber.ber")) else {
        eprintln!("SKIPPED: no folder with a genuine answer; name it with RINGI_NITRO_DOCUMENTS");
        return;
    };
    let genuine = Enveloped::read(&genuine);
    let world = World::new();
    let mut enclave = Enclave::of(&world, IMAGE);
    let ours = Enveloped::read(&sealed(&world, &mut enclave, 40));
    assert_eq!(ours.outline, genuine.outline);
    let lengths = |e: &Enveloped| [e.key_id.len(), e.wrapped.len(), e.iv.len(), e.content.len()];
    assert_eq!(lengths(&ours), lengths(&genuine));
}

#[test]
fn every_length_opens() {
    let world = World::new();
    let mut enclave = Enclave::of(&world, IMAGE);
    for length in [1, 15, 16, 17, 32, 111, 112, 255, 256, 1024] {
        let bytes = sealed(&world, &mut enclave, length);
        assert_eq!(enclave.open(&bytes).len(), length);
    }
    let twice = [0; 2].map(|_| sealed(&world, &mut enclave, 32));
    assert_ne!(enclave.open(&twice[0]), enclave.open(&twice[1]));
    let [one, two] = twice.map(|bytes| Enveloped::read(&bytes));
    assert_ne!((one.iv, one.wrapped), (two.iv, two.wrapped));
}
