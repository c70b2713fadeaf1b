//! `destinations`: who gains value or power, by the lists, tags and wallets of the signed policy set (rule G3): recipient,
//! spender, called contract or delegate. An effect by which nobody but the wallet gains passes; a beneficiary whom nobody can
//! tell is on no list.

use crate::case::Sort;
use crate::places::Gain;
use ringi_primitives::policy_set::{Rule, Ruling};

/// One of these, if there are any. A block of destinations speaks of nobody who gains nothing.
pub(crate) fn holds<'a>(rule: &'a Rule, sort: &Sort<'a>) -> bool {
    let destinations = &rule.when.destinations;
    match sort.place.gain() {
        _ if destinations.is_empty() => true,
        Gain::Nobody => rule.then != Ruling::Block,
        Gain::By(_) | Gain::Unknown => sort.place.is_any(destinations),
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::*;
    use ringi_primitives::decision::DenyReason::{Denied, NotPermitted};
    use ringi_primitives::effects::{Effect, OpaqueKind};
    use ringi_primitives::network::NetworkId;
    use ringi_primitives::policy_set::{AllowEntry, Conditions, Destination};

    fn to(destinations: Vec<Destination>, effect: Effect) -> World {
        World::new(vec![allow("p", Conditions { destinations, ..kinds(&[effect.kind()]) })]).asks(vec![effect])
    }

    fn contract(network: NetworkId, n: u8) -> Destination {
        Destination::Contract(AllowEntry { network, address: address(n) })
    }

    fn goes(destination: Destination, effect: Effect) -> bool {
        let world = to(vec![destination], effect);
        let decision = world.decide();
        if decision == deny_default(NotPermitted) {
            return false;
        }
        assert!(allows(&world, "p"), "{decision:?}");
        true
    }

    /// Address 7 is on `known`, which has the tag `suppliers`; 8 is wallet 2's, which has the tag `reserve`; 9 is nobody's.
    #[test]
    fn g3_an_address_is_what_the_signed_set_says() {
        use Destination::{Internal, Unlisted};
        let pays = |to| transfer(usdc(), to, 5);
        let list = |name: &str| Destination::List(name.into());
        let tag = |name: &str| Destination::Tag(name.into());
        let places =
            [list("known"), list("empty"), tag("suppliers"), tag("reserve"), Internal, Unlisted, contract(EVM, 9)];
        for (address, expected) in [
            (7, [true, false, true, false, false, false, false]),
            (8, [false, false, false, true, true, false, false]),
            (9, [false, false, false, false, false, true, false]),
        ] {
            for (place, expected) in places.iter().zip(expected) {
                assert_eq!(goes(place.clone(), pays(address)), expected, "{address} {place:?}");
            }
        }
    }

    #[test]
    fn g3_spenders_contracts_and_delegates_are_held_to_the_lists_too() {
        let known = || Destination::List("known".into());
        for address_of in [7, 9] {
            let on = address_of == 7;
            let approve = Effect::Approve { asset: usdc(), spender: address(address_of), amount: amount(1) };
            let delegate = Effect::Delegate { network: EVM, delegate: address(address_of) };
            let call = opaque(OpaqueKind::Call, Some(address_of), 0);
            for effect in [approve, delegate, call] {
                assert_eq!(goes(known(), effect.clone()), on, "{effect:?}");
                assert!(goes(contract(EVM, address_of), effect.clone()), "{effect:?}");
                assert!(!goes(contract(OTHER_EVM, address_of), effect.clone()), "{effect:?}");
                assert!(!goes(contract(EVM, 3), effect.clone()), "{effect:?}");
            }
        }
    }

    #[test]
    fn g3_the_same_address_on_another_chain_is_another() {
        let mut world = to(vec![Destination::List("known".into())], transfer(op_eth(), 7, 5));
        world.network = OTHER_EVM;
        assert_eq!(world.decide(), deny_default(NotPermitted));
    }

    #[test]
    fn who_gains_nothing_passes_and_whom_nobody_knows_does_not() {
        let known = || Destination::List("known".into());
        assert!(goes(known(), Effect::SelfCancel { network: EVM }));
        let proof = Effect::OwnershipProof { network: EVM, statement: "x".into() };
        assert!(goes(known(), proof));
        let strangers = Conditions { destinations: vec![Destination::Unlisted], ..Conditions::default() };
        let mut cancel = World::new(vec![block("strangers", strangers), allow_all()]);
        cancel.effects = vec![Effect::SelfCancel { network: EVM }];
        assert!(allows(&cancel, "allow"), "and a block of strangers does not speak of it");
        for kind in [OpaqueKind::Creation, OpaqueKind::Message] {
            assert!(!goes(known(), opaque(kind, None, 0)), "{kind:?}");
            assert!(goes(Destination::Unlisted, opaque(kind, None, 0)), "{kind:?}");
        }
    }

    /// Each effect by itself: one to a stranger is enough for a block.
    #[test]
    fn a_block_of_the_unlisted_stops_a_batch_with_one_of_them() {
        let strangers = Conditions { destinations: vec![Destination::Unlisted], ..Conditions::default() };
        let mut world = World::new(vec![allow_all(), block("strangers", strangers)]);
        world.effects = vec![transfer(usdc(), 7, 1), transfer(usdc(), 8, 1)];
        assert!(allows(&world, "allow"));
        world.effects.push(transfer(usdc(), 9, 1));
        assert_eq!(world.decide(), deny("strangers", Denied));
    }
}
