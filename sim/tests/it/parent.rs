//! The hostile parent: whoever owns the machine of an attested cosigner swaps, replays, forges and cuts what it keeps and
//! carries. Each time nothing is unsealed, and the log says why.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringi::platform::built_in_kms::BuiltInKms;
use ringi_attestation::{Pcr, PcrIndex};
use ringi_enclave_host::{Emulation, EnclaveHandle, Event, Events, Process};
use ringi_nsm::{Authority, Clock, SystemClock};
use ringi_primitives::digest::Domain;
use ringi_primitives::genesis::{Admin, Assurance, CosignerIdentity, Genesis, GenesisChain, Measurement};
use ringi_primitives::id::WorkspaceId;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wire::{CosignerStatus, FromCosigner, ToCosigner};
use ringi_sim::people::{Someone, signed};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing_subscriber::fmt::MakeWriter;

/// What the log says, kept in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;

    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}

impl Log {
    fn taken(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

/// One machine with a key server and two attested cosigners of one workspace.
struct Parent {
    folder: PathBuf,
    program: PathBuf,
    authority: Arc<Authority>,
    kms: BuiltInKms,
    chain: GenesisChain,
    keys: Vec<String>,
    log: Log,
}

fn party(n: u8) -> PartyIndex {
    PartyIndex::new(n).unwrap()
}

async fn said<T>(events: &mut Events, mut pick: impl FnMut(FromCosigner) -> Option<T>) -> Option<T> {
    loop {
        match tokio::time::timeout(Duration::from_secs(20), events.recv()).await.expect("an event in time")? {
            Event::Said(frame) => {
                if let Some(found) = pick(frame) {
                    return Some(found);
                }
            }
            Event::Ended(_) => return None,
            _ => {}
        }
    }
}

impl Parent {
    fn home(&self, n: u8) -> PathBuf {
        self.folder.join(n.to_string())
    }

    fn emulation(&self) -> Emulation {
        let measurements = Emulation::measure(&self.program).unwrap();
        let clock = Arc::new(SystemClock);
        Emulation { authority: self.authority.clone(), measurements, service: self.kms.service(), clock }
    }

    /// Two cosigners take a genesis that names their keys; each gets a data key.
    async fn found(folder: &Path, program: &Path, workspace: u8, log: Log) -> Parent {
        let authority = Arc::new(Authority::of_folder(folder).unwrap());
        let kms = BuiltInKms::start(&folder.join("kms"), authority.root()).await.unwrap();
        let emulation = Emulation {
            authority: authority.clone(),
            measurements: Emulation::measure(program).unwrap(),
            service: kms.service(),
            clock: Arc::new(SystemClock),
        };
        let process = Process::attested(program, emulation.clone());
        let (mut running, mut cosigners, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        for n in 1..=2 {
            let home = folder.join(n.to_string());
            let (handle, mut events) = EnclaveHandle::start(&process, party(n), &home).await.unwrap();
            let identity = |f| match f {
                FromCosigner::Identity { channel_key, identity_key, .. } => Some((channel_key, identity_key)),
                _ => None,
            };
            let (channel_key, identity_key) = said(&mut events, identity).await.expect("it introduces itself");
            cosigners.push(CosignerIdentity { index: party(n), name: n.to_string(), channel_key, identity_key });
            keys.push(kms.create_key().await.unwrap());
            running.push((handle, events));
        }
        let admins = [Someone::number(201, "Ada"), Someone::number(202, "Ben")];
        let measured = |(index, value): &(PcrIndex, Pcr)| Measurement { pcr: index.number(), value: value.0.to_vec() };
        let genesis = Genesis {
            version: 1,
            workspace: WorkspaceId::from_bytes([workspace; 16]),
            sequence: 0,
            previous: None,
            created_at: ringi::fresh::now_whole_s(),
            admins: admins.iter().map(|a| Admin { id: a.id, name: a.name.into(), key: a.public() }).collect(),
            admin_quorum: 2,
            threshold: 2,
            cosigners,
            measurements: emulation.measurements.iter().map(measured).collect(),
            trust_roots: vec![ringi_primitives::digest::Digest(authority.root().0)],
            relying_parties: vec![],
            kms_keys: keys.clone(),
            recovery: vec![],
            assurance: Assurance::Process,
        };
        let versions = vec![signed(Domain::Genesis, &genesis, &admins.iter().collect::<Vec<_>>())];
        let chain = GenesisChain::verify(&versions).unwrap();
        for (key, n) in keys.iter().zip(1..) {
            kms.close(key, chain.root(), party(n), images(&emulation)).await.unwrap();
        }
        for (handle, events) in &mut running {
            handle.send(ToCosigner::InstallGenesis { versions: versions.clone() }).await.unwrap();
            let installed = |f| matches!(f, FromCosigner::GenesisInstalled { .. }).then_some(());
            said(events, installed).await.expect("genesis is taken once there is a key");
            handle.stop().await;
        }
        Parent { folder: folder.into(), program: program.into(), authority, kms, chain, keys, log }
    }

    /// Starts a cosigner: what it says of itself, or what the log says when it ends.
    async fn starts(&self, n: u8, emulation: Emulation, program: &Path) -> Result<CosignerStatus, String> {
        self.log.taken();
        let process = Process::attested(program, emulation);
        let started = EnclaveHandle::start(&process, party(n), &self.home(n)).await;
        let (handle, mut events) = started.map_err(|e| e.code().to_string())?;
        handle.send(ToCosigner::Status).await.map_err(|e| e.to_string())?;
        let status = |f| match f {
            FromCosigner::Status { status } => Some(status),
            _ => None,
        };
        let status = said(&mut events, status).await;
        handle.stop().await;
        status.ok_or_else(|| self.log.taken())
    }

    async fn restarts(&self, n: u8) -> Result<CosignerStatus, String> {
        self.starts(n, self.emulation(), &self.program).await
    }

    /// It does not start, and the log says this.
    async fn refused(&self, n: u8, words: &str) {
        let log = self.restarts(n).await.expect_err("it started");
        assert!(log.contains(words), "no `{words}` in: {log}");
    }
}

fn images(emulation: &Emulation) -> BTreeSet<Pcr> {
    emulation.measurements.iter().filter(|(i, _)| *i == PcrIndex::IMAGE).map(|(_, value)| *value).collect()
}

/// The file of one home in the place of another's, while `f` runs.
macro_rules! swapped {
    ($to:expr, $with:expr, $run:expr) => {{
        let (to, kept): (PathBuf, Vec<u8>) = ($to, fs::read($to).unwrap());
        fs::write(&to, $with).unwrap();
        $run;
        fs::write(&to, kept).unwrap();
    }};
}

#[test]
fn e1_a_hostile_parent_unseals_nothing() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(attacks(log));
}

async fn attacks(log: Log) {
    let program = crate::processes::life::cosigner();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mine = Parent::found(folders[0].path(), &program, 1, log.clone()).await;
    let other = Parent::found(folders[1].path(), &program, 2, log).await;
    assert_ne!(mine.chain.root(), other.chain.root());
    let status = mine.restarts(1).await.expect("unchanged, it starts");
    assert!(status.sequence > 0 && !status.ready, "{status:?}");
    kept(&mine, &other).await;
    machines(&mine, &program).await;
    clocks(&mine).await;
    assert!(mine.restarts(1).await.is_ok() && mine.restarts(2).await.is_ok(), "something was left changed");
    services(&mine, &other).await;
}

/// What the parent keeps: wrapped keys and records, swapped between cosigners and tenants, altered and cut.
async fn kept(mine: &Parent, other: &Parent) {
    let key = |p: &Parent, n| p.home(n).join("wrapped.key");
    let records = |p: &Parent, n| p.home(n).join("records");
    // E1: a wrapped key opens for its own cosigner only.
    swapped!(key(mine, 1), fs::read(key(mine, 2)).unwrap(), mine.refused(1, "kms.refused: 400").await);
    // Another tenant's key lies in another key server, which this one's cosigner may not reach from here.
    swapped!(key(mine, 1), fs::read(key(other, 1)).unwrap(), mine.refused(1, "kms.unreachable").await);
    let mut flipped = fs::read(key(mine, 1)).unwrap();
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    swapped!(key(mine, 1), flipped, mine.refused(1, "kms.refused: 400 InvalidCiphertextException").await);
    swapped!(key(mine, 1), b"no key", assert_eq!(mine.restarts(1).await.unwrap_err(), "records.corrupt"));
    // Records of another cosigner or tenant do not open under this key.
    for foreign in [records(mine, 2), records(other, 1)] {
        swapped!(records(mine, 1), fs::read(foreign).unwrap(), mine.refused(1, "cosigner.journal").await);
    }
    // Without its wrapped key, with its records: a fresh cosigner that is not the one genesis names. It opens nothing.
    let hidden = mine.home(1).join("hidden");
    fs::rename(key(mine, 1), &hidden).unwrap();
    mine.refused(1, "cosigner.start").await;
    fs::rename(&hidden, key(mine, 1)).unwrap();
}

/// What the parent boots: another image, one bit of it changed, a debug image, a module of another root.
async fn machines(mine: &Parent, program: &Path) {
    let changed = mine.folder.join("changed");
    let mut bytes = fs::read(program).unwrap();
    bytes.push(0);
    fs::write(&changed, bytes).unwrap();
    fs::set_permissions(&changed, fs::metadata(program).unwrap().permissions()).unwrap();
    let measured = Emulation { measurements: Emulation::measure(&changed).unwrap(), ..mine.emulation() };
    let refused = mine.starts(1, measured, &changed).await.expect_err("another image");
    assert!(refused.contains("AccessDeniedException"), "{refused}");
    let debug = mine.emulation().measurements.iter().map(|(index, _)| (*index, Pcr::ZERO)).collect();
    let debug = Emulation { measurements: debug, ..mine.emulation() };
    let refused = mine.starts(1, debug, program).await.expect_err("a debug image");
    assert!(refused.contains("AccessDeniedException"), "{refused}");
    let foreign = Emulation { authority: Arc::new(Authority::generate().unwrap()), ..mine.emulation() };
    let refused = mine.starts(1, foreign, program).await.expect_err("another root");
    assert!(refused.contains("ValidationException"), "{refused}");
}

/// A machine whose clock was moved by so much.
struct Moved(i64);

impl Clock for Moved {
    fn now(&self) -> UnixMs {
        UnixMs(SystemClock.now().0.saturating_add_signed(self.0))
    }
}

/// T1: a document of another time opens nothing, be it an old one or one made in advance.
async fn clocks(mine: &Parent) {
    for minutes in [-6, 6] {
        let moved = Emulation { clock: Arc::new(Moved(minutes * 60_000)), ..mine.emulation() };
        let refused = mine.starts(1, moved, &mine.program).await.expect_err("another time");
        assert!(refused.contains("kms.refused: 400 InvalidSignatureException"), "{minutes}: {refused}");
    }
}

/// A change to what the key server sealed.
type Forge = fn(&mut Vec<u8>);

/// What the parent puts into the key server's mouth, if it holds the server's own key.
async fn forged(mine: &Parent) {
    mine.kms.stop().await;
    let forgeries: [(&str, Forge); 4] = [
        ("a bit changed", |sealed| *sealed.last_mut().unwrap() ^= 1),
        ("a bit of the wrapped key changed", |sealed| sealed[200] ^= 1),
        ("cut", |sealed| sealed.truncate(sealed.len() / 2)),
        ("nothing", Vec::clear),
    ];
    let folder = mine.folder.join("forger");
    for (from, to) in [("kms", "forger"), ("kms/keys", "forger/keys")] {
        let to = mine.folder.join(to);
        fs::create_dir_all(&to).unwrap();
        fs::set_permissions(&to, fs::Permissions::from_mode(0o700)).unwrap();
        for file in fs::read_dir(mine.folder.join(from)).unwrap().flatten().filter(|f| f.path().is_file()) {
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
    for (name, forge) in forgeries {
        let front =
            move |router: axum::Router| router.layer(axum::middleware::map_response(move |r| altered(r, forge)));
        let kms = BuiltInKms::start_behind(&folder, mine.authority.root(), front).await.unwrap();
        let log = mine.restarts(1).await.expect_err(name);
        assert!(log.contains("kms.answer: it was not encrypted to this program"), "{name}: {log}");
        kms.stop().await;
        drop(kms);
    }
}

/// An answer with its `CiphertextForRecipient` changed.
async fn altered(response: axum::response::Response, forge: Forge) -> axum::response::Response {
    let (mut parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let mut value: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let mut sealed = STANDARD.decode(value["CiphertextForRecipient"].as_str().unwrap()).unwrap();
    forge(&mut sealed);
    value["CiphertextForRecipient"] = STANDARD.encode(sealed).into();
    parts.headers.remove("content-length");
    axum::response::Response::from_parts(parts, value.to_string().into())
}

/// Whom the parent lets the cosigner speak with: nobody, somebody else in the key server's place; and the key's policy.
async fn services(mine: &Parent, other: &Parent) {
    let mut nowhere = mine.emulation();
    nowhere.service.reachable.clear();
    let refused = mine.starts(1, nowhere, &mine.program).await.expect_err("no key server");
    assert!(refused.contains("kms.unreachable"), "{refused}");
    // E1: nobody changes a closed policy, the server's own administrator neither.
    let again = mine.kms.close(&mine.keys[0], other.chain.root(), party(1), images(&mine.emulation())).await;
    assert!(again.unwrap_err().what.contains("AccessDenied"));
    forged(mine).await;
    // Another server behind the same address shows another certificate; its answers are not believed.
    let impostor = mine.folder.join("impostor");
    fs::create_dir_all(&impostor).unwrap();
    fs::copy(mine.folder.join("kms/port"), impostor.join("port")).unwrap();
    let impostor = BuiltInKms::start(&impostor, mine.authority.root()).await.unwrap();
    mine.refused(1, "kms.unreachable: invalid peer certificate").await;
    impostor.stop().await;
}
