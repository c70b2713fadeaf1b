//! `block`: denies every intent with an effect that it matches, whatever other rules say and wherever it stands. What it does
//! is written in [`crate::decide`]; its tests are here.

#[cfg(test)]
mod tests {
    use crate::fixture::*;
    use ringi_primitives::decision::DenyReason::Denied;

    #[test]
    fn a_block_wins_wherever_it_stands() {
        let stop = || block("stop", kinds(&["transfer"]));
        for rules in [vec![stop(), allow_all()], vec![allow_all(), stop()]] {
            assert_eq!(World::new(rules).decide(), deny("stop", Denied));
        }
        let approve =
            ringi_primitives::effects::Effect::Approve { asset: usdc(), spender: address(7), amount: amount(1) };
        let world = World::new(vec![allow_all(), stop()]).asks(vec![approve.clone()]);
        assert!(allows(&world, "allow"), "of transfers only");
        let world = world.asks(vec![approve, transfer(usdc(), 7, 1)]);
        assert_eq!(world.decide(), deny("stop", Denied), "one effect is enough");
    }

    #[test]
    fn of_several_blocks_the_first_is_named() {
        let rules = vec![allow_all(), block("a", from_person(1)), block("b", kinds(&["transfer"]))];
        assert_eq!(World::new(rules).decide(), deny("a", Denied));
    }
}
