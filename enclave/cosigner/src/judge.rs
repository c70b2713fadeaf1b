//! From a signing request's bytes to a judged request: who asks, what is asked, what the bytes say, and that they agree.
//!
//! Everything is looked up in this cosigner's own records (rule G3); what the request says of them is only compared.

use crate::keys::{KeyRing, WalletKeys};
use crate::refusal::{Code, from_chain};
use crate::state::{Policy, State};
use ringi_chain::Decoded;
use ringi_primitives::approval::{Counted, Envelope};
use ringi_primitives::cbor;
use ringi_primitives::digest::Digest;
use ringi_primitives::effects::Effect;
use ringi_primitives::genesis::GenesisChain;
use ringi_primitives::id::PersonId;
use ringi_primitives::intent::Intent;
use ringi_primitives::limits;
use ringi_primitives::passkey::PasskeyError;
use ringi_primitives::plan::Plan;
use ringi_primitives::policy_set::{Display, KeyPurpose, RootIndex};
use ringi_primitives::request::{PayloadKind, SigningRequest};
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::WalletRef;
use ringi_primitives::weigh::Facts;
use ringi_primitives::wire::Refusal;
use std::collections::BTreeSet;

/// The one path of the HTTP API that carries intents; an initiator's signature for any other is no intent.
const INTENT_METHOD: &str = "POST";
const INTENT_PATH: &str = "/v1/transfers";

/// A request whose signatures verify and whose bytes are exactly what was asked for. Not yet allowed by policy.
pub struct Judged {
    /// Digest of the request's bytes.
    pub request: Digest,
    /// What was asked.
    pub intent: Intent,
    /// The wallet that acts.
    pub wallet: WalletRef,
    /// Which distributed keys it derives from.
    pub root: RootIndex,
    /// Who asked.
    pub initiator: PersonId,
    /// Who approved, distinct people.
    pub approvals: BTreeSet<PersonId>,
    /// Those of them who did with a key of their own (rule P2).
    pub independent: BTreeSet<PersonId>,
    /// Counters of the passkeys they did it with.
    pub counted: Vec<Counted>,
    /// What the request's facts prove: prices, balances and what is final (rules M1, L3).
    pub facts: Facts,
    /// What was asked, in the chain's terms.
    pub plan: Plan,
    /// Which door the bytes went through.
    pub kind: PayloadKind,
    /// What the bytes say, and the digests to sign, from one parse.
    pub decoded: Decoded,
}

/// Judges a request by the state's own genesis, policy and keys at its own time.
///
/// # Errors
/// The refusal that names the failed check.
pub fn judge(state: &State, bytes: &[u8], now: UnixMs) -> Result<Judged, Refusal> {
    let genesis = state.genesis.as_ref().ok_or_else(|| Code::GenesisMissing.because("no genesis installed"))?;
    let policy = state.policy.as_ref().ok_or_else(|| Code::PolicyMissing.because("no policy set installed"))?;
    let request: SigningRequest =
        cbor::decode(bytes, limits::REQUEST_BYTES).map_err(|e| Code::RequestMalformed.because(e.to_string()))?;
    check_frame(genesis, policy, &request)?;
    let intent = Intent::parse(&request.intent).map_err(|e| Code::IntentMalformed.because(e.to_string()))?;
    let initiator = check_initiator(state, genesis, policy, &request, &intent, now)?;
    let vault = policy.set.vault_named(&intent.vault);
    let vault = vault.ok_or_else(|| Code::IntentMalformed.because("vault"))?;
    let wallet = WalletRef { vault: vault.index, wallet: intent.wallet };
    // P1: what somebody stopped is not signed, whatever the policy says.
    if let Some(code) = state.brakes.stopped(intent.id, initiator, &wallet) {
        return Err(code.because("P1"));
    }
    let plan = ringi_chain::plan(&policy.set, &intent).map_err(|e| from_chain(&e))?;
    let given = check_approvals(state, genesis, policy, &request, wallet, &plan)?;
    // G3, M1: facts of named witnesses only, in their time, none older than one seen before.
    let facts = state.weigh(&request.facts, now).map_err(|e| Code::Fact(e).because(e.to_string()))?;
    let decoded = decode(&state.keys, policy, vault.root, wallet, &request, &plan)?;
    check_permits(policy, decoded.effects(), now)?;
    Ok(Judged {
        request: SigningRequest::digest(bytes),
        root: vault.root,
        kind: request.unsigned.kind,
        intent,
        wallet,
        initiator,
        approvals: given.people,
        independent: given.independent,
        counted: given.counted,
        facts,
        plan,
        decoded,
    })
}

fn check_frame(genesis: &GenesisChain, policy: &Policy, request: &SigningRequest) -> Result<(), Refusal> {
    if request.version != 1 || request.approvals.len() > limits::APPROVALS {
        return Err(Code::RequestMalformed.because("version or number of approvals"));
    }
    // G1: everything is of this workspace.
    if request.genesis != genesis.root() {
        return Err(Code::GenesisMismatch.because("request"));
    }
    // I4, G3: the host's view of the policy is only compared.
    if request.policy != policy.digest {
        return Err(Code::PolicyMismatch.because(policy.digest.hex()));
    }
    Ok(())
}

/// I1: the initiator's signature over the exact bytes, genesis, a unique id and a bounded expiry.
fn check_initiator(
    state: &State,
    genesis: &GenesisChain,
    policy: &Policy,
    request: &SigningRequest,
    intent: &Intent,
    now: UnixMs,
) -> Result<PersonId, Refusal> {
    if intent.genesis != genesis.root() {
        return Err(Code::GenesisMismatch.because("intent"));
    }
    let signature = &request.initiator;
    if signature.method != INTENT_METHOD || signature.path != INTENT_PATH {
        return Err(Code::InitiatorSignature.because("signed for another operation"));
    }
    signature.verify(&request.intent).map_err(|e| Code::InitiatorSignature.because(e.to_string()))?;
    let person = policy.set.person_by_key(&signature.key, KeyPurpose::Initiate);
    let person = person.ok_or_else(|| Code::InitiatorSignature.because("key is nobody's"))?;
    let created = UnixMs(signature.created_s.saturating_mul(1000));
    let life = signature.expires_s.saturating_sub(signature.created_s);
    let bounded = life <= limits::REQUEST_LIFE_S
        && intent.expires_at <= created.plus_ms(limits::INTENT_LIFE_MS)
        && created <= now.plus_ms(limits::CLOCK_SKEW_MS);
    if !bounded || now >= intent.expires_at {
        return Err(Code::IntentExpired.because("intent or its signature is outside its time"));
    }
    // B1: after a resume, earlier intents are void.
    if state.resumed_at.is_some_and(|at| created <= at) {
        return Err(Code::IntentExpired.because("made before the resume"));
    }
    Ok(person.id)
}

/// What a request's approvals prove.
#[derive(Default)]
struct Given {
    people: BTreeSet<PersonId>,
    independent: BTreeSet<PersonId>,
    counted: Vec<Counted>,
}

/// I2: each approval is a person's signature over the envelope of exactly this plan. One that is not spoils the request.
fn check_approvals(
    state: &State,
    genesis: &GenesisChain,
    policy: &Policy,
    request: &SigningRequest,
    wallet: WalletRef,
    plan: &Plan,
) -> Result<Given, Refusal> {
    if request.approvals.is_empty() {
        return Ok(Given::default());
    }
    let envelope = Envelope {
        version: 1,
        genesis: genesis.root(),
        intent: Intent::digest(&request.intent),
        wallet,
        plan: plan.clone(),
        policy: policy.digest,
    };
    let digest = envelope.digest();
    let mut given = Given::default();
    for approval in &request.approvals {
        // I2, P2: by the keys and passkeys of the policy set in force, over exactly this envelope.
        let consent = approval.verify(&digest, &policy.set, genesis.head());
        let consent = consent.map_err(|e| Code::Approval(e).because(e.to_string()))?;
        given.people.insert(consent.person);
        // P2: a key of their own is used by code that the host did not serve.
        if consent.display == Display::Independent {
            given.independent.insert(consent.person);
        }
        given.counted.extend(consent.counted);
    }
    // P2: a counter value that served something else is a clone's.
    let cloned = |used: &Counted| !state.counters.accepts(used);
    if given.counted.iter().any(cloned) {
        return Err(Code::Approval(PasskeyError::Counter.into()).because("P2"));
    }
    Ok(given)
}

/// I2: decoded effects equal the plan's, with the fee at most the maximum.
fn decode(
    keys: &KeyRing,
    policy: &Policy,
    root: RootIndex,
    wallet: WalletRef,
    request: &SigningRequest,
    plan: &Plan,
) -> Result<Decoded, Refusal> {
    if request.unsigned.bytes.len() > limits::UNSIGNED_BYTES {
        return Err(Code::Undecodable.because("too large"));
    }
    let source = WalletKeys::new(keys, root, wallet);
    let decoded = ringi_chain::decode(&policy.set, &source, plan.network, &request.unsigned);
    let decoded = decoded.map_err(|e| from_chain(&e))?;
    if decoded.effects() != plan.effects {
        return Err(Code::EffectsDiffer.because(first_difference(decoded.effects(), &plan.effects)));
    }
    if decoded.max_fee() > plan.max_fee {
        return Err(Code::FeeAboveMaximum.because(format!("{} > {}", decoded.max_fee(), plan.max_fee)));
    }
    if decoded.sighashes().is_empty() || decoded.sighashes().len() > limits::SIGHASHES {
        return Err(Code::Undecodable.because("number of signatures"));
    }
    Ok(decoded)
}

/// Which part differs first: a fixed word, never foreign text.
fn first_difference(bytes: &[Effect], plan: &[Effect]) -> &'static str {
    if bytes.len() != plan.len() {
        return "number of effects";
    }
    let pair = bytes.iter().zip(plan).find(|(a, b)| a != b);
    match pair {
        Some((a, b)) if a.kind() != b.kind() => "kind of effect",
        Some((a, b)) if a.beneficiary() != b.beneficiary() => "recipient",
        Some((a, b)) if a.spends().iter().map(|s| s.0).ne(b.spends().iter().map(|s| s.0)) => "asset",
        Some((a, b)) if a.spends() != b.spends() => "amount",
        Some(_) => "call",
        None => "nothing",
    }
}

/// C2: a permit's deadline lies within what the policy allows from now.
fn check_permits(policy: &Policy, effects: &[Effect], now: UnixMs) -> Result<(), Refusal> {
    for effect in effects {
        let Effect::Permit { asset, deadline_s, .. } = effect else { continue };
        let domain = policy.set.permits.iter().find(|p| p.asset == *asset);
        let latest_s = domain.map(|d| (now.0 / 1000).saturating_add(d.max_life_s));
        if latest_s.is_none_or(|latest| *deadline_s > latest) {
            return Err(Code::PermitLife.because("deadline"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringi_primitives::address::Address;
    use ringi_primitives::amount::Amount;
    use ringi_primitives::asset::AssetKey;
    use ringi_primitives::network::NetworkId;

    const EVM: NetworkId = NetworkId::Evm(1);

    fn pays(asset: AssetKey, to: u8, amount: u64) -> Effect {
        Effect::Transfer { asset, to: Address::of_evm([to; 20]), amount: Amount::from_u64(amount) }
    }

    fn calls(contract: u8, value: u64, data: &[u8]) -> Effect {
        let (contract, value) = (Address::of_evm([contract; 20]), Amount::from_u64(value));
        Effect::Call { network: EVM, contract, value, function: "f(bytes)".into(), data: data.to_vec() }
    }

    /// I2: whoever is refused learns what differs first, and no foreign text.
    #[test]
    fn i2_the_first_difference_is_named() {
        let (coin, token) = (AssetKey::native(EVM), AssetKey::token(EVM, Address::of_evm([9; 20])));
        let planned = [pays(coin, 1, 5), calls(2, 7, b"a")];
        for (bytes, word) in [
            (vec![pays(coin, 1, 5)], "number of effects"),
            (vec![calls(1, 5, b""), calls(2, 7, b"a")], "kind of effect"),
            (vec![pays(coin, 3, 5), calls(2, 7, b"a")], "recipient"),
            (vec![pays(token, 1, 5), calls(2, 7, b"a")], "asset"),
            (vec![pays(coin, 1, 6), calls(2, 7, b"a")], "amount"),
            (vec![pays(coin, 1, 5), calls(3, 7, b"a")], "recipient"),
            (vec![pays(coin, 1, 5), calls(2, 8, b"a")], "amount"),
            (vec![pays(coin, 1, 5), calls(2, 7, b"b")], "call"),
            (planned.to_vec(), "nothing"),
        ] {
            assert_eq!(first_difference(&bytes, &planned), word, "{bytes:?}");
        }
    }
}
