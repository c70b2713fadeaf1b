//! `ringi-cosigner`: the cosigner as a process with no arguments, no environment, no file and no socket of its own.
//!
//! Descriptor 0 is the one inherited stream to the host. Descriptor 1 is the security module; in a simulation build it may
//! be a pipe with 32 bytes of development sealing key instead. Descriptor 2 takes one line if it must end.

mod link;
mod module;

use link::{Link, Next};
use rand_core::OsRng;
use ringi_attestation::kms::KeySearch;
use ringi_cosigner::core::Cosigner;
use ringi_cosigner::enclosure::Enclosure;
use ringi_cosigner::journal::SealingKey;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wire::{FromCosigner, KeyAccess, ToCosigner};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const TICK: Duration = Duration::from_millis(250);
/// The module is asked for the time so often; between, it is counted on.
const TIME_AGAIN: Duration = Duration::from_secs(30);
/// A key service that gave no key is asked again after this.
const KEY_AGAIN: Duration = Duration::from_secs(2);

fn main() {
    if let Err(message) = run() {
        // One line with a code and no secret; the host keeps it in its log.
        let _ = writeln!(io::stderr(), "ringi-cosigner: {message}");
        std::process::exit(1);
    }
}

fn run() -> Result<(), String> {
    let inherited = UnixStream::from(io::stdin().as_fd().try_clone_to_owned().map_err(|e| e.to_string())?);
    let mut link = Link::over(inherited).map_err(|e| e.to_string())?;
    // A host that ends the stream before it says anything wants nothing.
    let Some(first) = link.incoming().next() else { return Ok(()) };
    let first = first.map_err(|e| broken(&e))?;
    match &first {
        ToCosigner::Start { me, key_access: Some(access), .. } => {
            let (me, access) = (*me, access.clone());
            let search = KeySearch::begin();
            let mut enclosure = module::enclosure()?.with_search(search);
            let clock = Clock::of_module(&mut enclosure)?;
            let kept = access.kept.as_ref();
            let key = kept.map(|kept| enclosure.unseal(me, kept, &access, &mut OsRng, &mut link)).transpose();
            let key = key.map_err(|e| e.to_string())?.map(SealingKey::new);
            if key.is_some() {
                link.send(&[FromCosigner::KeyOpen]).map_err(|e| stream(&e))?;
            }
            serve(link, first, Some(enclosure), key, Some(access), clock)
        }
        _ => {
            let key = module::development_key()?;
            serve(link, first, None, Some(key), None, Clock::of_system())
        }
    }
}

fn serve(
    mut link: Link,
    first: ToCosigner,
    enclosure: Option<Enclosure>,
    key: Option<SealingKey>,
    access: Option<KeyAccess>,
    mut clock: Clock,
) -> Result<(), String> {
    let mut failed = None;
    let more = link.incoming().map_while(|frame| frame.map_err(|e| failed = Some(broken(&e))).ok());
    let frames = std::iter::once(first).chain(more);
    let started = Cosigner::start_in(enclosure, key.as_ref(), Box::new(OsRng), frames, clock.now());
    let (mut cosigner, out) = started.map_err(|e| failed.unwrap_or_else(|| e.to_string()))?;
    drop(key);
    link.send(&out).map_err(|e| stream(&e))?;
    let mut key_due = Instant::now();
    loop {
        clock.follow(&mut cosigner)?;
        let out = match link.next(TICK).map_err(|e| broken(&e))? {
            Next::Frame(frame) => cosigner.handle(frame, clock.now()),
            Next::Nothing => cosigner.tick(clock.now()),
            Next::End => return Ok(()),
        };
        link.send(&out.map_err(|e| e.to_string())?).map_err(|e| stream(&e))?;
        if let Some(access) = access.as_ref().filter(|_| cosigner.wants_key() && Instant::now() >= key_due) {
            key_due = Instant::now() + KEY_AGAIN;
            match cosigner.obtain_key(access, &mut link) {
                Ok(out) => link.send(&out).map_err(|e| stream(&e))?,
                // Its identity is in memory only, and genesis names it: it asks again rather than end.
                Err(error) => {
                    let code = error.to_string();
                    link.send(&[FromCosigner::Event { code, peer: None, intent: None }]).map_err(|e| stream(&e))?;
                }
            }
        }
    }
}

/// Why a frame is none, in fixed words: nothing of what was read is said.
fn broken(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::InvalidData => format!("cosigner.frame: {error}"),
        io::ErrorKind::UnexpectedEof => "cosigner.frame: cut off by the end of the stream".into(),
        _ => stream(error),
    }
}

fn stream(error: &io::Error) -> String {
    format!("cosigner.stream: {error}")
}

/// The time that is handed in: the module's, counted on between two questions; of a plain process the guest's, which peers'
/// clocks bound (rule T1).
enum Clock {
    System,
    Module { said: UnixMs, at: Instant },
}

impl Clock {
    fn of_system() -> Clock {
        Clock::System
    }

    fn of_module(enclosure: &mut Enclosure) -> Result<Clock, String> {
        let said = enclosure.now().map_err(|e| e.to_string())?;
        Ok(Clock::Module { said, at: Instant::now() })
    }

    /// Asks the module again when it is due.
    fn follow(&mut self, cosigner: &mut Cosigner) -> Result<(), String> {
        if let Clock::Module { at, .. } = self
            && at.elapsed() >= TIME_AGAIN
            && let Some(said) = cosigner.trusted_time().map_err(|e| e.to_string())?
        {
            *self = Clock::Module { said, at: Instant::now() };
        }
        Ok(())
    }

    fn now(&self) -> UnixMs {
        let milliseconds = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
        match self {
            Clock::System => UnixMs(milliseconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())),
            Clock::Module { said, at } => UnixMs(said.0.saturating_add(milliseconds(at.elapsed()))),
        }
    }
}
