//! The `Process` back end: a cosigner as an ordinary child process. For development and for trust in the operator.
//!
//! The child gets an empty environment, no arguments and three descriptors: 0 is one end of a socket pair (the stream,
//! both directions), 1 the read end of a pipe with the 32 bytes of the development sealing key, 2 its log.

use crate::sealing_key::SealingKey;
use crate::{Enclave, Launched, Lifeline, Records, StartError};
use ringi_primitives::scheme::PartyIndex;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStderr, Command};

/// A longer log line is cut into pieces.
const LOG_LINE_BYTES: u64 = 8 * 1024;

/// Runs `ringi-cosigner` as a child process.
#[derive(Clone, Debug)]
pub struct Process {
    program: PathBuf,
}

impl Process {
    /// With the path of the program.
    pub fn new(program: impl Into<PathBuf>) -> Process {
        Process { program: program.into() }
    }

    fn spawn(&self, folder: &Path, records: Records) -> Result<(Child, UnixStream), StartError> {
        let key = SealingKey::load_or_make(folder, records)?;
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(StartError::Prepare)?;
        let (key_reader, mut key_writer) = std::io::pipe().map_err(StartError::Prepare)?;
        // 32 bytes fit every pipe's buffer: this does not wait for the child.
        key_writer.write_all(key.expose()).map_err(StartError::Prepare)?;
        drop(key_writer);
        let child = Command::new(&self.program)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::from(key_reader))
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(StartError::Program)?;
        ours.set_nonblocking(true).map_err(StartError::Prepare)?;
        Ok((child, UnixStream::from_std(ours).map_err(StartError::Prepare)?))
    }
}

#[async_trait::async_trait]
impl Enclave for Process {
    async fn launch(&self, me: PartyIndex, folder: &Path, records: Records) -> Result<Launched, StartError> {
        let (mut child, stream) = self.spawn(folder, records)?;
        if let Some(log) = child.stderr.take() {
            tokio::spawn(copy_log(me, log));
        }
        let (reader, writer) = stream.into_split();
        Ok(Launched { reader: Box::new(reader), writer: Box::new(writer), life: Box::new(ChildLife(child)) })
    }

    fn kind(&self) -> &'static str {
        "process"
    }
}

struct ChildLife(Child);

#[async_trait::async_trait]
impl Lifeline for ChildLife {
    async fn ended(&mut self) -> Option<i32> {
        self.0.wait().await.ok().and_then(|status| status.code())
    }

    fn kill(&mut self) {
        if let Err(e) = self.0.start_kill() {
            tracing::debug!(code = "enclave.kill", "cosigner had ended already: {e}");
        }
    }
}

/// The child's log, line by line, control characters taken out.
async fn copy_log(me: PartyIndex, log: ChildStderr) {
    let mut log = BufReader::new(log);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut log).take(LOG_LINE_BYTES).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let text: String = String::from_utf8_lossy(&line).chars().filter(|c| !c.is_control()).collect();
                tracing::info!(target: "cosigner", cosigner = me.number(), "{text}");
            }
        }
    }
}
