//! What descriptor 1 is: the security module's device in an image, a socket to its emulation in a simulation build (rule E3).

use ringi_cosigner::enclosure::Enclosure;
use ringi_cosigner::journal::SealingKey;

/// The module of a simulation: the operator of the machine vouches for it, so its own root is believed, and nothing above
/// `process` is claimed.
#[cfg(feature = "simulation")]
pub fn enclosure() -> Result<Enclosure, String> {
    use ringi_attestation::nsm::{Nsm, Socket};
    use ringi_attestation::{Document, Root};
    use ringi_primitives::genesis::Assurance;
    use std::os::fd::AsFd as _;
    use std::os::unix::net::UnixStream;

    let of = |e: &dyn std::fmt::Display| format!("enclosure.module: {e}");
    let descriptor = std::io::stdout().as_fd().try_clone_to_owned().map_err(|e| of(&e))?;
    let socket = UnixStream::from(descriptor);
    let own = Nsm::new(Socket(socket.try_clone().map_err(|e| of(&e))?)).attest(None, None, None).map_err(|e| of(&e))?;
    let document = Document::read(&own).map_err(|e| of(&e))?;
    let root = document.cabundle.first().map(|der| Root::of_certificate(der));
    let root = root.ok_or_else(|| of(&"its document names no root"))?;
    Ok(Enclosure::new(Box::new(Socket(socket)), vec![root], Assurance::Process))
}

/// A plain process's key; development only.
#[cfg(feature = "simulation")]
pub fn development_key() -> Result<SealingKey, String> {
    use std::io::Read as _;
    use std::os::fd::AsFd as _;
    use zeroize::Zeroizing;

    let mut bytes = Zeroizing::new([0; 32]);
    let descriptor = std::io::stdout().as_fd().try_clone_to_owned();
    let read = descriptor.and_then(|d| std::fs::File::from(d).read_exact(bytes.as_mut_slice()));
    read.map_err(|e| format!("cosigner.sealing_key: {e}"))?;
    Ok(SealingKey::new(bytes))
}

/// A release believes AWS's root alone, over the device.
#[cfg(not(feature = "simulation"))]
pub fn enclosure() -> Result<Enclosure, String> {
    Err("enclosure.module: this build has no driver for the module's device yet".into())
}

/// No host hands a release a key.
#[cfg(not(feature = "simulation"))]
pub fn development_key() -> Result<SealingKey, String> {
    Err("cosigner.sealing_key: a release takes no key from its host".into())
}
