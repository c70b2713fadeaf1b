//! The module over a unix socket, for enclaves that are plain processes: each message is its length (u32, big endian) and
//! its bytes. The driver's bounds hold here too.

use crate::module::Module;
use ringi_attestation::nsm::{MESSAGE_BYTES, Transport};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

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

/// The program's end.
pub struct Socket(pub UnixStream);

impl Transport for Socket {
    fn call(&mut self, request: &[u8]) -> io::Result<Vec<u8>> {
        write_message(&mut self.0, request)?;
        read_message(&mut self.0)?.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))
    }
}

fn write_message(stream: &mut UnixStream, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    stream.write_all(&[&length.to_be_bytes(), bytes].concat())
}

fn read_message(stream: &mut UnixStream) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    if stream.read(&mut length[..1])? == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut length[1..])?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > MESSAGE_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message is longer than an NSM takes"));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}
