//! May this person do that: each operation is an action of the access policies, held against them before its handler runs.
//!
//! The host's own door (H1), closed by default: whatever cannot be asked is refused. Every refusal goes into the audit log.

use crate::admit::Caller;
use crate::api::Api;
use crate::codes::Code;
use crate::model;
use crate::problem::Problem;
use crate::routes;
use axum::http::Method;
use ringi_access::{Question, Reason, Target, Verdict};
use ringi_orchestrator::ports::Role;
use ringi_orchestrator::service::Denial;
use ringi_orchestrator::{ErrorClass, ServiceError};
use ringi_primitives::id::{IntentId, PersonId, WalletId};
use ringi_primitives::intent::Intent;
use std::collections::HashMap;
use std::net::IpAddr;

/// Name of each signed operation, by method and path template.
pub(crate) type Operations = HashMap<(Method, String), String>;

/// As the API's description names them.
pub(crate) fn operations() -> Operations {
    let mut all = HashMap::new();
    for (path, item) in routes::described().0.paths.paths {
        for (method, operation) in
            [(Method::GET, item.get), (Method::POST, item.post), (Method::PUT, item.put), (Method::DELETE, item.delete)]
        {
            if let Some(name) = operation.and_then(|o| o.operation_id) {
                all.insert((method, path.clone()), name);
            }
        }
    }
    all
}

/// What an operation is about, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Workspace,
    Vault(String),
    Wallet { id: String, vault: Option<String> },
    Person { id: String, role: Option<Role>, to: Option<Role> },
}

impl Subject {
    fn target(&self) -> Target<'_> {
        match self {
            Subject::Workspace => Target::Workspace,
            Subject::Vault(name) => Target::Vault { name },
            Subject::Wallet { id, vault } => Target::Wallet { id, vault: vault.as_deref() },
            Subject::Person { id, role, to } => Target::Person { id, role: *role, to: *to },
        }
    }

    /// As the log shows it.
    pub(crate) fn text(&self) -> String {
        self.target().text()
    }
}

/// A request as far as it says what it is about.
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    pub(crate) route: &'a str,
    pub(crate) path: &'a str,
    pub(crate) body: &'a [u8],
}

/// Lets a request through to its handler, or refuses it and says so in the audit log.
pub(crate) async fn check(api: &Api, caller: &Caller, asked: &Asked<'_>) -> Result<(), Problem> {
    let method = if asked.method == Method::HEAD { Method::GET } else { asked.method.clone() };
    let action = api.operations.get(&(method, asked.route.to_string())).cloned().unwrap_or_default();
    let subject = subject(api, &action, asked).await?;
    let verdict = decide(api, caller, &action, &subject);
    if verdict.allows() {
        return Ok(());
    }
    record(api, caller, &action, &subject.text(), verdict.reason.code(), verdict.policies.clone()).await;
    Err(refusal(api, caller, &action, &subject, &verdict))
}

/// A refusal for the key's purpose, into the audit log as well.
pub(crate) async fn record_purpose(api: &Api, caller: &Caller, asked: &Asked<'_>) {
    let action = api.operations.get(&(asked.method.clone(), asked.route.to_string())).cloned().unwrap_or_default();
    record(api, caller, &action, asked.path, Code::AuthKeyPurpose.entry().code, vec![]).await;
}

async fn record(api: &Api, caller: &Caller, action: &str, resource: &str, code: &str, policies: Vec<String>) {
    let denial = Denial {
        person: caller.view.person,
        role: api.service.role(caller.view.person),
        action: action.to_string(),
        resource: resource.to_string(),
        code: code.to_string(),
        policies,
        address: caller.address,
    };
    // Refused it stays, written down or not.
    if let Err(error) = api.service.record_denial(&denial).await {
        tracing::error!(code = error.code, person = %denial.person, action, resource, "a refusal was not written down");
    }
}

/// What the policies say of this caller.
pub(crate) fn decide(api: &Api, caller: &Caller, action: &str, subject: &Subject) -> Verdict {
    let Some(address) = caller.address else {
        let fault = "the caller's address is not known".to_string();
        return Verdict { reason: Reason::Faulty, policies: vec![], faults: vec![fault] };
    };
    let who = Who { person: caller.view.person, name: &caller.view.name, purpose: caller.view.purpose, address };
    ask(api, &who, action, subject)
}

/// Somebody, as a question names them.
pub(crate) struct Who<'a> {
    pub(crate) person: PersonId,
    pub(crate) name: &'a str,
    pub(crate) purpose: &'a str,
    pub(crate) address: IpAddr,
}

/// What the policies say of somebody.
pub(crate) fn ask(api: &Api, who: &Who<'_>, action: &str, subject: &Subject) -> Verdict {
    let Who { person, name, purpose, address } = *who;
    let role = api.service.role(person);
    let verdict =
        api.access.decide(&Question { person, name, role, purpose, address, action, target: subject.target() });
    if !verdict.faults.is_empty() {
        tracing::error!(action, faults = ?verdict.faults, "access policies failed: refused");
    }
    verdict
}

fn refusal(api: &Api, caller: &Caller, action: &str, subject: &Subject, verdict: &Verdict) -> Problem {
    let person = caller.view.person;
    let role = api.service.role(person).map_or("no role", Role::name);
    let by = verdict.policies.join(", ");
    let what = format!("{} ({role}) may not {action} on {}", caller.view.name, subject.text());
    match verdict.reason {
        Reason::NoRole => Problem::because(Code::AccessNoRole, what),
        Reason::Forbidden => Problem::because(Code::AccessForbidden, format!("{what}: forbidden by {by}")),
        Reason::NotPermitted => Problem::because(Code::AccessNotPermitted, what),
        Reason::Faulty | Reason::Permitted => Problem::of(Code::AccessFaulty),
    }
}

/// What the request is about. What it names and is not there is a thing outside every vault: the handler says so to those
/// who may know.
async fn subject(api: &Api, action: &str, asked: &Asked<'_>) -> Result<Subject, Problem> {
    let id = parameter(asked.route, asked.path);
    match action {
        "submitTransfer" | "dryRunTransfer" => match Intent::parse(asked.body) {
            Ok(intent) => wallet(api, intent.wallet).await,
            Err(_) => Ok(nowhere("")),
        },
        "createWallet" => {
            let vault = serde_json::from_slice::<model::NewWallet>(asked.body).map(|w| w.vault);
            Ok(Subject::Vault(vault.unwrap_or_default()))
        }
        "grantRole" | "revokeRole" => {
            let role = id.parse::<PersonId>().ok().and_then(|person| api.service.role(person));
            let to = serde_json::from_slice::<model::NewRole>(asked.body).ok().and_then(|g| Role::from_name(&g.role));
            Ok(Subject::Person { id: id.to_string(), role, to })
        }
        _ if asked.route.starts_with("/v1/wallets/{id}") => match id.parse::<WalletId>() {
            Ok(id) => wallet(api, id).await,
            Err(_) => Ok(nowhere(id)),
        },
        _ if asked.route.starts_with("/v1/transfers/{id}") => match id.parse::<IntentId>() {
            Ok(id) => transfer(api, id).await,
            Err(_) => Ok(nowhere(id)),
        },
        _ => Ok(Subject::Workspace),
    }
}

/// The part of the path that stands for `{id}`.
fn parameter<'a>(route: &str, path: &'a str) -> &'a str {
    route.split('/').zip(path.split('/')).find(|(r, _)| *r == "{id}").map_or("", |(_, p)| p)
}

fn nowhere(id: &str) -> Subject {
    Subject::Wallet { id: id.to_string(), vault: None }
}

/// `None` where there is no such thing; every other failure refuses the request.
fn found<T>(answer: Result<T, ServiceError>) -> Result<Option<T>, Problem> {
    match answer {
        Ok(view) => Ok(Some(view)),
        Err(error) if error.class == ErrorClass::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A wallet and the vault that it is in.
pub(crate) async fn wallet(api: &Api, id: WalletId) -> Result<Subject, Problem> {
    let vault = found(api.service.wallet(id).await)?.map(|wallet| wallet.vault);
    Ok(Subject::Wallet { id: id.to_string(), vault })
}

/// The wallet that a transfer is of.
pub(crate) async fn transfer(api: &Api, id: IntentId) -> Result<Subject, Problem> {
    let transfer = found(api.service.transfer(id).await)?;
    Ok(transfer.map_or_else(|| nowhere(""), |t| Subject::Wallet { id: t.wallet.to_string(), vault: Some(t.vault) }))
}

/// What of a list or of the feed somebody may see. Only an operator's own policies tell wallets apart.
pub(crate) struct Sight<'a> {
    api: &'a Api,
    caller: &'a Caller,
    wallets: HashMap<WalletId, Subject>,
}

impl<'a> Sight<'a> {
    pub(crate) fn new(api: &'a Api, caller: &'a Caller) -> Sight<'a> {
        Sight { api, caller, wallets: HashMap::new() }
    }

    /// Whether this wallet's things of this kind (`readWallet`, `readTransfer`) are shown.
    pub(crate) async fn of(&mut self, action: &str, id: WalletId) -> Result<bool, Problem> {
        if self.api.access.own() == 0 {
            return Ok(true);
        }
        if !self.wallets.contains_key(&id) {
            self.wallets.insert(id, wallet(self.api, id).await?);
        }
        let subject = self.wallets.get(&id);
        Ok(subject.is_some_and(|subject| decide(self.api, self.caller, action, subject).allows()))
    }

    /// Whether a transfer is shown.
    pub(crate) async fn of_transfer(&self, id: IntentId) -> Result<bool, Problem> {
        if self.api.access.own() == 0 {
            return Ok(true);
        }
        let subject = transfer(self.api, id).await?;
        Ok(decide(self.api, self.caller, "readTransfer", &subject).allows())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is not there is outside every vault; what cannot be looked up is no such thing.
    #[test]
    fn h1_what_cannot_be_looked_up_is_refused() {
        let answer = |class| found(Err::<(), _>(ServiceError::new(class, "store.test", "", ""))).is_ok();
        assert!(answer(ErrorClass::NotFound));
        for class in [ErrorClass::Unavailable, ErrorClass::Internal, ErrorClass::Conflict] {
            assert!(!answer(class), "{class:?}");
        }
    }
}
