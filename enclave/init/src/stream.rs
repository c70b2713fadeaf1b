//! The one stream to the parent, and the sign of life that AWS's host tool waits for.

use crate::error::InitError;
use ringi_guest::{HEARTBEAT_PORT, STREAM_PORT, connect_parent};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

/// The parent may listen a little later than the enclave boots.
const PATIENCE: Duration = Duration::from_secs(60);
/// One attempt: the kernel gives up after two seconds itself.
const ATTEMPT: Duration = Duration::from_secs(2);
/// Between attempts.
const PAUSE: Duration = Duration::from_millis(20);
/// The parent says its first word within this.
const FIRST_WORD: Duration = Duration::from_secs(30);
/// The byte that is sent and must come back (aws-nitro-enclaves-sdk-bootstrap, `init/init.c`).
const HEARTBEAT: u8 = 0xB7;

/// The stream, connected. Reads wait [`FIRST_WORD`] at most until [`lift_limit`].
pub(crate) fn connect() -> Result<UnixStream, InitError> {
    let until = Instant::now() + PATIENCE;
    loop {
        match connect_parent(STREAM_PORT, ATTEMPT) {
            Ok(socket) => {
                // Reading, writing and time limits are the same for every stream socket.
                let stream = UnixStream::from(socket);
                stream.set_read_timeout(Some(FIRST_WORD)).map_err(InitError::Stream)?;
                return Ok(stream);
            }
            Err(e) if Instant::now() >= until => return Err(InitError::Stream(e)),
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

/// Reads wait for ever from now on: the cosigner has its own clock.
pub(crate) fn lift_limit(stream: &UnixStream) -> Result<(), InitError> {
    stream.set_read_timeout(None).map_err(InitError::Stream)
}

/// Tells AWS's host tool that the enclave booted. Others do not listen: it fails there, and nothing hangs on it.
pub(crate) fn send_heartbeat() {
    thread::spawn(|| {
        let beaten = connect_parent(HEARTBEAT_PORT, ATTEMPT).and_then(|socket| beat(UnixStream::from(socket)));
        if let Err(e) = beaten {
            eprintln!("ringi-init: no heartbeat: {e}");
        }
    });
}

fn beat(mut stream: UnixStream) -> io::Result<()> {
    stream.set_read_timeout(Some(ATTEMPT))?;
    stream.write_all(&[HEARTBEAT])?;
    let mut answer = [0];
    stream.read_exact(&mut answer)?;
    if answer == [HEARTBEAT] {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidData, "another byte came back"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parent(answer: &'static [u8]) -> UnixStream {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        thread::spawn(move || {
            let mut byte = [0];
            theirs.read_exact(&mut byte).unwrap();
            assert_eq!(byte, [0xB7]);
            theirs.write_all(answer).unwrap();
        });
        ours
    }

    #[test]
    fn the_heartbeat_must_come_back() {
        assert!(beat(parent(&[0xB7])).is_ok());
        assert!(beat(parent(&[0x00])).is_err());
        assert!(beat(parent(&[])).is_err());
    }
}
