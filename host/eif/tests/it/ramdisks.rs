//! Ramdisks written and read.

use proptest::prelude::*;
use ringi_eif::EifError;
use ringi_eif::cpio::{Content, Entry, read, write};

fn entry(path: &str, content: Content) -> Entry {
    Entry { path: path.into(), mode: 0o755, content }
}

fn tree() -> Vec<Entry> {
    vec![
        entry("dev", Content::Folder),
        entry("init", Content::File(b"\x7fELF".to_vec())),
        entry("bin/sh", Content::Link("/init".into())),
    ]
}

#[test]
fn what_is_written_is_read() {
    let bytes = write(&tree());
    assert_eq!(bytes.len() % 512, 0);
    assert_eq!(bytes, write(&tree()));
    assert_eq!(read(&bytes), Ok(tree()));
    let twice = [bytes.as_slice(), &bytes].concat();
    assert_eq!(read(&twice).unwrap().len(), 6);
}

/// Debian's own cpio reads it, where it is installed.
#[test]
fn another_program_reads_it() {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let Ok(mut child) =
        Command::new("cpio").args(["-t", "--quiet"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
    else {
        eprintln!("SKIPPED: cpio is not installed");
        return;
    };
    child.stdin.take().unwrap().write_all(&write(&tree())).unwrap();
    let listed = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(listed, "dev\ninit\nbin/sh\n");
}

fn patched(path: &str, mode: &str, links: &str) -> Vec<u8> {
    let bytes = write(&[entry(path, Content::File(b"x".to_vec()))]);
    let mut text = bytes;
    text[14..22].copy_from_slice(mode.as_bytes());
    text[38..46].copy_from_slice(links.as_bytes());
    text
}

#[test]
fn what_could_hurt_whoever_unpacks_is_refused() {
    let file = "000081ED";
    assert!(read(&patched("a", file, "00000001")).is_ok());
    for path in ["../etc/passwd", "a/../../b", "/../x"] {
        assert_eq!(read(&patched(path, file, "00000001")), Err(EifError::PathOutside));
    }
    for device in ["000021ED", "000061ED", "000011ED", "0000C1ED"] {
        assert_eq!(read(&patched("a", device, "00000001")), Err(EifError::DeviceNode));
    }
    assert_eq!(read(&patched("a", file, "00000002")), Err(EifError::HardLink));
    let mut bomb = patched("a", file, "00000001");
    bomb[54..62].copy_from_slice(b"FFFFFFFF");
    assert!(matches!(read(&bomb), Err(EifError::Ramdisk(_))));
    assert!(matches!(read(b"070702"), Err(EifError::Ramdisk(_))));
}

proptest! {
    #[test]
    fn nothing_read_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0usize..200, with in any::<u8>()) {
        ringi_eif::fuzz(&bytes);
        let mut archive = write(&tree());
        let place = at % archive.len();
        archive[place] = with;
        ringi_eif::fuzz(&archive);
    }
}
