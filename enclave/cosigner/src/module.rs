//! What descriptor 1 is: the security module's device in an image, a socket to its emulation in a simulation build (rule E3).

use ringi_attestation::Root;
use ringi_attestation::nsm::Transport;
use ringi_cosigner::enclosure::Enclosure;
use ringi_cosigner::journal::SealingKey;
use ringi_primitives::genesis::Assurance;
use std::fmt::Display;
use std::io::{self, stdout};
use std::os::fd::{AsFd as _, OwnedFd};

fn inherited() -> io::Result<OwnedFd> {
    stdout().as_fd().try_clone_to_owned()
}

fn failed(error: &dyn Display) -> String {
    format!("enclosure.module: {error}")
}

/// A release believes AWS's root alone, over the device.
#[cfg(not(feature = "simulation"))]
pub fn enclosure() -> Result<Enclosure, String> {
    let device: Box<dyn Transport + Send> = Box::new(ringi_guest::Device::from(inherited().map_err(|e| failed(&e))?));
    Ok(Enclosure::new(device, vec![Root::AWS], Assurance::Nitro))
}

/// No host hands a release a key.
#[cfg(not(feature = "simulation"))]
pub fn development_key() -> Result<SealingKey, String> {
    Err("cosigner.sealing_key: a release takes no key from its host".into())
}

/// The module of a simulation: a device in an emulated machine, a socket under a process. The operator of the machine vouches
/// for it, so its own root is believed, and no more is claimed than that.
#[cfg(feature = "simulation")]
pub fn enclosure() -> Result<Enclosure, String> {
    use ringi_attestation::Document;
    use ringi_attestation::nsm::{Nsm, Socket};
    use std::os::unix::fs::FileTypeExt as _;

    let descriptor = inherited().map_err(|e| failed(&e))?;
    let kind = descriptor.try_clone().and_then(|same| std::fs::File::from(same).metadata());
    let emulated = kind.is_ok_and(|kind| kind.file_type().is_char_device());
    let open = |descriptor: OwnedFd| -> Box<dyn Transport + Send> {
        if emulated {
            Box::new(ringi_guest::Device::from(descriptor))
        } else {
            Box::new(Socket(std::os::unix::net::UnixStream::from(descriptor)))
        }
    };
    let again = descriptor.try_clone().map_err(|e| failed(&e))?;
    let own = Nsm::new(open(again)).attest(None, None, None).map_err(|e| failed(&e))?;
    let document = Document::read(&own).map_err(|e| failed(&e))?;
    let root = document.cabundle.first().map(|der| Root::of_certificate(der));
    let root = root.ok_or_else(|| failed(&"its document names no root"))?;
    let assurance = if emulated { Assurance::Qemu } else { Assurance::Process };
    Ok(Enclosure::new(open(descriptor), vec![root], assurance))
}

/// A plain process's key; development only.
#[cfg(feature = "simulation")]
pub fn development_key() -> Result<SealingKey, String> {
    use std::io::Read as _;
    use zeroize::Zeroizing;

    let mut bytes = Zeroizing::new([0; 32]);
    let read = inherited().and_then(|d| std::fs::File::from(d).read_exact(bytes.as_mut_slice()));
    read.map_err(|e| format!("cosigner.sealing_key: {e}"))?;
    Ok(SealingKey::new(bytes))
}
