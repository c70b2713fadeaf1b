//! `signers`: cosigners that must all be among those who sign. Where the signers are not chosen yet, advice takes it to hold.

use crate::case::Case;
use ringi_primitives::decision::DenyReason;
use ringi_primitives::scheme::PartyIndex;
use std::collections::BTreeSet;

/// All designated cosigners sign.
pub(crate) fn check(case: &Case, designated: &BTreeSet<PartyIndex>) -> Result<(), DenyReason> {
    match case.question.signers {
        Some(signers) if !designated.is_subset(signers) => Err(DenyReason::SignerMissing),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::*;
    use ringi_primitives::decision::DenyReason::SignerMissing;
    use ringi_primitives::policy_set::Terms;
    use ringi_primitives::scheme::PartyIndex;
    use std::collections::BTreeSet;

    #[test]
    fn a_designated_cosigner_takes_part() {
        let set = |numbers: &[u8]| numbers.iter().map(|n| PartyIndex::new(*n).unwrap()).collect::<BTreeSet<_>>();
        let terms = Terms { signers: set(&[3]), ..Terms::default() };
        let mut world = World::new(vec![allow_with("p", kinds(&["transfer"]), terms)]);
        for (signers, expected) in [(None, true), (Some(set(&[1, 3])), true), (Some(set(&[1, 2])), false)] {
            world.signers = signers.clone();
            assert_eq!(allows(&world, "p"), expected, "{signers:?}");
            assert!(expected || world.decide() == deny("p", SignerMissing));
        }
    }
}
