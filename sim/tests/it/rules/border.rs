//! Bad input at the cosigner's border: state blobs, frames of the host, messages of peers, and storage that fails.

use super::{SIGNED, acknowledge, events, pay, refusals, relink, restart, status, unsigned};
use minicbor::bytes::ByteVec;
use ringi_cosigner::core::{Cosigner, Fatal};
use ringi_cosigner::journal::{Context, Journal, JournalError, SealedRecord, SealingKey};
use ringi_cosigner::message::{PeerMessage, Round};
use ringi_cosigner::state::Record;
use ringi_primitives::id::OrderId;
use ringi_primitives::limits;
use ringi_primitives::wire::{FromCosigner, RecordKind, Tag, ToCosigner, VERSION};
use ringi_sim::coins::CoinDraft;
use ringi_sim::history::History;
use ringi_sim::inside::Inside;
use ringi_sim::requests::{Draft, Standard, outcomes};
use ringi_sim::requests::{EVM, VAULT};
use ringi_sim::world::{World, party, start_frames};
use zeroize::Zeroizing;

type Blob = Vec<(u64, RecordKind, Vec<u8>)>;

/// Why a start from this blob under this key fails.
fn refused(n: u8, key: u8, blob: &Blob) -> Fatal {
    let key = SealingKey::new(Zeroizing::new([key; 32]));
    let first = start_frames(party(n), blob.iter().map(|(_, _, r)| r.clone()));
    let started = Cosigner::start(&key, Box::new(rand_core::OsRng), first, ringi_sim::world::START);
    started.err().expect("a bad blob starts nothing")
}

#[test]
fn blobs_that_are_damaged_swapped_or_mixed_start_nothing() {
    let (mut world, standard) = Standard::world(101);
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[1, 2]), SIGNED);
    let (mine, other) = (world.blob(party(1)), world.blob(party(2)));
    let last = mine.len() - 1;
    // Truncated inside a record, at every record; a bit changed anywhere.
    for at in [0, 1, last / 2, last] {
        let mut cut = mine.clone();
        let half = cut[at].2.len() / 2;
        cut[at].2.truncate(half);
        assert_eq!(refused(1, 1, &cut), Fatal::Journal(JournalError::Malformed(at)));
        for byte in [0, 3, half, cut[at].2.len() - 1] {
            let mut flipped = mine.clone();
            flipped[at].2[byte] ^= 0x10;
            assert!(matches!(refused(1, 1, &flipped), Fatal::Journal(_)), "record {at}, byte {byte}");
        }
        let mut empty = mine.clone();
        empty[at].2.clear();
        assert_eq!(refused(1, 1, &empty), Fatal::Journal(JournalError::Malformed(at)));
    }
    // Another cosigner's, another key's, and this one's under another number.
    assert_eq!(refused(1, 1, &other), Fatal::Journal(JournalError::Misplaced(0)));
    assert_eq!(refused(1, 2, &mine), Fatal::Journal(JournalError::Sealed(0)));
    assert_eq!(refused(2, 1, &mine), Fatal::Journal(JournalError::Misplaced(0)));
    // Left out, twice, in another order, begun in the middle, gone on with another's.
    let without = |at: usize| mine.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, r)| r.clone()).collect();
    assert_eq!(refused(1, 1, &without(0)), Fatal::Journal(JournalError::Misplaced(0)));
    assert_eq!(refused(1, 1, &without(1)), Fatal::Journal(JournalError::Misplaced(1)));
    let mut twice = mine.clone();
    twice.insert(1, mine[0].clone());
    assert_eq!(refused(1, 1, &twice), Fatal::Journal(JournalError::Misplaced(1)));
    let mut swapped = mine.clone();
    swapped.swap(last - 1, last);
    assert_eq!(refused(1, 1, &swapped), Fatal::Journal(JournalError::Misplaced(last - 1)));
    let mut mixed = mine.clone();
    mixed[last] = other[last].clone();
    assert!(matches!(refused(1, 1, &mixed), Fatal::Journal(JournalError::Misplaced(_))));
}

/// G1: the workspace is in every record's seal: records of two workspaces do not mix, same cosigner and same key or not.
#[test]
fn g1_records_of_another_workspace_do_not_mix() {
    let (one, two) = (World::new(2, 3, 1), World::new(2, 3, 2));
    let (mut mine, other) = (one.blob(party(1)), two.blob(party(1)));
    assert_ne!(one.root(), two.root());
    let last = mine.len() - 1;
    mine[last] = other[last].clone();
    assert!(matches!(refused(1, 1, &mine), Fatal::Journal(JournalError::Misplaced(_))));
}

#[test]
fn frames_out_of_order_or_of_another_version_end_a_cosigner_with_a_code() {
    let key = || SealingKey::new(Zeroizing::new([1; 32]));
    let rng = || Box::new(rand_core::OsRng);
    let now = ringi_sim::world::START;
    for first in [
        ToCosigner::Status,
        ToCosigner::Stored { sequence: 1 },
        ToCosigner::Abort { tag: Tag([0; 16]) },
        ToCosigner::Start { version: VERSION + 1, me: party(1), records: 0, key_access: None },
        ToCosigner::Records { records: vec![] },
    ] {
        assert_eq!(Cosigner::start(&key(), rng(), [first], now).err(), Some(Fatal::Start));
    }
    let (mut world, _) = Standard::world(102);
    world.tell(party(1), ToCosigner::Start { version: VERSION, me: party(1), records: 0, key_access: None });
    assert_eq!(world.ended(party(1)), Some(Fatal::Start));
    world.tell(party(2), ToCosigner::Records { records: vec![] });
    assert_eq!(world.ended(party(2)), Some(Fatal::Start));
}

/// As many records as the first frame says, in whatever frames, and nothing between them.
#[test]
fn a_start_takes_exactly_the_records_it_was_told_of() {
    let (world, _) = Standard::world(105);
    let now = ringi_sim::world::START;
    let stored: Vec<ByteVec> = world.blob(party(1)).into_iter().map(|(_, _, r)| r.into()).collect();
    let starts = |announced: usize, frames: &[&[ByteVec]], last: Option<ToCosigner>| {
        let key = SealingKey::new(Zeroizing::new([1; 32]));
        let start = ToCosigner::Start { version: VERSION, me: party(1), records: announced as u64, key_access: None };
        let records = frames.iter().map(|r| ToCosigner::Records { records: r.to_vec() });
        let frames = std::iter::once(start).chain(records).chain(last);
        Cosigner::start(&key, Box::new(rand_core::OsRng), frames, now).map(|_| ()).err()
    };
    let (head, tail) = stored.split_at(2);
    let all = stored.len();
    assert_eq!(starts(all, &[&stored], None), None);
    assert_eq!(starts(all, &[head, &[], tail], Some(ToCosigner::Status)), None);
    assert_eq!(starts(all, &[head], None), Some(Fatal::Start));
    assert_eq!(starts(all, &[head], Some(ToCosigner::Status)), Some(Fatal::Start));
    assert_eq!(starts(all + 1, &[&stored], None), Some(Fatal::Start));
    assert_eq!(starts(2, &[&stored], None), Some(Fatal::Start));
    assert_eq!(starts(usize::MAX, &[&stored], None), Some(Fatal::Start));
}

/// Through restarts too a journal becomes no longer than twice its state, and a large state is not written for every few changes.
#[test]
fn a_snapshot_is_due_when_as_much_was_written_as_it_holds() {
    let key = || SealingKey::new(Zeroizing::new([1; 32]));
    let context = Context { genesis: None, policy: None };
    let change = [Record::Boot { boot: 1, whole: 0 }];
    let rng = &mut rand_core::OsRng;
    let mut kept: Vec<SealedRecord> = Vec::new();
    let reopened = |kept: &[SealedRecord]| {
        let mut journal = Journal::new(&key(), party(1));
        let stored = kept.iter().map(|r| r.bytes.clone().into());
        journal.restore(stored, |_| Ok::<(), JournalError>(())).unwrap();
        journal
    };
    for run in 0..2 {
        let mut journal = reopened(&kept);
        for n in 0..512 {
            assert!(!journal.wants_snapshot(), "change {n} of run {run}");
            kept.push(journal.append(&change, context, rng).unwrap());
        }
    }
    let mut journal = reopened(&kept);
    assert!(journal.wants_snapshot());
    kept.clear();
    let large = std::iter::repeat_n(Record::OrdersUsed { orders: vec![OrderId::from_bytes([1; 16]); 10_000] }, 10);
    journal.snapshot(large, context, rng, |record| kept.push(record)).unwrap();
    assert!(kept.len() > 1);
    let bytes = |kept: &[SealedRecord]| kept.iter().map(|r| r.bytes.len()).sum::<usize>();
    let snapshot = bytes(&kept);
    for journal in [&mut reopened(&kept), &mut journal] {
        let mut changes = 0;
        while !journal.wants_snapshot() {
            changes += journal.append(&change, context, rng).unwrap().bytes.len();
        }
        assert!(changes >= snapshot && changes < snapshot + 1000, "{changes} bytes after {snapshot}");
    }
}

/// A snapshot in several records counts only whole, in order, and at the beginning.
#[test]
fn a_snapshot_of_several_records_counts_only_whole() {
    let (mut world, standard) = Standard::world(106);
    let kept = world.blob(party(1)).into_iter().map(|(_, _, r)| r).collect();
    let history = History { wallets: 12_000, vault: VAULT, limit: "x".repeat(256), network: EVM, at: world.now };
    let sealed = history.after(kept, &SealingKey::new(Zeroizing::new([1; 32])), party(1));
    let whole: Blob = sealed.into_iter().map(|r| (r.sequence, r.kind, r.bytes)).collect();
    let last = whole.len() - 1;
    assert!(last >= 2, "{last} parts are too few to try");
    assert!(whole.iter().all(|(_, _, r)| r.len() < 2 * 1024 * 1024));
    assert_eq!(refused(1, 1, &whole[..last].to_vec()), Fatal::Journal(JournalError::Cut));
    assert_eq!(refused(1, 1, &whole[1..].to_vec()), Fatal::Journal(JournalError::Misplaced(0)));
    assert_eq!(refused(1, 1, &vec![whole[last].clone()]), Fatal::Journal(JournalError::Misplaced(0)));
    let skipped: Blob = whole.iter().enumerate().filter(|(i, _)| *i != 1).map(|(_, r)| r.clone()).collect();
    assert_eq!(refused(1, 1, &skipped), Fatal::Journal(JournalError::Misplaced(1)));
    // Behind the records that it repeats, or twice.
    let mut behind = world.blob(party(1));
    let before = behind.len();
    behind.extend(whole.clone());
    assert_eq!(refused(1, 1, &behind), Fatal::Journal(JournalError::Misplaced(before)));
    world.kill(party(1));
    world.set_blob(party(1), whole);
    world.start(party(1)).expect("a whole snapshot starts");
    world.run();
    world.pass(1000);
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[1, 2]), SIGNED);
}

/// A fresh cosigner is asked everything before it has a genesis: codes, no end.
#[test]
fn before_genesis_everything_is_refused_with_a_code() {
    let (mut known, standard) = Standard::world(103);
    let request = Draft::payment(&known, 1, 1000, 0).bytes(&standard);
    let order = known.order(ringi_primitives::order::OrderAction::Resume { boot_keys: vec![] });
    let key = SealingKey::new(Zeroizing::new([1; 32]));
    let first = start_frames(party(1), []);
    let (mut fresh, _) = Cosigner::start(&key, Box::new(rand_core::OsRng), first, known.now).unwrap();
    let mut codes = Vec::new();
    let frames = [
        ToCosigner::Sign { tag: Tag([1; 16]), request: request.into(), signers: vec![party(1), party(2)] },
        ToCosigner::InstallPolicy { set: standard.signed.clone() },
        ToCosigner::Order { order },
        ToCosigner::InstallGenesis { versions: vec![] },
        ToCosigner::Peer { from: party(2), frame: vec![1, 2, 3].into() },
        ToCosigner::PeerUp { peer: party(2) },
        ToCosigner::Stored { sequence: u64::MAX },
        ToCosigner::Abort { tag: Tag([9; 16]) },
    ];
    for frame in frames {
        for said in fresh.handle(frame, known.now).expect("no end") {
            match said {
                FromCosigner::Refused { refusal, .. } | FromCosigner::DocumentRefused { refusal, .. } => {
                    codes.push(refusal.code);
                }
                _ => {}
            }
        }
    }
    assert_eq!(codes, ["boot.ungranted", "genesis.missing", "genesis.missing", "document.invalid"]);
}

/// Requests that are none, in every way that the frame allows.
#[test]
fn malformed_and_oversized_requests_are_refused_with_a_code() {
    let (mut world, standard) = Standard::world(104);
    let right = Draft::payment(&world, 1, 1000, 0).bytes(&standard);
    let long = [right.clone(), vec![0; limits::REQUEST_BYTES]].concat();
    for bytes in [vec![], vec![0xff; 9], right[..right.len() - 1].to_vec(), [&right[..], &[0]].concat(), long] {
        assert_eq!(outcomes(&world.sign(&bytes, &[1, 2])), ["request.malformed"; 2]);
    }
    for signers in [vec![], vec![1], vec![2, 1], vec![1, 1], vec![1, 2, 3], vec![1, 4]] {
        let tag = world.tag();
        let signers = signers.into_iter().map(party).collect();
        world.tell(party(1), ToCosigner::Sign { tag, request: right.clone().into(), signers });
        assert_eq!(outcomes(&world.answers_of(tag, &[1])), ["session.signer_set"]);
    }
    let tag = world.open(&right, &[1, 2]);
    let signers = vec![party(1), party(2)];
    world.tell(party(1), ToCosigner::Sign { tag, request: right.clone().into(), signers });
    assert_eq!(outcomes(&world.answers_of(tag, &[1])), ["request.malformed"], "a tag in use");
    world.run();
    world.pass(31_000);
    assert_eq!(outcomes(&world.sign(&right, &[1, 2])), SIGNED);
}

/// The disk is full in the middle of a commit: nothing is signed, the code says that a message is missing, and with room
/// again everything goes on, the interrupted intent too.
#[test]
fn a_full_disk_in_the_middle_of_a_commit_signs_nothing() {
    for full_at in [&[1_u8][..], &[2], &[1, 2]] {
        let (mut world, standard) = Standard::world(105);
        let bytes = Draft::payment(&world, 1, 550_000, 0).bytes(&standard);
        world.acknowledges = false;
        let tag = world.open(&bytes, &[1, 2]);
        world.run();
        let room: Vec<u8> = [1, 2].into_iter().filter(|n| !full_at.contains(n)).collect();
        acknowledge(&mut world, &room);
        world.run();
        world.pass(31_000);
        let answers = world.answers_of(tag, &[1, 2]);
        assert!(unsigned(&outcomes(&answers)), "{full_at:?}");
        assert!(refusals(&answers).iter().any(|r| r.code == "session.link"), "{full_at:?}");
        // Room again: what waited is stored, and the same intent is signed in the same slot.
        world.acknowledges = true;
        acknowledge(&mut world, &[1, 2]);
        world.run();
        assert_eq!(outcomes(&world.sign(&bytes, &[1, 2])), SIGNED, "{full_at:?}");
        restart(&mut world, 1);
        assert_eq!(pay(&mut world, &standard, 2, 1000, 1, &[1, 2]), SIGNED, "{full_at:?}");
    }
}

/// What the records lost behind a full disk were is known to the peers: a start without them gets no grant if the last
/// message had left, and the journal has no gap either way.
#[test]
fn records_lost_behind_a_full_disk_are_missed_by_the_peers() {
    let (mut world, standard) = Standard::world(106);
    let durable = world.blob(party(1));
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[1, 2]), SIGNED);
    world.kill(party(1));
    world.set_blob(party(1), durable);
    restart(&mut world, 1);
    assert_eq!(pay(&mut world, &standard, 2, 1000, 1, &[1, 2])[0], "boot.rolled_back");
}

/// What happens to 2's round messages of one round on their way to 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disturb {
    Dropped,
    Repeated,
    Altered,
    WrongSession,
    WrongRound,
    Contradicted,
}

fn disturb(how: Disturb, round: Round) -> Vec<Round> {
    let mut altered = round.clone();
    let middle = altered.payload.len() / 2;
    altered.payload[middle] ^= 1;
    let mut elsewhere = round.clone();
    elsewhere.session.0[0] ^= 1;
    let mut early = round.clone();
    early.round += 2;
    match how {
        Disturb::Dropped => vec![],
        Disturb::Repeated => vec![round.clone(), round],
        Disturb::Altered => vec![altered],
        Disturb::WrongSession => vec![elsewhere],
        Disturb::WrongRound => vec![early],
        Disturb::Contradicted => vec![round, altered],
    }
}

/// Makes a request of a protocol.
type Asking<'a> = &'a dyn Fn(&World, &Standard) -> Vec<u8>;

/// The verdict of cosigner 1 on a disturbed round: signed, or a code.
fn disturbed(request: Asking, how: Disturb, number: u8) -> String {
    let (mut world, standard) = Standard::world(107);
    let inside = Inside::of(&mut world, party(1), party(2));
    inside.meddle(move |from, _, message| match message {
        PeerMessage::Round(round) if from == party(2) && round.round == number => {
            disturb(how, round).into_iter().map(PeerMessage::Round).collect()
        }
        other => vec![other],
    });
    let bytes = request(&world, &standard);
    let tag = world.open(&bytes, &[1, 2]);
    world.run();
    world.pass(31_000);
    let said = outcomes(&world.answers_of(tag, &[1])).remove(0);
    // Whatever happened: the channel and the keys are whole, and the same intent is signed by others.
    inside.meddle(|_, _, message| vec![message]);
    relink(&mut world);
    world.pass(1000);
    assert_eq!(outcomes(&world.sign(&bytes, &[1, 3])), SIGNED, "{how:?} round {number}: {said}");
    said
}

/// Each round of the signing protocols, disturbed in each way, gives its verdict at the whole cosigner.
#[test]
fn s1_disturbed_rounds_give_their_verdicts() {
    let ecdsa = |world: &World, standard: &Standard| Draft::payment(world, 1, 1000, 0).bytes(standard);
    let taproot = |world: &World, standard: &Standard| {
        let mut draft = CoinDraft::payment(world, standard, 1, 20_000);
        draft.choice.inputs.remove(0);
        draft.bytes(standard)
    };
    let protocols: [(Asking, u8); 2] = [(&ecdsa, 3), (&taproot, 2)];
    for (request, last) in protocols {
        for round in 1..=last {
            for how in [
                Disturb::Dropped,
                Disturb::Repeated,
                Disturb::Altered,
                Disturb::WrongSession,
                Disturb::WrongRound,
                Disturb::Contradicted,
            ] {
                let said = disturbed(request, how, round);
                let right = match how {
                    Disturb::Repeated => said == "signed",
                    Disturb::Dropped | Disturb::WrongSession | Disturb::WrongRound => said == "session.link",
                    Disturb::Altered => ["session.peer_fault", "session.suspects"].contains(&said.as_str()),
                    Disturb::Contradicted if round == last => ["session.peer_fault", "signed"].contains(&said.as_str()),
                    Disturb::Contradicted => said == "session.peer_fault",
                };
                assert!(right, "{last} rounds, round {round}, {how:?}: {said}");
            }
        }
    }
}

/// What is no message of ours, inside the channel or outside, harms nothing.
#[test]
fn frames_of_the_relay_that_are_none_harm_nothing() {
    let (mut world, standard) = Standard::world(108);
    for bytes in [vec![], vec![0xff], vec![0x82, 0x09, 0x80], vec![0; 70_000]] {
        world.tell(party(1), ToCosigner::Peer { from: party(2), frame: bytes.into() });
    }
    world.tell(party(1), ToCosigner::Peer { from: party(1), frame: vec![0].into() });
    world.run();
    let inside = Inside::of(&mut world, party(1), party(2));
    let stray = PeerMessage::BootRefuse { boot: 77, code: "boot.rolled_back".into() };
    inside.say(party(2), party(1), &stray).into_iter().for_each(|f| world.deliver(f));
    let refuse = PeerMessage::Refuse { tag: Tag([3; 16]), code: "x".repeat(10_000) };
    inside.say(party(2), party(1), &refuse).into_iter().for_each(|f| world.deliver(f));
    assert!(status(&mut world, 1).ready);
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[1, 2]), SIGNED);
    assert!(!events(&mut world, 1).contains(&"boot.rolled_back".to_string()));
}

/// Frames altered, repeated, dropped or reordered by the relay: the channel breaks and is made anew, nothing wrong is signed.
#[test]
fn a_relay_that_alters_repeats_drops_or_reorders_only_delays() {
    for how in 0..4 {
        let (mut world, standard) = Standard::world(109);
        let bytes = Draft::payment(&world, 1, 1000, 0).bytes(&standard);
        let mut count = 0;
        let mut kept = None;
        world.relay = Box::new(move |mut frame| {
            count += 1;
            if count != 5 {
                return kept.take().into_iter().chain([frame]).collect();
            }
            match how {
                0 => {
                    let last = frame.bytes.len() - 1;
                    frame.bytes[last] ^= 1;
                    vec![frame]
                }
                1 => vec![frame.clone(), frame],
                2 => vec![],
                _ => {
                    kept = Some(frame);
                    vec![]
                }
            }
        });
        let tag = world.open(&bytes, &[1, 2]);
        world.run();
        world.pass(31_000);
        drop(world.answers_of(tag, &[1, 2]));
        world.relay = Box::new(|frame| vec![frame]);
        relink(&mut world);
        assert_eq!(outcomes(&world.sign(&bytes, &[1, 2])), SIGNED, "way {how}");
    }
}
