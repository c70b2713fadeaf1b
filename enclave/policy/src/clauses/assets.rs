//! `assets`: what an effect takes. An effect that takes nothing meets no list of assets.

use crate::case::Sort;
use ringi_primitives::asset::AssetKey;

/// The effect takes one of these, if there are any.
pub(crate) fn holds(assets: &[AssetKey], sort: &Sort) -> bool {
    assets.is_empty() || sort.assets.iter().any(|a| assets.contains(a))
}

#[cfg(test)]
mod tests {
    use crate::fixture::*;
    use ringi_primitives::decision::DenyReason::NotPermitted;
    use ringi_primitives::effects::Effect;
    use ringi_primitives::policy_set::Conditions;

    #[test]
    fn a_rule_speaks_of_the_assets_it_names() {
        let of = |assets| World::new(vec![allow("p", Conditions { assets, ..Conditions::default() })]);
        assert!(allows(&of(vec![usdc()]), "p"));
        assert_eq!(of(vec![eth()]).decide(), deny_default(NotPermitted));
        let nothing = of(vec![usdc(), eth()]).asks(vec![Effect::SelfCancel { network: EVM }]);
        assert_eq!(nothing.decide(), deny_default(NotPermitted));
    }
}
