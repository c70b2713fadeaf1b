//! Facts of witnesses on the host: the newest are kept, requests carry those that they need, cosigners hear what is final.
//!
//! The host weighs them by the same code as the cosigners, so that it attaches nothing they would refuse; it adds nothing to
//! them. Rules G3, M1, L3.

use crate::core::{Core, lock};
use crate::error::{ErrorClass, ServiceError};
use crate::judge::{Asked, Case};
use crate::ports::{Commit, Write};
use crate::service::{FactListing, FactView, WantedView};
use crate::workspace::Workspace;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::cbor;
use ringi_primitives::effects::Effect;
use ringi_primitives::fact::{Fact, PRICE_DECIMALS, SignedFact, Topic};
use ringi_primitives::id::IntentId;
use ringi_primitives::key::PublicKey;
use ringi_primitives::limits;
use ringi_primitives::time::UnixMs;
use ringi_primitives::trust::{PriceTrust, Trust};
use ringi_primitives::weigh::{FactBook, FactError, Facts, Weighing, agree, is_genuine, weigh};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A fact that has less than this left is not attached: a request takes a moment.
const LEFT_MS: u64 = 5_000;
/// Intents whose finality witnesses are asked for at once.
const WANTED: usize = 256;
/// Intents of which a cosigner that comes back is told that they are final.
const TOLD: usize = 1024;

/// What is known of witnesses' facts.
#[derive(Default)]
pub(crate) struct FactIndex {
    book: FactBook,
    finals: BTreeMap<IntentId, BTreeMap<PublicKey, SignedFact>>,
}

impl FactIndex {
    /// Takes in a fact that was weighed, or was stored.
    pub(crate) fn enter(&mut self, fact: &SignedFact) {
        match &fact.statement.fact {
            Fact::Final { intent, .. } => {
                self.finals.entry(*intent).or_default().insert(fact.statement.witness, fact.clone());
            }
            Fact::Price { .. } | Fact::Balance { .. } => self.book.enter(fact),
        }
    }

    /// What witnesses say of an intent's end.
    fn of_intent(&self, intent: &IntentId) -> Vec<SignedFact> {
        self.finals.get(intent).into_iter().flat_map(BTreeMap::values).cloned().collect()
    }
}

/// What facts are held against on this host.
fn weighing<'a>(workspace: &'a Workspace, book: &'a FactBook, now: UnixMs) -> Result<Weighing<'a>, ServiceError> {
    let trust = workspace.policy()?.set.trust.as_ref();
    Ok(Weighing { trust, genesis: workspace.genesis()?.root(), book, now })
}

fn refused(error: FactError) -> ServiceError {
    let (class, remedy) = match error {
        FactError::Malformed | FactError::TooMany | FactError::Repeated | FactError::Genesis => {
            (ErrorClass::BadRequest, "Correct the statement and sign it again.")
        }
        FactError::Witness | FactError::Purpose => (ErrorClass::Forbidden, "Have the policy set name the witness."),
        FactError::Signature => (ErrorClass::Unprocessable, "Sign the statement's digest with the witness's key."),
        FactError::Future | FactError::Stale => {
            (ErrorClass::Unprocessable, "Set the clock and send a fresh statement.")
        }
        FactError::Older => (ErrorClass::Conflict, "Send only statements newer than the last."),
    };
    ServiceError::new(class, error.code(), error.to_string(), remedy)
}

/// Keeps facts; proofs that a quorum gives go to every cosigner.
pub(crate) async fn submit(core: &Arc<Core>, facts: Vec<SignedFact>) -> Result<FactListing, ServiceError> {
    // One at a time: what is stored last is the newest.
    let _one = core.facts_turn.lock().await;
    let workspace = core.workspace();
    {
        let index = lock(&core.facts);
        weigh(&facts, &weighing(&workspace, &index.book, core.now())?).map_err(refused)?;
    }
    let writes = facts.iter().map(|f| Write::Fact(Box::new(f.clone()))).collect();
    core.commit(Commit { writes, ..Commit::default() }).await?;
    let everybody: Vec<_> = core.ports.cosigners.health().iter().map(|h| h.party).collect();
    for proof in entered(core, &workspace, &facts) {
        core.ports.cosigners.tell_facts(proof, &everybody).await;
    }
    listing(core).await
}

/// Takes facts in; the proofs that they complete.
fn entered(core: &Core, workspace: &Workspace, facts: &[SignedFact]) -> Vec<Vec<SignedFact>> {
    let mut index = lock(&core.facts);
    facts.iter().for_each(|fact| index.enter(fact));
    let ended: BTreeSet<IntentId> = facts.iter().filter_map(|f| ended(&f.statement.fact)).collect();
    ended.iter().filter_map(|intent| proof(core, workspace, &index, intent)).collect()
}

fn ended(fact: &Fact) -> Option<IntentId> {
    match fact {
        Fact::Final { intent, .. } => Some(*intent),
        Fact::Price { .. } | Fact::Balance { .. } => None,
    }
}

/// L3: what a quorum says of an intent's end, and the host's own memory of it.
fn proof(core: &Core, workspace: &Workspace, index: &FactIndex, intent: &IntentId) -> Option<Vec<SignedFact>> {
    let book = FactBook::default();
    let by = weighing(workspace, &book, core.now()).ok()?;
    // A witness that the policy set no longer names does not spoil the others' word.
    let said: Vec<SignedFact> = index.of_intent(intent).into_iter().filter(|f| is_genuine(f, &by).is_ok()).collect();
    let proved = weigh(&said, &by).ok()?.finals.iter().any(|(of, _)| of == intent);
    if !proved {
        return None;
    }
    lock(&core.spent).prove(*intent);
    Some(said)
}

/// Everything that is kept, and the intents whose end witnesses are wanted for.
pub(crate) async fn listing(core: &Core) -> Result<FactListing, ServiceError> {
    let workspace = core.workspace();
    let policy = workspace.policy()?.clone();
    let Some(trust) = &policy.set.trust else { return Ok(FactListing::default()) };
    let items = {
        let index = lock(&core.facts);
        let view = |f: &SignedFact| view(f, trust, |asset| policy.set.asset_by_key(asset).map(|a| a.id.clone()));
        index.book.all().filter_map(view).collect()
    };
    let open = if trust.finals.is_some() { lock(&core.spent).unproved(WANTED) } else { Vec::new() };
    let mut wanted = Vec::new();
    for intent in open {
        let record = core.ports.store.transfer(intent).await?;
        let slot = record.and_then(|r| r.state.slot().map(|(slot, _)| slot.clone()));
        wanted.extend(slot.map(|slot| WantedView { intent, slot: STANDARD.encode(cbor::encode(&slot)) }));
    }
    Ok(FactListing { items, wanted })
}

/// `None` for a witness that the policy set no longer names.
fn view(fact: &SignedFact, trust: &Trust, asset_id: impl Fn(&AssetKey) -> Option<String>) -> Option<FactView> {
    let statement = &fact.statement;
    let (asset, wallet, value) = match &statement.fact {
        Fact::Price { asset, price } => (asset_id(asset), None, price.to_decimal(PRICE_DECIMALS)),
        Fact::Balance { wallet, asset, amount } => (asset_id(asset), Some(wallet.wallet), amount.to_string()),
        Fact::Final { .. } => return None,
    };
    Some(FactView {
        witness: trust.witness(&statement.witness)?.name.clone(),
        kind: statement.fact.kind().name(),
        asset,
        wallet,
        value,
        at: statement.at,
        document: STANDARD.encode(cbor::encode(fact)),
    })
}

impl Case {
    /// What a request for this carries: fresh facts of the assets that it moves and of its wallet, none that a cosigner would
    /// refuse.
    pub(crate) fn facts(&self, core: &Core, asked: &Asked<'_>) -> Vec<SignedFact> {
        self.weighed(core, asked).0
    }

    /// The same, and what they prove.
    pub(crate) fn weighed(&self, core: &Core, asked: &Asked<'_>) -> (Vec<SignedFact>, Facts) {
        let none = || (Vec::new(), Facts::default());
        let Some(trust) = &self.policy.set.trust else { return none() };
        let index = lock(&core.facts);
        let Ok(by) = weighing(&self.workspace, &index.book, core.now()) else { return none() };
        let moved = self.plan.effects.iter().flat_map(Effect::spends).map(|(asset, _)| asset);
        let assets: BTreeSet<AssetKey> = moved.chain([AssetKey::native(self.plan.network)]).collect();
        let mut chosen = Vec::new();
        for asset in assets {
            let of = |topic: Topic| fresh(&index.book, topic, trust, &by);
            let agreed = trust.prices.map(|rule| agreeing(of(Topic::Price(asset)), &rule)).unwrap_or_default();
            for some in [agreed, of(Topic::Balance(asked.wallet, asset))] {
                if chosen.len() + some.len() <= limits::FACTS {
                    chosen.extend(some);
                }
            }
        }
        match weigh(&chosen, &by) {
            Ok(facts) => (chosen, facts),
            Err(error) => {
                tracing::error!(code = error.code(), "facts that were chosen are not right: none is attached");
                none()
            }
        }
    }
}

/// What named witnesses say of a topic that is young enough still.
fn fresh(book: &FactBook, topic: Topic, trust: &Trust, by: &Weighing<'_>) -> Vec<SignedFact> {
    let young = |fact: &SignedFact| {
        let age_ms = trust.max_age_ms(fact.statement.fact.kind()).unwrap_or(0);
        // Of a short life, a quarter is left.
        let left_ms = LEFT_MS.min(age_ms / 4);
        fact.statement.at.plus_ms(age_ms.saturating_sub(left_ms)) >= by.now
    };
    let right = |f: &&SignedFact| f.statement.fact.topic() == Some(topic) && is_genuine(f, by).is_ok() && young(f);
    book.all().filter(right).cloned().collect()
}

/// M1: the most of them that agree, the dearer where two sets are as large; none if they are no quorum.
fn agreeing(mut facts: Vec<SignedFact>, rule: &PriceTrust) -> Vec<SignedFact> {
    let price = |f: &SignedFact| match f.statement.fact {
        Fact::Price { price, .. } => price,
        Fact::Balance { .. } | Fact::Final { .. } => Default::default(),
    };
    facts.sort_by_key(price);
    let run = |from: usize| {
        let lowest = price(&facts[from]);
        from..from + facts[from..].iter().take_while(|f| agree(lowest, price(f), rule)).count()
    };
    let best = (0..facts.len()).map(run).max_by_key(|run| (run.len(), run.start)).unwrap_or(0..0);
    let enough = usize::try_from(rule.quorum).is_ok_and(|q| best.len() >= q);
    if enough { facts.drain(best).collect() } else { Vec::new() }
}

/// After a start: what the store holds.
pub(crate) fn remember(core: &Core, facts: &[SignedFact]) {
    let workspace = core.workspace();
    let mut index = lock(&core.facts);
    facts.iter().for_each(|fact| index.enter(fact));
    let ended: Vec<IntentId> = index.finals.keys().copied().collect();
    ended.iter().for_each(|intent| drop(proof(core, &workspace, &index, intent)));
}

/// Tells a cosigner that starts, or takes another policy set, what is final: it may have been away when that was said.
pub(crate) async fn keep_told(core: Arc<Core>) {
    let mut changed = core.ports.cosigners.changed();
    let mut told = BTreeSet::new();
    loop {
        for health in core.ports.cosigners.health() {
            let Some(status) = health.status.filter(|s| health.connected && s.ready) else { continue };
            if !told.insert((health.party, status.boot, status.policy)) {
                continue;
            }
            for proof in newest_proofs(&core) {
                core.ports.cosigners.tell_facts(proof, &[health.party]).await;
            }
        }
        if changed.changed().await.is_err() {
            return;
        }
    }
}

fn newest_proofs(core: &Core) -> Vec<Vec<SignedFact>> {
    let workspace = core.workspace();
    let index = lock(&core.facts);
    let newest = index.finals.keys().rev().take(TOLD);
    newest.filter_map(|intent| proof(core, &workspace, &index, intent)).collect()
}

#[cfg(test)]
mod tests;
