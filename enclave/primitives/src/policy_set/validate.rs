//! What a policy set must fulfil before it may be signed or obeyed: bounds, uniqueness, references, sense.

use super::{
    Approvals, Band, CallCondition, Cap, Conditions, DANGEROUS, Destination, Hours, Initiator, KINDS, KeyPurpose,
    Limit, Measure, MessageCondition, OwnApproval, PolicySet, PolicySetError, Rule, Ruling, Source, Temperature, Terms,
    Vault, Window, WordTest,
};
use crate::asset::AssetKey;
use crate::id::PersonId;
use crate::key::PublicKey;
use crate::limits;
use crate::network::NetworkId;
use crate::passkey::Passkey;
use crate::policy_set::DEFAULT_RULE;
use crate::zone::Zone;
use std::collections::BTreeSet;

impl PolicySet {
    /// Checks bounds, uniqueness, references, sense, and rules K1 and M1. A set that passes can be evaluated without surprises.
    ///
    /// # Errors
    /// [`PolicySetError`], the first found.
    pub fn validate(&self) -> Result<(), PolicySetError> {
        if self.version != 1 {
            return Err(PolicySetError::Version);
        }
        self.check_bounds()?;
        self.check_unique()?;
        self.check_references()?;
        // G3: whom cosigners believe is checked with the set that says so.
        self.trust.as_ref().map_or(Ok(()), |trust| trust.validate(self))?;
        self.vaults.iter().try_for_each(|v| self.check_vault(v))?;
        self.check_roots()
    }

    fn check_bounds(&self) -> Result<(), PolicySetError> {
        let lists = [
            (self.people.len(), "list of people"),
            (self.groups.len(), "list of groups"),
            (self.networks.len(), "list of networks"),
            (self.assets.len(), "list of assets"),
            (self.allow_lists.len(), "list of allow-lists"),
            (self.functions.len(), "list of functions"),
            (self.permits.len(), "list of permits"),
            (self.vaults.len(), "list of vaults"),
            (self.wallets.len(), "list of wallets"),
            (self.messages.len(), "list of messages"),
        ];
        for (len, what) in lists {
            check(len <= limits::LIST, PolicySetError::Bound(what))?;
        }
        for list in &self.allow_lists {
            check(list.entries.len() <= limits::ALLOW_ENTRIES, PolicySetError::Bound("allow-list"))?;
            check_tags(&list.tags)?;
        }
        for wallet in &self.wallets {
            check(wallet.addresses.len() <= limits::MATCH_LIST, PolicySetError::Bound("list of a wallet's addresses"))?;
            check_tags(&wallet.tags)?;
        }
        for person in &self.people {
            check(person.keys.len() <= limits::PERSON_KEYS, PolicySetError::Bound("list of keys"))?;
            check(person.passkeys.len() <= limits::PERSON_KEYS, PolicySetError::Bound("list of passkeys"))?;
            person.passkeys.iter().try_for_each(check_passkey)?;
        }
        for text in self.permits.iter().flat_map(|p| [&p.name, &p.version]) {
            let sound = text.len() <= limits::TEXT_BYTES && !text.chars().any(char::is_control);
            check(sound, PolicySetError::Bound("permit domain"))?;
        }
        let names = (self.people.iter().map(|p| &p.name))
            .chain(self.groups.iter().map(|g| &g.name))
            .chain(self.assets.iter().map(|a| &a.id))
            .chain(self.allow_lists.iter().map(|l| &l.name))
            .chain(self.vaults.iter().map(|v| &v.name))
            .chain(self.functions.iter().map(|f| &f.signature));
        names.into_iter().try_for_each(|name| check(plain(name), PolicySetError::Bound("name")))?;
        let kinds =
            |k: &str| !k.is_empty() && k.len() <= limits::MESSAGE_KIND_BYTES && !k.chars().any(char::is_control);
        check(self.messages.iter().all(|m| kinds(&m.kind)), PolicySetError::Bound("message type"))
    }

    fn check_unique(&self) -> Result<(), PolicySetError> {
        unique(self.people.iter().map(|p| p.id), "person")?;
        let passkeys = || self.people.iter().flat_map(|p| &p.passkeys);
        let keys = self.people.iter().flat_map(|p| p.keys.iter().map(|k| k.key));
        unique(keys.chain(passkeys().map(|k| k.key)), "key")?;
        unique(passkeys().map(|k| &k.credential), "credential")?;
        unique(self.groups.iter().map(|g| &g.name), "group")?;
        unique(self.networks.iter(), "network")?;
        unique(self.assets.iter().map(|a| &a.id), "asset id")?;
        unique(self.assets.iter().map(|a| a.key), "asset")?;
        unique(self.allow_lists.iter().map(|l| &l.name), "allow-list")?;
        unique(self.permits.iter().map(|p| p.asset), "permit")?;
        unique(self.vaults.iter().map(|v| v.index), "vault index")?;
        unique(self.vaults.iter().map(|v| &v.name), "vault name")?;
        unique(self.wallets.iter().map(|w| w.wallet), "wallet")?;
        unique(self.wallets.iter().flat_map(|w| &w.addresses), "wallet's address")?;
        unique(self.messages.iter().map(|m| (m.network, m.contract, &m.kind)), "message")
    }

    fn check_references(&self) -> Result<(), PolicySetError> {
        let person = |id: &PersonId| self.people.iter().any(|p| p.id == *id);
        let network = |n: &NetworkId| self.networks.contains(n);
        // A group of nobody is a mistake: what it was to permit never is, what it was to approve neither.
        check(self.groups.iter().all(|g| !g.members.is_empty()), PolicySetError::Senseless("group of nobody"))?;
        check(self.groups.iter().flat_map(|g| &g.members).all(person), PolicySetError::Unknown("person"))?;
        check(self.assets.iter().all(|a| network(&a.key.network)), PolicySetError::Unknown("network"))?;
        let coins = self.networks.iter().all(|n| self.asset_by_key(&AssetKey::native(*n)).is_some());
        check(coins, PolicySetError::Unknown("network coin"))?;
        check(self.functions.iter().all(|f| network(&f.network)), PolicySetError::Unknown("network"))?;
        check(self.messages.iter().all(|m| network(&m.network)), PolicySetError::Unknown("network"))?;
        let addresses = self.wallets.iter().flat_map(|w| &w.addresses);
        let mut entries = self.allow_lists.iter().flat_map(|l| &l.entries).chain(addresses);
        check(entries.all(|e| network(&e.network)), PolicySetError::Unknown("network"))?;
        check(self.wallets.iter().all(|w| self.vault(w.wallet.vault).is_some()), PolicySetError::Unknown("vault"))?;
        let permits = self.permits.iter().all(|p| self.asset_by_key(&p.asset).is_some() && p.asset.token.is_some());
        check(permits, PolicySetError::Unknown("permit token"))?;
        self.check_brakes()
    }

    /// P1: who may brake is a group of this set; none is without members.
    fn check_brakes(&self) -> Result<(), PolicySetError> {
        let delay = self.change_delay_s.is_none_or(|s| (1..=limits::CHANGE_DELAY_S).contains(&s));
        check(delay, PolicySetError::Senseless("delay of a change"))?;
        let mut named = [&self.freezers, &self.vetoers].into_iter().flatten();
        check(named.all(|name| self.group(name).is_some()), PolicySetError::Unknown("group"))
    }

    fn check_vault(&self, vault: &Vault) -> Result<(), PolicySetError> {
        check(vault.index.0 < 1 << 31, PolicySetError::Senseless("vault index"))?;
        check(vault.rules.len() <= limits::RULES, PolicySetError::Bound("list of rules"))?;
        check(vault.limits.len() <= limits::RULES, PolicySetError::Bound("list of limits"))?;
        unique(vault.rules.iter().map(|r| &r.name), "rule")?;
        unique(vault.limits.iter().map(|l| &l.name), "limit")?;
        vault.limits.iter().try_for_each(|limit| self.check_limit(limit))?;
        vault.rules.iter().try_for_each(|rule| self.check_rule(rule, vault))?;
        // The later of two rules with the same conditions never speaks.
        unique(vault.rules.iter().map(|r| crate::cbor::encode(&r.when)), "rule's conditions")
    }

    fn check_limit(&self, limit: &Limit) -> Result<(), PolicySetError> {
        check(plain(&limit.name), PolicySetError::Bound("limit name"))?;
        self.check_measure(&limit.measure)?;
        match &limit.window {
            Window::Rolling(seconds) => {
                check((1..=limits::WINDOW_S).contains(seconds), PolicySetError::Senseless("window"))
            }
            Window::Calendar { zone, .. } => check_zone(zone),
            Window::UntilFinal => Ok(()),
        }
    }

    fn check_rule(&self, rule: &Rule, vault: &Vault) -> Result<(), PolicySetError> {
        check(plain(&rule.name), PolicySetError::Bound("rule name"))?;
        // Else a rule's deny would read as the default's.
        check(rule.name != DEFAULT_RULE, PolicySetError::Senseless("rule named as the default"))?;
        self.check_conditions(&rule.when, vault)?;
        match &rule.then {
            // A block that a limit switches would permit again what was permitted before: an inverted limit.
            Ruling::Block => check(rule.when.within.is_empty(), PolicySetError::Senseless("block within a limit")),
            Ruling::Allow(terms) => {
                self.check_terms(terms, &rule.when, vault)?;
                check_fiat(terms, &rule.when, vault)
            }
        }
    }

    fn check_conditions(&self, when: &Conditions, vault: &Vault) -> Result<(), PolicySetError> {
        let lens = [
            when.kinds.len(),
            when.networks.len(),
            when.assets.len(),
            when.initiators.len(),
            when.sources.len(),
            when.destinations.len(),
            when.amounts.len(),
            when.hours.len(),
            when.calls.len(),
            when.messages.len(),
            when.within.len(),
        ];
        let bounded = lens.iter().all(|len| *len <= limits::MATCH_LIST);
        check(bounded, PolicySetError::Bound("list of a rule's conditions"))?;
        check(when.kinds.iter().all(|k| KINDS.contains(&k.as_str())), PolicySetError::Unknown("effect kind"))?;
        check(when.networks.iter().all(|n| self.networks.contains(n)), PolicySetError::Unknown("network"))?;
        let asset = |a: &AssetKey| self.asset_by_key(a).is_some();
        check(when.assets.iter().all(asset), PolicySetError::Unknown("asset"))?;
        when.initiators.iter().try_for_each(|i| match i {
            Initiator::Group(name) => check(self.group(name).is_some(), PolicySetError::Unknown("group")),
            Initiator::Person(id) => check(self.people.iter().any(|p| p.id == *id), PolicySetError::Unknown("person")),
        })?;
        when.sources.iter().try_for_each(|s| match s {
            Source::Wallet(_) => Ok(()),
            Source::Tag(tag) => {
                let mut here = self.wallets.iter().filter(|w| w.wallet.vault == vault.index);
                check(here.any(|w| w.tags.contains(tag)), PolicySetError::Unknown("wallet tag"))
            }
        })?;
        when.destinations.iter().try_for_each(|d| self.check_destination(d))?;
        when.amounts.iter().try_for_each(|band| self.check_band(band))?;
        when.hours.iter().try_for_each(check_hours)?;
        check_overlap(&when.hours)?;
        let in_order = when.from.zip(when.until).is_none_or(|(from, until)| from < until);
        check(in_order, PolicySetError::Senseless("rule that ends before it begins"))?;
        when.calls.iter().try_for_each(|call| self.check_call(call))?;
        when.messages.iter().try_for_each(|message| self.check_message(message))?;
        check_limits(&when.within, vault)
    }

    fn check_destination(&self, destination: &Destination) -> Result<(), PolicySetError> {
        match destination {
            Destination::List(name) => check(self.allow_list(name).is_some(), PolicySetError::Unknown("allow-list")),
            Destination::Tag(tag) => {
                let lists = self.allow_lists.iter().any(|l| l.tags.contains(tag));
                let wallets = self.wallets.iter().any(|w| w.tags.contains(tag));
                check(lists || wallets, PolicySetError::Unknown("tag"))
            }
            Destination::Internal | Destination::Unlisted | Destination::Contract(_) => Ok(()),
        }
    }

    fn check_measure(&self, measure: &Measure) -> Result<(), PolicySetError> {
        match measure {
            Measure::Asset(asset) => check(self.asset_by_key(asset).is_some(), PolicySetError::Unknown("asset")),
            Measure::Usd | Measure::Count => Ok(()),
        }
    }

    fn check_band(&self, band: &Band) -> Result<(), PolicySetError> {
        self.check_measure(&band.measure)?;
        check(band.measure != Measure::Count, PolicySetError::Senseless("amount of intents in one intent"))?;
        let bounded = match (band.above, band.at_most) {
            (None, None) => false,
            (Some(above), Some(most)) => above < most,
            _ => true,
        };
        check(bounded, PolicySetError::Senseless("empty range of amounts"))
    }

    fn check_call(&self, call: &CallCondition) -> Result<(), PolicySetError> {
        let mut functions = self.functions.iter();
        let known =
            functions.any(|f| (f.network, f.contract, &f.signature) == (call.network, call.contract, &call.function));
        check(known, PolicySetError::Unknown("function"))?;
        check(call.arguments.len() <= limits::MATCH_LIST, PolicySetError::Bound("list of a call's arguments"))?;
        call.arguments.iter().try_for_each(|a| self.check_word(&a.test))
    }

    fn check_message(&self, message: &MessageCondition) -> Result<(), PolicySetError> {
        let mut kinds = self.messages.iter();
        let known =
            kinds.any(|m| (m.network, m.contract, &m.kind) == (message.network, message.contract, &message.kind));
        check(known, PolicySetError::Unknown("message type"))?;
        check(message.fields.len() <= limits::MATCH_LIST, PolicySetError::Bound("list of a message's fields"))?;
        check(message.fields.iter().all(|f| plain(&f.field)), PolicySetError::Bound("field"))?;
        message.fields.iter().try_for_each(|f| self.check_word(&f.test))
    }

    fn check_word(&self, test: &WordTest) -> Result<(), PolicySetError> {
        match test {
            WordTest::OneOf(words) => {
                check(words.len() <= limits::MATCH_LIST, PolicySetError::Bound("list of an argument's values"))?;
                check(!words.is_empty(), PolicySetError::Senseless("argument without a value"))
            }
            WordTest::Between { least, most } => {
                check(least <= most, PolicySetError::Senseless("empty range of an argument"))
            }
            WordTest::Destination(any) => {
                check(any.len() <= limits::MATCH_LIST, PolicySetError::Bound("list of an argument's values"))?;
                let contract = any.iter().any(|d| matches!(d, Destination::Contract(_)));
                check(!any.is_empty() && !contract, PolicySetError::Senseless("argument without a destination"))?;
                any.iter().try_for_each(|d| self.check_destination(d))
            }
        }
    }

    fn check_terms(&self, terms: &Terms, when: &Conditions, vault: &Vault) -> Result<(), PolicySetError> {
        let lens = [terms.caps.len(), terms.limits.len(), terms.max_fees.len()];
        check(lens.iter().all(|len| *len <= limits::MATCH_LIST), PolicySetError::Bound("list of a rule's terms"))?;
        terms.caps.iter().try_for_each(|cap| match cap {
            Cap::Amount { measure, .. } => {
                check(*measure != Measure::Count, PolicySetError::Senseless("amount of intents in one intent"))?;
                self.check_measure(measure)
            }
            Cap::ShareOfBalance { asset, basis_points } => {
                check((1..=10_000).contains(basis_points), PolicySetError::Senseless("share of a balance"))?;
                self.check_measure(&Measure::Asset(*asset))
            }
        })?;
        check_limits(&terms.limits, vault)?;
        let networks = terms.max_fees.iter().all(|f| self.networks.contains(&f.network));
        check(networks, PolicySetError::Unknown("network"))?;
        unique(terms.max_fees.iter().map(|f| f.network), "fee cap")?;
        terms.approvals.iter().try_for_each(|a| self.check_approvals(a, when))
    }

    fn check_approvals(&self, approvals: &Approvals, when: &Conditions) -> Result<(), PolicySetError> {
        let ways = &approvals.any_of;
        let bounded = ways.len() <= limits::QUORUM_WAYS && ways.iter().all(|w| w.len() <= limits::QUORUM_WAYS);
        check(bounded, PolicySetError::Bound("list of quorums"))?;
        check(!ways.is_empty() && ways.iter().all(|w| !w.is_empty()), PolicySetError::Senseless("quorum of nobody"))?;
        for seats in ways.iter().flatten() {
            let group = self.group(&seats.group).ok_or(PolicySetError::Unknown("group"))?;
            let count = usize::try_from(seats.count).unwrap_or(usize::MAX);
            check(count > 0 && count <= group.members.len(), PolicySetError::Senseless("quorum"))?;
            // One member may be missing wherever a member can be the initiator whose own approval does not count.
            let struck = approvals.initiator == OwnApproval::DoesNotCount
                && group.members.iter().any(|id| self.may_initiate(id, when));
            check(!(struck && count == group.members.len()), PolicySetError::Senseless("quorum under four eyes"))?;
        }
        Ok(())
    }

    fn may_initiate(&self, id: &PersonId, when: &Conditions) -> bool {
        let keys = self.people.iter().filter(|p| p.id == *id).flat_map(|p| &p.keys);
        let named = |i: &Initiator| match i {
            Initiator::Group(name) => self.group(name).is_some_and(|g| g.members.contains(id)),
            Initiator::Person(person) => person == id,
        };
        keys.into_iter().any(|k| k.purpose == KeyPurpose::Initiate)
            && (when.initiators.is_empty() || when.initiators.iter().any(named))
    }

    /// K1: cold and raw-signing vaults never share a root with others.
    fn check_roots(&self) -> Result<(), PolicySetError> {
        let raw = |r: &Rule| {
            let named = r.when.kinds.iter().any(|k| k != "delegate" && DANGEROUS.contains(&k.as_str()));
            matches!(r.then, Ruling::Allow(_)) && named
        };
        let apart = |v: &Vault| v.temperature == Temperature::Cold || v.rules.iter().any(raw);
        let clash = self
            .vaults
            .iter()
            .any(|v| apart(v) && self.vaults.iter().any(|other| other.index != v.index && other.root == v.root));
        check(!clash, PolicySetError::SharedRoot)
    }
}

/// M1: beside every amount in dollars stands a cap or limit of each asset that the rule lets move.
fn check_fiat(terms: &Terms, when: &Conditions, vault: &Vault) -> Result<(), PolicySetError> {
    let limits = || vault.limits.iter().filter(|l| terms.limits.contains(&l.name) || when.within.contains(&l.name));
    let caps = || {
        terms.caps.iter().filter_map(|cap| match cap {
            Cap::Amount { measure, .. } => Some(*measure),
            Cap::ShareOfBalance { .. } => None,
        })
    };
    let most = |band: &&Band| band.at_most.is_some();
    let measures =
        || caps().chain(limits().map(|l| l.measure)).chain(when.amounts.iter().filter(most).map(|b| b.measure));
    if !measures().any(|m| m == Measure::Usd) {
        return Ok(());
    }
    let capped = |asset: &AssetKey| measures().any(|m| m == Measure::Asset(*asset));
    let sound = !when.assets.is_empty() && when.assets.iter().all(capped);
    check(sound, PolicySetError::Senseless("amount in dollars without a cap of each asset beside it"))
}

fn check_limits(names: &[String], vault: &Vault) -> Result<(), PolicySetError> {
    let known = |name: &String| vault.limits.iter().any(|l| l.name == *name);
    check(names.iter().all(known), PolicySetError::Unknown("limit"))?;
    unique(names.iter(), "limit of a rule")
}

fn check_hours(hours: &Hours) -> Result<(), PolicySetError> {
    check_zone(&hours.zone)?;
    let days = !hours.days.is_empty() && hours.days.iter().all(|d| (1..=7).contains(d));
    check(days && hours.from_minute < hours.to_minute && hours.to_minute <= 1440, PolicySetError::Senseless("hours"))
}

/// Two spans of one zone that overlap are one span written badly, or a mistake.
fn check_overlap(hours: &[Hours]) -> Result<(), PolicySetError> {
    let overlap = |a: &Hours, b: &Hours| {
        a.zone == b.zone
            && a.days.intersection(&b.days).next().is_some()
            && a.from_minute < b.to_minute
            && b.from_minute < a.to_minute
    };
    let mut rest = hours;
    while let Some((first, others)) = rest.split_first() {
        check(!others.iter().any(|b| overlap(first, b)), PolicySetError::Senseless("overlapping hours"))?;
        rest = others;
    }
    Ok(())
}

fn check_zone(name: &str) -> Result<(), PolicySetError> {
    check(Zone::named(name).is_some(), PolicySetError::Unknown("time zone"))
}

fn check_tags(tags: &BTreeSet<String>) -> Result<(), PolicySetError> {
    check(tags.len() <= limits::MATCH_LIST, PolicySetError::Bound("list of tags"))?;
    tags.iter().try_for_each(|tag| check(plain(tag), PolicySetError::Bound("tag")))
}

/// P2: a credential that can be told apart, with a key that authenticators have.
fn check_passkey(passkey: &Passkey) -> Result<(), PolicySetError> {
    let bounded = (1..=limits::CREDENTIAL_BYTES).contains(&passkey.credential.len());
    check(bounded, PolicySetError::Bound("credential id"))?;
    check(plain(&passkey.relying_party), PolicySetError::Bound("relying party"))?;
    check(matches!(passkey.key, PublicKey::P256(_)), PolicySetError::Senseless("passkey of another kind than P-256"))
}

/// Not empty, within [`limits::TEXT_BYTES`], without control characters.
fn plain(name: &str) -> bool {
    !name.is_empty() && name.len() <= limits::TEXT_BYTES && !name.chars().any(char::is_control)
}

fn check(sound: bool, error: PolicySetError) -> Result<(), PolicySetError> {
    if sound { Ok(()) } else { Err(error) }
}

fn unique<T: Ord>(items: impl Iterator<Item = T>, what: &'static str) -> Result<(), PolicySetError> {
    let mut seen = BTreeSet::new();
    for item in items {
        check(seen.insert(item), PolicySetError::Repeated(what))?;
    }
    Ok(())
}
