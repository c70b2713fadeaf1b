//! A real child process, linked statically as a cosigner is: what it is given, what it is denied, and how it starts.

use ringi_enclave_host::{Enclave, EnclaveHandle, Event, Lifeline, Process, Records, StartError};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::wire::FromCosigner;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _};

/// The program, compiled once for each run of the tests.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, program) = PROGRAM.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/confined/program.rs");
        let program = folder.path().join("program");
        let rustc = std::env::var_os("RUSTC").unwrap_or("rustc".into());
        let flags = ["--edition=2021", "-Ctarget-feature=+crt-static", "-Cpanic=abort", "-o"];
        let built = Command::new(rustc).args(flags).arg(&program).arg(source).status().unwrap();
        assert!(built.success());
        (folder, program)
    });
    program
}

fn me() -> PartyIndex {
    PartyIndex::new(1).unwrap()
}

/// The confined child.
struct Child {
    reader: tokio::io::BufReader<Box<dyn AsyncRead + Send + Unpin>>,
    writer: Box<dyn AsyncWrite + Send + Unpin>,
    life: Box<dyn Lifeline>,
}

impl Child {
    async fn start(folder: &Path) -> Child {
        let launched = Process::new(program()).launch(me(), folder, Records::None).await.unwrap();
        let reader = tokio::io::BufReader::new(launched.reader);
        Child { reader, writer: launched.writer, life: launched.life }
    }

    async fn says(&mut self, asked: &str) -> String {
        self.writer.write_all(format!("{asked}\n").as_bytes()).await.unwrap();
        let mut line = String::new();
        self.reader.read_line(&mut line).await.unwrap();
        line.trim_end().to_owned()
    }

    async fn ends(&mut self, asked: &str) -> Option<i32> {
        assert_eq!(self.says(asked).await, "");
        self.life.ended().await
    }
}

/// Our children that run the program.
fn children(program: &Path) -> Vec<PathBuf> {
    let ours = format!("PPid:\t{}\n", std::process::id());
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let runs = |process: &PathBuf| fs::read_link(process.join("exe")).is_ok_and(|exe| exe == program);
    let is_ours = |process: &PathBuf| fs::read_to_string(process.join("status")).is_ok_and(|s| s.contains(&ours));
    processes.filter(|process| runs(process) && is_ours(process)).collect()
}

#[tokio::test]
async fn the_child_gets_a_stream_a_key_a_log_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    // A descriptor that a shell or a library left open for every child.
    let leaked = fs::File::open("/dev/null").unwrap();
    rustix::io::fcntl_setfd(&leaked, rustix::io::FdFlags::empty()).unwrap();
    let mut child = Child::start(folder.path()).await;
    let key = fs::read(folder.path().join("development-sealing.key")).unwrap();
    assert_eq!(child.says("key").await, format!("{key:?}"));
    assert_eq!(key.len(), 32);
    assert_eq!(child.says("environment").await, "[\"ringi-cosigner\"] []");
    // 3 is the child's own second handle of its stream.
    assert_eq!(child.says("descriptors").await, "[0, 1, 2, 3]");
    assert_eq!(child.says("thread").await, "of another thread");
    let mode = fs::metadata(folder.path().join("development-sealing.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(child.ends("end").await, Some(7));
    // The same key at the next start; an abort and a kill end it.
    let mut child = Child::start(folder.path()).await;
    assert_eq!(child.says("key").await, format!("{key:?}"));
    assert_eq!(child.ends("abort").await, None);
    let mut child = Child::start(folder.path()).await;
    child.life.kill();
    assert_eq!(child.life.ended().await, None);
}

const DENIED: [&str; 17] = [
    "socket",
    "unix socket",
    "netlink",
    "connect",
    "a descriptor from a message",
    "read a file",
    "write a file",
    "look for a file",
    "a file in memory",
    "exec",
    "exec of any descriptor",
    "fork",
    "trace",
    "signal another",
    "signal another's thread",
    "code",
    "memory turned into code",
];

#[tokio::test]
async fn a_confined_child_reaches_nothing_outside_of_itself() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Child::start(folder.path()).await;
    let mut allowed = Vec::new();
    for what in DENIED.iter().chain(&["namespace"]) {
        let said = child.says(&format!("attempt {what}")).await;
        if said != "1" {
            allowed.push(format!("{what}: {said}"));
        }
    }
    assert!(allowed.is_empty(), "not EPERM: {allowed:?}");
    assert_eq!(child.ends("end").await, Some(7));
}

/// The attempts of the test above are real ones: without the confinement each has another end.
#[test]
fn an_unconfined_child_is_not_denied_any_of_it() {
    for what in DENIED {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let input = Stdio::from(std::os::fd::OwnedFd::from(theirs));
        let mut child = Command::new(program()).stdin(input).stdout(Stdio::null()).spawn().unwrap();
        writeln!(&ours, "attempt {what}\nend").unwrap();
        let mut said = String::new();
        BufReader::new(&ours).read_line(&mut said).unwrap();
        assert_ne!(said.trim_end(), "1", "{what}");
        child.wait().unwrap();
    }
}

#[tokio::test]
async fn the_kernel_says_that_the_child_is_confined() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Child::start(folder.path()).await;
    child.says("environment").await;
    let [process] = &children(program())[..] else { panic!("not one child") };
    let status = fs::read_to_string(process.join("status")).unwrap();
    for line in ["NoNewPrivs:\t1\n", "Seccomp:\t2\n", "Seccomp_filters:\t2\n", "CapEff:\t0000000000000000\n"] {
        assert!(status.contains(line), "{line:?} is not in {status}");
    }
    // Where the kernel allows them; where not, the log says so.
    let allows =
        Command::new("unshare").args(["--user", "--net", "true"]).status().is_ok_and(|status| status.success());
    for namespace in ["ns/net", "ns/user"].into_iter().filter(|_| allows) {
        let (theirs, ours) =
            (fs::read_link(process.join(namespace)), fs::read_link(Path::new("/proc/self").join(namespace)));
        assert_ne!(theirs.unwrap(), ours.unwrap(), "{namespace}");
    }
    assert_eq!(child.ends("end").await, Some(7));
}

/// The real program, which scripts/build-cosigner.sh makes: it is confined too, and soon ready.
#[tokio::test]
async fn the_real_cosigner_is_ready_at_once() {
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/enclave/debug/ringi-cosigner");
    let real = real.canonicalize().expect("run scripts/build-cosigner.sh dev");
    let mut fastest = Duration::MAX;
    // The fastest of a few, as others use this machine too.
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let began = Instant::now();
        let (handle, mut events) = EnclaveHandle::start(&Process::new(&real), me(), folder.path()).await.unwrap();
        let first = tokio::time::timeout(Duration::from_secs(20), events.recv()).await.unwrap();
        assert!(matches!(first, Some(Event::Said(FromCosigner::Identity { .. }))), "{first:?}");
        fastest = fastest.min(began.elapsed());
        let [process] = &children(&real)[..] else { panic!("not one child") };
        assert!(fs::read_to_string(process.join("status")).unwrap().contains("Seccomp:\t2\n"));
        handle.stop().await;
    }
    println!("from the start to the first word: {fastest:?}");
    assert!(fastest < Duration::from_millis(150), "{fastest:?}");
}

#[tokio::test]
async fn a_missing_program_or_an_unusable_key_is_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script");
    fs::write(&script, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    // A script would need another program: neither is a file of no program.
    for none in [Path::new("/nonexistent/cosigner"), &script, Path::new("/dev/null")] {
        let error = EnclaveHandle::start(&Process::new(none), me(), folder.path()).await.err().unwrap();
        assert_eq!(error.code(), "enclave.program", "{none:?}");
    }
    let key = folder.path().join("development-sealing.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let process = Process::new(program());
    let error = EnclaveHandle::start(&process, me(), folder.path()).await.err().unwrap();
    assert!(matches!(error, StartError::SealingKeyUnusable(_)));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&key, [1; 31]).unwrap();
    let error = EnclaveHandle::start(&process, me(), folder.path()).await.err().unwrap();
    assert_eq!(error.code(), "enclave.sealing_key_unusable");
    fs::remove_file(&key).unwrap();
    let (mut store, _) = ringi_enclave_host::RecordStore::open(folder.path()).unwrap();
    let kind = ringi_primitives::wire::RecordKind::Change;
    store.append(&[ringi_enclave_host::StoredRecord { sequence: 1, kind, record: vec![1] }]).unwrap();
    drop(store);
    let error = EnclaveHandle::start(&process, me(), folder.path()).await.err().unwrap();
    assert!(matches!(error, StartError::SealingKeyMissing));
}
