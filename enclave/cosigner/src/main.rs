//! `ringi-cosigner`: the cosigner as a process with no arguments, no environment, no file and no socket of its own.
//!
//! Descriptor 0 is the one inherited stream to the host. Descriptor 1 carries 32 bytes of sealing key, read once
//! (development: an enclave gets its key from KMS under attestation). Descriptor 2 takes one line if it must end.

use rand_core::OsRng;
use ringi_cosigner::core::Cosigner;
use ringi_cosigner::journal::SealingKey;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wire::{FromCosigner, ToCosigner, read_frame, write_frame};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

const TICK: Duration = Duration::from_millis(250);
/// Frames read ahead of the core.
const AHEAD: usize = 64;

fn main() {
    if let Err(message) = run() {
        // One line with a code and no secret; the host keeps it in its log.
        let _ = writeln!(io::stderr(), "ringi-cosigner: {message}");
        std::process::exit(1);
    }
}

fn run() -> Result<(), String> {
    let key = read_sealing_key().map_err(|e| format!("cosigner.sealing_key: {e}"))?;
    let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned().map_err(|e| e.to_string())?);
    let reader = stream.try_clone().map_err(|e| e.to_string())?;
    let frames = read_ahead(reader);
    let mut writer = BufWriter::with_capacity(256 * 1024, stream);
    let mut failed = None;
    let mut first = frames.iter().map_while(|frame| frame.map_err(|e| failed = Some(broken(&e))).ok()).peekable();
    // A host that ends the stream before it says anything wants nothing.
    let started = first.peek().is_some().then(|| Cosigner::start(&key, Box::new(OsRng), first, now()));
    let (mut cosigner, out) = match (failed, started) {
        (Some(message), _) => return Err(message),
        (None, None) => return Ok(()),
        (None, Some(started)) => started.map_err(|e| e.to_string())?,
    };
    send(&mut writer, &out).map_err(|e| format!("cosigner.stream: {e}"))?;
    loop {
        let out = match frames.recv_timeout(TICK) {
            Ok(frame) => cosigner.handle(frame.map_err(|e| broken(&e))?, now()),
            Err(RecvTimeoutError::Timeout) => cosigner.tick(now()),
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        let out = out.map_err(|e| e.to_string())?;
        send(&mut writer, &out).map_err(|e| format!("cosigner.stream: {e}"))?;
    }
}

fn read_sealing_key() -> io::Result<SealingKey> {
    let mut pipe = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let mut bytes = Zeroizing::new([0; 32]);
    pipe.read_exact(bytes.as_mut_slice())?;
    Ok(SealingKey::new(bytes))
}

/// Frames as they come, up to the end of the stream or the first that is none, which is handed on as an error.
fn read_ahead(stream: UnixStream) -> Receiver<io::Result<ToCosigner>> {
    let (sender, receiver) = sync_channel(AHEAD);
    std::thread::spawn(move || {
        let mut reader = BufReader::with_capacity(256 * 1024, stream);
        while let Some(frame) = read_frame::<ToCosigner>(&mut reader).transpose() {
            let last = frame.is_err();
            if sender.send(frame).is_err() || last {
                return;
            }
        }
    });
    receiver
}

/// Why a frame is none, in fixed words: nothing of what was read is said.
fn broken(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::InvalidData => format!("cosigner.frame: {error}"),
        io::ErrorKind::UnexpectedEof => "cosigner.frame: cut off by the end of the stream".into(),
        _ => format!("cosigner.stream: {error}"),
    }
}

fn send(writer: &mut impl Write, frames: &[FromCosigner]) -> io::Result<()> {
    for frame in frames {
        write_frame(writer, frame)?;
    }
    writer.flush()
}

/// The guest's clock; peers' clocks bound what it can do (rule T1).
fn now() -> UnixMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
