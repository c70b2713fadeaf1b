//! One attempt at the cosigners: sends the request, collects what each signer says, gives up in time.

use crate::core::Core;
use crate::ports::{SignAttempt, SignEvent};
use crate::transfer::Exposure;
use ringi_primitives::receipt::SignedVerdict;
use ringi_primitives::request::FinishedSignature;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::wire::{Refusal, Retry};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// What an attempt came to.
#[derive(Default)]
pub(crate) struct Outcome {
    /// Each signer's signatures, in order of arrival.
    pub(crate) signatures: Vec<Vec<FinishedSignature>>,
    /// Their verdicts.
    pub(crate) verdicts: Vec<SignedVerdict>,
    /// Who refused, and why.
    pub(crate) refusals: Vec<(PartyIndex, Refusal)>,
    /// Who said it recorded the reservation.
    reserved: BTreeSet<PartyIndex>,
    /// Who was lost.
    gone: BTreeSet<PartyIndex>,
    /// Who said nothing in time.
    silent: BTreeSet<PartyIndex>,
}

impl Outcome {
    /// I3: the slot may be pinned unless every signer ended by a refusal before any reservation was complete.
    pub(crate) fn exposure(&self) -> Exposure {
        let clean = self.reserved.is_empty() && self.gone.is_empty() && self.silent.is_empty();
        if clean { Exposure::None } else { Exposure::Possible }
    }

    /// Who should rather not be asked next time.
    pub(crate) fn suspects(&self) -> BTreeSet<PartyIndex> {
        let named = self.refusals.iter().flat_map(|(_, r)| r.peers.iter().copied());
        named.chain(self.gone.iter().copied()).chain(self.silent.iter().copied()).collect()
    }

    /// The refusals that no later attempt changes. What a cosigner says of its own boot (rule B1) is not of the request: it
    /// may come back under another.
    pub(crate) fn for_good(&self) -> impl Iterator<Item = &(PartyIndex, Refusal)> {
        self.refusals.iter().filter(|(_, r)| r.retry == Retry::Never && !r.code.starts_with("boot."))
    }

    /// I3: whether the nonce was refused because those below it are not pinned.
    pub(crate) fn is_gap(&self) -> bool {
        self.refusals.iter().any(|(_, r)| r.code == "pin.nonce_gap")
    }

    /// P1: whether a freeze or unequal freezes ended it, which pass.
    pub(crate) fn is_frozen(&self) -> bool {
        self.refusals.iter().any(|(_, r)| matches!(r.code.as_str(), "brake.frozen" | "brake.heads_differ"))
    }

    /// Stable code of what went wrong: the first signer's reason, for the others are then aborted by the host itself.
    pub(crate) fn code(&self) -> String {
        self.refusals.first().map_or_else(|| "signing.no_answer".to_string(), |(_, r)| r.code.clone())
    }
}

/// Runs one attempt to its end. `reserved` is called once all signers have recorded the reservation (rule L1).
pub(crate) async fn run(core: &Core, attempt: SignAttempt, reserved: impl FnOnce()) -> Outcome {
    let (tag, signers) = (attempt.tag, attempt.signers.clone());
    let all: BTreeSet<PartyIndex> = signers.iter().copied().collect();
    let mut on_reserved = Some(reserved);
    let mut deadline = Instant::now() + Duration::from_millis(core.config.attempt_timeout_ms);
    let grace = Duration::from_millis(core.config.verdict_grace_ms);
    let mut outcome = Outcome::default();
    let mut waiting = all.clone();
    let mut aborted = false;
    let mut events = core.ports.cosigners.sign(attempt).await;
    while !waiting.is_empty() {
        let Ok(Some(event)) = tokio::time::timeout_at(deadline, events.recv()).await else { break };
        let ended = outcome.take(event);
        if outcome.reserved == all
            && let Some(call) = on_reserved.take()
        {
            call();
        }
        let Some(party) = ended else { continue };
        waiting.remove(&party);
        // The first end, good or bad, is the end for all: the others answer within the grace or never.
        deadline = deadline.min(Instant::now() + grace);
        if outcome.signatures.is_empty() && !aborted {
            aborted = true;
            core.ports.cosigners.abort(tag, &signers).await;
        }
    }
    if !waiting.is_empty() {
        core.ports.cosigners.abort(tag, &signers).await;
        outcome.silent = waiting;
    }
    outcome
}

impl Outcome {
    /// Takes an event; the signer whose part ended with it.
    fn take(&mut self, event: SignEvent) -> Option<PartyIndex> {
        match event {
            SignEvent::Reserved { from } => {
                self.reserved.insert(from);
                None
            }
            SignEvent::Signed { from, signatures, verdict } => {
                self.reserved.insert(from);
                self.signatures.push(signatures);
                self.verdicts.push(*verdict);
                Some(from)
            }
            SignEvent::Refused { from, refusal } => {
                self.refusals.push((from, refusal));
                Some(from)
            }
            SignEvent::Gone { from } => {
                self.gone.insert(from);
                Some(from)
            }
        }
    }
}
