//! A running server in a folder of its own, with a clock that tests can move.

use ringi_kms::{AccessKey, AccessKeys, Clock, Configuration, Deployment, FolderStore, Kms, Principal, Secret};
use ringi_nsm::Authority;
use ringi_primitives::time::UnixMs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub const ACCOUNT: &str = "111122223333";
pub const ADMIN_ARN: &str = "arn:aws:iam::111122223333:user/admin";
pub const ENCLAVE_ARN: &str = "arn:aws:iam::111122223333:role/cosigner-1";

/// Who signs: the id and the secret of an access key.
#[derive(Clone, Copy)]
pub struct Signer {
    pub id: &'static str,
    pub secret: &'static str,
    pub token: Option<&'static str>,
    pub arn: &'static str,
    pub actions: &'static [&'static str],
}

/// May do everything that the account decides.
pub const ADMIN: Signer = Signer {
    id: "RKMSADMIN0000001",
    secret: "admin-secret-admin-secret-admin-secret",
    token: None,
    arn: ADMIN_ARN,
    actions: &["kms:*"],
};
/// The role of an enclave, which signs with temporary credentials; its account gives it nothing.
pub const ENCLAVE: Signer = Signer {
    id: "RKMSENCLAVE00001",
    secret: "enclave-secret-enclave-secret-enclave",
    token: Some("session-token-of-the-enclave"),
    arn: ENCLAVE_ARN,
    actions: &[],
};
/// Somebody of the account to whom it gives nothing.
pub const NOBODY: Signer = Signer {
    id: "RKMSNOBODY000001",
    secret: "nobody-secret-nobody-secret-nobody-sec",
    token: None,
    arn: "arn:aws:iam::111122223333:user/nobody",
    actions: &[],
};
/// Somebody of another account, which gives nothing.
pub const FOREIGNER: Signer = Signer {
    id: "RKMSFOREIGN00001",
    secret: "foreign-secret-foreign-secret-foreign-",
    token: None,
    arn: "arn:aws:iam::444455556666:user/foreigner",
    actions: &["kms:Decrypt"],
};

/// The machine's time, moved.
#[derive(Default)]
pub struct Moved(AtomicI64);

impl Moved {
    pub fn by_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }

    pub fn now(&self) -> UnixMs {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
        UnixMs(now.saturating_add_signed(self.0.load(Ordering::SeqCst)))
    }
}

pub struct OfWorld(pub Arc<Moved>);

impl Clock for OfWorld {
    fn now(&self) -> UnixMs {
        self.0.now()
    }
}

impl ringi_nsm::Clock for OfWorld {
    fn now(&self) -> UnixMs {
        self.0.now()
    }
}

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

pub struct World {
    pub folder: TempDir,
    pub clock: Arc<Moved>,
    pub authority: Arc<Authority>,
    running: Option<Running>,
}

impl World {
    pub fn new() -> World {
        let authority = Arc::new(Authority::generate().unwrap());
        let clock = Arc::new(Moved::default());
        let mut world = World { folder: tempfile::tempdir().unwrap(), clock, authority, running: None };
        world.start();
        world
    }

    pub fn kms(&self) -> Kms {
        let store = FolderStore::open(self.folder.path()).unwrap();
        Kms::new(self.configuration(), Box::new(store), Box::new(OfWorld(self.clock.clone()))).unwrap()
    }

    pub fn configuration(&self) -> Configuration {
        let key = |signer: Signer| AccessKey {
            access_key_id: signer.id.into(),
            secret_access_key: Secret::new(signer.secret.into()),
            session_token: signer.token.map(|token| Secret::new(token.into())),
            principal: Principal::parse(signer.arn).unwrap(),
            actions: signer.actions.iter().map(|a| a.to_string()).collect(),
        };
        Configuration {
            deployment: Deployment::new(ACCOUNT, "us-east-1").unwrap(),
            access: AccessKeys::new([ADMIN, ENCLAVE, NOBODY, FOREIGNER].map(key).to_vec()).unwrap(),
            roots: vec![self.authority.root()],
        }
    }

    pub fn start(&mut self) {
        let kms = Arc::new(self.kms());
        let (ready, started) = std::sync::mpsc::channel();
        let (stop, stopping) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(
                async move {
                    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                    ready.send(listener.local_addr().unwrap()).unwrap();
                    let stopped = async { stopping.await.unwrap_or_default() };
                    ringi_kms::serve(kms, listener, stopped).await.unwrap();
                },
            );
        });
        self.running = Some(Running { address: started.recv().unwrap(), stop, thread });
    }

    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            let _ = running.stop.send(());
            running.thread.join().unwrap();
        }
    }

    pub fn restart(&mut self) {
        self.stop();
        self.start();
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    pub fn address(&self) -> SocketAddr {
        self.running.as_ref().map_or(SocketAddr::from(([127, 0, 0, 1], 1)), |running| running.address)
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop();
    }
}
