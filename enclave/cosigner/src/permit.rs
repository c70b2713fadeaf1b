//! The permit: the only way from a judged request to a signature. One constructor, used up by signing.

use crate::judge::Judged;
use crate::pins::Pin;
use crate::refusal::{Code, from_decision};
use crate::state::State;
use ringi_chain::Decoded;
use ringi_policy::{Coins, Question, decide, watched};
use ringi_primitives::cbor;
use ringi_primitives::decision::{Charge, Decision, LimitKey, Spending};
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::id::IntentId;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::time::UnixMs;
use ringi_primitives::weigh::FactError;
use ringi_primitives::wire::Refusal;

/// This cosigner's own policy allows these bytes, now, for this slot. Not `Clone`, not serializable; private fields.
pub struct Permit {
    judged: Judged,
    charges: Vec<Charge>,
    rules: Vec<String>,
    pin: Pin,
}

/// A permit that all signers have recorded, with its reservation durable here. Only this reaches the signing file.
pub struct Committed<P> {
    inner: P,
    recorded: Recorded,
}

/// Proof that all signers' commitments to this session were equal (rule L1).
pub struct Recorded {
    session: Digest,
}

/// The signers' agreed times (rule T1): windows end at the minimum, expiries are held against the maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Minimum of the signers' clocks.
    pub window: UnixMs,
    /// Maximum of the signers' clocks.
    pub expiry: UnixMs,
}

impl Permit {
    /// Asks the policy over merged memory and checks the pin. The one constructor. `now` is this cosigner's own clock, which
    /// has moved on if the last hello came late.
    ///
    /// # Errors
    /// The refusal that names the rule (policy) or the check (T1, I3); the judged request comes back with it.
    pub fn grant(
        state: &State,
        judged: Judged,
        signers: &[PartyIndex],
        times: Times,
        now: UnixMs,
    ) -> Result<Permit, Refusal> {
        // T1: expiries use the maximum of the signers' times.
        let latest = times.expiry.max(now);
        if latest >= judged.plan.expires_at {
            return Err(Code::IntentExpired.because("by the latest of the signers' clocks"));
        }
        // M1, T1: so does the age of facts.
        if judged.facts.good_until.is_some_and(|until| latest > until) {
            return Err(Code::Fact(FactError::Stale).because("by the latest of the signers' clocks"));
        }
        let pin = check_pin(state, &judged)?;
        let Consulted { charges, rules, .. } = consult(state, &judged, signers, pin.root, times.window)?;
        Ok(Permit { judged, charges, rules, pin })
    }

    /// The charges it makes.
    pub fn charges(&self) -> &[Charge] {
        &self.charges
    }

    /// The rules that decided.
    pub fn rules(&self) -> &[String] {
        &self.rules
    }

    /// The pin it takes.
    pub fn pin(&self) -> &Pin {
        &self.pin
    }

    /// The request it is for.
    pub fn judged(&self) -> &Judged {
        &self.judged
    }

    /// Limit entries of the reservation, at the agreed time.
    pub fn spending(&self, at: UnixMs) -> Vec<Spending> {
        let entry = |c: &Charge| Spending { limit: c.limit.clone(), intent: self.pin.root, amount: c.amount, at };
        self.charges.iter().map(entry).collect()
    }

    /// What every signer must have recorded before the last round: session, pin, charges, times, policy, effects (L1).
    pub fn commitment(&self, session: &Digest, policy: &Digest, times: Times) -> Digest {
        let limits: Vec<_> = self.charges.clone();
        let decoded = (self.judged.decoded.effects().to_vec(), self.judged.decoded.max_fee());
        let body = cbor::encode(&(self.pin.clone(), limits, times.window, times.expiry, decoded));
        Digest::of_parts(Domain::Commitment, &[&session.0, &policy.0, &body])
    }

    /// L1: with equal commitments of all signers, the permit becomes one that may sign.
    pub fn commit(self, session: Digest) -> Committed<Permit> {
        Committed { inner: self, recorded: Recorded { session } }
    }
}

impl Committed<Permit> {
    /// The session all signers committed in.
    pub fn session(&self) -> Digest {
        self.recorded.session
    }

    /// What the bytes say, digests included: for the signing file only.
    pub fn decoded(&self) -> &Decoded {
        &self.inner.judged.decoded
    }

    /// The permit that was committed.
    pub fn permit(&self) -> &Permit {
        &self.inner
    }
}

/// I3: the root of the intent's replacement chain, unless own memory alone already refuses. What only a merge can tell (a
/// nonce that peers pinned, a replaced intent that peers signed) is left to [`Permit::grant`].
pub fn check_pin_early(state: &State, judged: &Judged) -> Result<IntentId, Refusal> {
    let intent = &judged.intent;
    match state.pins.check(intent.id, intent.replaces, judged.kind, judged.decoded.slot()) {
        Ok(pin) => Ok(pin.root),
        Err(Code::PinNonceGap) => state.pins.root_of(intent.id, intent.replaces).map_err(|code| code.because("I3")),
        Err(Code::PinUnknownReplaced) => Ok(intent.replaces.unwrap_or(intent.id)),
        Err(code) => Err(code.because("I3")),
    }
}

/// I3: the pin that signing would take.
fn check_pin(state: &State, judged: &Judged) -> Result<Pin, Refusal> {
    let intent = &judged.intent;
    let pin = state.pins.check(intent.id, intent.replaces, judged.kind, judged.decoded.slot());
    pin.map_err(|code| code.because("I3"))
}

/// G3: of the bytes, never of what the host says of them.
fn coins(decoded: &Decoded) -> Coins {
    match decoded.coins() {
        None => Coins::Without,
        Some(coins) => Coins::Chosen { inputs: coins.inputs, outputs: coins.outputs, value: coins.value },
    }
}

/// What a policy allows, and which limits' memory it looked at.
pub struct Consulted {
    /// What it costs.
    pub charges: Vec<Charge>,
    /// The rules that decided.
    pub rules: Vec<String>,
    /// Limits that decide which rule it is, charged or not (rule L1).
    pub watched: Vec<LimitKey>,
}

/// The policy's decision over this state's memory at this time, or the refusal.
pub fn consult(
    state: &State,
    judged: &Judged,
    signers: &[PartyIndex],
    root: IntentId,
    window: UnixMs,
) -> Result<Consulted, Refusal> {
    let policy = state.policy.as_ref().ok_or_else(|| Code::PolicyMissing.because("no policy set installed"))?;
    let signers = signers.iter().copied().collect();
    let balances = judged.facts.balances_of(&judged.wallet);
    let question = Question {
        policy: &policy.set,
        wallet: judged.wallet,
        initiator: judged.initiator,
        effects: judged.decoded.effects(),
        network: judged.plan.network,
        fee: judged.decoded.max_fee(),
        approvals: &judged.approvals,
        independent: &judged.independent,
        intent: root,
        spent: &state.spending,
        now: window,
        prices: &judged.facts.prices,
        balances: &balances,
        signers: Some(&signers),
        coins: coins(&judged.decoded),
    };
    let decision = decide(&question);
    match (from_decision(&decision), decision) {
        (None, Decision::Allow { charges, rules }) => Ok(Consulted { charges, rules, watched: watched(&question) }),
        (Some(refusal), _) => Err(refusal),
        (None, _) => Err(Code::Bug.because("decision")),
    }
}
