//! L1, L2, I3, B1: the model holds in every state that its bounds reach, and without one of its checks it does not.

use ringi_model::check::{Bounds, Grain, SIGNS_AGAIN, SLOTS, SUM, USED_UP};
use ringi_model::sessions::{ENDLESS, signed_intents};
use ringi_model::state::{Budget, Flaw, Outcome, State, Step};
use stateright::{Checker, HasDiscoveries, Model};

/// A day's limit of two, three intents, one attempt after the other for ever.
fn one_after_the_other() -> Bounds {
    Bounds {
        intents: 3,
        cap: 2,
        slots: 0,
        at_once: 1,
        grain: Grain::Coarse,
        budget: Budget { attempts: ENDLESS, starts: 0, saves: 0 },
        flaws: vec![],
    }
}

/// Three attempts at once over whatever pairs, message by message.
fn side_by_side() -> Bounds {
    let budget = Budget { attempts: 3, starts: 0, saves: 0 };
    Bounds { at_once: 3, grain: Grain::Endless, budget, ..one_after_the_other() }
}

/// Message by message, and the host ends what it likes.
fn message_by_message() -> Bounds {
    let budget = Budget { attempts: 4, starts: 0, saves: 0 };
    Bounds { grain: Grain::Fine, budget, ..one_after_the_other() }
}

/// Starts, from an old blob too, beside the first copy too.
fn with_starts() -> Bounds {
    Bounds { budget: Budget { attempts: 3, starts: 1, saves: 1 }, ..one_after_the_other() }
}

/// Three attempts at two intents with a limit of one, and two starts.
fn with_more_starts() -> Bounds {
    Bounds { intents: 2, cap: 1, budget: Budget { attempts: 3, starts: 2, saves: 1 }, ..one_after_the_other() }
}

/// The host chooses slots.
fn with_slots() -> Bounds {
    Bounds { intents: 2, slots: 2, ..one_after_the_other() }
}

/// Searches all of it. More than so many states, or it would prove little.
fn holds(bounds: &Bounds, more_than: usize) {
    let checker = bounds.clone().checker().threads(2).spawn_bfs().join();
    let states = checker.unique_state_count();
    println!("{states} states, {} deep", checker.max_depth());
    for property in [SUM, SLOTS] {
        let found = checker.discovery(property).map(|path| path.into_actions());
        assert!(found.is_none(), "{property}: {found:?}");
    }
    for property in [USED_UP, SIGNS_AGAIN] {
        assert!(checker.discovery(property).is_some(), "never: {property}");
    }
    assert!(states > more_than, "{states} states");
}

/// A schedule that breaks the property without this check.
fn falls(bounds: &Bounds, flaw: Flaw, property: &'static str) -> Vec<Step> {
    let broken = bounds.without(flaw);
    let checker = broken.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let path = checker.discovery(property).unwrap_or_else(|| panic!("{flaw:?} is not found"));
    let steps = path.into_actions();
    println!("{flaw:?}: {} states, {steps:?}", checker.unique_state_count());
    steps
}

#[test]
fn l1_pairs_that_follow_one_another_for_ever_stay_within_the_limit() {
    holds(&one_after_the_other(), 500_000);
}

#[test]
fn l1_attempts_side_by_side_stay_within_the_limit() {
    holds(&side_by_side(), 5_000);
}

#[test]
fn l2_attempts_that_the_host_ends_anywhere_stay_within_the_limit() {
    holds(&message_by_message(), 500_000);
}

#[test]
fn b1_starts_old_blobs_and_second_copies_stay_within_the_limit() {
    holds(&with_starts(), 1_000_000);
}

#[test]
fn i3_an_intent_has_one_slot() {
    holds(&with_slots(), 100_000);
}

#[test]
fn l1_without_the_merge_the_limit_is_passed() {
    falls(&one_after_the_other(), Flaw::OwnCountersOnly, SUM);
}

#[test]
fn l1_without_the_lock_the_limit_is_passed() {
    falls(&side_by_side(), Flaw::NoLock, SUM);
}

/// Who may yet take it back is no holder: the shortest way past the limit is six attempts long.
#[test]
fn l1_with_a_holder_too_soon_the_limit_is_passed() {
    falls(&one_after_the_other(), Flaw::PeerHoldsFromReservation, SUM);
}

#[test]
fn l2_giving_back_after_the_last_message_passes_the_limit() {
    falls(&message_by_message(), Flaw::GivesBackAfterRelease, SUM);
}

#[test]
fn i3_without_pins_an_intent_has_two_slots() {
    falls(&with_slots(), Flaw::NoPins, SLOTS);
}

#[test]
fn b1_without_the_fence_the_limit_is_passed() {
    falls(&with_more_starts(), Flaw::NoFence, SUM);
}

#[test]
fn b1_without_grants_the_limit_is_passed() {
    falls(&with_more_starts(), Flaw::NoGrant, SUM);
    falls(&with_more_starts(), Flaw::OneGrant, SUM);
}

#[test]
fn b1_without_adoption_the_limit_is_passed() {
    falls(&with_more_starts(), Flaw::NoAdoption, SUM);
}

/// With all else sound, whoever signed last knows all that was signed, and every pair has one of those two: the first question
/// alone refuses. What is asked after the merge is a second line, and this says so if it ever becomes the first.
#[test]
fn l1_the_check_after_the_merge_is_a_second_line() {
    holds(&one_after_the_other().without(Flaw::NoCheckAfterMerge), 500_000);
}

/// Where a schedule leads; `None` if a step of it is refused.
fn after(bounds: &Bounds, steps: &[Step]) -> Option<State> {
    let first = bounds.init_states().remove(0);
    steps.iter().try_fold(first, |state, step| bounds.next_state(&state, step.clone()))
}

/// This way leads to a third signature without the check, and no further than to the second with it.
fn passes_only_without(sound: &Bounds, flaw: Flaw, way: &[Step]) {
    let third = way.len() - 2;
    assert_eq!(after(sound, &way[..third]).map(|state| signed_intents(&state)), Some(2));
    assert_eq!(after(sound, way), None);
    assert_eq!(after(&sound.without(flaw), way).map(|state| signed_intents(&state)), Some(3));
}

/// Both reserve it and give it back; meanwhile a third hears of it.
fn told(intent: u8, with: [u8; 2], word: &[Step]) -> Vec<Step> {
    let begin = Step::Reserve { intent, slot: intent, copies: with };
    let end = Step::End { attempt: 0, outcome: Outcome::GivenBack };
    [&[begin][..], word, &[end][..]].concat()
}

fn signed(intent: u8, copies: [u8; 2]) -> Vec<Step> {
    let end = Step::End { attempt: 0, outcome: Outcome::Signed };
    vec![Step::Reserve { intent, slot: intent, copies }, end]
}

/// What a hello says its sender may take back is not held by it: too long a way for a search, so it is told here.
#[test]
fn l1_what_a_hello_says_may_be_taken_back() {
    let word = |intent, copies| {
        let begin = Step::Reserve { intent, slot: intent, copies };
        vec![begin, Step::End { attempt: 1, outcome: Outcome::GivenBack }]
    };
    let way = [
        told(0, [0, 2], &word(2, [1, 2])),
        told(0, [1, 2], &word(2, [0, 2])),
        signed(0, [0, 1]),
        told(1, [0, 1], &word(0, [0, 2])),
        signed(1, [1, 2]),
        signed(2, [0, 2]),
    ]
    .concat();
    passes_only_without(&Bounds { at_once: 2, ..one_after_the_other() }, Flaw::HelloIsKept, &way);
}
