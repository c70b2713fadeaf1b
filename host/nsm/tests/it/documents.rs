//! What the emulation signs verifies like a genuine document, and nothing else does.

use ringi_attestation::nsm::{Fault, Nsm, NsmError};
use ringi_attestation::{AttestationError, Expectation, Moment, Pcr, PcrIndex, Pinned, Root, verify};
use ringi_nsm::socket::{Socket, serve};
use ringi_nsm::{Authority, Clock, Module};
use ringi_primitives::time::UnixMs;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const NOW: UnixMs = UnixMs(1_795_000_000_000);
const IMAGE: [(PcrIndex, Pcr); 3] =
    [(PcrIndex::IMAGE, Pcr([1; 48])), (PcrIndex::BOOT, Pcr([2; 48])), (PcrIndex::APPLICATION, Pcr([3; 48]))];

struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> UnixMs {
        UnixMs(self.0.load(Ordering::SeqCst))
    }
}

struct World {
    authority: Arc<Authority>,
    clock: Arc<Hand>,
}

impl World {
    fn new() -> World {
        World { authority: Arc::new(Authority::generate().unwrap()), clock: Arc::new(Hand(AtomicU64::new(NOW.0))) }
    }

    /// A program's side of a module with these measurements, over a socket.
    fn program(&self, measurements: &[(PcrIndex, Pcr)]) -> Nsm<Socket> {
        let (mine, mut theirs) = UnixStream::pair().unwrap();
        let mut module = Module::new("i-0sim-enc1", measurements, self.authority.clone(), self.clock.clone());
        std::thread::spawn(move || serve(&mut module, &mut theirs));
        Nsm::new(Socket(mine))
    }

    fn now(&self) -> Expectation {
        Expectation::of(vec![self.authority.root()], Moment::Now { max_age_ms: 300_000 })
    }

    fn check(&self, document: &[u8], expectation: &Expectation) -> Result<(), AttestationError> {
        verify(document, expectation, self.clock.now()).map(|_| ())
    }
}

#[test]
fn a_document_binds_registers_nonce_data_and_key() {
    let world = World::new();
    let mut nsm = world.program(&IMAGE);
    let genesis = PcrIndex::new(16).unwrap();
    let extended = nsm.extend(genesis, b"genesis digest").unwrap();
    nsm.lock_all().unwrap();
    let document = nsm.attest(Some(b"handshake"), Some(b"data"), Some(b"key")).unwrap();
    let wanted = Expectation {
        user_data: Pinned::To(b"data".to_vec()),
        public_key: Pinned::To(b"key".to_vec()),
        ..world.now().with_pcr(PcrIndex::IMAGE, Pcr([1; 48])).with_pcr(genesis, extended).with_nonce(b"handshake")
    };
    assert_eq!(world.check(&document, &wanted), Ok(()));
    let other = |e: Expectation| world.check(&document, &e);
    assert_eq!(other(wanted.clone().with_nonce(b"another")), Err(AttestationError::Nonce));
    let user_data = Pinned::To(b"other".to_vec());
    assert_eq!(other(Expectation { user_data, ..wanted.clone() }), Err(AttestationError::UserData));
    let public_key = Pinned::To(b"other".to_vec());
    assert_eq!(other(Expectation { public_key, ..wanted.clone() }), Err(AttestationError::PublicKey));
    let absent = PcrIndex::new(31).unwrap();
    assert_eq!(other(wanted.with_pcr(absent, Pcr([9; 48]))), Err(AttestationError::Pcr(absent)));
}

#[test]
fn a_document_without_a_nonce_answers_no_nonce() {
    let world = World::new();
    let document = world.program(&IMAGE).attest(None, None, None).unwrap();
    assert_eq!(world.check(&document, &world.now()), Ok(()));
    assert_eq!(world.check(&document, &world.now().with_nonce(b"")), Err(AttestationError::Nonce));
}

#[test]
fn time_ends_a_document() {
    let world = World::new();
    let document = world.program(&IMAGE).attest(None, None, None).unwrap();
    let at = |ms: i64| {
        world.clock.0.store(NOW.0.saturating_add_signed(ms), Ordering::SeqCst);
        world.check(&document, &world.now())
    };
    assert_eq!(at(300_000), Ok(()));
    assert_eq!(at(300_001), Err(AttestationError::TooOld));
    assert_eq!(at(4 * 3_600_000), Err(AttestationError::Expired));
    assert_eq!(at(-60_000), Ok(()));
    assert_eq!(at(-60_001), Err(AttestationError::Future));
    assert_eq!(at(-3_600_000), Err(AttestationError::Expired));
}

#[test]
fn e3_the_simulation_is_not_aws_and_not_another_simulation() {
    let (world, other) = (World::new(), World::new());
    let document = world.program(&IMAGE).attest(None, None, None).unwrap();
    for root in [Root::AWS, other.authority.root()] {
        let expectation = Expectation { roots: vec![root], ..world.now() };
        assert_eq!(world.check(&document, &expectation), Err(AttestationError::Root));
    }
}

#[test]
fn debug_enclaves_are_refused_whatever_is_allowed() {
    let world = World::new();
    for index in [PcrIndex::IMAGE, PcrIndex::BOOT, PcrIndex::APPLICATION] {
        let measured: Vec<_> = IMAGE.into_iter().filter(|(i, _)| *i != index).collect();
        let document = world.program(&measured).attest(None, None, None).unwrap();
        let expectation = world.now().with_pcr(index, Pcr::ZERO);
        assert_eq!(world.check(&document, &expectation), Err(AttestationError::Debug(index)));
    }
}

#[test]
fn registers_that_can_still_change_are_not_attested() {
    let world = World::new();
    let mut nsm = world.program(&IMAGE);
    let index = PcrIndex::new(16).unwrap();
    let value = nsm.extend(index, b"x").unwrap();
    let document = nsm.attest(None, None, None).unwrap();
    let expectation = world.now().with_pcr(index, value);
    assert_eq!(world.check(&document, &expectation), Err(AttestationError::PcrMissing(index)));
    assert_eq!(nsm.register(index).unwrap(), (value, false));
}

#[test]
fn the_module_refuses_with_its_codes() {
    let world = World::new();
    let mut nsm = world.program(&IMAGE);
    let fault = |result: Result<_, NsmError>| match result {
        Err(NsmError::Fault(fault)) => fault,
        other => panic!("{:?}", other.map(|_: Pcr| ())),
    };
    assert_eq!(fault(nsm.extend(PcrIndex::IMAGE, b"x")), Fault::ReadOnlyIndex);
    assert_eq!(fault(nsm.extend(PcrIndex::new(20).unwrap(), &[0; 1025])), Fault::InputTooLarge);
    let described = nsm.describe().unwrap();
    assert_eq!((described.module_id.as_str(), described.max_pcrs), ("i-0sim-enc1", 32));
    assert_eq!(described.locked, (0..16).collect());
}

#[test]
fn random_bytes_differ_and_fill() {
    let world = World::new();
    let mut nsm = world.program(&IMAGE);
    let (mut first, mut second) = ([0; 700], [0; 700]);
    nsm.random(&mut first).unwrap();
    nsm.random(&mut second).unwrap();
    assert_ne!(first, second);
    assert!(first[600..].iter().any(|byte| *byte != 0));
}

#[test]
fn no_byte_of_a_document_flips_unnoticed() {
    let world = World::new();
    let document = world.program(&IMAGE).attest(Some(b"nonce"), None, None).unwrap();
    assert_eq!(world.check(&document, &world.now()), Ok(()));
    for at in (0..document.len()).step_by(5) {
        let mut flipped = document.clone();
        flipped[at] ^= 1 << (at % 8);
        assert!(world.check(&flipped, &world.now()).is_err(), "byte {at} of {}", document.len());
    }
}

#[test]
fn a_root_stays_the_same_over_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let first = Authority::of_folder(folder.path()).unwrap();
    let again = Authority::of_folder(folder.path()).unwrap();
    assert_eq!(first.root(), again.root());
    let world = World { authority: Arc::new(again), ..World::new() };
    let document = world.program(&IMAGE).attest(None, None, None).unwrap();
    assert_eq!(world.check(&document, &Expectation { roots: vec![first.root()], ..world.now() }), Ok(()));
}
