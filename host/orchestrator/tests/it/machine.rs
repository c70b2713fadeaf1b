//! Properties of the step machine that hold for every sequence of events.

use proptest::prelude::*;
use ringi_orchestrator::transfer::{
    Command, Event, Exposure, Held, Included, REFUSALS, STATUS_TABLE, Signed, SubStatus, Transfer, refusal, step,
};
use ringi_primitives::decision::{Decision, DenyReason, MissingApproval};
use ringi_primitives::digest::Digest;
use ringi_primitives::effects::Slot;
use ringi_primitives::id::IntentId;
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::Display;
use ringi_primitives::request::{PayloadKind, Unsigned};
use ringi_primitives::time::UnixMs;
use std::collections::BTreeSet;
use std::path::Path;

fn slot(n: u64) -> Slot {
    Slot::Nonce {
        network: NetworkId::Evm(1),
        account: ringi_primitives::address::Address::new(&[1; 20]).unwrap(),
        nonce: n,
    }
}

fn unsigned(n: u8, kind: PayloadKind) -> Unsigned {
    Unsigned { kind, bytes: vec![n] }
}

fn decision() -> impl Strategy<Value = Decision> {
    let missing = MissingApproval { rule: "r".into(), group: "g".into(), count: 1, display: Display::Any };
    prop_oneof![
        3 => Just(Decision::Allow { charges: Vec::new(), rules: Vec::new() }),
        1 => Just(Decision::Deny { rule: "r".into(), reason: DenyReason::Denied }),
        1 => Just(Decision::NeedsApproval { missing: vec![missing], rules: Vec::new() }),
    ]
}

fn exposure() -> impl Strategy<Value = Exposure> {
    prop_oneof![Just(Exposure::None), Just(Exposure::Possible)]
}

fn kind() -> impl Strategy<Value = PayloadKind> {
    prop_oneof![4 => Just(PayloadKind::Transaction), 1 => Just(PayloadKind::Message)]
}

fn signed() -> impl Strategy<Value = Signed> {
    (0u64..2, 0u8..2, kind()).prop_map(|(n, bytes, kind)| Signed {
        slot: slot(n),
        unsigned: unsigned(bytes, kind),
        bytes: vec![9, bytes],
        id: format!("0x{bytes}"),
        request: Digest::ZERO,
        at: UnixMs(1),
        rules: Vec::new(),
    })
}

fn event() -> impl Strategy<Value = Event> {
    let included = Included { height: 1, block: "b".into(), confirmations: 1 };
    let by = IntentId::from_bytes([8; 16]);
    let text = || ("code".to_string(), "detail".to_string());
    prop_oneof![
        1 => decision().prop_map(Event::Decided),
        1 => (0u64..2, 0u8..2, kind()).prop_map(|(n, b, k)| {
            Event::Prepared(Held { slot: slot(n), unsigned: unsigned(b, k), exposure: Exposure::None, rules: Vec::new() })
        }),
        1 => Just(text()).prop_map(|(code, detail)| Event::CannotPrepare { code, detail }),
        2 => Just(Event::AttemptStarted),
        1 => exposure().prop_map(Event::AttemptFailed),
        1 => exposure().prop_map(|exposure| Event::RefusedForGood { rule: "r".into(), code: "c.d".into(), exposure }),
        1 => exposure().prop_map(Event::SlotRefused),
        1 => exposure().prop_map(|exposure| Event::AttemptsExhausted { code: "c.d".into(), exposure }),
        3 => signed().prop_map(Event::Signed),
        1 => Just(Event::Accepted),
        1 => Just(text()).prop_map(|(code, detail)| Event::RefusedByNode { code, detail }),
        1 => Just(Event::Lost),
        1 => Just(Event::Included(included.clone())),
        1 => Just(Event::Final(included.clone())),
        1 => Just(Event::FinalReverted(included)),
        1 => Just(Event::Reorganised),
        1 => Just(Event::SlotTaken { by: None }),
        1 => Just(Event::SlotTaken { by: Some(by) }),
        1 => Just(Event::Withdrawn),
        1 => Just(Event::Replaced { by }),
        1 => Just(Event::Expired),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn i3_no_sequence_breaks_the_slot_or_the_bytes(events in prop::collection::vec(event(), 1..40)) {
        let mut state = Transfer::Submitted;
        let mut stored_bytes = false;
        for event in events {
            let before = state.clone();
            let name = event.name();
            let Ok((next, commands)) = step(state.clone(), event) else {
                prop_assert!(before == state, "a misstep changes nothing");
                continue;
            };
            prop_assert!(!before.is_ended(), "{name} moved an ended transfer");
            // Nothing is asked to sign before slot and bytes are stored.
            if commands.contains(&Command::Sign) {
                prop_assert!(matches!(next, Transfer::Prepared { .. }), "{name}");
            }
            if matches!(next, Transfer::Signing { .. }) {
                prop_assert!(stored_bytes && matches!(before, Transfer::Prepared { .. }), "{name}");
            }
            if matches!(next, Transfer::Prepared { .. }) && commands.contains(&Command::Store) {
                stored_bytes = true;
            }
            // A slot that cosigners may know is never released, and never exchanged.
            let exposed = before.is_exposed() && !matches!(before, Transfer::Signing { .. });
            if exposed {
                prop_assert!(!commands.contains(&Command::ReleaseSlot), "{name} released an exposed slot");
                if let (Some(a), Some(b)) = (before.slot(), next.slot()) {
                    prop_assert!(a == b, "{name} exchanged slot or bytes");
                }
            }
            // Signed bytes never change and are never forgotten.
            if let Some(signed) = before.signed() {
                prop_assert_eq!(Some(signed), next.signed(), "{}", name);
            }
            // Whatever changes what a restart would see is stored; a new attempt alone is not.
            let volatile = matches!(next, Transfer::Signing { .. } | Transfer::Prepared { .. } | Transfer::Queued { .. })
                || (matches!(before, Transfer::Confirming { .. } | Transfer::Broadcasting { .. } | Transfer::Signed { .. })
                    && matches!(next, Transfer::Broadcasting { .. }));
            prop_assert!(commands.contains(&Command::Store) || volatile, "{name} is not stored");
            // What the API shows is in the table, and follows as the table says.
            let pair = (next.status(), next.sub_status());
            let moves = pair != (before.status(), before.sub_status());
            let may = before.status().row().next.contains(&pair.0);
            prop_assert!(!moves || may, "{} to {}", before.status().name(), pair.0.name());
            let told = format!("{next:?}");
            let step = told.split([' ', '{']).next();
            let known = pair.0.row().pairs.iter().any(|(sub, name)| *sub == pair.1 && Some(*name) == step);
            prop_assert!(known, "{} / {} as {step:?}", pair.0.name(), pair.1.name());
            state = next;
        }
    }
}

#[test]
fn the_table_names_each_status_once_and_has_every_sub_status() {
    let mut names: Vec<&str> = STATUS_TABLE.iter().map(|row| row.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), STATUS_TABLE.len());
    for sub in SubStatus::ALL {
        let of = STATUS_TABLE.iter().filter(|row| row.pairs.iter().any(|(s, _)| s == sub)).count();
        assert!([1, 3].contains(&of), "{} is in {of} statuses", sub.name());
    }
}

/// Areas of codes that are no reason for a transfer's end: events, and refusals of requests that are no transfers.
const ELSEWHERE: [&str; 26] = [
    "access",
    "address",
    "approval.added",
    "approval.callback",
    "broadcast.id",
    "ceremony",
    "cosigner.incident",
    "cosigner.upgraded",
    "deposit",
    "deposits",
    "draft",
    "enclosure",
    "events",
    "order",
    "page",
    "person",
    "receipt",
    "recovery",
    "test",
    "transfer",
    "wallet",
    "webauthn",
    "policy.installed",
    "policy.drafted",
    "policy.draft_signed",
    "policy.draft_discarded",
];

/// Codes in the sources of what refuses transfers: text of the form `area.reason`.
fn codes_in(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
        if entry.is_dir() {
            codes_in(&entry, found);
            continue;
        }
        let text = std::fs::read_to_string(&entry).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        let plain = |t: &str| {
            t.starts_with(|c: char| c.is_ascii_lowercase())
                && t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        let is_code = |t: &&str| t.split_once('.').is_some_and(|(area, reason)| plain(area) && plain(reason));
        found.extend(text.split('"').filter(is_code).map(str::to_string));
    }
}

#[test]
fn every_code_that_can_end_a_transfer_has_a_row() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = BTreeSet::new();
    for folder in [
        "enclave/cosigner",
        "enclave/chain",
        "enclave/policy",
        "enclave/primitives",
        "host/provider",
        "host/orchestrator",
    ] {
        codes_in(&root.join(folder).join("src"), &mut found);
    }
    let elsewhere = |code: &str| ELSEWHERE.iter().any(|e| code == *e || code.split('.').next() == Some(e));
    let without: Vec<_> = found.iter().filter(|c| !elsewhere(c) && refusal(c).code == "*").collect();
    assert_eq!(without, Vec::<&String>::new(), "codes without a row in transfer/refusal.rs");
    assert!(found.len() > 100, "only {} codes found", found.len());
    for row in REFUSALS {
        let area = row.code.trim_end_matches('*');
        assert!(found.iter().any(|code| code.starts_with(area)), "{} is no code of anybody's", row.code);
        assert!(
            row.next.ends_with('.') && refusal(row.code).code == row.code,
            "{} has another row before it",
            row.code
        );
    }
}

#[test]
fn the_rules_that_allowed_it_stay_with_it_to_the_end() {
    let allowed = Decision::Allow { rules: vec!["small".into()], charges: Vec::new() };
    let held = Held {
        slot: slot(0),
        unsigned: unsigned(0, PayloadKind::Transaction),
        exposure: Exposure::None,
        rules: Vec::new(),
    };
    let signed = Signed {
        slot: held.slot.clone(),
        unsigned: held.unsigned.clone(),
        bytes: vec![9],
        id: "0x".into(),
        request: Digest::ZERO,
        at: UnixMs(1),
        rules: Vec::new(),
    };
    let included = Included { height: 1, block: "b".into(), confirmations: 1 };
    let path = [
        Event::Decided(allowed),
        Event::Prepared(held),
        Event::AttemptStarted,
        Event::AttemptFailed(Exposure::Possible),
        Event::AttemptStarted,
        Event::Signed(signed),
        Event::Accepted,
        Event::Included(included.clone()),
        Event::Final(included),
    ];
    let mut state = Transfer::Submitted;
    for event in path {
        let name = event.name();
        state = step(state, event).expect(name).0;
        assert_eq!(state.rules(), ["small"], "after {name}");
    }
}
