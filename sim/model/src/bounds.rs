//! The bounds that are searched, and schedules that break a model without one of its checks.

use crate::check::{Bounds, Grain};
use crate::sessions::ENDLESS;
use crate::state::{Budget, Flaw, Step};
use stateright::{Checker, HasDiscoveries, Model};

/// A day's limit of two, three intents, one attempt after the other for ever.
pub fn one_after_the_other() -> Bounds {
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
pub fn side_by_side() -> Bounds {
    let budget = Budget { attempts: 3, starts: 0, saves: 0 };
    Bounds { at_once: 3, grain: Grain::Endless, budget, ..one_after_the_other() }
}

/// Message by message, and the host ends what it likes.
pub fn message_by_message() -> Bounds {
    let budget = Budget { attempts: 4, starts: 0, saves: 0 };
    Bounds { grain: Grain::Fine, budget, ..one_after_the_other() }
}

/// Starts, from an old blob too, beside the first copy too.
pub fn with_starts() -> Bounds {
    Bounds { budget: Budget { attempts: 3, starts: 1, saves: 1 }, ..one_after_the_other() }
}

/// Three attempts at two intents with a limit of one, and two starts.
pub fn with_more_starts() -> Bounds {
    Bounds { intents: 2, cap: 1, budget: Budget { attempts: 3, starts: 2, saves: 1 }, ..one_after_the_other() }
}

/// The host chooses slots.
pub fn with_slots() -> Bounds {
    Bounds { intents: 2, slots: 2, ..one_after_the_other() }
}

/// A schedule that breaks the property without this check, if there is one within the bounds.
pub fn counterexample(bounds: &Bounds, flaw: Flaw, property: &'static str) -> Option<Vec<Step>> {
    let broken = bounds.without(flaw);
    let checker = broken.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    checker.discovery(property).map(|path| path.into_actions())
}
