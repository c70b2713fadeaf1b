//! Facts of witnesses (rules G3, M1, L3): what this cosigner has seen of them, so that none goes back, and what is final.
//!
//! Facts come with a request, in a frame of their own, or with a peer's grant. All are signed by keys that the policy set names,
//! so whoever carries them adds nothing. All signers of a session see the same facts, and each holds them against its own memory;
//! any two sets of signers share one, so one that has seen a newer statement is always asked.

use crate::core::Cosigner;
use crate::refusal::Code;
use crate::state::{Record, State};
use ringi_primitives::effects::Slot;
use ringi_primitives::fact::SignedFact;
use ringi_primitives::genesis::GenesisChain;
use ringi_primitives::id::IntentId;
use ringi_primitives::limits;
use ringi_primitives::time::UnixMs;
use ringi_primitives::weigh::{FactError, Facts, Weighing, is_genuine, weigh};
use std::collections::BTreeMap;

/// Proofs of finality for intents that are not pinned here: until they are, nobody can say whether the place is theirs. The
/// oldest ids go when there are too many.
#[derive(Default)]
pub struct EarlyFinals(BTreeMap<IntentId, Slot>);

impl EarlyFinals {
    /// Keeps a proof.
    pub fn keep(&mut self, intent: IntentId, slot: Slot) {
        self.0.insert(intent, slot);
        if self.0.len() > limits::EARLY_FINALS {
            self.0.pop_first();
        }
    }

    /// Takes out what is known of an intent.
    pub fn take(&mut self, intent: &IntentId) -> Option<Slot> {
        self.0.remove(intent)
    }

    /// Whether exactly this is kept.
    pub fn holds(&self, intent: &IntentId, slot: &Slot) -> bool {
        self.0.get(intent) == Some(slot)
    }

    /// Everything, for snapshots.
    pub fn all(&self) -> impl Iterator<Item = (IntentId, Slot)> {
        self.0.iter().map(|(intent, slot)| (*intent, slot.clone()))
    }
}

impl State {
    /// Weighs facts by this state's policy set, genesis and memory.
    ///
    /// # Errors
    /// [`FactError`].
    pub fn weigh(&self, facts: &[SignedFact], now: UnixMs) -> Result<Facts, FactError> {
        weigh(facts, &self.weighing(now))
    }

    fn weighing(&self, now: UnixMs) -> Weighing<'_> {
        Weighing {
            trust: self.policy.as_ref().and_then(|p| p.set.trust.as_ref()),
            genesis: self.genesis.as_ref().map(GenesisChain::root).unwrap_or(ringi_primitives::digest::Digest::ZERO),
            book: &self.facts,
            now,
        }
    }

    /// What would have to be recorded of weighed facts; nothing, if all of it is known.
    fn news_of(&self, facts: &Facts) -> Vec<Record> {
        let mut records = Vec::new();
        if !facts.news.is_empty() {
            records.push(Record::Facts { news: facts.news.clone(), floor: self.facts.floor() });
        }
        let proofs: Vec<_> = facts.finals.iter().filter(|(intent, slot)| self.is_news(intent, slot)).cloned().collect();
        if !proofs.is_empty() {
            records.push(Record::Final { proofs });
        }
        records
    }
}

impl Cosigner {
    /// M1, L3: remembers what weighed facts say, durably, whatever becomes of the request that carried them.
    pub(crate) fn remember_facts(&mut self, facts: &Facts) {
        let records = self.state.news_of(facts);
        if !records.is_empty() {
            self.record(&records);
        }
    }

    /// Facts beside any request. One that is not right spoils them all.
    pub(crate) fn take_facts(&mut self, facts: &[SignedFact]) {
        // B1: only a granted boot's memory counts.
        if let Some(refusal) = self.boot.refusal() {
            return self.event(&refusal.code, None, None);
        }
        match self.state.weigh(facts, self.now) {
            Ok(weighed) => self.remember_facts(&weighed),
            Err(error) => self.event(Code::Fact(error).text(), None, None),
        }
    }

    /// B1, M1: the newest statements that a peer has seen; each proves itself.
    pub(crate) fn adopt_facts(&mut self, facts: &[SignedFact]) -> Record {
        let weighing = self.state.weighing(self.now);
        let genuine = facts.iter().filter(|f| is_genuine(f, &weighing).is_ok() && self.state.facts.is_news(f));
        let news = genuine.take(limits::FACT_TOPICS).cloned().collect();
        Record::Facts { news, floor: self.state.facts.floor() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pins::Pin;
    use crate::spending::Holders;
    use ringi_primitives::digest::Digest;
    use ringi_primitives::network::NetworkId;
    use ringi_primitives::request::PayloadKind;

    fn nonce(nonce: u64) -> Slot {
        let account = ringi_primitives::address::Address::of_evm([1; 20]);
        Slot::Nonce { network: NetworkId::Evm(1), account, nonce }
    }

    /// L3: an authorization is used at the nonce after its transaction's (EIP-7702); until that is taken too, it can be.
    #[test]
    fn l3_an_authorization_is_final_when_the_nonce_after_is_taken() {
        let intent = IntentId::from_bytes([1; 16]);
        let mut state = State::default();
        let pinned = |state: &mut State, kind| {
            let pins = vec![Pin { intent, kind, root: intent, slot: nonce(5) }];
            state.apply(&Record::Pinned { pins, holders: Holders::default() }).unwrap();
        };
        let ended = |state: &mut State, at| {
            state.apply(&Record::Final { proofs: vec![(intent, nonce(at))] }).unwrap();
            state.spending.is_proved(&intent)
        };
        pinned(&mut state, PayloadKind::Transaction);
        assert!(!ended(&mut state, 4));
        assert!(ended(&mut state, 5));
        pinned(&mut state, PayloadKind::Authorization);
        assert!(!state.spending.is_proved(&intent), "of the nonce after nothing was said");
        assert!(!ended(&mut state, 5));
        assert!(ended(&mut state, 6));
    }

    fn slot(n: u8) -> Slot {
        Slot::Message { network: NetworkId::Evm(1), payload: Digest([n; 32]) }
    }

    /// L3: whoever signs proofs of intents that do not exist takes no more memory than this.
    #[test]
    fn l3_proofs_of_unknown_intents_are_bounded() {
        let mut early = EarlyFinals::default();
        let id = |n: usize| IntentId::from_bytes((n as u128).to_be_bytes());
        (0..limits::EARLY_FINALS + 10).for_each(|n| early.keep(id(n), slot(1)));
        assert_eq!(early.all().count(), limits::EARLY_FINALS);
        assert!(!early.holds(&id(9), &slot(1)) && early.holds(&id(10), &slot(1)));
        assert!(!early.holds(&id(10), &slot(2)));
        assert_eq!((early.take(&id(10)), early.take(&id(10))), (Some(slot(1)), None));
    }
}
