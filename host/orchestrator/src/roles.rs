//! Who has which role in the API, durably, and what was refused there. The host's own door: cosigners know nothing of it.

use crate::core::{Core, lock, notice};
use crate::error::ServiceError;
use crate::ports::{Commit, Role, RoleRecord, Write};
use crate::service::{Denial, RoleView};
use crate::workspace::Workspace;
use ringi_ledger::Draft;
use ringi_primitives::genesis::Genesis;
use ringi_primitives::id::PersonId;
use ringi_primitives::limits;
use ringi_primitives::signed::Signed;
use ringi_primitives::time::UnixMs;
use serde_json::json;
use std::collections::BTreeMap;

/// Decided by the founding documents, not by a person.
const GENESIS: &str = "genesis";

/// Everybody with a key, by id: people of the policy set and admins.
fn people(workspace: &Workspace) -> BTreeMap<PersonId, String> {
    let admins = workspace.genesis.iter().flat_map(|g| &g.head().admins).map(|a| (a.id, a.name.clone()));
    let people = workspace.policy.iter().flat_map(|p| &p.set.people).map(|p| (p.id, p.name.clone()));
    admins.chain(people).collect()
}

fn view(record: &RoleRecord, known: &BTreeMap<PersonId, String>) -> RoleView {
    RoleView {
        person: record.person,
        name: known.get(&record.person).cloned(),
        role: record.role,
        by: Some(record.by.clone()),
        at: Some(record.at),
    }
}

pub(crate) fn of(core: &Core, person: PersonId) -> Option<Role> {
    lock(&core.roles).get(&person).and_then(|record| record.role)
}

/// Everybody who has a key or was once decided of.
pub(crate) fn all(core: &Core) -> Vec<RoleView> {
    let known = people(&core.workspace());
    let decided = lock(&core.roles).clone();
    let bare = known.iter().filter(|(id, _)| !decided.contains_key(id));
    let bare =
        bare.map(|(id, name)| RoleView { person: *id, name: Some(name.clone()), role: None, by: None, at: None });
    let mut views: Vec<RoleView> = decided.values().map(|record| view(record, &known)).chain(bare).collect();
    views.sort_by_key(|v| (v.role.is_none(), v.role, v.person));
    views
}

/// Gives or takes a role. The same again changes nothing.
pub(crate) async fn set(
    core: &Core,
    person: PersonId,
    role: Option<Role>,
    by: String,
) -> Result<RoleView, ServiceError> {
    let _one = core.role_changes.lock().await;
    let known = people(&core.workspace());
    if role.is_some() && !known.contains_key(&person) {
        return Err(ServiceError::not_found("person"));
    }
    let (now, last_owner) = {
        let roles = lock(&core.roles);
        let owns = |r: &&RoleRecord| r.role == Some(Role::Owner) && r.person != person && known.contains_key(&r.person);
        (roles.get(&person).cloned(), roles.values().filter(owns).count() == 0)
    };
    let before = now.as_ref().and_then(|record| record.role);
    if before == Some(Role::Owner) && role != before && last_owner {
        let message = "nobody else who has a key is an owner";
        return Err(ServiceError::conflict("access.last_owner", message, "Make somebody else an owner first."));
    }
    if let Some(now) = now.filter(|record| record.role == role) {
        return Ok(view(&now, &known));
    }
    let record = RoleRecord { person, role, by, at: core.now() };
    core.commit(decision(&record, before)).await?;
    let shown = view(&record, &known);
    lock(&core.roles).insert(person, record);
    Ok(shown)
}

fn decision(record: &RoleRecord, before: Option<Role>) -> Commit {
    let kind = if record.role.is_some() { "access.granted" } else { "access.revoked" };
    let data = json!({ "person": record.person, "role": record.role, "before": before, "by": record.by });
    let (event, audit) = notice(record.at, kind, record.person.to_string(), data);
    Commit { writes: vec![Write::Role(record.clone())], events: vec![event], audit: vec![audit] }
}

/// Who becomes an admin by these versions becomes an owner: more than an owner signed for it.
pub(crate) fn founded(versions: &[Signed], known: usize, at: UnixMs) -> Vec<RoleRecord> {
    let admins = |signed: &Signed| -> Vec<PersonId> {
        let genesis = signed.decode_unverified::<Genesis>(limits::GENESIS_BYTES);
        genesis.map(|g| g.admins.iter().map(|a| a.id).collect()).unwrap_or_default()
    };
    let before = known.checked_sub(1).and_then(|i| versions.get(i)).map(admins).unwrap_or_default();
    let now = versions.last().map(admins).unwrap_or_default();
    let owner = |person| RoleRecord { person, role: Some(Role::Owner), by: GENESIS.into(), at };
    now.into_iter().filter(|id| !before.contains(id)).map(owner).collect()
}

/// A database from before there were roles: the admins are owners.
pub(crate) async fn found_late(core: &Core) -> Result<(), ServiceError> {
    let workspace = core.workspace();
    if !lock(&core.roles).is_empty() || workspace.genesis.is_none() {
        return Ok(());
    }
    let owners = workspace.versions.last().map(|v| founded(std::slice::from_ref(v), 0, core.now()));
    for owner in owners.unwrap_or_default() {
        core.commit(decision(&owner, None)).await?;
        enter(core, [owner]);
    }
    Ok(())
}

pub(crate) fn enter(core: &Core, records: impl IntoIterator<Item = RoleRecord>) {
    lock(&core.roles).extend(records.into_iter().map(|r| (r.person, r)));
}

/// A refusal of the API's door, into the audit log.
pub(crate) async fn denied(core: &Core, denial: &Denial) -> Result<(), ServiceError> {
    let fields = json!({
        "person": denial.person, "action": denial.action, "resource": denial.resource, "code": denial.code,
        "policies": denial.policies, "role": denial.role, "ip": denial.address.map(|a| a.to_string()),
    });
    let audit = Draft { at: core.now(), kind: "access.denied".into(), fields: fields.to_string() };
    core.commit(Commit { writes: Vec::new(), events: Vec::new(), audit: vec![audit] }).await.map(drop)
}
