//! Which nonce comes next. EVM nonces have no gaps: a hole stops everything behind it (rule I3).

use super::facts::NonceFacts;
use std::collections::BTreeSet;

/// The lowest nonce that is free: not used on chain, not waiting in the node's pool, not reserved by us.
///
/// `reserved` must hold every nonce handed out whose transaction is not yet final; a nonce whose intent ended without a
/// signature anywhere is taken out of it and so filled first. `None` if the node's numbers leave no room.
pub fn choose_nonce(chain: NonceFacts, reserved: &BTreeSet<u64>) -> Option<u64> {
    let mut nonce = chain.latest.max(chain.pending);
    for taken in reserved.range(nonce..) {
        if *taken != nonce {
            break;
        }
        nonce = nonce.checked_add(1)?;
    }
    // EIP-2681: a nonce stays below 2^64 - 1.
    (nonce < u64::MAX).then_some(nonce)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(latest: u64, pending: u64, reserved: &[u64]) -> Option<u64> {
        choose_nonce(NonceFacts { latest, pending }, &reserved.iter().copied().collect())
    }

    #[test]
    fn i3_nonces_have_no_gaps() {
        assert_eq!(choose(0, 0, &[]), Some(0));
        assert_eq!(choose(5, 5, &[5, 6]), Some(7));
        assert_eq!(choose(5, 5, &[6, 7]), Some(5), "the lowest gap first");
        assert_eq!(choose(5, 5, &[5, 7]), Some(6));
        assert_eq!(choose(5, 7, &[]), Some(7), "the pool holds 5 and 6");
        assert_eq!(choose(5, 7, &[5, 6]), Some(7));
        assert_eq!(choose(5, 6, &[5, 6, 7, 9]), Some(8));
        assert_eq!(choose(9, 4, &[2, 3]), Some(9), "a pool behind the chain is a lie or a lag");
        assert_eq!(choose(u64::MAX, 0, &[]), None);
        assert_eq!(choose(u64::MAX - 1, 0, &[u64::MAX - 1]), None);
    }
}
