//! A real child process: this test binary plays the cosigner, started through a script that hides its standard output
//! from the test harness (descriptor 1 is the sealing key's pipe).

use ringi_enclave_host::{EnclaveHandle, Ending, Event, Process, StartError};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::wire::{self, FromCosigner, ToCosigner};
use std::fs;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

const ROLE: &str = "process::plays_the_cosigner_when_started_by_the_tests_below";

/// A script in the place of the program: key pipe to descriptor 3, harness output away, then this binary.
fn program(folder: &Path) -> PathBuf {
    let path = folder.join("cosigner.sh");
    let this = std::env::current_exe().unwrap();
    let script = format!(
        "#!/bin/sh\n[ $# -eq 0 ] || exit 90\nexec 3<&1 1>/dev/null\nexec '{}' --exact {ROLE} --ignored --nocapture\n",
        this.display()
    );
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    path
}

/// Says its sealing key's first bytes and its environment, then echoes; ends on `Status`, breaks on `Abort`.
#[test]
#[ignore = "is the child process of the tests below"]
fn plays_the_cosigner_when_started_by_the_tests_below() {
    let stream = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    if stream.peer_addr().is_err() {
        return;
    }
    let (mut reader, mut writer) = (stream.try_clone().unwrap(), stream);
    let mut key = Vec::new();
    fs::File::open("/proc/self/fd/3").unwrap().read_to_end(&mut key).unwrap();
    let environment: Vec<_> = std::env::vars().map(|(name, _)| name).filter(|n| n != "PWD").collect();
    let code = format!("{} {key:?} {environment:?}", key.len());
    wire::write_frame(&mut writer, &FromCosigner::Event { code, peer: None, intent: None }).unwrap();
    eprintln!("a line for the log");
    while let Some(frame) = wire::read_frame::<ToCosigner>(&mut reader).unwrap() {
        match frame {
            ToCosigner::Peer { from, frame } => {
                wire::write_frame(&mut writer, &FromCosigner::Peer { to: from, frame }).unwrap();
            }
            ToCosigner::Status => std::process::exit(7),
            _ => {}
        }
    }
}

fn me() -> PartyIndex {
    PartyIndex::new(1).unwrap()
}

async fn first_words(folder: &Path) -> (EnclaveHandle, ringi_enclave_host::Events, String) {
    let (handle, mut events) = EnclaveHandle::start(&Process::new(program(folder)), me(), folder).await.unwrap();
    let event = tokio::time::timeout(Duration::from_secs(10), events.recv()).await.unwrap();
    let Some(Event::Said(FromCosigner::Event { code, .. })) = event else { panic!("{event:?}") };
    (handle, events, code)
}

#[tokio::test]
async fn the_child_gets_a_stream_a_key_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (handle, mut events, words) = first_words(folder.path()).await;
    let key = fs::read(folder.path().join("development-sealing.key")).unwrap();
    assert_eq!(words, format!("32 {key:?} []"));
    let mode = fs::metadata(folder.path().join("development-sealing.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let big = vec![7; 1024 * 1024];
    handle.send(ToCosigner::Peer { from: me(), frame: big.clone().into() }).await.unwrap();
    let event = events.recv().await;
    assert!(matches!(event, Some(Event::Said(FromCosigner::Peer { frame, .. })) if *frame == big));
    handle.send(ToCosigner::Status).await.unwrap();
    let last_words = "a line for the log".to_string();
    assert_eq!(handle.ended().await, Ending::Exited { status: Some(7), last_words });
    // The same key at the next start, and a kill.
    let (handle, _events, again) = first_words(folder.path()).await;
    assert_eq!(again, words);
    assert_eq!(handle.stop().await, Ending::Stopped);
}

#[tokio::test]
async fn a_missing_program_or_an_unusable_key_is_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let error = EnclaveHandle::start(&Process::new("/nonexistent/cosigner"), me(), folder.path()).await.err().unwrap();
    assert_eq!(error.code(), "enclave.program");
    let key = folder.path().join("development-sealing.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let process = Process::new(program(folder.path()));
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
