//! The rules of PROTOCOL.md attacked at whole cosigners, clause by clause; `docs/attack-tests.md` lists which test holds which.

mod boots;
mod border;
mod brakes;
mod delay;
mod enclaves;
mod facts;
mod keys;
mod limits;
mod passkeys;
mod people;
mod pins;
mod production;
mod recovery;
mod schedules;
mod sessions;
mod time;
mod upgrade;

use ringi_chain::evm;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::cbor;
use ringi_primitives::policy_set::PermitDomain;
use ringi_primitives::receipt::SignedVerdict;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::wire::{CosignerStatus, FromCosigner, Refusal, Tag, ToCosigner};
use ringi_sim::requests::{Draft, EVM, FRIEND, Standard, TOKEN, outcomes, request};
use ringi_sim::world::{World, party};

/// A payment of `amount` wei, intent `id`, under `nonce`, asked of these signers: what each said.
fn pay(world: &mut World, standard: &Standard, id: u8, amount: u64, nonce: u64, signers: &[u8]) -> Vec<String> {
    let bytes = Draft::payment(world, id, amount, nonce).bytes(standard);
    outcomes(&world.sign(&bytes, signers))
}

/// The standard policy set's token.
fn dollar() -> AssetKey {
    AssetKey::token(EVM, evm::parse_address(TOKEN).unwrap())
}

/// Its permits, of a day's life at most.
fn dollar_permits() -> PermitDomain {
    PermitDomain { asset: dollar(), name: "Dollar".into(), version: "1".into(), max_life_s: 86_400 }
}

/// A request to permit the friend `amount` dollars for `life_ms` from now, as intent `id` and the token's permit `id`.
fn permit(world: &World, standard: &Standard, id: u8, amount: u64, life_ms: u64) -> Vec<u8> {
    permit_at(world, standard, id, amount, life_ms, id)
}

/// The same as the token's permit `nonce`: another nonce is another message to sign.
fn permit_at(world: &World, standard: &Standard, id: u8, amount: u64, life_ms: u64, nonce: u8) -> Vec<u8> {
    let mut intent = Draft::payment(world, id, 0, 0).intent;
    let deadline = world.now.plus_ms(life_ms);
    intent["actions"] = serde_json::json!(
        [{"type": "permit", "asset": "usd", "spender": FRIEND, "amount": amount.to_string(), "deadline": deadline}]
    );
    let nonce = Amount::from_u64(nonce.into());
    let request = request(standard, &intent, world.now.0 / 1000, &[], |plan, intent| {
        evm::encode_message(&standard.policy, plan, intent, &standard.account(), nonce).unwrap()
    });
    cbor::encode(&request)
}

/// What each signer says when both sign.
const SIGNED: [&str; 2] = ["signed", "signed"];

/// Whether nobody signed.
fn unsigned(outcomes: &[String]) -> bool {
    !outcomes.is_empty() && outcomes.iter().all(|o| o != "signed")
}

/// The refusals among what signers said of an attempt.
fn refusals(answers: &[(PartyIndex, FromCosigner)]) -> Vec<Refusal> {
    let refusal = |f: &FromCosigner| match f {
        FromCosigner::Refused { refusal, .. } => Some(refusal.clone()),
        _ => None,
    };
    answers.iter().filter_map(|(_, f)| refusal(f)).collect()
}

/// The verdicts among what signers said of an attempt.
fn verdicts(answers: &[(PartyIndex, FromCosigner)]) -> Vec<SignedVerdict> {
    let verdict = |f: &FromCosigner| match f {
        FromCosigner::Signed { verdict, .. } => Some(verdict.clone()),
        _ => None,
    };
    answers.iter().filter_map(|(_, f)| verdict(f)).collect()
}

/// What a cosigner says of itself.
fn status(world: &mut World, n: u8) -> CosignerStatus {
    world.take_said(party(n));
    world.tell(party(n), ToCosigner::Status);
    let said = world.take_said(party(n));
    let status = said.into_iter().find_map(|f| match f {
        FromCosigner::Status { status } => Some(status),
        _ => None,
    });
    status.expect("a running cosigner answers")
}

/// Whether a cosigner has said that this happened, since last asked.
fn events(world: &mut World, n: u8) -> Vec<String> {
    let code = |f| match f {
        FromCosigner::Event { code, .. } => Some(code),
        _ => None,
    };
    world.take_said(party(n)).into_iter().filter_map(code).collect()
}

/// Kills a cosigner and starts it from what the host keeps.
fn restart(world: &mut World, n: u8) {
    world.kill(party(n));
    world.start(party(n)).expect("it starts from its own records");
    world.run();
}

/// Ends an attempt at these signers.
fn abort(world: &mut World, tag: Tag, signers: &[u8]) -> Vec<String> {
    signers.iter().for_each(|n| world.tell(party(*n), ToCosigner::Abort { tag }));
    world.run();
    outcomes(&world.answers_of(tag, signers))
}

/// Storage says of everything these cosigners handed out that it is durable.
fn acknowledge(world: &mut World, numbers: &[u8]) {
    numbers.iter().for_each(|n| world.acknowledge(party(*n)));
}

/// The relay reaches everybody again.
fn relink(world: &mut World) {
    for (n, peer) in [(1, 2), (2, 1), (1, 3), (3, 1), (2, 3), (3, 2)] {
        world.tell(party(n), ToCosigner::PeerUp { peer: party(peer) });
    }
    world.run();
    world.pass(1000);
}
