//! Roles: who has which, and what the access policies would say.

use super::answer;
use crate::admit::Caller;
use crate::api::Api;
use crate::codes::Code;
use crate::extract::{Id, json};
use crate::model;
use crate::permission::{self, Subject, Who};
use crate::problem::Problem;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use ringi_orchestrator::ports::Role;
use ringi_primitives::id::PersonId;
use std::net::IpAddr;
use std::sync::Arc;

/// List everybody who has a key, with their role.
#[utoipa::path(get, path = "/v1/access", tag = "access", operation_id = "readAccess",
    responses((status = 200, description = "Roles, the mightiest first.", body = model::Roles)))]
pub(crate) async fn show(State(api): State<Arc<Api>>) -> Result<Response, Problem> {
    let own = u32::try_from(api.access.own()).unwrap_or(u32::MAX);
    Ok(answer(StatusCode::OK, &serde_json::json!({ "items": api.service.roles(), "own_policies": own })))
}

/// Give a person a role, in place of the one they have.
#[utoipa::path(post, path = "/v1/access/{id}/role", tag = "access", operation_id = "grantRole",
    params(("id" = String, Path, description = "The person's id.")), request_body = model::NewRole,
    responses((status = 200, description = "Given.", body = model::PersonRole)))]
pub(crate) async fn grant(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Id(id): Id<PersonId>,
    body: Bytes,
) -> Result<Response, Problem> {
    let given: model::NewRole = json(&body)?;
    let role = role(&given.role)?;
    let by = caller.view.person.to_string();
    Ok(answer(StatusCode::OK, &api.service.set_role(id, Some(role), &by).await?))
}

/// Take a person's role away.
#[utoipa::path(post, path = "/v1/access/{id}/revoke", tag = "access", operation_id = "revokeRole",
    params(("id" = String, Path, description = "The person's id.")),
    responses((status = 200, description = "Taken away.", body = model::PersonRole)))]
pub(crate) async fn revoke(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Id(id): Id<PersonId>,
) -> Result<Response, Problem> {
    let by = caller.view.person.to_string();
    Ok(answer(StatusCode::OK, &api.service.set_role(id, None, &by).await?))
}

/// Say what the access policies would say, without doing it.
#[utoipa::path(post, path = "/v1/access/check", tag = "access", operation_id = "checkAccess",
    request_body = model::AccessQuestion,
    responses((status = 200, description = "The verdict.", body = model::AccessVerdict)))]
pub(crate) async fn check(State(api): State<Arc<Api>>, caller: Caller, body: Bytes) -> Result<Response, Problem> {
    let asked: model::AccessQuestion = json(&body)?;
    let malformed = |what: &str| Problem::because(Code::RequestBody, what);
    if !api.operations.values().any(|name| *name == asked.action) {
        return Err(malformed("action is no operation of this API"));
    }
    let address: Option<IpAddr> = match &asked.address {
        None => caller.address,
        Some(text) => Some(text.parse().map_err(|_| malformed("address is no IP address"))?),
    };
    let address = address.ok_or_else(|| Problem::of(Code::AccessFaulty))?;
    let purpose = asked.purpose.as_deref().unwrap_or("initiate");
    if !["initiate", "approve", "admin"].contains(&purpose) {
        return Err(malformed("purpose is initiate, approve or admin"));
    }
    let subject = match (&asked.wallet, &asked.vault, &asked.subject) {
        (None, None, None) => Subject::Workspace,
        (Some(wallet), None, None) => permission::wallet(&api, *wallet).await?,
        (None, Some(vault), None) => Subject::Vault(vault.clone()),
        (None, None, Some(person)) => Subject::Person {
            id: person.to_string(),
            role: api.service.role(*person),
            to: asked.role.as_deref().map(role).transpose()?,
        },
        _ => return Err(malformed("it is about one thing: wallet, vault or subject")),
    };
    let known = api.service.roles().into_iter().find(|view| view.person == asked.person);
    let known = known.ok_or_else(|| malformed("nobody in the policy set or among the admins has this id"))?;
    let name = known.name.unwrap_or_default();
    let who = Who { person: asked.person, name: &name, purpose, address };
    let verdict = permission::ask(&api, &who, &asked.action, &subject);
    let view = model::AccessVerdict {
        allowed: verdict.allows(),
        code: verdict.reason.code().to_string(),
        policies: verdict.policies,
        person: asked.person,
        role: known.role.map(|role| role.name().to_string()),
        action: asked.action,
        resource: subject.text(),
    };
    Ok(answer(StatusCode::OK, &view))
}

fn role(name: &str) -> Result<Role, Problem> {
    let names = || Role::ALL.map(Role::name).join(", ");
    Role::from_name(name).ok_or_else(|| Problem::because(Code::RequestBody, format!("role is one of {}", names())))
}
