//! The server's state, and the one way from a signed request to an answer.

use crate::access::{AccessKey, AccessKeys};
use crate::audit::Trail;
use crate::error::{Code, Refusal};
use crate::identity::{Deployment, KeyId};
use crate::operations;
use crate::policy::{Call, Context, Policy, Verdict, evaluate};
use crate::recipient::Recipient;
use crate::record::KeyRecord;
use crate::sigv4::{self, Signable};
use crate::store::{Store, StoreError};
use crate::symmetric::EncryptionContext;
use ringi_attestation::Root;
use ringi_primitives::time::UnixMs;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Gives the time; handed in, so that tests choose it.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> UnixMs;
}

/// The machine's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixMs {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        UnixMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// What a server is told at its start.
pub struct Configuration {
    /// Its own name.
    pub deployment: Deployment,
    /// Who may sign.
    pub access: AccessKeys,
    /// Roots that attestation documents may come from. None: no document is taken.
    pub roots: Vec<Root>,
}

/// A key management server without its socket.
pub struct Kms {
    pub(crate) deployment: Deployment,
    access: AccessKeys,
    roots: Vec<Root>,
    pub(crate) store: Box<dyn Store>,
    clock: Box<dyn Clock>,
    keys: Mutex<BTreeMap<KeyId, KeyRecord>>,
}

/// An answer: a status and a JSON body.
pub struct Answer {
    /// HTTP.
    pub status: u16,
    /// JSON.
    pub body: Vec<u8>,
    /// Names the call in the audit log.
    pub request_id: String,
}

/// A call whose sender is known, on its way through an operation.
pub(crate) struct Turn<'a> {
    pub(crate) kms: &'a Kms,
    pub(crate) caller: &'a AccessKey,
    pub(crate) action: String,
    pub(crate) now: UnixMs,
    pub(crate) trail: &'a mut Trail,
}

impl Kms {
    /// Over this store, with the keys in it.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read.
    pub fn new(configuration: Configuration, store: Box<dyn Store>, clock: Box<dyn Clock>) -> Result<Kms, StoreError> {
        let keys = store.read()?.into_iter().map(|key| (key.facts.id, key)).collect();
        let Configuration { deployment, access, roots } = configuration;
        let kms = Kms { deployment, access, roots, store, clock, keys: Mutex::new(keys) };
        kms.sweep();
        Ok(kms)
    }

    /// Removes what is over: keys after their last day, imported material after its last, wrapping keys that nobody used.
    /// What cannot be removed is not in force, and is tried again at the next call. Blocks: it writes to the disk.
    pub fn sweep(&self) {
        let now = self.clock.now();
        let mut keys = self.keys();
        let mut over = Vec::new();
        for (id, key) in keys.iter_mut() {
            let done = if key.is_deleted(now) {
                self.store.remove(id).map(|()| over.push(*id))
            } else if let Some(rest) = key.without_what_is_over(now) {
                self.store.write(&rest).map(|()| *key = rest)
            } else {
                Ok(())
            };
            if let Err(error) = done {
                tracing::error!(%error, key = %id, "what is over was not removed");
            }
        }
        for id in over {
            keys.remove(&id);
        }
    }

    /// Answers a request. Every call of a known caller is in the audit log before its answer leaves; where the log cannot be
    /// written, there is no answer but a failure. Blocks: it writes to the disk.
    pub fn answer(&self, request: &Signable<'_>) -> Answer {
        let now = self.clock.now();
        let mut trail = Trail::new(now);
        let mut result = self.authenticated(request, now, &mut trail);
        // Whoever is nobody must not be able to fill the disk.
        if trail.principal.is_some()
            && let Err(error) = self.store.audit(&trail.line(result.as_ref().err()))
        {
            result = Err(Refusal::internal(&error));
        }
        trail.trace(result.as_ref().err());
        let request_id = trail.request_id;
        match result {
            Ok(body) => Answer { status: 200, body, request_id },
            Err(refusal) => {
                let body = serde_json::json!({"__type": refusal.code.name(), "message": refusal.message});
                Answer { status: refusal.code.status(), body: body.to_string().into_bytes(), request_id }
            }
        }
    }

    fn authenticated(&self, request: &Signable<'_>, now: UnixMs, trail: &mut Trail) -> Result<Vec<u8>, Refusal> {
        let caller = sigv4::verify(request, &self.access, self.deployment.region(), now)?;
        trail.principal = Some(caller.principal.arn().to_owned());
        let unknown = || Refusal::new(Code::UnknownOperation, "There is no such operation.");
        let target = sigv4::single(request.headers, "x-amz-target")?;
        let operation = target.and_then(|target| target.strip_prefix("TrentService.")).ok_or_else(unknown)?;
        let (name, run) = operations::find(operation).ok_or_else(unknown)?;
        trail.action = Some(name);
        let action = format!("kms:{name}");
        run(&mut Turn { kms: self, caller, action, now, trail }, request.body)
    }

    pub(crate) fn keys(&self) -> MutexGuard<'_, BTreeMap<KeyId, KeyRecord>> {
        // A panic elsewhere leaves whole records: they are put in by one insert.
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// The key that the caller names.
    ///
    /// # Errors
    /// `NotFoundException`.
    pub(crate) fn key(&mut self, text: &str) -> Result<KeyRecord, Refusal> {
        let id = self.kms.deployment.key_of(text)?;
        let arn = self.kms.deployment.arn(&id);
        let unknown = || Refusal::new(Code::NotFound, format!("Key '{arn}' does not exist"));
        self.find(&id).ok_or_else(unknown)
    }

    /// A key by its id. One whose time is over is removed now.
    pub(crate) fn find(&mut self, id: &KeyId) -> Option<KeyRecord> {
        let mut keys = self.kms.keys();
        let key = keys.get(id)?;
        if key.is_deleted(self.now) {
            match self.kms.store.remove(id) {
                Ok(()) => drop(keys.remove(id)),
                Err(error) => tracing::error!(%error, key = %id, "a key whose time is over was not removed"),
            }
            return None;
        }
        self.trail.key = Some(self.kms.deployment.arn(id));
        Some(key.clone())
    }

    /// Changes a key that the caller was let to: on what is there now, kept on disk, and only then in force.
    ///
    /// # Errors
    /// What `change` says; `KMSInternalException` where another policy came into force meanwhile.
    pub(crate) fn change(
        &mut self,
        authorized: &KeyRecord,
        change: impl FnOnce(&mut KeyRecord) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let id = authorized.facts.id;
        let mut keys = self.kms.keys();
        let gone = || Refusal::new(Code::NotFound, "The key does not exist any more");
        let mut changed = keys.get(&id).cloned().ok_or_else(gone)?;
        if changed.facts.policy != authorized.facts.policy {
            return Err(Refusal::internal(&"the policy changed while a call was under way"));
        }
        change(&mut changed)?;
        self.kms.store.write(&changed).map_err(|e| Refusal::internal(&e))?;
        keys.insert(id, changed);
        Ok(())
    }

    /// The recipient that a request names, verified.
    pub(crate) fn recipient(
        &mut self,
        form: Option<&crate::wire::RecipientForm>,
    ) -> Result<Option<Recipient>, Refusal> {
        let Some(form) = form else { return Ok(None) };
        let document =
            form.attestation_document.within(1..=ringi_attestation::DOCUMENT_BYTES, "AttestationDocument")?;
        let recipient = Recipient::verify(document, &self.kms.roots, self.now)?;
        self.trail.attested(&recipient);
        Ok(Some(recipient))
    }

    /// Whether the account lets the caller do this, where no key is concerned.
    pub(crate) fn authorize_account(&self) -> Result<(), Refusal> {
        if self.caller.may(&self.action) { Ok(()) } else { Err(self.denied("*", "because no policy allows it")) }
    }

    /// Whether a key's policy lets the caller do this.
    pub(crate) fn authorize(
        &self,
        key: &KeyRecord,
        context: &EncryptionContext,
        recipient: Option<&Recipient>,
    ) -> Result<(), Refusal> {
        let policy = Policy::parse(&key.facts.policy)?;
        let mut context = Context::of(&self.caller.principal, context);
        if let Some(recipient) = recipient {
            context = context.attested(recipient.document());
        }
        self.judge(&policy, &self.kms.deployment.arn(&key.facts.id), &self.action, &context)
    }

    /// One action under one policy. Another account's principal needs its own account's word as well.
    pub(crate) fn judge(&self, policy: &Policy, arn: &str, action: &str, context: &Context) -> Result<(), Refusal> {
        let principal = &self.caller.principal;
        let call = Call { principal, action, resource: arn, context };
        let ours = principal.account() == self.kms.deployment.account();
        match evaluate(policy, &call) {
            Verdict::Allowed if ours || self.caller.may(action) => Ok(()),
            Verdict::AllowedToAccount if self.caller.may(action) => Ok(()),
            Verdict::Denied => Err(self.denied(arn, "with an explicit deny in a resource-based policy")),
            _ => Err(self.denied(arn, "because no resource-based policy allows the action")),
        }
    }

    fn denied(&self, resource: &str, why: &str) -> Refusal {
        let (principal, action) = (&self.caller.principal, &self.action);
        let message = format!("User: {principal} is not authorized to perform: {action} on resource: {resource} {why}");
        Refusal::new(Code::AccessDenied, message)
    }
}
