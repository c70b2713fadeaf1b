//! The one stream to the host, as frames: read ahead by a thread, and for a while a tunnel to the key service.

use ringi_cosigner::enclosure::Tunnel;
use ringi_primitives::wire::{FromCosigner, ToCosigner, read_frame, write_frame};
use std::collections::VecDeque;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// Frames read ahead of the core.
const AHEAD: usize = 64;
/// Frames that come while the key service is asked; more than this and the host is not serving.
const STASHED: usize = 1024;
/// The key service answers within this, or is asked again.
const TUNNEL_WAITS: Duration = Duration::from_secs(20);
/// Bytes of the tunnel in one frame.
const TUNNEL_BYTES: usize = 16 * 1024;

/// At most so many bytes in one write. Of a larger one Linux makes packets of several buffers (`virtio_transport_alloc_skb`,
/// over 32 KiB), and vhost-device-vsock 0.3 drops all but the first of them without a word.
const PIECE_BYTES: usize = 16 * 1024;

/// Writes in pieces that every host's vsock device carries whole.
struct Pieces(UnixStream);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes.get(..PIECE_BYTES).unwrap_or(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Both directions.
pub struct Link {
    frames: Receiver<io::Result<ToCosigner>>,
    writer: BufWriter<Pieces>,
    stashed: VecDeque<ToCosigner>,
    tunnel: VecDeque<u8>,
}

/// What came of waiting for a frame.
pub enum Next {
    /// A frame.
    Frame(ToCosigner),
    /// None within the time.
    Nothing,
    /// The host ended the stream.
    End,
}

impl Link {
    /// Over the inherited stream.
    ///
    /// # Errors
    /// The operating system's.
    pub fn over(stream: UnixStream) -> io::Result<Link> {
        let reader = stream.try_clone()?;
        let (sender, frames) = sync_channel(AHEAD);
        std::thread::spawn(move || {
            let mut reader = BufReader::with_capacity(256 * 1024, reader);
            while let Some(frame) = read_frame::<ToCosigner>(&mut reader).transpose() {
                let last = frame.is_err();
                if sender.send(frame).is_err() || last {
                    return;
                }
            }
        });
        let writer = BufWriter::with_capacity(256 * 1024, Pieces(stream));
        Ok(Link { frames, writer, stashed: VecDeque::new(), tunnel: VecDeque::new() })
    }

    /// The next frame: what was set aside first, then what comes.
    ///
    /// # Errors
    /// The stream's, or that a frame is none.
    pub fn next(&mut self, wait: Duration) -> io::Result<Next> {
        match self.stashed.pop_front() {
            Some(frame) => Ok(Next::Frame(frame)),
            None => self.receive(wait),
        }
    }

    fn receive(&mut self, wait: Duration) -> io::Result<Next> {
        match self.frames.recv_timeout(wait) {
            Ok(frame) => frame.map(Next::Frame),
            Err(RecvTimeoutError::Timeout) => Ok(Next::Nothing),
            Err(RecvTimeoutError::Disconnected) => Ok(Next::End),
        }
    }

    /// Every frame as it comes, as long as it comes, what was set aside first; for the first ones, which are waited for.
    pub fn incoming(&mut self) -> impl Iterator<Item = io::Result<ToCosigner>> + '_ {
        let Link { frames, stashed, .. } = self;
        std::iter::from_fn(move || stashed.pop_front().map(Ok).or_else(|| frames.recv().ok()))
    }

    /// Hands frames to the host.
    ///
    /// # Errors
    /// The stream's.
    pub fn send(&mut self, frames: &[FromCosigner]) -> io::Result<()> {
        for frame in frames {
            write_frame(&mut self.writer, frame)?;
        }
        self.writer.flush()
    }
}

impl Tunnel for Link {
    fn dial(&mut self, host: &str, port: u16) -> io::Result<()> {
        self.tunnel.clear();
        self.send(&[FromCosigner::Dial { host: host.into(), port }])
    }
}

impl Read for Link {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.tunnel.is_empty() {
            match self.receive(TUNNEL_WAITS)? {
                Next::Frame(ToCosigner::Tunnel { bytes }) if bytes.is_empty() => return Ok(0),
                Next::Frame(ToCosigner::Tunnel { bytes }) => self.tunnel.extend(bytes.iter()),
                Next::Frame(other) if self.stashed.len() < STASHED => self.stashed.push_back(other),
                Next::Frame(_) => return Err(io::Error::other("the host says too much meanwhile")),
                Next::Nothing => return Err(io::ErrorKind::TimedOut.into()),
                Next::End => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        self.tunnel.read(out)
    }
}

impl Write for Link {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let part = bytes.get(..TUNNEL_BYTES).unwrap_or(bytes);
        self.send(&[FromCosigner::Tunnel { bytes: part.to_vec().into() }])?;
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
