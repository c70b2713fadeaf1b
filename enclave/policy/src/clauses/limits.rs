//! `limits`: at most so much by a measure over a window, fees included where it counts them, for each subject (rules L1, L2, I3).
//!
//! A spending at time `at` counts in a rolling window while `now < at + window`: exactly one window later it no longer does.
//! In a calendar window it counts until the next day, week or month begins in the zone. What is outstanding counts until it
//! is proved final (rule L3). What a replacement takes the place of is not counted besides it; the intent counts once, with
//! its dearest version, however long ago that was signed (rule I3). An intent that takes nothing is charged nothing.

use crate::case::Case;
use ringi_primitives::amount::Amount;
use ringi_primitives::decision::{Charge, DenyReason, LimitKey, Subject};
use ringi_primitives::policy_set::{Limit, Scope, Window};
use ringi_primitives::time::UnixMs;
use ringi_primitives::zone::Zone;

/// What the intent costs the limit of this name, if it fits.
pub(crate) fn charges<'a>(case: &Case<'a>, name: &'a str) -> Result<Vec<Charge>, DenyReason> {
    let limit = || case.vault.limits.iter().find(|l| l.name == name).ok_or(DenyReason::Unknown);
    case.limits.of(name, || weigh(case, limit()?))
}

/// The keys that an intent has in a limit, whether it fits or not.
pub(crate) fn keys(case: &Case, limit: &Limit) -> Vec<LimitKey> {
    let asked = asked(case, limit).unwrap_or_default();
    asked.into_iter().map(|(subject, _)| key(case, limit, subject)).collect()
}

fn key(case: &Case, limit: &Limit, subject: Subject) -> LimitKey {
    LimitKey { vault: case.vault.index, name: limit.name.clone(), measure: limit.measure, subject }
}

fn weigh(case: &Case, limit: &Limit) -> Result<Vec<Charge>, DenyReason> {
    asked(case, limit)?.into_iter().map(|(subject, amount)| charge(case, limit, subject, amount)).collect()
}

/// What the intent takes by the limit's measure, for each subject.
fn asked(case: &Case, limit: &Limit) -> Result<Vec<(Subject, Amount)>, DenyReason> {
    let q = case.question;
    let asked = match limit.per {
        Scope::Vault => vec![(Subject::Vault, case.takes(&limit.measure)?)],
        Scope::Wallet => vec![(Subject::Wallet(q.wallet.wallet), case.takes(&limit.measure)?)],
        Scope::Initiator => vec![(Subject::Initiator(q.initiator), case.takes(&limit.measure)?)],
        Scope::Destination => {
            let by = case.takes_by_destination(&limit.measure)?;
            by.into_iter().map(|(who, amount)| (Subject::Destination(who), amount)).collect()
        }
    };
    Ok(asked.into_iter().filter(|(_, amount)| !amount.is_zero()).collect())
}

/// The others' sum and this intent's dearest version stay within the limit.
fn charge(case: &Case, limit: &Limit, subject: Subject, asked: Amount) -> Result<Charge, DenyReason> {
    let q = case.question;
    let key = key(case, limit, subject);
    // I3: a replacement charges the maximum of its versions, not the sum.
    let amount = asked.max(q.spent.of_intent(&key, &q.intent));
    // L1, L2: on the signed amount, fees included, over everything merged so far. A sum over 256 bits is over every
    // limit, an exhausted window's too (rule B1).
    let others = match &limit.window {
        Window::Rolling(seconds) => q.spent.in_window(&key, first_of_rolling(q.now, *seconds), &q.intent),
        Window::Calendar { period, zone } => {
            let start = Zone::named(zone).and_then(|zone| zone.start_of(*period, q.now));
            q.spent.in_window(&key, start.ok_or(DenyReason::Unknown)?, &q.intent)
        }
        // L3: whatever is not proved final.
        Window::UntilFinal => q.spent.outstanding(&key, &q.intent),
    };
    let total = others.and_then(|others| others.checked_add(amount));
    if total.is_none_or(|total| total > limit.most) {
        return Err(DenyReason::LimitExceeded);
    }
    Ok(Charge { limit: key, amount, cap: limit.most, window: limit.window.clone() })
}

/// The earliest time that still counts: one millisecond after the instant one window ago.
fn first_of_rolling(now: UnixMs, seconds: u64) -> UnixMs {
    let window_ms = seconds.saturating_mul(1000);
    UnixMs(now.0.checked_sub(window_ms).map_or(0, |start| start.saturating_add(1)))
}

#[cfg(test)]
mod tests;
