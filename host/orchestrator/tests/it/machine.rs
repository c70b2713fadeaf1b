//! Properties of the step machine that hold for every sequence of events.

use proptest::prelude::*;
use ringi_orchestrator::transfer::{Command, Event, Exposure, Held, Included, STATUS_TABLE, Signed, Transfer, step};
use ringi_primitives::decision::{Decision, DenyReason, MissingApproval};
use ringi_primitives::digest::Digest;
use ringi_primitives::effects::Slot;
use ringi_primitives::id::IntentId;
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::Display;
use ringi_primitives::request::{PayloadKind, Unsigned};
use ringi_primitives::time::UnixMs;

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
            state = next;
        }
    }
}

#[test]
fn every_sub_status_is_in_the_table() {
    let held = Held {
        slot: slot(0),
        unsigned: unsigned(0, PayloadKind::Transaction),
        exposure: Exposure::None,
        rules: Vec::new(),
    };
    let states = [
        Transfer::Submitted,
        Transfer::AwaitingApproval { missing: Vec::new(), rules: Vec::new(), held: None },
        Transfer::Queued { rules: Vec::new() },
        Transfer::Prepared { held: held.clone(), attempts: 0 },
        Transfer::Prepared { held: held.clone(), attempts: 1 },
        Transfer::Signing { held, attempt: 1 },
        Transfer::Cancelled { by: None, signed: None },
        Transfer::Cancelled { by: Some(IntentId::from_bytes([1; 16])), signed: None },
    ];
    for state in states {
        let row = STATUS_TABLE.iter().find(|(s, _, _)| *s == state.status()).unwrap();
        assert!(row.2.contains(&state.sub_status()), "{} / {}", row.1, state.sub_status());
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
