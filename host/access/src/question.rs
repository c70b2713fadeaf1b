//! What Cedar is asked (H1): a person, an operation, a thing, from where.

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression, Schema,
};
use ringi_orchestrator::ports::Role;
use ringi_primitives::id::PersonId;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::str::FromStr;

/// What an operation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// The workspace as a whole.
    Workspace,
    /// A vault, by its name in the policy set.
    Vault {
        /// As the caller names it.
        name: &'a str,
    },
    /// A wallet, or what is of it.
    Wallet {
        /// Its id, as text; what the caller wrote, where there is no such wallet.
        id: &'a str,
        /// The vault that it is in; `None` where there is no such wallet.
        vault: Option<&'a str>,
    },
    /// A person whose role changes.
    Person {
        /// Their id, as text.
        id: &'a str,
        /// The role they have.
        role: Option<Role>,
        /// The role they are to have.
        to: Option<Role>,
    },
}

impl Target<'_> {
    fn named(&self) -> (&'static str, &str) {
        match self {
            Target::Workspace => ("Workspace", "this"),
            Target::Vault { name } => ("Vault", name),
            Target::Wallet { id, .. } => ("Wallet", id),
            Target::Person { id, .. } => ("Person", id),
        }
    }

    /// As Cedar spells it, e.g. `Wallet::"wal_…"`.
    pub fn text(&self) -> String {
        let (kind, id) = self.named();
        format!("{kind}::{id:?}")
    }

    fn uid(&self) -> Result<EntityUid, Unsaid> {
        let (kind, id) = self.named();
        uid(kind, id)
    }
}

/// A request that somebody makes of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question<'a> {
    /// Who asks.
    pub person: PersonId,
    /// Their name in the policy set or in genesis.
    pub name: &'a str,
    /// Their role, if any.
    pub role: Option<Role>,
    /// What the key that signed the request is for: `initiate`, `approve` or `admin`.
    pub purpose: &'a str,
    /// From where.
    pub address: IpAddr,
    /// The operation's name in the API's description.
    pub action: &'a str,
    /// What it is about.
    pub target: Target<'a>,
}

/// What cannot be said in Cedar's words: a bug, and a refusal.
pub(crate) type Unsaid = String;

fn uid(kind: &str, id: &str) -> Result<EntityUid, Unsaid> {
    let kind = EntityTypeName::from_str(kind).map_err(|e| e.to_string())?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

fn workspace() -> Result<EntityUid, Unsaid> {
    Target::Workspace.uid()
}

fn person(id: &str, name: &str, of: Option<Role>) -> Result<Entity, Unsaid> {
    let name = HashMap::from([("name".to_string(), RestrictedExpression::new_string(name.to_string()))]);
    let role = of.map(|role| uid("Role", role.name())).transpose()?;
    Entity::new(uid("Person", id)?, name, role.into_iter().collect()).map_err(|e| e.to_string())
}

fn within<const N: usize>(child: EntityUid, parents: [EntityUid; N]) -> Entity {
    Entity::new_no_attrs(child, HashSet::from(parents))
}

impl Question<'_> {
    /// Its request and the entities it is about, valid under the schema.
    pub(crate) fn said(&self, schema: &Schema) -> Result<(Request, Entities), Unsaid> {
        let id = self.person.to_string();
        let mut entities = vec![person(&id, self.name, self.role)?, within(workspace()?, [])];
        for role in Role::ALL {
            entities.push(within(uid("Role", role.name())?, []));
        }
        let target = self.target.uid()?;
        match self.target {
            Target::Workspace => {}
            Target::Vault { .. } | Target::Wallet { vault: None, .. } => {
                entities.push(within(target.clone(), [workspace()?]));
            }
            Target::Wallet { vault: Some(vault), .. } => {
                let vault = uid("Vault", vault)?;
                entities.push(within(target.clone(), [vault.clone(), workspace()?]));
                entities.push(within(vault, [workspace()?]));
            }
            // Who changes their own role is in the list already.
            Target::Person { id: other, .. } if other == id => {}
            Target::Person { id: other, role, .. } => entities.push(person(other, "", role)?),
        }
        let action = uid("Action", self.action)?;
        let context = self.context(schema, &action)?;
        let principal = uid("Person", &id)?;
        let request = Request::new(principal, action, target, context, Some(schema));
        let entities = Entities::from_entities(entities, Some(schema)).map_err(|e| e.to_string())?;
        Ok((request.map_err(|e| e.to_string())?, entities))
    }

    fn context(&self, schema: &Schema, action: &EntityUid) -> Result<Context, Unsaid> {
        // Cedar takes no IPv4 address in IPv6's clothes.
        let address = RestrictedExpression::new_ip(self.address.to_canonical().to_string());
        let purpose = RestrictedExpression::new_string(self.purpose.to_string());
        let mut pairs = vec![("ip".to_string(), address), ("purpose".to_string(), purpose)];
        if let Target::Person { to, .. } = self.target {
            let to = to.map(Role::name).unwrap_or_default();
            pairs.push(("role".into(), RestrictedExpression::new_string(to.to_string())));
        }
        let context = Context::from_pairs(pairs).map_err(|e| e.to_string())?;
        context.validate(schema, action).map_err(|e| e.to_string())?;
        Ok(context)
    }
}
