//! What is wrong, or probably not meant, in a rule set that is otherwise sound: rules that never speak, quorums nobody can fill,
//! payments without a bound. Each finding names its rule.

use crate::search::times::Times;
use crate::search::{Ground, Inputs, Sort, World};
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::{
    Band, Conditions, DANGEROUS, Destination, Hours, Initiator, KINDS, KeyPurpose, PolicySet, Rule, Ruling, Terms,
    Vault,
};
use ringi_primitives::time::UnixMs;
use serde::Serialize;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It cannot be what was meant: the rule never speaks, or can never be met.
    Error,
    /// It may be meant; somebody should say so.
    Warning,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// The vault.
    pub vault: String,
    /// The rule or limit.
    pub rule: String,
    /// A stable name of the kind of finding.
    pub code: &'static str,
    /// In words.
    pub text: String,
}

/// Everything found, in policy order.
pub fn lint(set: &PolicySet, now: UnixMs) -> Vec<Finding> {
    set.vaults.iter().flat_map(|vault| of_vault(set, vault, now)).collect()
}

fn of_vault(set: &PolicySet, vault: &Vault, now: UnixMs) -> Vec<Finding> {
    let mut found = Vec::new();
    let reach = Reach::of(set, vault, now);
    let mut tell = |severity, rule: &str, code, text: String| {
        found.push(Finding { severity, vault: vault.name.clone(), rule: rule.into(), code, text });
    };
    for (at, rule) in vault.rules.iter().enumerate() {
        if let Some(why) = never(set, &rule.when, now).or_else(|| reach.never_met(at)) {
            tell(Severity::Error, &rule.name, "unreachable", format!("never matches: {why}"));
        } else if let Some(by) = reach.overruled(at, rule) {
            tell(Severity::Error, &rule.name, "shadowed", format!("never decides: {by} everything it matches"));
        }
        let Ruling::Allow(terms) = &rule.then else { continue };
        if let Some(group) = unfillable(set, terms) {
            let text = format!("can never be approved: too few of `{group}` have a key or passkey that approves");
            tell(Severity::Error, &rule.name, "unapprovable", text);
        }
        let anybody = rule.when.destinations.is_empty() && rule.when.calls.is_empty() && rule.when.messages.is_empty();
        let moves =
            rule.when.kinds.is_empty() || rule.when.kinds.iter().any(|k| k != "self_cancel" && k != "ownership_proof");
        if anybody && moves && terms.approvals.is_none() {
            tell(Severity::Warning, &rule.name, "pays_anybody", "allows any destination, and nobody approves".into());
        }
        let bounded = !terms.caps.is_empty()
            || !terms.limits.is_empty()
            || !rule.when.within.is_empty()
            || rule.when.amounts.iter().any(|b| b.at_most.is_some());
        if moves && !bounded && terms.approvals.is_none() {
            tell(Severity::Warning, &rule.name, "unbounded", "allows any amount, and nobody approves".into());
        }
    }
    let used = |name: &String| {
        vault.rules.iter().any(|r| {
            let charged = matches!(&r.then, Ruling::Allow(terms) if terms.limits.contains(name));
            charged || r.when.within.contains(name)
        })
    };
    for limit in vault.limits.iter().filter(|l| !used(&l.name)) {
        tell(Severity::Warning, &limit.name, "unused_limit", "no rule charges this limit".into());
    }
    found
}

/// Why no input ever meets these conditions.
fn never(set: &PolicySet, when: &Conditions, now: UnixMs) -> Option<&'static str> {
    if when.until.is_some_and(|until| until <= now) {
        return Some("its time is over");
    }
    let empty = |d: &Destination| matches!(d, Destination::List(name) if set.allow_list(name).is_none_or(|l| l.entries.is_empty()));
    if !when.destinations.is_empty() && when.destinations.iter().all(empty) {
        return Some("its allow-lists are empty");
    }
    let initiates = |p: &ringi_primitives::policy_set::Person| p.keys.iter().any(|k| k.purpose == KeyPurpose::Initiate);
    let someone = |i: &Initiator| match i {
        Initiator::Group(name) => {
            let group = set.group(name);
            set.people.iter().any(|p| initiates(p) && group.is_some_and(|g| g.members.contains(&p.id)))
        }
        Initiator::Person(id) => set.people.iter().any(|p| p.id == *id && initiates(p)),
    };
    if !when.initiators.is_empty() && !when.initiators.iter().any(someone) {
        return Some("nobody of its initiators has a key that initiates");
    }
    let assets = when.assets.iter().all(|a| !when.networks.is_empty() && !when.networks.contains(&a.network));
    if !when.assets.is_empty() && assets {
        return Some("its assets are on other networks than it names");
    }
    let called = when.kinds.is_empty() || when.kinds.iter().any(|k| k == "call");
    (!when.calls.is_empty() && !called).then_some("it names calls, but not the kind `call`")
}

/// Obstacles that the search for all rules of a vault looks at; nothing is said of rules after that.
const STEPS: u32 = 5_000_000;

/// What the search over all inputs says of a vault's rules.
struct Reach<'a> {
    set: &'a PolicySet,
    vault: &'a Vault,
    grounds: BTreeMap<NetworkId, Ground>,
    steps: Cell<u32>,
}

impl<'a> Reach<'a> {
    fn of(set: &'a PolicySet, vault: &'a Vault, now: UnixMs) -> Reach<'a> {
        let whens: Vec<&Conditions> = vault.rules.iter().map(|r| &r.when).collect();
        let times = Times::of(&whens, now);
        let grounds = set.networks.iter().map(|n| (*n, Ground::of(set, vault, *n, None, &times))).collect();
        Reach { set, vault, grounds, steps: Cell::new(STEPS) }
    }

    /// Every sort of effects that the rule speaks of, and the inputs that meet its conditions.
    fn met(&self, at: usize) -> impl Iterator<Item = (World<'_>, Inputs)> {
        let sorts = KINDS.into_iter().flat_map(|kind| self.set.assets.iter().map(move |a| Sort::of(kind, a.key)));
        sorts.filter_map(move |sort| {
            let world = World { vault: self.vault, ground: self.grounds.get(&sort.asset.network)?, sort };
            let rule = self.vault.rules.get(at).filter(|rule| world.speaks_of(rule));
            let inputs = rule.and_then(|_| world.require(world.all(), at))?;
            Some((world, inputs))
        })
    }

    fn never_met(&self, at: usize) -> Option<&'static str> {
        self.met(at).next().is_none().then_some("nothing meets all of its conditions at once")
    }

    /// The rules that take or block whatever this one matches. `None` if it decides something, or if nobody can tell.
    fn overruled(&self, at: usize, rule: &Rule) -> Option<String> {
        if rule.then == Ruling::Block {
            return None;
        }
        let mut by = BTreeSet::new();
        for (world, inputs) in self.met(at) {
            let obstacles = world.obstacles(at);
            by.extend(obstacles.iter().filter(|other| !world.fails(&inputs, **other)).copied());
            let mut steps = self.steps.get();
            let decided = world.avoid(inputs, &obstacles, &mut steps);
            self.steps.set(steps);
            if !matches!(decided, Ok(None)) {
                return None;
            }
        }
        let rules: Vec<&Rule> = by.into_iter().filter_map(|other| self.vault.rules.get(other)).collect();
        let one = rules.iter().find(|other| covers(other, rule));
        let verb = |rule: &Rule| if rule.then == Ruling::Block { "blocks" } else { "takes" };
        Some(match one.or(rules.first().filter(|_| rules.len() == 1)) {
            Some(other) => format!("`{}` {}", other.name, verb(other)),
            None => {
                let names: Vec<String> = rules.iter().map(|r| format!("`{}`", r.name)).collect();
                format!("{} together take or block", names.join(", "))
            }
        })
    }
}

/// A group of which too few can approve, if every list of seats has one.
fn unfillable(set: &PolicySet, terms: &Terms) -> Option<String> {
    let approves = |id: &ringi_primitives::id::PersonId| {
        let person = set.people.iter().find(|p| p.id == *id);
        person.is_some_and(|p| !p.passkeys.is_empty() || p.keys.iter().any(|k| k.purpose == KeyPurpose::Approve))
    };
    let lacks = |seats: &&ringi_primitives::policy_set::Seats| {
        let members = set.group(&seats.group).into_iter().flat_map(|g| &g.members).filter(|id| approves(id)).count();
        usize::try_from(seats.count).is_ok_and(|count| members < count)
    };
    let ways = &terms.approvals.as_ref()?.any_of;
    let lacking: Option<Vec<_>> = ways.iter().map(|way| way.iter().find(lacks)).collect();
    lacking?.first().map(|seats| seats.group.clone())
}

/// Whether the first rule matches whatever the second does: each of its conditions follows from one of the second's.
pub(crate) fn covers(cover: &Rule, rule: &Rule) -> bool {
    let (a, b) = (&cover.when, &rule.when);
    let kinds = if a.kinds.is_empty() {
        cover.then == Ruling::Block || !b.kinds.iter().any(|k| DANGEROUS.contains(&k.as_str()))
    } else {
        !b.kinds.is_empty() && b.kinds.iter().all(|k| a.kinds.contains(k))
    };
    kinds
        && subset(&a.networks, &b.networks)
        && subset(&a.assets, &b.assets)
        && subset(&a.initiators, &b.initiators)
        && subset(&a.sources, &b.sources)
        && subset(&a.destinations, &b.destinations)
        && a.amounts.iter().all(|wide| b.amounts.iter().any(|narrow| holds(wide, narrow)))
        && (a.hours.is_empty() || (!b.hours.is_empty() && b.hours.iter().all(|h| a.hours.iter().any(|w| spans(w, h)))))
        && a.from.is_none_or(|from| b.from.is_some_and(|later| later >= from))
        && a.until.is_none_or(|until| b.until.is_some_and(|sooner| sooner <= until))
        && subset(&a.calls, &b.calls)
        && subset(&a.messages, &b.messages)
        && (a.coins.is_none() || a.coins == b.coins)
        && a.within.iter().all(|name| b.within.contains(name))
}

/// An empty list is no condition.
fn subset<T: PartialEq>(wide: &[T], narrow: &[T]) -> bool {
    wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(|item| wide.contains(item)))
}

fn holds(wide: &Band, narrow: &Band) -> bool {
    wide.measure == narrow.measure
        && wide.above.is_none_or(|above| narrow.above.is_some_and(|more| more >= above))
        && wide.at_most.is_none_or(|most| narrow.at_most.is_some_and(|less| less <= most))
}

fn spans(wide: &Hours, narrow: &Hours) -> bool {
    wide.zone == narrow.zone
        && narrow.days.is_subset(&wide.days)
        && wide.from_minute <= narrow.from_minute
        && narrow.to_minute <= wide.to_minute
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{NOW, set};

    fn codes(rules: &str) -> Vec<(String, &'static str)> {
        let found = lint(&set(rules), NOW).into_iter().filter(|f| f.code != "unused_limit");
        found.map(|f| (f.rule, f.code)).collect()
    }

    fn rule(name: &str, body: &str) -> String {
        format!("[[vaults.rules]]\nname = \"{name}\"\n{body}\n")
    }

    fn is(name: &str, code: &'static str) -> (String, &'static str) {
        (name.into(), code)
    }

    const LISTED: &str = "to = [\"list:suppliers\"]\nallow = { limits = [\"day\"] }";

    /// What no single rule covers, several may.
    #[test]
    fn a_rule_that_earlier_ones_take_together_is_shadowed() {
        let usdc = rule("usdc", &format!("assets = [\"usdc\"]\n{LISTED}"));
        let eth = rule("eth", &format!("assets = [\"eth\"]\n{LISTED}"));
        let both = rule("both", &format!("assets = [\"usdc\", \"eth\"]\n{LISTED}"));
        assert_eq!(codes(&format!("{usdc}{both}")), []);
        assert_eq!(codes(&format!("{usdc}{eth}{both}")), [is("both", "shadowed")]);
        let found = lint(&set(&format!("{usdc}{eth}{both}")), NOW);
        let text = &found.iter().find(|f| f.code == "shadowed").unwrap().text;
        assert_eq!(text, "never decides: `usdc`, `eth` together take or block everything it matches");
        let band = |name: &str, band: &str| rule(name, &format!("amounts = [{{ of = \"usdc\", {band} }}]\n{LISTED}"));
        let (small, large) = (band("small", "at_most = \"100\""), band("large", "above = \"100\""));
        let (gap, rest) = (band("gap", "above = \"101\""), rule("rest", LISTED));
        assert_eq!(codes(&format!("{small}{large}{rest}")), [is("rest", "shadowed")]);
        assert_eq!(codes(&format!("{small}{gap}{rest}")), []);
        let sunday = "hours = [{ zone = \"UTC\", days = [\"sun\"], from = \"00:00\", to = \"24:00\" }]";
        let week = sunday.replace("\"sun\"", "\"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\"");
        let (sunday, week) = (rule("sun", &format!("{sunday}\n{LISTED}")), rule("week", &format!("{week}\n{LISTED}")));
        assert_eq!(codes(&format!("{sunday}{week}{rest}")), [is("rest", "shadowed")]);
        assert_eq!(codes(&format!("{week}{rest}{sunday}")), [is("sun", "shadowed")]);
    }

    /// Each of these is stepped around by itself, on a thread as small as a server's.
    #[test]
    fn a_rule_after_thousands_of_others_is_searched() {
        let mut base = set(&rule("last", LISTED));
        let last = base.vaults[0].rules.remove(0);
        let people = base.people.clone();
        let (mut rules, mut crowd) = (Vec::new(), Vec::new());
        for n in 0..4000_u32 {
            let mut person = people[0].clone();
            let mut id = [9; 16];
            id[..4].copy_from_slice(&n.to_be_bytes());
            person.id = ringi_primitives::id::PersonId::from_bytes(id);
            let when = Conditions { initiators: vec![Initiator::Person(person.id)], ..Conditions::default() };
            rules.push(Rule { name: format!("r{n}"), when, then: Ruling::Block });
            crowd.push(person);
        }
        rules.push(last);
        base.people.extend(crowd);
        base.vaults[0].rules = rules;
        let search = std::thread::Builder::new().stack_size(256 * 1024).spawn(move || lint(&base, NOW));
        let found = search.unwrap().join().unwrap();
        assert!(!found.iter().any(|f| f.rule == "last" && f.code == "shadowed"), "{found:?}");
    }

    /// By a cancel nobody gains: a block of destinations does not speak of it.
    #[test]
    fn a_block_of_destinations_leaves_cancels() {
        let (to, block) = ("to = [\"list:suppliers\"]", "block = true");
        let any = |name: &str, kinds: &str| rule(name, &format!("{kinds}{to}\nallow = {{ limits = [\"day\"] }}"));
        let block = rule("block", &format!("{to}\n{block}"));
        assert_eq!(
            codes(&format!("{}{block}", any("any", "networks = [\"eip155:1\"]\n"))),
            [],
            "it still allows cancels"
        );
        assert_eq!(codes(&format!("{}{block}", any("pay", "kinds = [\"transfer\"]\n"))), [is("pay", "shadowed")]);
    }

    #[test]
    fn conditions_that_never_hold_at_once_are_found() {
        let hours = "hours = [{ zone = \"UTC\", days = [\"tue\"], from = \"00:00\", to = \"24:00\" }]";
        // 2027-03-01 is a Monday.
        let of = |until: &str| {
            let validity = format!("from = \"2027-03-01T00:00:00Z\"\nuntil = \"{until}\"");
            codes(&rule("short", &format!("{hours}\n{validity}\n{LISTED}")))
        };
        assert_eq!(of("2027-03-02T00:00:00Z"), [is("short", "unreachable")]);
        assert_eq!(of("2027-03-02T00:00:01Z"), []);
    }

    #[test]
    fn a_rule_that_an_earlier_one_takes_is_shadowed() {
        let wide = rule("wide", &format!("kinds = [\"transfer\", \"approve\"]\n{LISTED}"));
        let narrow = rule("narrow", &format!("kinds = [\"transfer\"]\nassets = [\"usdc\"]\n{LISTED}"));
        assert_eq!(codes(&format!("{wide}{narrow}")), [is("narrow", "shadowed")]);
        assert_eq!(codes(&format!("{narrow}{wide}")), []);
        let amounts = |name: &str, most: &str| {
            rule(name, &format!("amounts = [{{ of = \"usdc\", at_most = \"{most}\" }}]\n{LISTED}"))
        };
        assert_eq!(codes(&format!("{}{}", amounts("a", "5"), amounts("b", "4"))), [is("b", "shadowed")]);
        assert_eq!(codes(&format!("{}{}", amounts("a", "4"), amounts("b", "5"))), []);
        let dangerous = rule("dangerous", &format!("kinds = [\"raw_call\"]\n{LISTED}"));
        assert_eq!(codes(&format!("{}{dangerous}", rule("any", LISTED))), [], "any does not speak of it");
        let block = rule("block", "to = [\"list:suppliers\"]\nblock = true");
        assert_eq!(codes(&format!("{narrow}{block}")), [is("narrow", "shadowed")], "wherever the block stands");
        let full = rule("within", &format!("kinds = [\"transfer\"]\nwithin = [\"day\"]\n{LISTED}"));
        assert_eq!(codes(&format!("{full}{}", rule("beyond", &format!("kinds = [\"transfer\"]\n{LISTED}")))), []);
    }

    #[test]
    fn rules_that_never_match_or_can_never_be_met_are_found() {
        let over = rule("over", &format!("until = \"2020-01-01T00:00:00Z\"\n{LISTED}"));
        assert_eq!(codes(&over), [is("over", "unreachable")]);
        let nobody = rule("nobody", &format!("initiators = [\"group:the board\"]\n{LISTED}"));
        assert_eq!(codes(&nobody), [is("nobody", "unreachable")], "the board has no key that initiates");
        let abroad = rule("abroad", &format!("networks = [\"bitcoin:regtest\"]\nassets = [\"usdc\"]\n{LISTED}"));
        assert_eq!(codes(&abroad), [is("abroad", "unreachable")]);
        let traders = rule("traders", "allow = { approvals = \"2 of traders\" }");
        assert_eq!(codes(&traders), [is("traders", "unapprovable")], "Ines has no key that approves");
        assert_eq!(codes(&rule("either", "allow = { approvals = \"2 of traders or 1 of heads\" }")), []);
    }

    #[test]
    fn payments_without_a_bound_are_pointed_out() {
        assert_eq!(codes(&rule("free", "allow = {}")), [is("free", "pays_anybody"), is("free", "unbounded")]);
        assert_eq!(codes(&rule("listed", "to = [\"list:suppliers\"]\nallow = {}")), [is("listed", "unbounded")]);
        assert_eq!(codes(&rule("approved", "allow = { approvals = \"1 of heads\" }")), []);
        let unused = lint(&set(&rule("r", LISTED)), NOW);
        let unused: Vec<_> = unused.iter().map(|f| (f.rule.as_str(), f.code)).collect();
        assert_eq!(unused, [("month", "unused_limit"), ("count", "unused_limit"), ("open", "unused_limit")]);
    }
}
