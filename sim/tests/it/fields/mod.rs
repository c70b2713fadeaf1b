//! Rule I4, generated from `primitives::request::FIELDS`: every field of the signing request, both chains, is changed in
//! every way its mutator knows. What a signer fixed never signs; what is pinned takes no second value; what the host may
//! choose signs inside its bound only, and there no approved effect changes.

mod bitcoin;
mod census;
pub mod envelope;
mod evm;
mod flips;

use ringi_primitives::asset::AssetKey;
use ringi_primitives::cbor;
use ringi_primitives::effects::Effect;
use ringi_primitives::plan::Plan;
use ringi_primitives::receipt::Verdict;
use ringi_primitives::request::{Binding, FIELDS, SigningRequest};
use ringi_primitives::wire::FromCosigner;
use ringi_sim::coins::CoinDraft;
use ringi_sim::requests::{Draft, EVM, Standard, approvers};
use ringi_sim::witnesses::{Source, trust};
use ringi_sim::world::World;
use std::collections::BTreeSet;

/// What a changed request must lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Both signers refuse with this code.
    Refused(&'static str),
    /// Both sign, and the verdict's effects are those of the request it was made from.
    Signed,
}

/// One changed request.
pub struct Attack {
    /// What was changed, for the report of a failure.
    pub what: String,
    pub request: SigningRequest,
    pub expect: Expect,
}

pub fn refused(what: impl Into<String>, request: SigningRequest, code: &'static str) -> Attack {
    Attack { what: what.into(), request, expect: Expect::Refused(code) }
}

pub fn signed(what: impl Into<String>, request: SigningRequest) -> Attack {
    Attack { what: what.into(), request, expect: Expect::Signed }
}

/// A world and three requests that are right: a coin payment and a token payment on the EVM chain, one on Bitcoin.
pub struct Ground {
    pub world: World,
    pub standard: Standard,
    pub coin: SigningRequest,
    pub token: SigningRequest,
    pub bitcoin: SigningRequest,
}

impl Ground {
    pub fn new(seed: u64) -> Ground {
        let (mut world, mut standard) = Standard::world(seed);
        standard.amend(&mut world, |policy| policy.trust = Some(trust()));
        world.parties().into_iter().for_each(|p| drop(world.take_said(p)));
        let [a, b, _] = approvers();
        let mut coin = Draft::payment(&world, 1, 700_000, 0);
        coin.approvals = vec![a, b];
        let [a, b, _] = approvers();
        let mut token = Draft::payment(&world, 2, 5, 1);
        token.intent["actions"][0]["asset"] = "usd".into();
        token.approvals = vec![a];
        let mut bitcoin = CoinDraft::payment(&world, &standard, 3, 70_000);
        bitcoin.approvals = vec![b];
        let (mut coin, mut token, mut bitcoin) =
            (coin.request(&standard), token.request(&standard), bitcoin.request(&standard));
        for request in [&mut coin, &mut token, &mut bitcoin] {
            let price = |n| Source::number(n).price(standard.policy.genesis, AssetKey::native(EVM), 1000, world.now);
            request.facts = vec![price(1), price(2)];
        }
        Ground { world, standard, coin, token, bitcoin }
    }

    /// The right requests, in the order in which they can be signed.
    pub fn bases(&self) -> [&SigningRequest; 3] {
        [&self.coin, &self.token, &self.bitcoin]
    }

    /// The plan of a right request.
    pub fn plan(&self, request: &SigningRequest) -> Plan {
        plan(&self.standard, request)
    }

    fn sign(&mut self, request: &SigningRequest) -> Vec<Result<Verdict, String>> {
        let answers = self.world.sign(&cbor::encode(request), &[1, 2]);
        assert_eq!(answers.len(), 2, "each signer answers once");
        answers.into_iter().map(|(_, answer)| outcome(answer)).collect()
    }

    fn sign_bases(&mut self) {
        for base in [self.coin.clone(), self.token.clone(), self.bitcoin.clone()] {
            let plan = self.plan(&base);
            for verdict in self.sign(&base) {
                assert_same_effects("the request itself", &plan, &verdict.expect("a right request is signed"));
            }
        }
    }

    fn check(&mut self, field: &str, attack: &Attack) {
        let label = format!("{field}: {}", attack.what);
        let answers = self.sign(&attack.request);
        match attack.expect {
            Expect::Refused(code) => {
                for answer in answers {
                    assert_eq!(answer.err().as_deref(), Some(code), "{label}");
                }
            }
            Expect::Signed => {
                let base = self.bases().into_iter().find(|b| b.intent == attack.request.intent);
                let plan = self.plan(base.expect("the intent is a base's"));
                for answer in answers {
                    match answer {
                        Ok(verdict) => assert_same_effects(&label, &plan, &verdict),
                        Err(code) => panic!("{label}: refused with {code}"),
                    }
                }
            }
        }
    }
}

pub fn plan(standard: &Standard, request: &SigningRequest) -> Plan {
    let intent = ringi_primitives::intent::Intent::parse(&request.intent).expect("a sound intent");
    ringi_chain::plan(&standard.policy, &intent).expect("a sound plan")
}

fn outcome(answer: FromCosigner) -> Result<Verdict, String> {
    match answer {
        FromCosigner::Signed { verdict, .. } => Ok(verdict.verdict),
        FromCosigner::Refused { refusal, .. } => Err(refusal.code),
        _ => Err("?".into()),
    }
}

fn assert_same_effects(label: &str, plan: &Plan, verdict: &Verdict) {
    let effects: &[Effect] = &plan.effects;
    assert_eq!(verdict.effects, effects, "{label}");
    assert!(verdict.max_fee <= plan.max_fee, "{label}");
}

/// The changes of one field.
pub type Mutator = fn(&Ground) -> Vec<Attack>;

fn mutators() -> Vec<(&'static str, Mutator)> {
    [envelope::MUTATORS, evm::MUTATORS, bitcoin::MUTATORS].concat()
}

fn mutator(field: &str) -> Mutator {
    let found = mutators().into_iter().find(|(name, _)| *name == field);
    found.unwrap_or_else(|| panic!("no mutator for the field {field}")).1
}

#[test]
fn i4_every_field_has_a_mutator_and_every_mutator_a_field() {
    let table: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
    let ours: Vec<&str> = mutators().iter().map(|(name, _)| *name).collect();
    let (table_set, ours_set) = (BTreeSet::from_iter(&table), BTreeSet::from_iter(&ours));
    assert_eq!(table_set, ours_set);
    assert_eq!((table.len(), ours.len()), (table_set.len(), ours_set.len()), "no name stands twice");
}

#[test]
fn i4_fixed_fields_never_sign() {
    let mut ground = Ground::new(41);
    let mut tried = 0;
    for (field, _) in FIELDS.iter().filter(|(_, binding)| *binding == Binding::Fixed) {
        let attacks = mutator(field)(&ground);
        assert!(attacks.len() >= 2, "{field}: too few changes");
        for attack in attacks {
            assert!(matches!(attack.expect, Expect::Refused(_)), "{field} is fixed: {}", attack.what);
            assert!(
                ground.bases().into_iter().all(|b| *b != attack.request),
                "{field}: {} changes nothing",
                attack.what
            );
            ground.check(field, &attack);
            tried += 1;
        }
    }
    assert!(tried >= 100, "{tried}");
    // After all that, what is right is still signed.
    ground.sign_bases();
}

#[test]
fn i4_pinned_fields_take_no_second_value() {
    let mut ground = Ground::new(42);
    ground.sign_bases();
    for (field, _) in FIELDS.iter().filter(|(_, binding)| *binding == Binding::Pinned) {
        let attacks = mutator(field)(&ground);
        assert!(attacks.iter().any(|a| a.expect != Expect::Signed), "{field}: no other value is tried");
        attacks.iter().for_each(|attack| ground.check(field, attack));
    }
}

#[test]
fn i4_bounded_fields_sign_inside_their_bound_only_and_change_no_effect() {
    let mut ground = Ground::new(43);
    // The slots are taken first: choices of later versions stay within the same slot.
    ground.sign_bases();
    for (field, _) in FIELDS.iter().filter(|(_, binding)| matches!(binding, Binding::Bounded(_))) {
        let attacks = mutator(field)(&ground);
        assert!(attacks.iter().any(|a| a.expect == Expect::Signed), "{field}: nothing inside the bound");
        assert!(attacks.iter().any(|a| a.expect != Expect::Signed), "{field}: nothing outside the bound");
        attacks.iter().for_each(|attack| ground.check(field, attack));
    }
}
