//! Roles and access.

use ringi_primitives::id::{PersonId, WalletId};
use ringi_primitives::time::UnixMs;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Everybody's role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Roles {
    /// Everybody who has a key or was once decided of, the mightiest first.
    pub items: Vec<PersonRole>,
    /// How many policies of the operator's own are in force beside the built-in ones.
    pub own_policies: u32,
}

/// What a person is to the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PersonRole {
    /// Who.
    #[schema(value_type = String)]
    pub person: PersonId,
    /// Their name, where they have a key in the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Their role, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Who decided it: a person's id, `genesis` or `development`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<UnixMs>,
}

/// A role to give.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRole {
    /// `owner`, `admin`, `non_signing_admin`, `signer`, `editor`, `approver`, `viewer`, `auditor` or `service`.
    pub role: String,
}

/// Whether somebody may do something. It is about the workspace where it names no wallet, vault or subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessQuestion {
    /// Who would do it.
    #[schema(value_type = String)]
    pub person: PersonId,
    /// An operation of this API, by its `operationId`.
    pub action: String,
    /// The wallet that it is about.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wallet: Option<WalletId>,
    /// The vault that it is about, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault: Option<String>,
    /// The person whose role would change.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<PersonId>,
    /// The role that they would have; none where it would be taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// From where; the caller's own address where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// With a key for what: `initiate`, `approve` or `admin`; `initiate` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
}

/// What the access policies say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccessVerdict {
    /// Whether it is permitted.
    pub allowed: bool,
    /// `access.permitted`, or the code of the refusal.
    pub code: String,
    /// The policies that decided; none where nothing permits it.
    pub policies: Vec<String>,
    /// Who.
    #[schema(value_type = String)]
    pub person: PersonId,
    /// Their role, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The operation.
    pub action: String,
    /// What it is about, as access policies spell it.
    pub resource: String,
}
