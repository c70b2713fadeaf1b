//! What attestation costs: documents, sealed keys, attested channels, and the start of a process and of a machine.

use crate::machines;
use crate::progress::Progress;
use crate::report::{Goal, Row, median};
use ringi::platform::built_in_kms::BuiltInKms;
use ringi::platform::development::Development;
use ringi::platform::settings::{EnclaveKind, Settings};
use ringi::platform::start::Platform;
use ringi_attestation::nsm::Nsm;
use ringi_attestation::{Expectation, Moment, Pcr, PcrIndex, verify};
use ringi_cosigner::core::Fatal;
use ringi_cosigner::journal::{Context, Journal, SealingKey};
use ringi_cosigner::state::{Record, State};
use ringi_enclave_host::{Emulation, EnclaveHandle, Event, Process, Qemu, QemuSettings};
use ringi_nsm::{Authority, Clock as _, Module, SystemClock};
use ringi_primitives::certificate::{KeyCertificate, SignedCertificate};
use ringi_primitives::digest::Digest;
use ringi_primitives::order::KeyId;
use ringi_primitives::policy_set::RootIndex;
use ringi_primitives::scheme::{PartyIndex, Scheme};
use ringi_primitives::wire::FromCosigner;
use ringi_sim::enclaves::Enclaves;
use ringi_sim::world::{World, party};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use zeroize::Zeroizing;

/// Repetitions of what takes a millisecond, and of what takes seconds.
const MANY: u32 = 200;
const FEW: u32 = 11;
/// Keys of each scheme in the sealed state.
const KEYS: u16 = 1000;

/// What the machines need; without them their rows are left out, and that is said.
pub struct Machine {
    /// The enclave image (scripts/image.sh).
    pub image: Option<PathBuf>,
    /// QEMU.
    pub qemu: Option<PathBuf>,
    /// `vhost-device-vsock`.
    pub vsock: Option<PathBuf>,
}

/// All rows.
pub fn rows(cosigner: &Path, folder: &Path, machine: &Machine, progress: &Progress) -> Vec<Row> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    progress.step("attestation documents");
    let mut rows = vec![document()];
    progress.step(&format!("sealed state with {KEYS} keys of each scheme"));
    rows.push(unseal());
    progress.step("attested channels");
    rows.push(channel());
    progress.step("starts of an attested process");
    rows.push(runtime.block_on(process(cosigner, folder)));
    match (&machine.image, &machine.qemu, &machine.vsock) {
        (Some(image), Some(qemu), Some(vsock)) => {
            progress.step("starts of the image under QEMU");
            rows.extend(runtime.block_on(boots(image, qemu, vsock)));
        }
        _ => eprintln!("left out: the image's rows; name --image, --qemu and --vsock (docs/image.md)"),
    }
    rows
}

/// Milliseconds of `work`, the median of so many.
fn median_ms(rounds: u32, mut work: impl FnMut()) -> f64 {
    let times = (0..rounds).map(|_| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64() * 1e3
    });
    median(times.collect())
}

/// A document as a peer gets it: chain to its root, signature, registers, nonce.
fn document() -> Row {
    let authority = Arc::new(Authority::generate().expect("a root"));
    let image = Pcr::of_image([&b"image"[..]]);
    let registers = [PcrIndex::IMAGE, PcrIndex::BOOT, PcrIndex::APPLICATION].map(|index| (index, image));
    let module = Module::new("i-0bench-enc0", &registers, authority.clone(), Arc::new(SystemClock));
    let mut nsm = Nsm::new(Near(module));
    let document = nsm.attest(Some(&[7; 32]), Some(&[1; 200]), None).expect("a document");
    let expected = Expectation::of(vec![authority.root()], Moment::Now { max_age_ms: 300_000 })
        .with_pcr(PcrIndex::IMAGE, image)
        .with_nonce(&[7; 32]);
    let ms = median_ms(MANY, || drop(verify(&document, &expected, SystemClock.now()).expect("it verifies")));
    Row::absolute("verify one attestation document", ms, "ms", Some(Goal::AtMost(3.0)))
}

/// A module in the same process.
struct Near(Module);

impl ringi_attestation::nsm::Transport for Near {
    fn call(&mut self, request: &[u8]) -> std::io::Result<Vec<u8>> {
        Ok(self.0.answer(request))
    }
}

/// Opening, decoding and taking in what a cosigner sealed: a thousand shares of every scheme.
fn unseal() -> Row {
    let me = party(1);
    let key = SealingKey::new(Zeroizing::new([5; 32]));
    let context = Context { genesis: None, policy: None };
    let (mut journal, mut stored) = (Journal::new(&key, me), Vec::new());
    for scheme in Scheme::ALL {
        let share = machines::keys(scheme).swap_remove(0);
        let bytes = share.expose_bytes().expect("its bytes");
        for root in 0..KEYS {
            let certificate = KeyCertificate {
                version: 1,
                genesis: Digest::ZERO,
                key: KeyId { scheme, root: RootIndex(root) },
                epoch: share.epoch(),
                public_key: share.public_key().to_vec(),
                chain_code: share.chain_code(),
            };
            let certificate = SignedCertificate { certificate, signatures: vec![] };
            let record = Record::Share { share: bytes.to_vec().into(), certificate };
            let sealed = journal.append(&[record], context, &mut rand_core::OsRng).expect("sealed");
            stored.push(sealed.bytes);
        }
    }
    let ms = median_ms(FEW, || {
        let (mut journal, mut state) = (Journal::new(&key, me), State::default());
        let restored =
            journal.restore(stored.iter().cloned().map(Into::into), |record| state.apply(&record).map_err(Fatal::from));
        restored.expect("its own records");
        assert_eq!(state.keys.active.len(), 3 * usize::from(KEYS));
    });
    Row::absolute(format!("unseal 3 x {KEYS} keys"), ms, "ms", Some(Goal::AtMost(1000.0)))
}

/// A cosigner connects to its only peer: two handshakes, two documents made and verified. Both sides on one thread.
fn channel() -> Row {
    let mut world = World::attested(2, 2, 1, Enclaves::new());
    let ms = median_ms(MANY, || {
        // As if the relay had broken the connection: both sides begin anew.
        world.kill(party(1));
        world.start(party(1)).expect("it starts");
        world.run();
        assert!(world.is_up(party(1)));
    });
    Row::absolute(
        "attested channel set up, both sides, start and grant of the boot included",
        ms,
        "ms",
        Some(Goal::AtMost(20.0)),
    )
}

/// An attested process from its launch to the answer that its records are open: key service and module included.
async fn process(cosigner: &Path, folder: &Path) -> Row {
    let folder = folder.join("attested");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    let settings = Settings { cosigner: cosigner.to_owned(), enclave: EnclaveKind::Process, ..Settings::default() };
    let platform = Platform::start(&folder, &settings).await.expect("the platform starts");
    Development::found(&folder, &platform, 2).await.expect("a workspace");
    platform.stop().await;
    drop(platform);
    let authority = Arc::new(Authority::of_folder(&folder.join("simulation")).expect("the root"));
    let kms = BuiltInKms::start(&folder.join("kms"), authority.root()).await.expect("the key server");
    let program = cosigner.canonicalize().expect("the cosigner");
    let measurements = Emulation::measure(&program).expect("its registers");
    let emulation = Emulation { authority, measurements, service: kms.service(), clock: Arc::new(SystemClock) };
    let process = Process::attested(program, emulation);
    let me = PartyIndex::new(1).expect("a number");
    let mut times = Vec::new();
    for _ in 0..FEW {
        let start = Instant::now();
        let (handle, mut events) =
            EnclaveHandle::start(&process, me, &folder.join("cosigners/1")).await.expect("it starts");
        while let Some(event) = events.recv().await {
            if let Event::Said(FromCosigner::Identity { genesis, .. }) = event {
                assert!(genesis.is_some(), "its records are open");
                break;
            }
        }
        times.push(start.elapsed().as_secs_f64() * 1e3);
        handle.stop().await;
    }
    kms.stop().await;
    Row::absolute(
        "attested process, start to ready, key service included",
        median(times),
        "ms",
        Some(Goal::AtMost(150.0)),
    )
}

/// The real image: its size, and from QEMU's start to a verified document.
async fn boots(image: &Path, qemu: &Path, vsock: &Path) -> Vec<Row> {
    let mib = std::fs::metadata(image).expect("the image").len() as f64 / f64::from(1 << 20);
    let settings = QemuSettings { qemu: qemu.to_owned(), vsock: vsock.to_owned(), memory_mib: 256 };
    let authority = Arc::new(Authority::generate().expect("a root"));
    let qemu = Qemu::new(settings, image, authority, Arc::new(SystemClock)).expect("a sound image");
    let mut times = Vec::new();
    for _ in 0..FEW {
        let start = Instant::now();
        let booted = qemu.boot(PartyIndex::new(1).expect("a number")).await.expect("it boots");
        times.push(start.elapsed().as_secs_f64());
        drop(booted);
    }
    vec![
        Row::absolute("image", mib, "MiB", Some(Goal::AtMost(16.0))),
        Row::absolute("QEMU, start to signed document", median(times), "s", Some(Goal::AtMost(2.0))),
    ]
}
