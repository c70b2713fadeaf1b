//! The module's end of the socket to a process.

use crate::module::Module;
use ringi_attestation::nsm::{read_message, write_message};
use std::io;
use std::os::unix::net::UnixStream;

pub use ringi_attestation::nsm::Socket;

/// Answers one program until it hangs up.
///
/// # Errors
/// If the stream breaks in the middle of a message, or a message is longer than the driver's buffer.
pub fn serve(module: &mut Module, stream: &mut UnixStream) -> io::Result<()> {
    while let Some(request) = read_message(stream)? {
        write_message(stream, &module.answer(&request))?;
    }
    Ok(())
}
