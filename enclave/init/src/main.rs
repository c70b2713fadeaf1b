//! `init`: the first program of the enclave's machine, and its only one besides the cosigner.
//!
//! It mounts what the kernel offers, insists on the security module, seeds the kernel's random pool from it, connects the
//! one stream to the parent, presents the image there, and runs the cosigner without any privilege. When the cosigner ends
//! the machine ends. Nothing on the kernel's command line and nothing the host says changes any of this.

mod cosigner;
mod error;
mod machine;
mod module;
mod stream;

use error::InitError;
use ringi_attestation::nsm::Nsm;
use ringi_guest::Device;
use rustix::system::{RebootCommand, reboot};
use std::process::ExitCode;

fn main() -> ExitCode {
    if std::process::id() != 1 {
        // Elsewhere it would mount over a machine's folders and reboot it.
        eprintln!("ringi-init: it runs as the first process of an enclave only");
        return ExitCode::from(2);
    }
    match run() {
        Ok(code) => eprintln!("ringi-init: the cosigner ended with code {code}"),
        Err(e) => eprintln!("ringi-init: {e}"),
    }
    // An enclave has no power to switch off: a restart ends it, as its hypervisor does not start it again.
    if let Err(e) = reboot(RebootCommand::Restart) {
        eprintln!("ringi-init: the machine does not end: {e}");
    }
    ExitCode::FAILURE
}

/// Boots and gives the cosigner's exit code.
fn run() -> Result<i32, InitError> {
    machine::mount_all()?;
    let device = Device::open().map_err(InitError::Module)?;
    machine::close()?;
    machine::check_random_source()?;
    let mut module = Nsm::new(device.try_clone().map_err(InitError::Module)?);
    module::seed(&mut module)?;
    stream::send_heartbeat();
    let mut stream = stream::connect()?;
    module::present(&mut module, &mut stream)?;
    cosigner::run(stream, device)
}
