//! What the host may do within bounds, and what must hold.

use crate::memory::{Boot, INTENTS, Memory};
use crate::sessions::{has_second_slot, signed_intents};
use crate::state::{Blob, Budget, Copy, Flaw, Half, Outcome, Stage, State, Step};
use stateright::{Model, Property};

/// The sum of what was signed is within the limit.
pub const SUM: &str = "the signed sum is within the limit";
/// No intent has two slots, no slot two intents.
pub const SLOTS: &str = "one slot for an intent, one intent for a slot";
/// The limit can be used up: the model does not hold by doing nothing.
pub const USED_UP: &str = "the limit can be used up";
/// A cosigner that has started signs again.
pub const SIGNS_AGAIN: &str = "who was started takes part in a signature";

/// How finely the host's steps are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grain {
    /// Every message.
    Fine,
    /// Every message, but the host ends no attempt: all of them may meet.
    Endless,
    /// From the request to the reservation at both signers is one step, so is the end, so are question and grant: what a lock
    /// keeps apart need not be searched in every order.
    Coarse,
}

/// How far the host may go, and which checks the cosigners lack.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Intents, each of cost 1.
    pub intents: u8,
    /// The limit.
    pub cap: u32,
    /// Slots it may choose for any intent; 0 if each has its own.
    pub slots: u8,
    /// Attempts that run at once.
    pub at_once: usize,
    /// How fine its steps are.
    pub grain: Grain,
    /// Everything that is counted down.
    pub budget: Budget,
    /// Checks that are left out.
    pub flaws: Vec<Flaw>,
}

impl Bounds {
    /// Whether this check is left out.
    pub(crate) fn lacks(&self, flaw: Flaw) -> bool {
        self.flaws.contains(&flaw)
    }

    /// The same bounds with one check less.
    pub fn without(&self, flaw: Flaw) -> Bounds {
        Bounds { flaws: vec![flaw], ..self.clone() }
    }

    fn first(&self) -> State {
        let boots = [1, 2, 3].map(|key| Boot { number: 1, key });
        let copy = |who: u8| {
            let at = usize::from(who);
            let mut heads = boots;
            heads[at] = Boot::default();
            let memory = Memory { boot: 1, heads, ..Memory::default() };
            let granted = 0b111 & !(1 << who);
            Copy { who, key: who + 1, memory, fenced: heads, granted, ready: true }
        };
        State {
            copies: [copy(0), copy(1), copy(2), Copy::default()],
            attempts: Vec::new(),
            grants: Vec::new(),
            saved: None,
            signed: [0; INTENTS],
            again: 0,
            keys: 3,
            asked: 0,
            budget: self.budget,
        }
    }

    fn beginnings(&self, state: &State, steps: &mut Vec<Step>) {
        if state.attempts.len() >= self.at_once || state.budget.attempts == 0 {
            return;
        }
        // Intents are alike: the host asks for the first of those it has not asked for.
        for intent in 0..self.intents.min(state.asked + 1) {
            let slots = if self.slots == 0 { intent..intent + 1 } else { 0..self.slots };
            for slot in slots {
                let pairs = pairs(state);
                match self.grain {
                    Grain::Coarse => {
                        let ascending = pairs.filter(|[a, b]| a < b);
                        steps.extend(ascending.map(|copies| Step::Reserve { intent, slot, copies }));
                    }
                    _ => steps.extend(pairs.map(|copies| Step::Begin { intent, slot, copies })),
                }
            }
        }
    }

    fn boots(&self, state: &State, steps: &mut Vec<Step>) {
        if state.budget.saves > 0 && state.saved.is_none() {
            steps.extend((0..3).map(|who| Step::Save { who }));
        }
        if state.budget.starts > 0 {
            for who in 0..3 {
                let saved = state.saved.as_ref().is_some_and(|(of, _)| *of == who).then_some(Blob::Saved);
                for blob in [Blob::Newest].into_iter().chain(saved) {
                    steps.push(Step::Restart { who, blob });
                    steps.push(Step::Double { who, blob });
                }
            }
        }
        for copy in 0..4 {
            match self.grain {
                Grain::Coarse => steps.extend((0..4).map(|granter| Step::Admit { copy, granter })),
                _ => {
                    steps.extend((0..4).map(|granter| Step::Ask { copy, granter }));
                    steps.extend((0..3).map(|from| Step::Take { copy, from }));
                }
            }
        }
    }

    fn of_attempts(&self, state: &State, steps: &mut Vec<Step>) {
        for attempt in &state.attempts {
            if self.grain == Grain::Coarse {
                let number = attempt.number;
                steps.extend(Outcome::ALL.map(|outcome| Step::End { attempt: number, outcome }));
                continue;
            }
            let halves = (0..).zip(&attempt.halves);
            let all = halves.flat_map(|(side, half)| of_half(attempt.number, side, half));
            let ends = |step: &Step| matches!(step, Step::Abort { .. } | Step::Finish { .. });
            steps.extend(all.filter(|step| self.grain == Grain::Fine || !ends(step)));
        }
    }
}

/// Copies of two cosigners. While nothing has happened they are alike.
fn pairs(state: &State) -> impl Iterator<Item = [u8; 2]> + '_ {
    let alike = state.keys == 3 && state.asked == 0 && state.saved.is_none();
    let all = (0..4).flat_map(|a| (0..4).map(move |b| [a, b]));
    let apart = |[a, b]: &[u8; 2]| {
        let [a, b] = [a, b].map(|c| &state.copies[usize::from(*c)]);
        a.key != 0 && b.key != 0 && a.who != b.who
    };
    all.filter(apart).filter(move |pair| !alike || *pair == [0, 1])
}

fn of_half(number: u8, side: u8, half: &Half) -> Vec<Step> {
    let attempt = number;
    if half.over {
        return Vec::new();
    }
    match half.stage {
        Stage::Unasked => vec![Step::Open { attempt, side }],
        Stage::Greeting => vec![Step::Merge { attempt, side }, Step::Abort { attempt, side }],
        Stage::Committing => vec![Step::Commit { attempt, side }, Step::Abort { attempt, side }],
        Stage::Signing => vec![Step::Release { attempt, side }, Step::Abort { attempt, side }],
        Stage::Released => vec![Step::Finish { attempt, side }, Step::Abort { attempt, side }],
    }
}

impl Model for Bounds {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![self.first()]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        self.beginnings(state, steps);
        self.of_attempts(state, steps);
        if self.budget.starts > 0 {
            self.boots(state, steps);
        }
    }

    fn next_state(&self, state: &State, step: Step) -> Option<State> {
        let mut next = state.clone();
        match step {
            Step::Begin { intent, slot, copies } => next.begin(self, intent, slot, copies),
            Step::Open { attempt, side } => next.open(self, attempt, side.into()),
            Step::Merge { attempt, side } => next.merge(self, attempt, side.into()),
            Step::Commit { attempt, side } => next.commit(attempt, side.into()),
            Step::Release { attempt, side } => next.release(attempt, side.into()),
            Step::Finish { attempt, side } => next.finish(attempt, side.into()),
            Step::Abort { attempt, side } => next.abort(self, attempt, side.into()),
            Step::Save { who } => next.save(who),
            Step::Restart { who, blob } => next.start(self, who.into(), who, blob),
            Step::Double { who, blob } => next.double(self, who, blob),
            Step::Ask { copy, granter } => next.ask(self, copy, granter),
            Step::Take { copy, from } => next.take(self, copy, from),
            Step::Reserve { intent, slot, copies } => next.reserve(self, intent, slot, copies),
            Step::End { attempt, outcome } => next.end(self, attempt, outcome),
            Step::Admit { copy, granter } => next.admit(self, copy, granter),
        }?;
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(SUM, |bounds: &Bounds, state| signed_intents(state) <= bounds.cap),
            Property::always(SLOTS, |_, state| !has_second_slot(state)),
            Property::sometimes(USED_UP, |bounds, state| signed_intents(state) == bounds.cap),
            Property::sometimes(SIGNS_AGAIN, |bounds: &Bounds, state: &State| {
                bounds.budget.starts == 0 || state.again != 0
            }),
        ]
    }
}
