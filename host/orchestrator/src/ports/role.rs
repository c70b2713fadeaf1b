//! Roles of people in the host's own door: what the API lets them ask for. No cosigner knows of them.

use ringi_primitives::id::PersonId;
use ringi_primitives::time::UnixMs;
use serde::Serialize;

/// What a person is to the API. Each has exactly one or none; who has none sees who they are and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, and alone may make and unmake owners. The last one stays.
    Owner,
    /// Everything else.
    Admin,
    /// An admin who neither approves nor changes roles.
    NonSigningAdmin,
    /// Initiates and approves.
    Signer,
    /// Initiates, and makes wallets and addresses.
    Editor,
    /// Reads and approves.
    Approver,
    /// Reads.
    Viewer,
    /// Reads, the audit log and the roles too.
    Auditor,
    /// A program that initiates, and makes wallets and addresses.
    Service,
}

impl Role {
    /// Every role, the mightiest first.
    pub const ALL: [Role; 9] = [
        Role::Owner,
        Role::Admin,
        Role::NonSigningAdmin,
        Role::Signer,
        Role::Editor,
        Role::Approver,
        Role::Viewer,
        Role::Auditor,
        Role::Service,
    ];

    /// Its stable text: in the API, in the store and in access policies.
    pub fn name(self) -> &'static str {
        match self {
            Role::Owner => "owner",
            Role::Admin => "admin",
            Role::NonSigningAdmin => "non_signing_admin",
            Role::Signer => "signer",
            Role::Editor => "editor",
            Role::Approver => "approver",
            Role::Viewer => "viewer",
            Role::Auditor => "auditor",
            Role::Service => "service",
        }
    }

    /// The role of this text.
    pub fn from_name(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// What was last decided of a person's role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRecord {
    /// Whose.
    pub person: PersonId,
    /// The role; `None` where it was taken away.
    pub role: Option<Role>,
    /// Who decided: a person's id, `genesis`, or `development`.
    pub by: String,
    /// When.
    pub at: UnixMs,
}
