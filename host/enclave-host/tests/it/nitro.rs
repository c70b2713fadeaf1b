//! The `Nitro` back end against a parent instance in memory: order and arguments of the driver's requests, every error of
//! theirs, and how an enclave ends.

use crate::parent::{Behaviour, Parent, State};
use ringi_attestation::Root;
use ringi_eif::{Image, Metadata};
use ringi_enclave_host::{Enclave, Fault, Launched, Nitro, NitroSettings, Records, StartError};
use ringi_nsm::{Authority, SystemClock};
use ringi_primitives::scheme::PartyIndex;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

const SETTINGS: NitroSettings = NitroSettings { cpus: 2, memory_mib: 64 };

struct Scene {
    folder: tempfile::TempDir,
    image: PathBuf,
    parent: Parent,
    root: Root,
}

impl Scene {
    /// `ramdisk` bytes of an application.
    fn new(ramdisk: usize) -> Scene {
        let metadata = Metadata::new("test", "1", "6.12");
        let application: Vec<u8> = (0..ramdisk).map(|n| (n / 7) as u8 | 1).collect();
        let image = Image::new(vec![1; 5000], "quiet", &metadata, vec![vec![2; 3000], application]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image.eif");
        std::fs::write(&path, image.write()).unwrap();
        let authority = Arc::new(Authority::generate().unwrap());
        let root = authority.root();
        Scene { folder, image: path, parent: Parent::new(authority), root }
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.parent.state.lock().unwrap());
    }

    fn nitro(&self, settings: NitroSettings) -> Result<Nitro<Parent>, StartError> {
        Nitro::on(self.parent.clone(), settings, &self.image, self.root, Arc::new(SystemClock))
    }

    async fn starts(&self, settings: NitroSettings) -> Result<Launched, StartError> {
        let me = PartyIndex::new(1).unwrap();
        let nitro = self.nitro(settings)?;
        let started = nitro.launch(me, self.folder.path(), Records::None);
        timeout(Duration::from_secs(20), started).await.expect("it neither starts nor fails")
    }

    /// It does not start, and nothing of it is left.
    async fn fails(&self, settings: NitroSettings) -> StartError {
        let error = self.starts(settings).await.err().expect("it started");
        assert_eq!(self.parent.held(), 0, "an enclave that did not start is still held");
        error
    }
}

#[tokio::test]
async fn an_enclave_gets_memory_with_its_image_cpus_and_a_start_in_production_mode() {
    // Larger than a page, so that the image lies over two; 8 MiB of memory before it are left alone.
    let scene = Scene::new(3 << 20);
    let mut launched = scene.starts(SETTINGS).await.unwrap();
    let mut wanted = vec!["NE_CREATE_VM".to_owned(), "NE_GET_IMAGE_LOAD_INFO 1".into()];
    wanted.extend((0..32).map(|_| "NE_SET_USER_MEMORY_REGION 2".into()));
    // Any CPU, twice; no flag: not in debug mode; any address.
    wanted.extend(["NE_ADD_VCPU 0".to_owned(), "NE_ADD_VCPU 0".into(), "NE_START_ENCLAVE 0 0".into()]);
    assert_eq!(scene.parent.state.lock().unwrap().requests, wanted);
    launched.writer.write_all(b"over the stream").await.unwrap();
    let mut said = [0; 15];
    launched.reader.read_exact(&mut said).await.unwrap();
    assert_eq!(&said, b"OVER THE STREAM");
    assert_eq!(scene.parent.held(), 1);
    launched.life.kill();
    assert_eq!(scene.parent.held(), 0, "closing the descriptor is what ends an enclave");
    assert_eq!(launched.life.ended().await, None);
}

#[tokio::test]
async fn large_pages_are_taken_first() {
    let scene = Scene::new(1000);
    scene.set(|state| state.pages_of_1_gib = 1);
    scene.starts(NitroSettings { memory_mib: 1024 + 4, ..SETTINGS }).await.unwrap();
    let state = scene.parent.state.lock().unwrap();
    let regions: Vec<_> = state.requests.iter().filter_map(|r| r.strip_prefix("NE_SET_USER_MEMORY_REGION ")).collect();
    assert_eq!(regions, ["1024", "2", "2"]);
}

#[tokio::test]
async fn an_enclave_that_hangs_up_has_ended() {
    let scene = Scene::new(1000);
    let mut launched = scene.starts(SETTINGS).await.unwrap();
    assert!(timeout(Duration::from_millis(100), launched.life.ended()).await.is_err(), "it runs");
    scene.parent.ends_all();
    assert_eq!(timeout(Duration::from_secs(5), launched.life.ended()).await.unwrap(), None);
    assert_eq!(launched.life.ended().await, None);
}

#[tokio::test]
async fn two_enclaves_run_beside_each_other_until_the_pool_is_empty() {
    let scene = Scene::new(1000);
    let one = scene.starts(SETTINGS).await.unwrap();
    let two = scene.starts(NitroSettings { cpus: 4, ..SETTINGS }).await.unwrap();
    let error = scene.starts(SETTINGS).await.err().unwrap();
    assert!(error.to_string().contains("cpu_count"), "{error}");
    assert_eq!(scene.parent.held(), 2);
    drop((one, two));
    assert_eq!(scene.parent.held(), 0);
}

/// Every request that can fail, with what its operator is told.
#[tokio::test]
async fn every_refusal_of_the_driver_is_told_and_leaves_nothing() {
    for (request, number, words) in [
        ("NE_CREATE_VM", 272, "cpu_count"),
        ("NE_CREATE_VM", 13, "group `ne`"),
        ("NE_CREATE_VM", 5, "kernel's log"),
        ("NE_GET_IMAGE_LOAD_INFO", 274, "kernel's log"),
        ("NE_SET_USER_MEMORY_REGION", 263, "huge pages"),
        ("NE_SET_USER_MEMORY_REGION", 264, "NUMA"),
        ("NE_SET_USER_MEMORY_REGION", 265, "1 GiB"),
        ("NE_ADD_VCPU", 272, "cpu_count"),
        ("NE_START_ENCLAVE", 270, "runs already"),
        ("NE_START_ENCLAVE", 22, "kernel's log"),
    ] {
        let scene = Scene::new(1000);
        scene.set(|state| state.fails = Some((request, number)));
        let error = scene.fails(SETTINGS).await;
        assert_eq!((error.code(), error.fault()), ("enclave.nitro", Fault::Host));
        let told = error.to_string();
        assert!(told.starts_with(request) && told.contains(words), "{told}");
    }
}

#[tokio::test]
async fn what_a_parent_does_not_have_is_told() {
    let scene = Scene::new(1000);
    // Half of a core.
    assert!(scene.fails(NitroSettings { cpus: 1, ..SETTINGS }).await.to_string().contains("whole cores"));
    assert!(scene.fails(NitroSettings { cpus: 0, ..SETTINGS }).await.to_string().contains("whole cores"));
    scene.set(|state| state.pool = (2..8).collect());
    scene.set(|state| state.most_regions = 8);
    assert!(scene.fails(SETTINGS).await.to_string().contains("1 GiB"));
    scene.set(|state| state.pages_of_2_mib = 5);
    let error = scene.fails(SETTINGS).await;
    assert!(error.to_string().starts_with("huge pages: ") && error.to_string().contains("memory_mib"), "{error}");
}

#[tokio::test]
async fn an_image_that_is_none_or_too_large_is_not_started() {
    let scene = Scene::new(20 << 20);
    for memory_mib in [64, 65, 78, 0, 81, u32::MAX] {
        let error = scene.nitro(NitroSettings { memory_mib, ..SETTINGS }).err().unwrap();
        assert_eq!(error.code(), "enclave.image", "{memory_mib}");
        assert!(error.to_string().contains("at least 82"), "{error}");
    }
    scene.nitro(NitroSettings { memory_mib: 82, ..SETTINGS }).unwrap();
    let mut bytes = std::fs::read(&scene.image).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&scene.image, bytes).unwrap();
    assert_eq!(scene.fails(SETTINGS).await.code(), "enclave.image");
    assert!(scene.parent.state.lock().unwrap().requests.is_empty());
}

#[tokio::test]
async fn an_enclave_that_does_not_present_the_image_that_was_started_is_ended() {
    let scene = Scene::new(1000);
    for (behaves, code) in [
        (Behaviour::PresentsAnother, "enclave.presentation"),
        (Behaviour::Dies, "enclave.machine"),
        (Behaviour::HasTheParentsAddress, "enclave.machine"),
    ] {
        scene.set(|state| {
            state.behaves = behaves;
            state.pool = (2..8).collect();
        });
        assert_eq!(scene.fails(SETTINGS).await.code(), code);
    }
    // A document of another root: a simulation is not taken for AWS.
    scene.set(|state| state.behaves = Behaviour::Presents);
    let nitro = Nitro::on(scene.parent.clone(), SETTINGS, &scene.image, Root::AWS, Arc::new(SystemClock)).unwrap();
    let started = nitro.launch(PartyIndex::new(1).unwrap(), scene.folder.path(), Records::None).await;
    assert_eq!(started.err().unwrap().code(), "enclave.presentation");
    assert_eq!(scene.parent.held(), 0);
}
