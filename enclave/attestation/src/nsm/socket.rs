//! The module over a unix socket, for enclaves that are plain processes: each message is its length (u32, big endian) and
//! its bytes. The driver's bounds hold here too. In simulation builds only (rule E3).

use crate::nsm::{MESSAGE_BYTES, Transport};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

/// The program's end.
pub struct Socket(pub UnixStream);

impl Transport for Socket {
    fn call(&mut self, request: &[u8]) -> io::Result<Vec<u8>> {
        write_message(&mut self.0, request)?;
        read_message(&mut self.0)?.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))
    }
}

/// Writes one message.
///
/// # Errors
/// The stream's.
pub fn write_message(stream: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    stream.write_all(&[&length.to_be_bytes(), bytes].concat())
}

/// Reads one message; `None` at a clean end.
///
/// # Errors
/// The stream's; `InvalidData` over the driver's bound.
pub fn read_message(stream: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut first = [0];
    if stream.read(&mut first)? == 0 {
        return Ok(None);
    }
    let mut rest = [0; 3];
    stream.read_exact(&mut rest)?;
    let [a] = first;
    let [b, c, d] = rest;
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    if length > MESSAGE_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message is longer than an NSM takes"));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}
