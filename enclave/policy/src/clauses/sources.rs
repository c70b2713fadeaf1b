//! `sources`: which wallet acts, by its id or by a tag that the policy set gives it (rule G3).

use crate::case::Case;
use ringi_primitives::policy_set::Source;

/// One of these wallets, or one with one of these tags, if there are any.
pub(crate) fn holds(case: &Case, sources: &[Source]) -> bool {
    let wallet = case.question.wallet;
    let is = |source: &Source| match source {
        Source::Wallet(id) => wallet.wallet == *id,
        Source::Tag(tag) => case.acting().is_some_and(|w| w.tags.contains(tag)),
    };
    sources.is_empty() || sources.iter().any(is)
}

#[cfg(test)]
mod tests {
    use crate::fixture::*;
    use ringi_primitives::decision::DenyReason::NotPermitted;
    use ringi_primitives::policy_set::{Conditions, Source};

    /// Wallet 1 acts and has the tag `payroll`; wallet 2 has the tag `reserve`.
    #[test]
    fn g3_a_wallet_is_known_by_id_and_by_the_signed_sets_tags() {
        let of = |sources| World::new(vec![allow("p", Conditions { sources, ..Conditions::default() })]);
        assert!(allows(&of(vec![Source::Wallet(wallet(1))]), "p"));
        assert_eq!(of(vec![Source::Wallet(wallet(2))]).decide(), deny_default(NotPermitted));
        assert!(allows(&of(vec![Source::Tag("payroll".into())]), "p"));
        assert_eq!(of(vec![Source::Tag("reserve".into())]).decide(), deny_default(NotPermitted));
        let mut stranger = of(vec![Source::Tag("payroll".into())]);
        stranger.wallet = wallet(9);
        assert_eq!(stranger.decide(), deny_default(NotPermitted), "a wallet the set does not know has no tags");
    }
}
