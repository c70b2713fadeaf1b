//! One run of one cosigner: frames in, events out, records kept in between.

use crate::backend::{Launched, Lifeline, Records};
use crate::committer::Committer;
use crate::key_service::{self, Tunnel};
use crate::stream::{frame_bytes, read_frame};
use crate::{Enclave, Ending, Event, Home, RecordLog, SendError, StartError, StoredRecord};
use minicbor::bytes::ByteVec;
use ringi_primitives::limits;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::wire::{self, FromCosigner, KeptKey, KeyAccess, ToCosigner};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;

/// Frames waiting for the cosigner: a burst of 32 sessions' messages.
const TO_COSIGNER: usize = 1024;
/// Events waiting for the caller.
const EVENTS: usize = 1024;
/// Records waiting for the disk; the cosigner waits when they are this many.
const RECORDS: usize = 256;
/// Frames are written together up to this size.
const WRITE_BYTES: usize = 256 * 1024;
/// A frame of stored records is closed at this size, or holds one record.
const RECORDS_BYTES: usize = 1024 * 1024;
/// What a frame of one record adds to it, at most.
const FRAME_HEAD_BYTES: usize = 64;
/// How long the last frames of an ended cosigner are read.
const DRAIN_MS: u64 = 1000;
/// How long a cosigner whose stream has ended is given to end itself: its last lines tell why.
const MUTE_MS: u64 = 3000;

/// What a run of a cosigner says, in order; the last one is [`Event::Ended`]. Read it, or the cosigner will wait.
pub type Events = mpsc::Receiver<Event>;

/// A running cosigner. Clones are the same one; it is killed when the last is dropped.
#[derive(Clone)]
pub struct EnclaveHandle {
    me: PartyIndex,
    to_cosigner: mpsc::Sender<ToCosigner>,
    stop: mpsc::Sender<()>,
    ending: watch::Receiver<Option<Ending>>,
}

impl EnclaveHandle {
    /// Opens the records of this home, starts the cosigner and hands them to it in its first frames.
    ///
    /// # Errors
    /// [`StartError`]; nothing runs then.
    pub async fn start(
        enclave: &dyn Enclave,
        me: PartyIndex,
        home: impl Into<Home>,
    ) -> Result<(EnclaveHandle, Events), StartError> {
        let (sender, events) = mpsc::channel(EVENTS);
        let handle = EnclaveHandle::start_into(enclave, me, &home.into(), sender).await?;
        Ok((handle, events))
    }

    pub(crate) async fn start_into(
        enclave: &dyn Enclave,
        me: PartyIndex,
        home: &Home,
        events: mpsc::Sender<Event>,
    ) -> Result<EnclaveHandle, StartError> {
        let folder = home.folder.as_path();
        let (store, records) = open_records(me, home).await?;
        let kind = if records.is_empty() { Records::None } else { Records::Some };
        check_lengths(&records)?;
        let service = enclave.key_service();
        let access = service.map(|s| s.access(folder)).transpose()?;
        let opened = Arc::new(Notify::new());
        let waits = access.as_ref().is_some_and(|a| a.kept.is_some());
        let first = First { frames: start_frames(me, records, access), waits: waits.then(|| opened.clone()) };
        let launched = enclave.launch(me, folder, kind).await?;
        tracing::info!(code = "enclave.started", cosigner = me.number(), kind = enclave.kind());
        let (to_cosigner, frames) = mpsc::channel(TO_COSIGNER);
        let (stop, stopped) = mpsc::channel(1);
        let (told_ending, ending) = watch::channel(None);
        let tunnel = Tunnel::new(service, to_cosigner.clone());
        let keys = Keys { folder: folder.to_owned(), tunnel, opened };
        let run = Run::spawn(launched, store, keys, first, frames, to_cosigner.clone(), events);
        tokio::spawn(run.drive(stopped, told_ending));
        Ok(EnclaveHandle { me, to_cosigner, stop, ending })
    }

    /// Its number.
    pub fn me(&self) -> PartyIndex {
        self.me
    }

    /// Hands a frame to the cosigner, waiting while its queue is full. Order is kept.
    ///
    /// # Errors
    /// [`SendError::Down`].
    pub async fn send(&self, frame: ToCosigner) -> Result<(), SendError> {
        self.to_cosigner.send(frame).await.map_err(|_| SendError::Down)
    }

    /// Like [`EnclaveHandle::send`] without waiting.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn try_send(&self, frame: ToCosigner) -> Result<(), SendError> {
        self.to_cosigner.try_send(frame).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => SendError::Full,
            mpsc::error::TrySendError::Closed(_) => SendError::Down,
        })
    }

    /// Kills the cosigner and waits until it is gone and its records are closed.
    pub async fn stop(&self) -> Ending {
        let _ = self.stop.try_send(());
        self.ended().await
    }

    /// Waits until the cosigner is gone and its records are closed.
    pub async fn ended(&self) -> Ending {
        let mut ending = self.ending.clone();
        match ending.wait_for(Option::is_some).await {
            Ok(ending) => ending.clone().unwrap_or(Ending::Stopped),
            Err(_) => Ending::Stopped,
        }
    }

    /// Waits until [`Event::Ended`] has been said too.
    pub(crate) async fn gone(&self) {
        let mut ending = self.ending.clone();
        while ending.changed().await.is_ok() {}
    }
}

async fn open_records(me: PartyIndex, home: &Home) -> Result<(Box<dyn RecordLog>, Vec<StoredRecord>), StartError> {
    let home = home.clone();
    let opened = tokio::task::spawn_blocking(move || home.open(me)).await;
    Ok(opened.map_err(|e| StartError::Prepare(io::Error::other(e)))??)
}

fn check_lengths(records: &[StoredRecord]) -> Result<(), StartError> {
    let bytes = records.iter().map(|r| r.record.len()).max().unwrap_or_default();
    if bytes > limits::FRAME_BYTES - FRAME_HEAD_BYTES { Err(StartError::RecordTooLong { bytes }) } else { Ok(()) }
}

/// What a cosigner is told first: who it is and its records, in frames of moderate size.
fn start_frames(
    me: PartyIndex,
    records: Vec<StoredRecord>,
    key_access: Option<KeyAccess>,
) -> impl Iterator<Item = ToCosigner> + Send {
    let start = ToCosigner::Start { version: wire::VERSION, me, records: records.len() as u64, key_access };
    let mut records = records.into_iter().map(|r| ByteVec::from(r.record)).peekable();
    let frames = std::iter::from_fn(move || {
        let mut frame = vec![records.next()?];
        let mut bytes = frame[0].len();
        while let Some(next) = records.next_if(|next| bytes + next.len() <= RECORDS_BYTES) {
            bytes += next.len();
            frame.push(next);
        }
        Some(ToCosigner::Records { records: frame })
    });
    std::iter::once(start).chain(frames)
}

/// The tasks of one run.
struct Run {
    life: Box<dyn Lifeline>,
    reader: JoinHandle<Result<(), Ending>>,
    writer: JoinHandle<()>,
    committer: JoinHandle<Result<(), Ending>>,
    closing: watch::Sender<bool>,
    events: mpsc::Sender<Event>,
}

impl Run {
    fn spawn(
        launched: Launched,
        store: Box<dyn RecordLog>,
        keys: Keys,
        first: First<impl Iterator<Item = ToCosigner> + Send + 'static>,
        frames: mpsc::Receiver<ToCosigner>,
        to_cosigner: mpsc::Sender<ToCosigner>,
        events: mpsc::Sender<Event>,
    ) -> Run {
        let Launched { reader, writer, life } = launched;
        let (to_store, queue) = mpsc::channel(RECORDS);
        let (closing, told_closing) = watch::channel(false);
        let committer = Committer { store, queue, to_cosigner, events: events.clone(), closing: told_closing };
        Run {
            life,
            reader: tokio::spawn(read_frames(reader, to_store, keys, events.clone())),
            writer: tokio::spawn(write_frames(writer, first, frames)),
            committer: tokio::spawn(committer.run()),
            closing,
            events,
        }
    }

    /// Waits for the first reason to end, ends everything else, then says so.
    async fn drive(mut self, mut stopped: mpsc::Receiver<()>, told_ending: watch::Sender<Option<Ending>>) {
        let mut reader_done = false;
        let mut committer_done = false;
        let ending = tokio::select! {
            // A broken protocol is the better explanation when the process ends at the same time.
            biased;
            Some(broken) = fault(&mut self.reader, &mut reader_done) => broken,
            Some(broken) = fault(&mut self.committer, &mut committer_done) => broken,
            status = self.life.ended() => Ending::Exited { status, last_words: self.life.last_words() },
            _ = stopped.recv() => Ending::Stopped,
        };
        self.life.kill();
        self.life.ended().await;
        self.closing.send_replace(true);
        let drain = Duration::from_millis(DRAIN_MS);
        if !reader_done && tokio::time::timeout(drain, &mut self.reader).await.is_err() {
            self.reader.abort();
            let _ = self.reader.await;
        }
        self.writer.abort();
        if !committer_done {
            let _ = self.committer.await;
        }
        tracing::info!(code = ending.code(), "{ending}");
        told_ending.send_replace(Some(ending.clone()));
        let _ = self.events.send(Event::Ended(ending)).await;
    }
}

/// The ending that a task reports. One that has ended well has come to the stream's end: the process ends by itself or is
/// stopped, and one that does neither can say nothing any more.
async fn fault(task: &mut JoinHandle<Result<(), Ending>>, done: &mut bool) -> Option<Ending> {
    let result = task.await;
    *done = true;
    match result {
        Ok(Err(ending)) => Some(ending),
        Ok(Ok(())) => {
            tokio::time::sleep(Duration::from_millis(MUTE_MS)).await;
            Some(Ending::Broke { code: "enclave.mute", detail: "its stream has ended, and it has not".into() })
        }
        Err(e) => Some(Ending::Records { code: "enclave.task", detail: format!("a task failed: {e}") }),
    }
}

/// What a cosigner's key needs of the host.
struct Keys {
    folder: PathBuf,
    tunnel: Tunnel,
    /// Told when the records may be sent.
    opened: Arc<Notify>,
}

/// The first frames, and what the records behind `Start` wait for.
struct First<I> {
    frames: I,
    waits: Option<Arc<Notify>>,
}

impl Keys {
    async fn keep(&self, key: KeptKey) -> Result<(), Ending> {
        let folder = self.folder.clone();
        let kept = tokio::task::spawn_blocking(move || key_service::keep(&folder, &key)).await;
        let kept = kept.map_err(|e| Ending::Records { code: "records.thread", detail: e.to_string() })?;
        kept.map_err(|e| Ending::Records { code: e.code(), detail: e.to_string() })
    }
}

async fn read_frames(
    mut stream: Box<dyn AsyncRead + Send + Unpin>,
    to_store: mpsc::Sender<StoredRecord>,
    mut keys: Keys,
    events: mpsc::Sender<Event>,
) -> Result<(), Ending> {
    let mut stream = tokio::io::BufReader::with_capacity(WRITE_BYTES, &mut stream);
    loop {
        match read_frame::<FromCosigner>(&mut stream).await {
            Ok(Some(FromCosigner::Store { sequence, kind, record })) => {
                let record = StoredRecord { sequence, kind, record: record.into() };
                if to_store.send(record).await.is_err() {
                    return Ok(());
                }
            }
            Ok(Some(FromCosigner::Dial { host, port })) => keys.tunnel.dial(&host, port).await,
            Ok(Some(FromCosigner::Tunnel { bytes })) => keys.tunnel.carry(&bytes).await,
            // In order with the records: it is durable before any that it seals.
            Ok(Some(FromCosigner::KeepKey { key })) => keys.keep(key).await?,
            Ok(Some(FromCosigner::KeyOpen)) => keys.opened.notify_one(),
            Ok(Some(said)) => {
                if events.send(Event::Said(said)).await.is_err() {
                    tracing::debug!(code = "enclave.unheard", "nobody listens to the cosigner");
                }
            }
            Ok(None) => return Ok(()),
            Err(e) if e.kind() == io::ErrorKind::InvalidData => {
                return Err(Ending::Broke { code: "enclave.bad_frame", detail: e.to_string() });
            }
            // Cut off inside a frame: the process is ending, and its status says more.
            Err(_) => return Ok(()),
        }
    }
}

async fn write_frames(
    mut stream: Box<dyn AsyncWrite + Send + Unpin>,
    first: First<impl Iterator<Item = ToCosigner> + Send>,
    frames: mpsc::Receiver<ToCosigner>,
) {
    if let Err(e) = write_all(stream.as_mut(), first, frames).await {
        tracing::debug!(code = "enclave.stream", "cosigner's stream is closed: {e}");
    }
}

async fn write_all(
    stream: &mut (dyn AsyncWrite + Send + Unpin),
    mut first: First<impl Iterator<Item = ToCosigner> + Send>,
    mut frames: mpsc::Receiver<ToCosigner>,
) -> io::Result<()> {
    let mut bytes = Vec::new();
    if let Some(start) = first.frames.next() {
        push_frame(&mut bytes, &start);
        stream.write_all(&bytes).await?;
        bytes.clear();
    }
    let mut later = Vec::new();
    if let Some(opened) = &first.waits {
        // Until its key is open the cosigner would have to keep the records, and all else, in its memory.
        while let Some(frame) = until(opened, &mut frames).await {
            match frame {
                ToCosigner::Tunnel { .. } => push_frame(&mut bytes, &frame),
                other => later.push(other),
            }
            stream.write_all(&bytes).await?;
            bytes.clear();
        }
    }
    for frame in first.frames.chain(later) {
        push_frame(&mut bytes, &frame);
        drop(frame);
        stream.write_all(&bytes).await?;
        bytes.clear();
    }
    while let Some(frame) = frames.recv().await {
        push_frame(&mut bytes, &frame);
        while bytes.len() < WRITE_BYTES {
            let Ok(frame) = frames.try_recv() else { break };
            push_frame(&mut bytes, &frame);
        }
        stream.write_all(&bytes).await?;
        bytes.clear();
    }
    Ok(())
}

/// The next frame; `None` once the cosigner's key is open, or there are no more.
async fn until(opened: &Notify, frames: &mut mpsc::Receiver<ToCosigner>) -> Option<ToCosigner> {
    tokio::select! {
        () = opened.notified() => None,
        frame = frames.recv() => frame,
    }
}

fn push_frame(bytes: &mut Vec<u8>, frame: &ToCosigner) {
    match frame_bytes(frame) {
        Ok(one) => bytes.extend(one),
        Err(e) => tracing::error!(code = "enclave.frame_too_long", "a frame was not sent: {e}"),
    }
}
