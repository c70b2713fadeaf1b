//! For test images. In the cosigner's place it says on the stream what it was given and what it may do, and ends with code
//! 7. In the place of `init` it lies: it answers the host's challenge with a document of another nonce.

use ringi_attestation::nsm::Nsm;
use ringi_attestation::presentation::{Challenge, PURPOSE, Presentation, VERSION};
use ringi_guest::{Device, STREAM_PORT, connect_parent};
use ringi_primitives::wire::{read_frame, write_frame};
use rustix::mount::{MountFlags, mount};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

fn main() {
    if std::process::id() == 1 { lie() } else { report() }
}

fn lie() {
    mount("devtmpfs", "/dev", "devtmpfs", MountFlags::NOSUID, None).unwrap();
    let mut module = Nsm::new(Device::open().unwrap());
    let mut stream = UnixStream::from(connect_parent(STREAM_PORT, Duration::from_secs(5)).unwrap());
    let challenge: Challenge = read_frame(&mut stream).unwrap().unwrap();
    let another = challenge.nonce.map(|byte| !byte);
    let document = module.attest(Some(&another), Some(PURPOSE), None).unwrap();
    write_frame(&mut stream, &Presentation { version: VERSION, document: document.into() }).unwrap();
    std::thread::sleep(Duration::from_secs(60));
}

fn report() {
    let mut report = String::new();
    for line in fs::read_to_string("/proc/self/status").unwrap().lines() {
        if ["Uid", "Gid", "Groups", "Cap", "NoNewPrivs"].iter().any(|name| line.starts_with(name)) {
            writeln!(report, "{}", line.split_whitespace().collect::<Vec<_>>().join(" ")).unwrap();
        }
    }
    writeln!(report, "arguments {} variables {}", std::env::args().count() - 1, std::env::vars_os().count()).unwrap();
    let device = Device::from(io::stdout().as_fd().try_clone_to_owned().unwrap());
    let described = Nsm::new(device).describe().map(|module| module.max_pcrs);
    writeln!(report, "module on descriptor 1: {described:?}").unwrap();
    for path in ["/dev/nsm", "/dev/mem", "/proc/1/environ", "/init", "/new"] {
        let opened = fs::OpenOptions::new().write(true).create(path == "/new").truncate(false).open(path);
        writeln!(report, "write {path}: {}", opened.is_ok()).unwrap();
    }
    let root = std::process::Command::new("/init").status().map(|status| status.code());
    writeln!(report, "init again: {root:?}").unwrap();
    let mut stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned().unwrap());
    stream.write_all(report.as_bytes()).unwrap();
    std::process::exit(7);
}
