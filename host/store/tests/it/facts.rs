//! Facts of witnesses on the host: kept, attached where they are needed, told where they prove an end (rules M1, L3).

use crate::flow::{prepare_workspace, submit, until};
use crate::world::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringi_orchestrator::{Orchestrator, Service};
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::cbor;
use ringi_primitives::effects::Slot;
use ringi_primitives::fact::{Fact, SignedFact};
use ringi_primitives::request::SigningRequest;
use ringi_primitives::time::UnixMs;
use std::sync::Arc;

fn now() -> UnixMs {
    UnixMs(u64::try_from(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap())
}

fn price(witness: u8, price: u64, at: UnixMs) -> SignedFact {
    says(witness, &Fact::Price { asset: AssetKey::native(EVM), price: Amount::from_u64(price) }, at)
}

async fn ready() -> (Arc<World>, tempfile::TempDir, Orchestrator) {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let orchestrator = start(&world, folder.path()).await;
    prepare_workspace(&orchestrator).await;
    (world, folder, orchestrator)
}

/// The facts of the newest request that cosigners were asked to sign.
fn attached(world: &World) -> Vec<SignedFact> {
    let seen = world.seen.lock().unwrap();
    let request: SigningRequest = cbor::decode(seen.requests.last().unwrap(), 1 << 22).unwrap();
    request.facts
}

#[tokio::test(flavor = "multi_thread")]
async fn m1_requests_carry_the_newest_prices_that_agree() {
    let (world, folder, orchestrator) = ready().await;
    submit(&orchestrator, 1, 500).await;
    until(&world, &orchestrator, 1, "completed").await;
    assert_eq!(attached(&world), [], "nobody has said anything");
    let at = now();
    let (first, second) = (price(20, 1000, at), price(21, 1005, at));
    orchestrator.submit_facts(vec![first.clone()]).await.unwrap();
    submit(&orchestrator, 2, 500).await;
    until(&world, &orchestrator, 2, "completed").await;
    assert_eq!(attached(&world), [], "one is no quorum");
    let listing = orchestrator.submit_facts(vec![second.clone()]).await.unwrap();
    let shown: Vec<_> = listing.items.iter().map(|i| (&*i.witness, i.kind, i.asset.as_deref(), &*i.value)).collect();
    assert!(shown.contains(&("w20", "price", Some("eth"), "0.000000001")), "{shown:?}");
    // Also after a restart of the host.
    orchestrator.stop().await;
    drop(orchestrator);
    let orchestrator = start(&world, folder.path()).await;
    submit(&orchestrator, 3, 500).await;
    until(&world, &orchestrator, 3, "completed").await;
    let mut facts = attached(&world);
    facts.sort_by_key(|f| f.statement.fact.clone());
    assert_eq!(facts, [first, second]);
    // Two that do not agree, or one that is too old, are not attached: cosigners would refuse or see no price.
    let later = at.plus_ms(1);
    orchestrator.submit_facts(vec![price(21, 2000, later)]).await.unwrap();
    submit(&orchestrator, 4, 500).await;
    until(&world, &orchestrator, 4, "completed").await;
    assert_eq!(attached(&world), []);
    let almost = now().minus_ms(599_000);
    let stale = orchestrator.submit_facts(vec![price(20, 1, almost.minus_ms(2_000))]).await.unwrap_err();
    assert_eq!(stale.code, "fact.stale");
    let older = orchestrator.submit_facts(vec![price(20, 1, almost)]).await.unwrap_err();
    assert_eq!(older.code, "fact.older");
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_what_no_named_witness_said_is_refused() {
    let (_world, _folder, orchestrator) = ready().await;
    let at = now();
    let mut foreign = price(20, 1000, at);
    foreign.statement.witness = public(21);
    let twice = vec![price(20, 1000, at), price(20, 1000, at)];
    for (facts, code) in [
        (vec![price(9, 1000, at)], "fact.witness"),
        (vec![price(1, 1000, at)], "fact.witness"),
        (vec![foreign], "fact.signature"),
        (vec![price(20, 0, at)], "fact.malformed"),
        (vec![price(20, 1000, at.plus_ms(61_000))], "fact.future"),
        (twice, "fact.repeated"),
        (vec![price(20, 1000, at); 65], "fact.too_many"),
    ] {
        assert_eq!(orchestrator.submit_facts(facts).await.unwrap_err().code, code);
    }
    assert!(orchestrator.facts().await.unwrap().items.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn l3_cosigners_are_told_what_a_quorum_calls_final() {
    let (world, folder, orchestrator) = ready().await;
    submit(&orchestrator, 1, 500).await;
    submit(&orchestrator, 2, 500).await;
    until(&world, &orchestrator, 2, "completed").await;
    until(&world, &orchestrator, 1, "completed").await;
    let wanted = orchestrator.facts().await.unwrap().wanted;
    assert_eq!(wanted.iter().map(|w| w.intent).collect::<Vec<_>>(), [intent_id(1), intent_id(2)]);
    let slot: Slot = cbor::decode(&STANDARD.decode(&wanted[0].slot).unwrap(), 1 << 10).unwrap();
    assert_eq!(slot, Slot::Nonce { network: EVM, account: account(), nonce: 0 });
    let end = Fact::Final { intent: intent_id(1), slot };
    let (first, second) = (says(20, &end, now()), says(21, &end, now()));
    assert_eq!(orchestrator.submit_facts(vec![first.clone()]).await.unwrap().wanted.len(), 2);
    assert!(world.seen.lock().unwrap().told.is_empty(), "one is no quorum");
    let left = orchestrator.submit_facts(vec![second.clone()]).await.unwrap().wanted;
    assert_eq!(left.iter().map(|w| w.intent).collect::<Vec<_>>(), [intent_id(2)]);
    let told = std::mem::take(&mut world.seen.lock().unwrap().told);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1, [1, 2, 3].map(party));
    let mut facts = told[0].0.clone();
    facts.sort_by_key(|f| f.statement.witness);
    let mut both = [first, second];
    both.sort_by_key(|f| f.statement.witness);
    assert_eq!(facts, both);
    // After a restart of the host it is still known, and every cosigner is told again.
    orchestrator.stop().await;
    drop(orchestrator);
    let orchestrator = start(&world, folder.path()).await;
    let left = orchestrator.facts().await.unwrap().wanted;
    assert_eq!(left.iter().map(|w| w.intent).collect::<Vec<_>>(), [intent_id(2)]);
    for _ in 0..200 {
        if world.seen.lock().unwrap().told.len() == 3 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let mut parties: Vec<_> = world.seen.lock().unwrap().told.iter().flat_map(|(_, to)| to.clone()).collect();
    parties.sort();
    assert_eq!(parties, [1, 2, 3].map(party));
}
