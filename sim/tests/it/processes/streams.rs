//! The hostile parent of a whole platform: whoever owns the machine owns each cosigner's stream, and floods it, repeats on it,
//! holds it back, cuts it inside a frame, and writes other bytes. Nothing is signed that was not asked for, nothing that was
//! asked for is lost, the platform goes on by itself, and the audit log says what happened to whom.

use super::life::{self, Life, Payment};
use ringi::demo::anvil::Anvil;
use ringi::platform::start::Between;
use ringi_enclave_host::{Enclave, KeyService, Launched, Records, StartError};
use ringi_primitives::cbor;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::wire::ToCosigner;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Frames that a flood adds to each.
const FLOOD: usize = 200;
/// How long a frame is held back. Sessions of cosigners give up before that.
const HELD: Duration = Duration::from_secs(20);

/// What the parent does to a cosigner, until the file is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    /// Every frame to it comes twice, among questions without end.
    Flood,
    /// Every frame from it comes to the host twice; what it stored too.
    Repeat,
    /// Frames to it are late.
    Slow,
    /// A frame to it is held back for longer than anybody waits.
    Hold,
    /// The next frame to it ends in its middle, with the stream.
    Cut,
    /// The next frame from it does.
    CutAnswer,
    /// The next frame to it has other bytes.
    Garble,
    /// The next frame from it has.
    GarbleAnswer,
}

const DEEDS: [Deed; 8] =
    [Deed::Flood, Deed::Repeat, Deed::Slow, Deed::Hold, Deed::Cut, Deed::CutAnswer, Deed::Garble, Deed::GarbleAnswer];

impl Deed {
    /// Done once: the deed ends with it.
    fn is_single(self) -> bool {
        matches!(self, Deed::Hold | Deed::Cut | Deed::CutAnswer | Deed::Garble | Deed::GarbleAnswer)
    }
}

/// A file with a deed and a cosigner's number.
#[derive(Clone)]
struct Orders(PathBuf);

impl Orders {
    /// What to do with the next frame of this cosigner, of these deeds.
    fn of(&self, me: PartyIndex, mine: &[Deed]) -> Option<Deed> {
        let text = std::fs::read_to_string(&self.0).ok()?;
        let (name, number) = text.split_once(' ')?;
        let deed = mine.iter().copied().find(|deed| format!("{deed:?}") == name);
        let deed = deed.filter(|_| number == me.number().to_string())?;
        if deed.is_single() {
            let _ = std::fs::remove_file(&self.0);
        }
        Some(deed)
    }
}

/// The enclaves of a platform whose parent does what this file says.
pub fn between(file: PathBuf) -> Between {
    let orders = Orders(file);
    Arc::new(move |inner| Arc::new(Parent { inner, orders: orders.clone() }))
}

struct Parent {
    inner: Arc<dyn Enclave>,
    orders: Orders,
}

#[async_trait::async_trait]
impl Enclave for Parent {
    async fn launch(&self, me: PartyIndex, folder: &Path, records: Records) -> Result<Launched, StartError> {
        let Launched { reader, writer, life } = self.inner.launch(me, folder, records).await?;
        let (host_reads, said) = tokio::io::duplex(1 << 16);
        let (told, host_writes) = tokio::io::duplex(1 << 16);
        tokio::spawn(to_cosigner(self.orders.clone(), me, told, writer));
        tokio::spawn(from_cosigner(self.orders.clone(), me, reader, said));
        Ok(Launched { reader: Box::new(host_reads), writer: Box::new(host_writes), life })
    }

    fn key_service(&self) -> Option<&KeyService> {
        self.inner.key_service()
    }

    fn kind(&self) -> &'static str {
        self.inner.kind()
    }
}

/// One frame with its length.
async fn frame(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let length = from.read_u32().await?;
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.resize(4 + usize::try_from(length).unwrap(), 0);
    from.read_exact(&mut bytes[4..]).await?;
    Ok(bytes)
}

fn garbled(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes[4..].iter_mut().for_each(|byte| *byte ^= 0x5a);
    bytes
}

async fn to_cosigner(
    orders: Orders,
    me: PartyIndex,
    mut host: impl AsyncRead + Unpin,
    mut cosigner: Box<dyn AsyncWrite + Send + Unpin>,
) -> io::Result<()> {
    let question = cbor::encode(&ToCosigner::Status);
    let question = [&u32::try_from(question.len()).unwrap().to_be_bytes()[..], &question].concat();
    // The first one starts it: whoever never starts one has none.
    let start = frame(&mut host).await?;
    cosigner.write_all(&start).await?;
    loop {
        let bytes = frame(&mut host).await?;
        match orders.of(me, &[Deed::Flood, Deed::Slow, Deed::Hold, Deed::Cut, Deed::Garble]) {
            Some(Deed::Flood) => cosigner.write_all(&[&bytes[..], &question.repeat(FLOOD), &bytes].concat()).await?,
            Some(Deed::Slow) => {
                tokio::time::sleep(Duration::from_millis(100)).await;
                cosigner.write_all(&bytes).await?;
            }
            Some(Deed::Hold) => {
                tokio::time::sleep(HELD).await;
                cosigner.write_all(&bytes).await?;
            }
            Some(Deed::Cut) => {
                cosigner.write_all(&bytes[..bytes.len() / 2 + 1]).await?;
                return cosigner.shutdown().await;
            }
            Some(Deed::Garble) => cosigner.write_all(&garbled(bytes)).await?,
            _ => cosigner.write_all(&bytes).await?,
        }
    }
}

async fn from_cosigner(
    orders: Orders,
    me: PartyIndex,
    mut cosigner: Box<dyn AsyncRead + Send + Unpin>,
    mut host: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    loop {
        let bytes = frame(&mut cosigner).await?;
        match orders.of(me, &[Deed::Repeat, Deed::CutAnswer, Deed::GarbleAnswer]) {
            Some(Deed::Repeat) => host.write_all(&[&bytes[..], &bytes].concat()).await?,
            Some(Deed::CutAnswer) => {
                host.write_all(&bytes[..bytes.len() / 2 + 1]).await?;
                return host.shutdown().await;
            }
            Some(Deed::GarbleAnswer) => host.write_all(&garbled(bytes)).await?,
            _ => host.write_all(&bytes).await?,
        }
    }
}

/// What the audit log says of a cosigner to whom this was done; nothing, where frames only came late or twice.
fn incident(deed: Deed) -> Option<&'static str> {
    match deed {
        Deed::Cut | Deed::Garble => Some("enclave.exited"),
        Deed::GarbleAnswer => Some("enclave.bad_frame"),
        Deed::Flood | Deed::Slow | Deed::Hold | Deed::Repeat | Deed::CutAnswer => None,
    }
}

#[test]
fn a_parent_who_owns_the_streams_stops_payments_and_causes_none() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let anvil = Anvil::start(&life::anvil()).await.unwrap();
        let mut life = Life::found_attested(&anvil).await;
        let file = life.folder().join("parent-does");
        let mut number = 0;
        for (deed, cosigner) in DEEDS.into_iter().zip([1, 2, 3].into_iter().cycle()) {
            eprintln!("{deed:?} to cosigner {cosigner}");
            std::fs::write(&file, format!("{deed:?} {cosigner}")).unwrap();
            // Asked for while it happens.
            number += 1;
            life.carry_out(&anvil, &Payment::of(number)).await;
            // What is done once is done: the others may have paid before this one said or heard anything.
            while deed.is_single() && file.exists() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let _ = std::fs::remove_file(&file);
            if let Some(code) = incident(deed) {
                life.audit_says(cosigner, code).await;
            }
            // And once it is over, with all of them.
            life.until_all_are_ready().await;
            number += 1;
            life.carry_out(&anvil, &Payment::of(number)).await;
            life.check(&anvil, number).await;
        }
        assert_eq!(life.deaths, 0, "the platform itself goes on");
        // Everything that was ever signed was asked for: the books say so after a restart too.
        life.restart(|_| ()).await;
        life.until_all_are_ready().await;
        life.check(&anvil, number).await;
    });
}
