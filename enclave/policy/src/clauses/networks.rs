//! `networks`: the chain.

use crate::case::Sort;
use ringi_primitives::network::NetworkId;

/// One of these, if there are any.
pub(crate) fn holds(networks: &[NetworkId], sort: &Sort) -> bool {
    networks.is_empty() || networks.contains(&sort.network)
}

#[cfg(test)]
mod tests {
    use crate::fixture::*;
    use ringi_primitives::decision::DenyReason::NotPermitted;
    use ringi_primitives::policy_set::Conditions;

    #[test]
    fn a_rule_speaks_of_the_chains_it_names() {
        let on = |networks| World::new(vec![allow("p", Conditions { networks, ..kinds(&["transfer"]) })]);
        assert!(allows(&on(vec![EVM]), "p"));
        assert!(allows(&on(vec![BTC, EVM]), "p"));
        assert_eq!(on(vec![BTC]).decide(), deny_default(NotPermitted));
        assert_eq!(on(vec![OTHER_EVM]).decide(), deny_default(NotPermitted));
    }
}
