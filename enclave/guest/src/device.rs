//! The security module behind its character device.

use crate::calls;
use ringi_attestation::nsm::{MESSAGE_BYTES, Transport};
use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The driver takes no longer request (`NSM_REQUEST_MAX_SIZE`).
const REQUEST_BYTES: usize = 0x1000;
/// Where the kernel's driver puts the device.
pub const DEVICE_PATH: &str = "/dev/nsm";

/// The open device. A program that inherited its descriptor makes one [`From`] it.
#[derive(Debug)]
pub struct Device(OwnedFd);

impl Device {
    /// Opens the machine's device.
    ///
    /// # Errors
    /// If there is none: the machine is no enclave.
    pub fn open() -> io::Result<Device> {
        Ok(Device(OpenOptions::new().read(true).write(true).open(DEVICE_PATH)?.into()))
    }

    /// A second handle of the same device, to be inherited by another program.
    ///
    /// # Errors
    /// The operating system's.
    pub fn try_clone(&self) -> io::Result<Device> {
        self.0.try_clone().map(Device)
    }
}

impl From<OwnedFd> for Device {
    fn from(descriptor: OwnedFd) -> Device {
        Device(descriptor)
    }
}

impl From<Device> for OwnedFd {
    fn from(device: Device) -> OwnedFd {
        device.0
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Transport for Device {
    fn call(&mut self, request: &[u8]) -> io::Result<Vec<u8>> {
        if request.len() > REQUEST_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a request is longer than the driver takes"));
        }
        let mut response = vec![0; MESSAGE_BYTES];
        let filled = calls::exchange(&self.0, request, &mut response)?;
        if filled > response.len() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the driver says it filled more than it was given"));
        }
        response.truncate(filled);
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringi_attestation::nsm::{Nsm, NsmError, Question};
    use std::fs::File;

    fn null() -> Device {
        Device::from(OwnedFd::from(File::options().read(true).write(true).open("/dev/null").unwrap()))
    }

    /// A device that is no NSM answers no question.
    #[test]
    fn another_device_is_no_module() {
        let failed = null().call(&Question::DescribeNsm.encode()).unwrap_err();
        assert_eq!(failed.raw_os_error(), Some(25), "ENOTTY: {failed}");
        assert!(matches!(Nsm::new(null()).describe(), Err(NsmError::Unreachable(_))));
    }

    #[test]
    fn a_request_over_the_drivers_bound_is_not_sent() {
        assert_eq!(null().call(&[0; REQUEST_BYTES + 1]).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
