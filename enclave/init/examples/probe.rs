//! In the cosigner's place of a test image: says on the stream what it was given and what it may do, and ends with code 7.

use ringi_attestation::nsm::Nsm;
use ringi_guest::Device;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

fn main() {
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
