//! Random walks through the model, each from its own number: schedules for real cosigners.

use crate::check::Bounds;
use crate::state::{Outcome, State, Step};
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};
use stateright::Model;

/// The steps of one walk, at most so many, and where it came to.
pub fn walk(bounds: &Bounds, number: u64, most: usize) -> (Vec<Step>, State) {
    let mut rng = ChaCha20Rng::seed_from_u64(number);
    let mut state = bounds.init_states().remove(0);
    let mut taken = Vec::new();
    while taken.len() < most {
        let mut steps = Vec::new();
        bounds.actions(&state, &mut steps);
        let next = |step: Step| bounds.next_state(&state, step.clone()).map(|state| (step, state));
        let mut open: Vec<(Step, State)> = steps.into_iter().filter_map(next).collect();
        if open.is_empty() {
            break;
        }
        // Ends are always possible: walks that took them as often as all else would sign little.
        if open.iter().any(|(step, _)| !is_end(step)) && rng.next_u32() % 8 != 0 {
            open.retain(|(step, _)| !is_end(step));
        }
        let at = rng.next_u32() as usize % open.len();
        let (step, next) = open.swap_remove(at);
        taken.push(step);
        state = next;
    }
    (taken, state)
}

fn is_end(step: &Step) -> bool {
    matches!(step, Step::Abort { .. } | Step::End { outcome: Outcome::GivenBack, .. })
}
