//! The way to the parent: the host that started this enclave's machine.

use crate::calls::VsockAddress;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketFlags, SocketType};
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// Where the host waits for the cosigner's one stream.
pub const STREAM_PORT: u32 = 7100;
/// Where AWS's host tool waits for the sign that an enclave booted (aws-nitro-enclaves-sdk-bootstrap, `init/init.c`).
pub const HEARTBEAT_PORT: u32 = 9000;

/// The parent's addresses: 3 on a Nitro machine, 2 (the host itself) under an emulator. Each drops what is sent to the
/// other without a word, so both are tried at once.
const CIDS: [u32; 2] = [3, 2];

/// Connects to the parent. The first address that answers wins: both end at the same, untrusted, host. The stream blocks.
///
/// # Errors
/// The last address's error; `TimedOut` after `patience`.
pub fn connect_parent(port: u32, patience: Duration) -> io::Result<OwnedFd> {
    connect_any(&CIDS, port, Instant::now() + patience)
}

fn connect_any(cids: &[u32], port: u32, until: Instant) -> io::Result<OwnedFd> {
    let mut failed = io::Error::from(io::ErrorKind::TimedOut);
    let mut waiting = Vec::new();
    for cid in cids {
        match begin(*cid, port) {
            Ok(socket) => waiting.push(socket),
            Err(e) => failed = e,
        }
    }
    while !waiting.is_empty() {
        let ready = writable(&waiting, until)?;
        if ready.is_empty() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        for place in ready.into_iter().rev() {
            let socket = waiting.swap_remove(place);
            match net::sockopt::socket_error(&socket)? {
                Ok(()) => {
                    rustix::io::ioctl_fionbio(&socket, false)?;
                    return Ok(socket);
                }
                Err(e) => failed = e.into(),
            }
        }
    }
    Err(failed)
}

/// A socket on its way.
fn begin(cid: u32, port: u32) -> io::Result<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = net::socket_with(AddressFamily::VSOCK, SocketType::STREAM, flags, None)?;
    match net::connect(&socket, &VsockAddress::new(cid, port)) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(e) => Err(e.into()),
    }
}

/// Places of those that were decided, in order; none when the time is up.
fn writable(sockets: &[OwnedFd], until: Instant) -> io::Result<Vec<usize>> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let left =
            Timespec { tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX), tv_nsec: left.subsec_nanos().into() };
        let mut watched: Vec<_> = sockets.iter().map(|socket| PollFd::new(socket, PollFlags::OUT)).collect();
        match poll(&mut watched, Some(&left)) {
            Ok(_) => {
                let decided = watched.iter().enumerate().filter(|(_, watched)| !watched.revents().is_empty());
                return Ok(decided.map(|(place, _)| place).collect());
            }
            Err(Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No machine listens there, and none without the address family does either: an error, never a stream.
    #[test]
    fn nobody_at_the_other_end_is_an_error() {
        let began = Instant::now();
        assert!(connect_any(&CIDS, STREAM_PORT, began + Duration::from_millis(300)).is_err());
        assert!(began.elapsed() < Duration::from_secs(2));
        assert!(connect_any(&[], STREAM_PORT, began).is_err());
    }
}
