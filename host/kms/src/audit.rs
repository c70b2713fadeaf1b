//! One line for each call: who, what, with which key, how it ended. Never a plaintext, a context's value or a secret.

use crate::error::Refusal;
use crate::recipient::Recipient;
use ringi_attestation::{PcrIndex, Root};
use ringi_primitives::time::UnixMs;
use serde::Serialize;

/// What is known of a call so far.
#[derive(Serialize)]
pub(crate) struct Trail {
    at_ms: u64,
    pub(crate) request_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) principal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) action: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient: Option<Attested>,
}

/// As CloudTrail's `additionalEventData.recipient`.
#[derive(Serialize)]
struct Attested {
    root: String,
    module_id: String,
    image: String,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    trail: &'a Trail,
    outcome: &'a str,
}

impl Trail {
    pub(crate) fn new(now: UnixMs) -> Trail {
        let request_id = uuid::Uuid::now_v7().to_string();
        Trail { at_ms: now.0, request_id, principal: None, action: None, key: None, recipient: None }
    }

    pub(crate) fn attested(&mut self, recipient: &Recipient) {
        let document = recipient.document();
        let image = document.pcrs.get(&PcrIndex::IMAGE).map(|value| value.hex()).unwrap_or_default();
        let root = root_name(recipient.root());
        self.recipient = Some(Attested { root, module_id: document.module_id.clone(), image });
    }

    pub(crate) fn line(&self, refusal: Option<&Refusal>) -> String {
        let line = Line { trail: self, outcome: refusal.map_or("ok", |refusal| refusal.code.name()) };
        serde_json::to_string(&line).unwrap_or_else(|e| format!("{{\"unwritable\":\"{e}\"}}"))
    }

    pub(crate) fn trace(&self, refusal: Option<&Refusal>) {
        tracing::info!(
            request = %self.request_id,
            principal = self.principal.as_deref().unwrap_or("nobody"),
            action = self.action.unwrap_or("none"),
            key = self.key.as_deref().unwrap_or("none"),
            image = self.recipient.as_ref().map_or("none", |recipient| recipient.image.as_str()),
            outcome = refusal.map_or("ok", |refusal| refusal.code.name()),
            reason = refusal.map_or("", |refusal| refusal.message.as_str()),
            "call"
        );
    }
}

/// A root by name: `aws`, or the SHA-256 of its certificate.
pub fn root_name(root: Root) -> String {
    if root == Root::AWS { "aws".to_owned() } else { hex::encode(root.0) }
}
