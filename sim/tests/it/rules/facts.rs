//! G3, M1, L3: cosigners believe facts of named witnesses only, in their time, none older than one seen, and by a quorum; and
//! what is proved final stays so.

use super::{SIGNED, events, pay, refusals, restart};
use ringi_cosigner::message::PeerMessage;
use ringi_cosigner::state::State;
use ringi_policy::Spent;
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::cbor;
use ringi_primitives::decision::{LimitKey, Subject};
use ringi_primitives::digest::Digest;
use ringi_primitives::effects::{Outpoint, Slot};
use ringi_primitives::fact::{Fact, SignedFact};
use ringi_primitives::id::IntentId;
use ringi_primitives::limits;
use ringi_primitives::policy_set::Measure;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wire::{Retry, ToCosigner};
use ringi_sim::coins::CoinDraft;
use ringi_sim::inside::{Inside, opened};
use ringi_sim::requests::{BITCOIN, Draft, EVM, Standard, VAULT, WALLET, outcomes};
use ringi_sim::witnesses::{AGE_S, Source, trust};
use ringi_sim::world::{World, party};

const COIN: AssetKey = AssetKey { network: EVM, token: None };

/// A world whose policy set names witnesses.
struct Court {
    world: World,
    standard: Standard,
}

impl Court {
    fn new(seed: u64) -> Court {
        let (mut world, mut standard) = Standard::world(seed);
        standard.amend(&mut world, |policy| policy.trust = Some(trust()));
        world.parties().into_iter().for_each(|p| drop(world.take_said(p)));
        Court { world, standard }
    }

    fn genesis(&self) -> Digest {
        self.standard.policy.genesis
    }

    fn price(&self, source: u8, price: u64) -> SignedFact {
        self.price_at(source, price, self.world.now)
    }

    fn price_at(&self, source: u8, price: u64, at: UnixMs) -> SignedFact {
        Source::number(source).price(self.genesis(), COIN, price, at)
    }

    /// What the signers say to a small payment with these facts.
    fn said(&mut self, id: u8, nonce: u64, facts: &[SignedFact], signers: &[u8]) -> Vec<String> {
        let mut request = Draft::payment(&self.world, id, 1000, nonce).request(&self.standard);
        request.facts = facts.to_vec();
        outcomes(&self.world.sign(&cbor::encode(&request), signers))
    }

    /// A cosigner's memory, by its records.
    fn memory(&self, n: u8) -> State {
        let mut state = State::default();
        opened(&self.world, party(n)).iter().for_each(|r| state.apply(r).expect("its own record"));
        state
    }

    /// What the day's limit has outstanding at a cosigner.
    fn outstanding(&self, n: u8) -> u64 {
        let limit =
            LimitKey { vault: VAULT, name: "day".into(), measure: Measure::Asset(COIN), subject: Subject::Vault };
        self.memory(n).spending.outstanding(&limit, &IntentId::NIL).and_then(Amount::to_u64).unwrap()
    }

    fn slot(&self, nonce: u64) -> Slot {
        Slot::Nonce { network: EVM, account: self.standard.account(), nonce }
    }

    /// These sources' word that a place is taken for good for an intent.
    fn ends(&self, sources: &[u8], intent: u8, slot: &Slot) -> Vec<SignedFact> {
        let end = |n: &u8| {
            let id = IntentId::from_bytes([intent; 16]);
            Source::number(*n).end(self.genesis(), id, slot.clone(), self.world.now)
        };
        sources.iter().map(end).collect()
    }

    /// Hands facts to cosigners beside any request; what each says happened.
    fn tell(&mut self, facts: &[SignedFact]) -> Vec<String> {
        (1..=3).for_each(|n| drop(events(&mut self.world, n)));
        self.world.tell_all(&ToCosigner::Facts { facts: facts.to_vec() });
        (1..=3).flat_map(|n| events(&mut self.world, n)).collect()
    }
}

#[test]
fn g3_a_fact_is_a_named_witnesses_or_the_request_is_refused() {
    let mut court = Court::new(501);
    let good = [court.price(1, 1000), court.price(2, 1005)];
    let with = |other: SignedFact| vec![good[0].clone(), other];
    let mut stolen = good[1].clone();
    stolen.statement.witness = court.price(3, 1).statement.witness;
    let mut raised = good[1].clone();
    raised.statement.fact = court.price(2, 1).statement.fact;
    let stranger = Source::number(9).price(court.genesis(), COIN, 1000, court.world.now);
    let initiator = ringi_sim::requests::initiator();
    let mut by_initiator = good[1].statement.clone();
    by_initiator.witness = initiator.public();
    let by_initiator = SignedFact { signature: initiator.sign(&by_initiator.digest()), statement: by_initiator };
    for (code, other) in [
        ("fact.signature", stolen),
        ("fact.signature", raised),
        ("fact.witness", stranger),
        ("fact.witness", by_initiator),
        ("fact.purpose", court.price(4, 1000)),
        ("fact.genesis", Source::number(2).price(Digest([1; 32]), COIN, 1000, court.world.now)),
        ("fact.malformed", court.price(2, 0)),
    ] {
        assert_eq!(court.said(1, 0, &with(other), &[1, 2]), [code; 2]);
    }
    assert_eq!(court.said(1, 0, &good, &[1, 2]), SIGNED);
    // Where the policy set names nobody, nobody is believed.
    court.standard.amend(&mut court.world, |policy| policy.trust = None);
    assert_eq!(court.said(2, 1, &good, &[1, 2]), ["fact.witness"; 2]);
    assert_eq!(court.said(2, 1, &[], &[1, 2]), SIGNED);
}

#[test]
fn m1_a_price_that_is_too_old_or_from_the_future_is_refused_for_now() {
    let mut court = Court::new(502);
    let now = court.world.now;
    let skew = limits::CLOCK_SKEW_MS;
    for (code, at) in [
        ("fact.stale", now.minus_ms(AGE_S * 1000 + 1)),
        ("fact.future", now.plus_ms(skew + 1)),
        ("fact.future", UnixMs(u64::MAX)),
    ] {
        let mut request = Draft::payment(&court.world, 1, 1000, 0).request(&court.standard);
        request.facts = vec![court.price_at(1, 1000, at)];
        let refused = refusals(&court.world.sign(&cbor::encode(&request), &[1, 2]));
        assert_eq!(refused.len(), 2);
        assert!(refused.iter().all(|r| r.code == code && r.retry == Retry::Later), "{code}: {refused:?}");
    }
    let edges = [court.price_at(1, 1000, now.minus_ms(AGE_S * 1000)), court.price_at(2, 1000, now.plus_ms(skew))];
    assert_eq!(court.said(1, 0, &edges, &[1, 2]), SIGNED);
}

/// T1: of signers whose clocks differ, the latest decides whether a price is too old.
#[test]
fn m1_the_latest_clock_decides_whether_a_price_is_too_old() {
    let mut court = Court::new(503);
    let now = court.world.now;
    let facts = [court.price_at(1, 1000, now.minus_ms(AGE_S * 1000 - 10_000))];
    let mut request = Draft::payment(&court.world, 1, 1000, 0).request(&court.standard);
    request.facts = facts.to_vec();
    let bytes = cbor::encode(&request);
    // Both found it young enough when they opened; by the time it is merged it is not.
    let tag = court.world.open(&bytes, &[1, 2]);
    court.world.now = now.plus_ms(10_001);
    court.world.run();
    let said = outcomes(&court.world.answers_of(tag, &[1, 2]));
    assert!(said.contains(&"fact.stale".to_string()) && !said.contains(&"signed".to_string()), "{said:?}");
}

/// M1: an older statement of the same source and asset is never taken again, whoever is asked, whatever came of the newer.
#[test]
fn m1_an_older_price_is_not_taken_after_a_newer_one() {
    let mut court = Court::new(504);
    let now = court.world.now;
    let (old, new) = (court.price_at(1, 900, now.minus_ms(5000)), court.price(1, 1000));
    assert_eq!(court.said(1, 0, std::slice::from_ref(&new), &[1, 2]), SIGNED);
    let other = court.price_at(1, 999, now);
    for facts in [&old, &other] {
        let said = court.said(2, 1, std::slice::from_ref(facts), &[1, 2]);
        assert_eq!(said, ["fact.older"; 2]);
        // Every two signers share one that has seen the newer.
        for signers in [[1, 3], [2, 3]] {
            let said = court.said(2, 1, std::slice::from_ref(facts), &signers);
            assert!(said.contains(&"fact.older".to_string()) && !said.contains(&"signed".to_string()), "{said:?}");
        }
    }
    assert_eq!(court.said(2, 1, std::slice::from_ref(&new), &[1, 2]), SIGNED, "the same again is no older");
    // Another source's and another asset's times are their own.
    let bitcoin = Source::number(1).price(court.genesis(), AssetKey::native(BITCOIN), 5, now.minus_ms(9000));
    let rest = [court.price_at(2, 900, now.minus_ms(5000)), bitcoin];
    assert_eq!(court.said(3, 2, &rest, &[1, 2]), SIGNED);
    // A newer one that led to nothing counts as seen.
    let newest = court.price_at(1, 1, now.plus_ms(10));
    let refused = court.said(2, 1, &[newest, court.price(9, 1)], &[1, 2]);
    assert_eq!(refused, ["fact.witness"; 2]);
    assert_eq!(court.said(4, 3, std::slice::from_ref(&new), &[1, 2]), SIGNED, "a spoiled list teaches nothing");
}

/// M1: seen is remembered, also where the request was then refused for another reason.
#[test]
fn m1_a_newer_price_is_remembered_whatever_became_of_its_request() {
    let mut court = Court::new(505);
    let (old, new) = (court.price_at(1, 900, court.world.now.minus_ms(5000)), court.price(1, 1000));
    let mut request = Draft::payment(&court.world, 1, 2_000_000, 0).request(&court.standard);
    request.facts = vec![new.clone()];
    let said = outcomes(&court.world.sign(&cbor::encode(&request), &[1, 2]));
    assert_eq!(said, ["policy.limit_exceeded"; 2]);
    assert_eq!(court.said(2, 0, std::slice::from_ref(&old), &[1, 2]), ["fact.older"; 2]);
    assert!(court.tell(&[court.price(3, 1000)]).is_empty());
    let older = court.price_at(3, 900, court.world.now.minus_ms(1));
    assert_eq!(court.said(2, 0, &[older], &[1, 2]), ["fact.older"; 2], "what came beside any request is seen too");
}

#[test]
fn m1_memory_of_prices_survives_a_restart() {
    let mut court = Court::new(506);
    let (old, new) = (court.price_at(1, 900, court.world.now.minus_ms(5000)), court.price(1, 1000));
    assert_eq!(court.said(1, 0, &[new], &[1, 2]), SIGNED);
    (1..=3).for_each(|n| restart(&mut court.world, n));
    court.world.pass(1000);
    assert_eq!(court.said(2, 1, &[old], &[1, 2]), ["fact.older"; 2]);
}

/// B1: whoever lost what it saw, or never saw it, is told by its peers when it starts: by the statements themselves.
#[test]
fn m1_memory_of_prices_is_handed_over_at_boot() {
    let mut court = Court::new(507);
    let (old, new) = (court.price_at(1, 900, court.world.now.minus_ms(5000)), court.price(1, 1000));
    assert_eq!(court.said(1, 0, std::slice::from_ref(&new), &[1, 2]), SIGNED);
    assert_eq!(court.memory(3).facts.all().count(), 0);
    restart(&mut court.world, 3);
    court.world.pass(1000);
    assert_eq!(court.memory(3).facts.all().collect::<Vec<_>>(), [&new]);
    court.world.take_said(party(3));
    assert_eq!(court.said(2, 1, &[old], &[1, 3]), ["fact.older"; 2]);
}

/// B1, G3: a corrupted peer cannot teach a started cosigner what no witness said.
#[test]
fn g3_a_peers_word_for_a_fact_is_worth_its_signature() {
    let mut court = Court::new(508);
    let inside = Inside::of(&mut court.world, party(3), party(1));
    let mut forged = court.price(1, 1);
    forged.statement.at = court.world.now.plus_ms(30_000);
    let future = court.price_at(2, 1, UnixMs(u64::MAX));
    let stranger = Source::number(9).price(court.genesis(), COIN, 1, court.world.now);
    let planted = [forged, future, stranger];
    inside.meddle(move |_, _, message| match message {
        PeerMessage::BootGrant(mut grant) => {
            grant.facts.extend(planted.clone());
            vec![PeerMessage::BootGrant(grant)]
        }
        other => vec![other],
    });
    let ask = court.memory(3);
    assert_eq!(ask.facts.all().count(), 0);
    restart(&mut court.world, 3);
    court.world.pass(1000);
    assert_eq!(court.memory(3).facts.all().count(), 0);
    let facts = [court.price(1, 1000), court.price(2, 1000)];
    assert_eq!(court.said(1, 0, &facts, &[2, 3]), SIGNED);
}

#[test]
fn m1_the_same_source_twice_and_too_many_facts_are_refused() {
    let mut court = Court::new(509);
    let one = court.price(1, 1000);
    assert_eq!(court.said(1, 0, &[one.clone(), one.clone()], &[1, 2]), ["fact.repeated"; 2]);
    let before = court.price_at(1, 1000, court.world.now.minus_ms(1));
    assert_eq!(court.said(1, 0, &[before, one.clone()], &[1, 2]), ["fact.repeated"; 2]);
    assert_eq!(court.said(1, 0, &vec![one; limits::FACTS + 1], &[1, 2]), ["fact.too_many"; 2]);
}

/// M1: what the evaluator gets, by a cosigner's own judgement: the highest of a quorum within the spread, or nothing.
#[test]
fn m1_a_price_needs_a_quorum_that_agrees() {
    let court = Court::new(510);
    let state = court.memory(1);
    let price = |facts: &[SignedFact]| {
        let weighed = state.weigh(facts, court.world.now).unwrap();
        weighed.prices.get(&COIN).and_then(|p| p.to_u64())
    };
    assert_eq!(price(&[court.price(1, 1000), court.price(2, 1010)]), Some(1010));
    assert_eq!(price(&[court.price(1, 1000), court.price(2, 1011)]), None);
    assert_eq!(price(&[court.price(1, 1000)]), None);
    let mut request = Draft::payment(&court.world, 1, 1000, 0).request(&court.standard);
    request.facts = vec![court.price(1, 1000), court.price(3, 1005)];
    let judged = ringi_cosigner::judge::judge(&state, &cbor::encode(&request), court.world.now).ok().unwrap();
    assert_eq!(judged.facts.prices.get(&COIN).and_then(|p| p.to_u64()), Some(1005));
    assert_eq!(judged.facts.good_until, Some(court.world.now.plus_ms(AGE_S * 1000)));
}

#[test]
fn l3_what_is_proved_final_is_not_outstanding_any_more() {
    let mut court = Court::new(511);
    assert_eq!(court.said(1, 0, &[], &[1, 2]), SIGNED);
    assert_eq!(pay(&mut court.world, &court.standard, 2, 2000, 1, &[1, 2]), SIGNED);
    let fees = court.outstanding(1) - 3000;
    assert_eq!([court.outstanding(1), court.outstanding(2)], [3000 + fees; 2]);
    // With the next request, as the witnesses' word alone.
    let ends = court.ends(&[1, 3], 1, &court.slot(0));
    assert_eq!(court.said(3, 2, &ends, &[1, 2]), SIGNED);
    assert_eq!([court.outstanding(1), court.outstanding(2)], [2000 + 1000 + fees; 2]);
    // Beside any request, to all; an account's nonces are used in order.
    assert!(court.tell(&court.ends(&[1, 2], 2, &court.slot(7))).is_empty());
    assert_eq!([court.outstanding(1), court.outstanding(2)], [1000 + fees / 2; 2]);
    // It stays so after a restart, and for a signer that hears of the intents only now.
    (1..=3).for_each(|n| restart(&mut court.world, n));
    court.world.pass(1000);
    assert_eq!([court.outstanding(1), court.outstanding(2)], [1000 + fees / 2; 2]);
    // What was final stays final when it is signed once more.
    assert_eq!(court.said(1, 0, &[], &[1, 2]), SIGNED);
    assert_eq!(court.outstanding(1), 1000 + fees / 2);
}

#[test]
fn l3_a_false_or_foreign_proof_changes_nothing() {
    let mut court = Court::new(512);
    assert_eq!(court.said(1, 3, &[], &[1, 2]), ["pin.nonce_gap"; 2]);
    for nonce in 0..3 {
        assert_eq!(court.said(10 + u8::try_from(nonce).unwrap(), nonce, &[], &[1, 2]), SIGNED);
    }
    assert_eq!(court.said(1, 3, &[], &[1, 2]), SIGNED);
    let before = court.outstanding(1);
    let (here, now, genesis) = (court.slot(3), court.world.now, court.genesis());
    let id = IntentId::from_bytes([1; 16]);
    let other_account = Slot::Nonce { network: EVM, account: Address::of_evm([9; 20]), nonce: 3 };
    let other_chain = Slot::Nonce {
        network: ringi_primitives::network::NetworkId::Evm(1),
        account: court.standard.account(),
        nonce: 3,
    };
    let message = Slot::Message { network: EVM, payload: Digest([1; 32]) };
    let outpoints = Slot::Outpoints { network: EVM, outpoints: vec![Outpoint { txid: [1; 32], vout: 0 }] };
    // Named witnesses, but of another place than the intent's.
    for slot in [court.slot(2), other_account, other_chain, message, outpoints] {
        assert!(court.tell(&court.ends(&[1, 2], 1, &slot)).is_empty());
        assert_eq!(court.outstanding(1), before, "{slot:?}");
    }
    // Too few of them, or one twice, or two that do not say the same.
    court.tell(&court.ends(&[1], 1, &here));
    assert_eq!(court.outstanding(1), before);
    assert_eq!(court.tell(&court.ends(&[1, 1], 1, &here)), ["fact.repeated"; 3]);
    let mixed = [court.ends(&[1], 1, &here), court.ends(&[2], 1, &court.slot(4))].concat();
    court.tell(&mixed);
    assert_eq!(court.outstanding(1), before);
    // Strangers, a witness of something else, another workspace, a changed statement, the future.
    let second = |fact: SignedFact| vec![court.ends(&[1], 1, &here)[0].clone(), fact];
    let mut moved = court.ends(&[2], 13, &here)[0].clone();
    moved.statement.fact = Fact::Final { intent: id, slot: here.clone() };
    let lists = [
        ("fact.witness", second(Source::number(9).end(genesis, id, here.clone(), now))),
        ("fact.purpose", second(Source::number(4).end(genesis, id, here.clone(), now))),
        ("fact.genesis", second(Source::number(2).end(Digest([1; 32]), id, here.clone(), now))),
        ("fact.signature", second(moved)),
        (
            "fact.future",
            second(Source::number(2).end(genesis, id, here.clone(), now.plus_ms(limits::CLOCK_SKEW_MS + 1))),
        ),
    ];
    for (code, list) in lists {
        assert_eq!(court.tell(&list), [code; 3]);
        assert_eq!(court.outstanding(1), before);
    }
    court.tell(&court.ends(&[1, 2], 1, &here));
    assert!(court.outstanding(1) < before);
}

/// A lying host shows a witness another place and asks whether that is taken: before the intent is signed nobody can tell, so
/// nobody believes it, then or later.
#[test]
fn l3_a_proof_before_the_signature_counts_only_for_the_place_that_is_then_signed() {
    let mut court = Court::new(513);
    assert_eq!(court.said(10, 0, &[], &[1, 2]), SIGNED);
    let before = court.outstanding(1);
    court.tell(&court.ends(&[1, 2], 1, &court.slot(0)));
    assert_eq!(court.memory(1).early_finals.all().count(), 1);
    assert_eq!(court.said(1, 1, &[], &[1, 2]), SIGNED);
    assert_eq!(court.outstanding(1), 2 * before, "it was of another place");
    assert_eq!(court.memory(1).early_finals.all().count(), 0);
    // One of its own place counts from the first moment: what is signed there can never be mined.
    court.tell(&court.ends(&[1, 2], 2, &court.slot(2)));
    assert_eq!(court.said(2, 2, &[], &[1, 2]), SIGNED);
    assert_eq!(court.outstanding(1), 2 * before);
}

/// L2, L3: an attempt that gave its pin back leaves no proof behind for another place.
#[test]
fn l3_a_proof_goes_with_the_pin_that_it_was_of() {
    let mut court = Court::new(514);
    assert_eq!(court.said(10, 0, &[], &[1, 2]), SIGNED);
    let before = court.outstanding(1);
    court.world.acknowledges = false;
    let tag = court.world.open(&Draft::payment(&court.world, 1, 1000, 1).bytes(&court.standard), &[1, 2]);
    court.world.run();
    court.world.tell(party(1), ToCosigner::Facts { facts: court.ends(&[1, 2], 1, &court.slot(1)) });
    court.world.tell(party(2), ToCosigner::Facts { facts: court.ends(&[1, 2], 1, &court.slot(1)) });
    super::abort(&mut court.world, tag, &[1, 2]);
    super::acknowledge(&mut court.world, &[1, 2]);
    court.world.acknowledges = true;
    assert_eq!(court.said(11, 1, &[], &[1, 2]), SIGNED);
    assert_eq!(court.said(1, 2, &[], &[1, 2]), SIGNED);
    assert_eq!(court.outstanding(1), 3 * before);
}

/// L1, L3: a signer that hears of intents from its peer hears where they are pinned too, and so can tell what is final.
#[test]
fn l3_a_signer_that_was_away_can_tell_what_is_final() {
    let mut court = Court::new(515);
    assert_eq!(court.said(1, 0, &[], &[1, 2]), SIGNED);
    assert_eq!(court.said(2, 1, &[], &[1, 2]), SIGNED);
    let before = court.outstanding(1);
    // Cosigner 3 has none of both; it is told before and after it hears of them.
    court.tell(&court.ends(&[1, 2], 1, &court.slot(0)));
    assert_eq!(court.said(3, 2, &[], &[1, 3]), SIGNED);
    assert_eq!([court.outstanding(1), court.outstanding(3)], [before; 2]);
    court.tell(&court.ends(&[1, 2], 2, &court.slot(1)));
    assert_eq!([court.outstanding(1), court.outstanding(3)], [before / 2; 2]);
}

/// C1, I3, L3: of a Bitcoin payment the anchor must be spent for good.
#[test]
fn l3_a_bitcoin_payment_is_final_when_its_anchor_is_spent() {
    let mut court = Court::new(516);
    let draft = CoinDraft::payment(&court.world, &court.standard, 1, 70_000);
    let request = draft.request(&court.standard);
    assert_eq!(outcomes(&court.world.sign(&cbor::encode(&request), &[1, 2])), SIGNED);
    let state = court.memory(1);
    let pin = state.pins.all().map(|(pin, _)| pin).find(|p| p.intent == IntentId::from_bytes([1; 16])).unwrap();
    let Slot::Outpoints { network, outpoints } = pin.slot else { panic!("outpoints") };
    let of = |outpoints: &[Outpoint]| Slot::Outpoints { network, outpoints: outpoints.to_vec() };
    let proved = |court: &Court| court.memory(1).spending.proved().count();
    court.tell(&court.ends(&[1, 2], 1, &of(&outpoints[1..])));
    assert_eq!(proved(&court), 0, "another of its inputs");
    court.tell(&court.ends(&[1, 2], 1, &of(&outpoints[..1])));
    assert_eq!(proved(&court), 1);
}

/// L3: witnesses that sign proofs of what does not exist fill nobody's memory.
#[test]
fn l3_proofs_of_unknown_intents_are_kept_within_a_bound() {
    let mut court = Court::new(517);
    let slot = court.slot(0);
    let list =
        |from: u8| -> Vec<SignedFact> { (from..from + 30).flat_map(|n| court.ends(&[1, 2], n, &slot)).collect() };
    let lists = [list(100), list(130)];
    for list in &lists {
        assert!(list.len() <= limits::FACTS);
        court.world.tell_all(&ToCosigner::Facts { facts: list.clone() });
    }
    let records = court.world.blob(party(1)).len();
    assert_eq!(court.memory(1).early_finals.all().count(), 60);
    // The same again is not recorded again.
    for list in &lists {
        court.world.tell_all(&ToCosigner::Facts { facts: list.clone() });
    }
    assert_eq!(court.world.blob(party(1)).len(), records);
}

/// B1: what a cosigner hears before its boot is granted teaches it nothing.
#[test]
fn m1_facts_are_taken_by_a_granted_boot_only() {
    let mut court = Court::new(518);
    court.world.relay = Box::new(|_| vec![]);
    court.world.kill(party(1));
    court.world.start(party(1)).unwrap();
    court.world.run();
    events(&mut court.world, 1);
    let facts = vec![court.price(1, 1000)];
    court.world.tell(party(1), ToCosigner::Facts { facts });
    assert!(events(&mut court.world, 1).contains(&"boot.ungranted".to_string()));
    assert_eq!(court.memory(1).facts.all().count(), 0);
}

/// G3: a balance is the lowest that a quorum states, of exactly this wallet.
#[test]
fn g3_a_balance_needs_a_quorum_and_is_its_lowest() {
    let court = Court::new(519);
    let state = court.memory(1);
    let balance = |n: u8, amount: u64| {
        let fact = Fact::Balance { wallet: WALLET, asset: COIN, amount: Amount::from_u64(amount) };
        Source::number(n).says(court.genesis(), fact, court.world.now)
    };
    let weighed = |facts: &[SignedFact]| state.weigh(facts, court.world.now).unwrap().balances;
    let lowest = weighed(&[balance(1, 70), balance(4, 60)]);
    assert_eq!(lowest.get(&(WALLET, COIN)), Some(&Amount::from_u64(60)));
    assert!(weighed(&[balance(4, 60)]).is_empty());
}
