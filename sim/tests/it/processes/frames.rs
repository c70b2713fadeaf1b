//! Bytes that are no frame, on the real cosigner's stream: it ends with a status and one line with a code, and says
//! nothing of what it read or holds.

use crate::repository::root;
use ringi_primitives::cbor;
use ringi_primitives::limits;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::wire::{ToCosigner, VERSION};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const KEY: &[u8; 32] = b"a sealing key of 32 secret bytes";
const FOREIGN: &str = "words that no log shall repeat";

fn framed(body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], body].concat()
}

fn start() -> Vec<u8> {
    let me = PartyIndex::new(1).unwrap();
    framed(&cbor::encode(&ToCosigner::Start { version: VERSION, me, records: 0, key_access: None }))
}

fn waited(child: &mut Child) -> ExitStatus {
    let since = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if since.elapsed() > Duration::from_secs(20) {
            child.kill().unwrap();
            panic!("it goes on");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What becomes of the stream behind the bytes.
#[derive(PartialEq)]
enum Then {
    StaysOpen,
    Ends,
}

/// What a fresh cosigner does with these bytes: its status, its log, and all it says on the stream.
fn told(bytes: &[u8], then: Then) -> (Option<i32>, String, Vec<u8>) {
    let program = root().join("target/enclave/debug/ringi-cosigner");
    assert!(program.is_file(), "no cosigner in target/enclave/debug: run scripts/build-cosigner.sh dev");
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let (key_reader, mut key_writer) = std::io::pipe().unwrap();
    key_writer.write_all(KEY).unwrap();
    drop(key_writer);
    let mut command = Command::new(program);
    command.env_clear().stdin(OwnedFd::from(theirs)).stdout(key_reader).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // The parent's copies of the child's descriptors.
    drop(command);
    ours.write_all(bytes).unwrap();
    if then == Then::Ends {
        ours.shutdown(Shutdown::Write).unwrap();
    }
    let status = waited(&mut child).code();
    let (mut log, mut said) = (String::new(), Vec::new());
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    // A stream that is broken off with bytes unread ends with an error; what came before counts.
    let _ = ours.read_to_end(&mut said);
    (status, log, said)
}

/// Bytes that are no frame, and what is said of them.
fn broken() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let over = u32::try_from(limits::FRAME_BYTES + 1).unwrap().to_be_bytes().to_vec();
    let status = cbor::encode(&ToCosigner::Status);
    let bound = "cosigner.frame: frame over its bound";
    let malformed = "cosigner.frame: document malformed";
    let spelling = "cosigner.frame: document not in deterministic form";
    vec![
        ("the longest length", vec![0xff; 4], bound),
        ("one byte over the bound", over, bound),
        ("an empty frame", framed(&[]), malformed),
        ("foreign words", framed(FOREIGN.as_bytes()), malformed),
        ("no CBOR", framed(&[0xff; 64]), malformed),
        ("a frame and a byte", framed(&[&status[..], &[0]].concat()), spelling),
        ("an HTTP request", b"GET / HTTP/1.1\r\n\r\n".to_vec(), bound),
    ]
}

fn check(what: &str, answer: &(Option<i32>, String, Vec<u8>), expected: &str) {
    let (status, log, said) = answer;
    assert_eq!((*status, log.as_str()), (Some(1), format!("ringi-cosigner: {expected}\n").as_str()), "{what}");
    let holds = |part: &[u8]| said.windows(part.len()).any(|w| w == part);
    assert!(!holds(KEY) && !holds(FOREIGN.as_bytes()), "{what}: repeated on the stream");
}

#[test]
fn bytes_that_are_no_frame_end_a_cosigner_with_a_code() {
    for (what, bytes, expected) in broken() {
        check(what, &told(&bytes, Then::StaysOpen), expected);
        let running = told(&[start(), bytes].concat(), Then::StaysOpen);
        check(what, &running, expected);
        assert!(!running.2.is_empty(), "{what}: it was running before");
    }
    let mut torn = framed(FOREIGN.as_bytes());
    torn.pop();
    check("a torn frame", &told(&torn, Then::Ends), "cosigner.frame: cut off by the end of the stream");
    let early = framed(&cbor::encode(&ToCosigner::Status));
    check(
        "a frame before the first",
        &told(&early, Then::StaysOpen),
        "cosigner.start: expected a Start frame of this version and its records",
    );
}

/// The host's going away is no fault of a frame's.
#[test]
fn the_end_of_the_stream_between_frames_is_a_quiet_end() {
    assert_eq!(told(&[], Then::Ends), (Some(0), String::new(), vec![]));
    let (status, log, said) = told(&start(), Then::Ends);
    assert_eq!((status, log), (Some(0), String::new()));
    assert!(!said.is_empty());
}
