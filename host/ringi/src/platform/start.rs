//! Starts everything in one data folder, in order: lock and store, cosigners, relay, chains, orchestrator.

use super::built_in_kms::BuiltInKms;
use super::chains::{BitcoinNet, Chains, EvmNet};
use super::fleet::Fleet;
use super::handover::Homes;
use super::images::{self, Images};
use super::incidents::{self, Incidents};
use super::records::{self, kept_so};
use super::settings::{EnclaveKind, Settings};
use crate::failure::{Done, Failure};
use crate::recovery::Kits;
use ringi_attestation::{Pcr, PcrIndex, Root};
use ringi_eif::Measurements;
use ringi_enclave_host::{Backoff, Emulation, Enclave, Fault, Home, Nitro, Process, Qemu, StartError, supervise};
use ringi_nsm::Authority;
use ringi_orchestrator::ports::{CrashPoints, NoCrash, Ports, SystemClock, SystemRandom};
use ringi_orchestrator::{Config, Incident, Orchestrator, Service};
use ringi_primitives::genesis::{Assurance, GenesisChain, Measurement};
use ringi_primitives::network::NetworkId;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::signed::Signed;
use ringi_provider::bitcoin::{FeeRate, FixedCoins};
use ringi_provider::evm::{Node, NodeConfig};
use ringi_relay::{Faithful, Relay};
use ringi_store::SqliteStore;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::task::JoinSet;

/// What attested cosigners run in, and what they need.
pub struct Attested {
    /// Where their keys come from.
    pub kms: BuiltInKms,
    /// What the modules measure.
    pub measurements: Vec<(PcrIndex, Pcr)>,
    /// Who vouches for them.
    pub root: Root,
    /// What genesis may claim (rule E3).
    pub assurance: Assurance,
    /// What they run in.
    pub enclave: Arc<dyn Enclave>,
    /// Vouches for modules of this machine.
    authority: Option<Arc<Authority>>,
}

/// What cosigners are started from, and what genesis says of it.
pub type Built = (Arc<dyn Enclave>, Vec<(PcrIndex, Pcr)>, Assurance);

impl Attested {
    /// Starts the key server of this folder, and looks at the program or image.
    ///
    /// # Errors
    /// If one of them is not there.
    pub async fn start(folder: &Path, settings: &Settings) -> Result<Attested, Failure> {
        let authority = match settings.enclave {
            // AWS vouches for its own enclaves.
            EnclaveKind::Nitro => None,
            EnclaveKind::Plain | EnclaveKind::Process | EnclaveKind::Qemu => Some(simulated(folder)?),
        };
        let root = authority.as_ref().map_or(Root::AWS, |a| a.root());
        let kms = BuiltInKms::start(&folder.join("kms"), root).await?;
        let (enclave, measurements, assurance) = built(settings, authority.as_ref(), &kms)?;
        Ok(Attested { kms, measurements, root, assurance, enclave, authority })
    }

    /// E1: before a first genesis reaches a cosigner, the keys of the built-in server that it names become its cosigners' alone,
    /// for good. Later versions name keys that were made for one image and closed then.
    ///
    /// # Errors
    /// The server's; no genesis that does not verify.
    pub async fn close_keys(&self, versions: &[Signed]) -> Done {
        if versions.len() != 1 {
            return Ok(());
        }
        let chain = GenesisChain::verify(versions).map_err(|e| Failure::new("cli.genesis", e, "report this"))?;
        let image = |m: &Measurement| (m.pcr == PcrIndex::IMAGE.number()).then(|| m.value.as_slice().try_into().ok());
        let images: BTreeSet<Pcr> = chain.head().measurements.iter().filter_map(image).flatten().map(Pcr).collect();
        for (key, cosigner) in chain.head().kms_keys.iter().zip(&chain.head().cosigners) {
            if self.kms.keeps(key) {
                self.kms.close(key, chain.root(), cosigner.index, images.clone()).await?;
            }
        }
        Ok(())
    }

    /// Another program or image beside it, under the same root and key server.
    ///
    /// # Errors
    /// If it is not there.
    pub fn beside(&self, settings: &Settings) -> Result<Built, Failure> {
        built(settings, self.authority.as_ref(), &self.kms)
    }
}

/// Who vouches for the modules of this machine: its operator.
fn simulated(folder: &Path) -> Result<Arc<Authority>, Failure> {
    let simulation = folder.join("simulation");
    std::fs::create_dir_all(&simulation).map_err(|e| Failure::file(&simulation, &e))?;
    let authority = Authority::of_folder(&simulation)
        .map_err(|e| Failure::new("cli.simulation", e, "restore the folder `simulation` from a copy"))?;
    // For whoever verifies documents and receipts of this workspace.
    let certificate = simulation.join("root.der");
    std::fs::write(&certificate, authority.certificate()).map_err(|e| Failure::file(&certificate, &e))?;
    Ok(Arc::new(authority))
}

fn built(settings: &Settings, authority: Option<&Arc<Authority>>, kms: &BuiltInKms) -> Result<Built, Failure> {
    let service = kms.service();
    let Some(authority) = authority.cloned() else {
        let nitro = nitro(settings)?;
        let measurements = registers(nitro.measurements());
        return Ok((Arc::new(nitro.with_service(service)), measurements, Assurance::Nitro));
    };
    if settings.enclave == EnclaveKind::Qemu {
        let qemu = qemu(settings, authority)?.with_service(service);
        let measurements = registers(qemu.measurements());
        return Ok((Arc::new(qemu), measurements, Assurance::Qemu));
    }
    let program = program(&settings.cosigner)?;
    let measurements = Emulation::measure(&program).map_err(|e| Failure::file(&program, &e))?;
    let clock = Arc::new(ringi_nsm::SystemClock);
    let emulation = Emulation { authority, measurements: measurements.clone(), service, clock };
    Ok((Arc::new(Process::attested(program, emulation)), measurements, Assurance::Process))
}

/// What genesis names of an image.
fn registers(measured: Measurements) -> Vec<(PcrIndex, Pcr)> {
    vec![
        (PcrIndex::IMAGE, measured.image),
        (PcrIndex::BOOT, measured.boot),
        (PcrIndex::APPLICATION, measured.application),
    ]
}

fn nitro(settings: &Settings) -> Result<Nitro, Failure> {
    let Some(wanted) = &settings.nitro else {
        let next = "add [nitro] to ringi.toml with image, cpus and memory_mib, or name the image with --image";
        return Err(Failure::new("cli.enclave", "enclave = \"nitro\" needs to know its image", next));
    };
    let given = ringi_enclave_host::NitroSettings { cpus: wanted.cpus, memory_mib: wanted.memory_mib };
    Nitro::open(given, &wanted.image).map_err(|e| {
        let next = match e {
            StartError::Image(_) => {
                "build a release with scripts/image.sh, and give [nitro] memory_mib that is enough for it"
            }
            _ => "docs/enclaves.md says how a parent instance is prepared; --enclave qemu runs the image without one",
        };
        Failure::new(e.code(), e, next)
    })
}

fn qemu(settings: &Settings, authority: Arc<Authority>) -> Result<Qemu, Failure> {
    let Some(wanted) = &settings.qemu else {
        let next = "add [qemu] to ringi.toml with image, qemu and vsock; docs/image.md says where they come from";
        return Err(Failure::new("cli.enclave", "enclave = \"qemu\" needs to know its machines", next));
    };
    let machine = ringi_enclave_host::QemuSettings {
        qemu: wanted.qemu.clone(),
        vsock: wanted.vsock.clone(),
        memory_mib: wanted.memory_mib,
    };
    Qemu::new(machine, &wanted.image, authority, Arc::new(ringi_nsm::SystemClock))
        .map_err(|e| Failure::new(e.code(), e, "build it with RINGI_SIMULATION=1 scripts/image.sh"))
}

/// What befalls a platform whose owner wants to see it go on; nothing, unless somebody arranges it.
pub struct Hazards {
    /// Where its process may end.
    pub crash: Arc<dyn CrashPoints>,
    /// What stands between it and its cosigners.
    pub between: Between,
}

/// Puts something in an enclave's place that starts that enclave and owns its stream, as whoever owns the machine may.
pub type Between = Arc<dyn Fn(Arc<dyn Enclave>) -> Arc<dyn Enclave> + Send + Sync>;

impl Default for Hazards {
    fn default() -> Hazards {
        Hazards { crash: Arc::new(NoCrash), between: Arc::new(|enclave| enclave) }
    }
}

/// A running platform without its API.
pub struct Platform {
    /// What the API calls.
    pub service: Arc<dyn Service>,
    /// The cosigners.
    pub fleet: Fleet,
    /// What the cosigners are measured by; `None` for plain processes.
    pub attested: Option<Arc<Attested>>,
    /// Coins of the Bitcoin network, where no node is configured.
    pub coins: Option<Arc<FixedCoins>>,
    orchestrator: Orchestrator,
    followers: tokio::sync::Mutex<JoinSet<()>>,
}

impl Platform {
    /// Starts it; a first run leaves genesis to be installed.
    ///
    /// # Errors
    /// If the folder is in use, the store damaged, or a cosigner does not start.
    pub async fn start(folder: &Path, settings: &Settings) -> Result<Platform, Failure> {
        Platform::start_among(folder, settings, Hazards::default()).await
    }

    /// The same among these hazards.
    ///
    /// # Errors
    /// As [`Platform::start`].
    pub async fn start_among(folder: &Path, settings: &Settings, hazards: Hazards) -> Result<Platform, Failure> {
        let Hazards { crash, between } = hazards;
        let store = Arc::new(open_store(folder).await?);
        founded_so(folder, settings.enclave)?;
        let (enclave, attested): (Arc<dyn Enclave>, _) = match settings.enclave {
            EnclaveKind::Plain => (Arc::new(Process::new(program(&settings.cosigner)?)), None),
            EnclaveKind::Process | EnclaveKind::Qemu | EnclaveKind::Nitro => {
                let attested = Arc::new(Attested::start(folder, settings).await?);
                (attested.enclave.clone(), Some(attested))
            }
        };
        let (incidents, told) = Incidents::new();
        let fleet = start_fleet(folder, settings, (enclave, between), attested.clone(), incidents).await?;
        let (chains, coins) = open_chains(folder, settings)?;
        let ports = Ports {
            store: store.clone(),
            cosigners: Arc::new(fleet.clone()),
            chain: Arc::new(chains.clone()),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            crash,
        };
        let orchestrator = Orchestrator::start(Config::default(), ports, store).await.map_err(of_service)?;
        let service: Arc<dyn Service> = Arc::new(orchestrator.clone());
        if let Err(failure) = allowed(service.as_ref(), attested.as_deref()) {
            orchestrator.stop().await;
            fleet.stop().await;
            return Err(failure);
        }
        let mut followers = chains.follow(&service);
        followers.spawn(incidents::keep(orchestrator.clone(), told));
        followers.spawn(images::watch(fleet.clone(), service.clone()));
        let followers = tokio::sync::Mutex::new(followers);
        Ok(Platform { service, fleet, attested, coins, orchestrator, followers })
    }

    /// Stops following the chains and driving transfers, then the cosigners. Nothing is lost.
    pub async fn stop(&self) {
        self.followers.lock().await.shutdown().await;
        self.orchestrator.stop().await;
        self.fleet.stop().await;
        if let Some(attested) = &self.attested {
            attested.kms.stop().await;
        }
    }
}

/// The store of this folder, which no other instance uses.
///
/// # Errors
/// If one does, or it is damaged.
pub async fn open_store(folder: &Path) -> Result<SqliteStore, Failure> {
    SqliteStore::open(folder).await.map_err(|e| {
        let next = "if another instance uses this folder, stop it; otherwise restore the folder from a copy";
        Failure::new(e.code(), format!("{}: {e}", folder.display()), next)
    })
}

/// Whether genesis allows what this machine would run: its key server and the peers refuse anything else, less plainly.
fn allowed(service: &dyn Service, attested: Option<&Attested>) -> Result<(), Failure> {
    let Some(genesis) = service.genesis() else { return Ok(()) };
    let chain = GenesisChain::verify(&genesis.versions)
        .map_err(|e| Failure::new("cli.genesis", e, "restore the data folder from a copy"))?;
    let head = chain.head();
    let Some(attested) = attested else { return Ok(()) };
    let named = |(index, value): &(PcrIndex, Pcr)| {
        let mut of = head.measurements.iter().filter(|m| m.pcr == index.number()).peekable();
        of.peek().is_none() || of.any(|m| m.value == value.0)
    };
    if attested.measurements.iter().all(named) {
        return Ok(());
    }
    let next = "use the program that the workspace was founded with, or name it with --cosigner";
    Err(Failure::new("cli.other_program", "genesis does not allow this cosigner program's measurements", next))
}

/// Whether the cosigners of this folder were founded in this kind of enclave: their keys lie in another place else.
fn founded_so(folder: &Path, enclave: EnclaveKind) -> Result<(), Failure> {
    let Ok(homes) = std::fs::read_dir(folder.join("cosigners")) else { return Ok(()) };
    let homes: Vec<PathBuf> = homes.flatten().map(|home| home.path()).collect();
    let any = |file: &str| homes.iter().any(|home| home.join(file).exists());
    match enclave {
        EnclaveKind::Plain if any("wrapped.key") => {
            let next = "run the command with --enclave process, or write enclave = \"process\" into ringi.toml";
            Err(Failure::new("cli.enclave", "this workspace's cosigners must be attested", next))
        }
        EnclaveKind::Process | EnclaveKind::Qemu | EnclaveKind::Nitro if any("development-sealing.key") => {
            let next =
                "run the command with --enclave plain; found a new workspace in another folder for attested ones";
            Err(Failure::new("cli.enclave", "this workspace was founded without attestation", next))
        }
        EnclaveKind::Plain | EnclaveKind::Process | EnclaveKind::Qemu | EnclaveKind::Nitro => Ok(()),
    }
}

/// A refusal of the service, as the command line shows it.
pub fn of_service(error: ringi_orchestrator::ServiceError) -> Failure {
    Failure::new(&error.code, &error.message, error.remedy.clone())
}

async fn start_fleet(
    folder: &Path,
    settings: &Settings,
    (enclave, between): (Arc<dyn Enclave>, Between),
    attested: Option<Arc<Attested>>,
    incidents: Incidents,
) -> Result<Fleet, Failure> {
    let (relay, mut notices) = Relay::new(Arc::new(Faithful));
    tokio::spawn(async move { while notices.recv().await.is_some() {} });
    let (mut members, mut failed) = (Vec::new(), Vec::new());
    let bucket = records::bucket(settings)?;
    let images = attested.map(|attested| Images { data: folder.to_owned(), settings: settings.clone(), attested });
    for number in 1..=settings.cosigners {
        let party = PartyIndex::new(number).ok_or_else(|| {
            Failure::new("cli.cosigners", "there are at most nine cosigners", "set cosigners to 2 to 9")
        })?;
        let home = folder.join("cosigners").join(number.to_string());
        // A move between folders that was cut off has to end first.
        Homes::of(folder, party, bucket.clone())?;
        std::fs::create_dir_all(&home).map_err(|e| Failure::file(&home, &e))?;
        kept_so(&home, bucket.as_ref())?;
        let enclave = match images.as_ref().map(|images| images.of_home(&home)).transpose() {
            Ok(own) => own.unwrap_or_else(|| enclave.clone()),
            Err(failure) => {
                failed.push((party, failure));
                continue;
            }
        };
        let place = Home { folder: home.clone(), bucket: bucket.clone() };
        let started = supervise(between(enclave), party, place, Backoff::default()).await;
        match started {
            Ok(member) => members.push(member),
            Err(e) => {
                let next = match (&bucket, e.fault()) {
                    (Some(_), Fault::Host | Fault::Caller) => {
                        "see that the bucket is reached with these credentials; docs/enclaves.md tells of another home's claim".into()
                    }
                    _ => format!("restore {} from its newest copy; an older one is refused by its peers", home.display()),
                };
                failed.push((party, Failure::new(e.code(), format!("cosigner {number}: {e}"), next)));
            }
        }
    }
    let away: Vec<PartyIndex> = failed.iter().map(|(party, _)| *party).collect();
    for (party, failure) in failed {
        // A quorum goes on without the others; fewer can do nothing.
        if members.len() < usize::from(settings.threshold) {
            return Err(failure);
        }
        incidents.tell(Incident::of(party, &failure.code, failure.what.as_str()));
        tracing::error!(code = failure.code, cosigner = party.number(), "{}", failure.what);
        eprintln!("warning: {failure}");
    }
    Ok(Fleet::join(members, &away, relay, incidents, Kits::new(folder.join("kits")), images))
}

fn program(path: &Path) -> Result<PathBuf, Failure> {
    path.canonicalize().map_err(|e| {
        let next = "build it with scripts/build-cosigner.sh release, or name it with --cosigner";
        Failure::new("cli.cosigner_program", format!("{}: {e}", path.display()), next)
    })
}

fn open_chains(folder: &Path, settings: &Settings) -> Result<(Chains, Option<Arc<FixedCoins>>), Failure> {
    let mut chains = Chains::default();
    for evm in &settings.evm {
        let node = Node::new(NodeConfig::new(&evm.url, evm.chain_id))
            .map_err(|e| Failure::new(e.code(), e, "correct the node's url in ringi.toml"))?;
        let memory = folder.join(format!("deposits-{}.json", evm.chain_id));
        chains.add_evm(EvmNet::new(node, evm.confirmations, evm.poll_ms, memory));
    }
    let Some(bitcoin) = &settings.bitcoin else { return Ok((chains, None)) };
    let NetworkId::Bitcoin(net) = bitcoin.network else {
        return Err(Failure::new(
            "cli.network",
            "[bitcoin] names another network",
            "write network = \"bitcoin:regtest\"",
        ));
    };
    let rate = FeeRate { sat_per_kvb: bitcoin.sat_per_kvb };
    let coins = FixedCoins::open(&folder.join("coins.json"), rate)
        .map_err(|e| Failure::new(e.code(), e, "restore coins.json from a copy"))?;
    let coins = Arc::new(coins);
    chains.add_bitcoin(BitcoinNet::new(net, coins.clone(), 1_000));
    Ok((chains, Some(coins)))
}
