//! `ringi access` as clap reads it.

use super::ApiArgs;
use clap::{Args, Subcommand};

/// `ringi access`.
#[derive(Subcommand)]
pub enum AccessCommand {
    /// List everybody who has a key, with their role.
    Show {
        /// The platform.
        #[command(flatten)]
        api: ApiArgs,
    },
    /// Give a person a role, in place of the one they have.
    Grant {
        /// The platform; --key is an owner's or admin's.
        #[command(flatten)]
        api: ApiArgs,
        /// The person, by id or name.
        person: String,
        /// owner, admin, non_signing_admin, signer, editor, approver, viewer, auditor or service.
        role: String,
    },
    /// Take a person's role away; the last owner's stays.
    Revoke {
        /// The platform; --key is an owner's or admin's.
        #[command(flatten)]
        api: ApiArgs,
        /// The person, by id or name.
        person: String,
    },
    /// Say whether somebody may do something, and which policy decides; nothing is done.
    Check(AccessCheckArgs),
}

/// `ringi access check`.
#[derive(Args)]
pub struct AccessCheckArgs {
    /// The platform.
    #[command(flatten)]
    pub api: ApiArgs,
    /// Who would do it, by id or name.
    pub person: String,
    /// An operation of docs/access.md, such as submitTransfer.
    pub action: String,
    /// On this wallet, by id.
    #[arg(long)]
    pub wallet: Option<String>,
    /// On this vault, by name.
    #[arg(long)]
    pub vault: Option<String>,
    /// On the role of this person, by id or name.
    #[arg(long)]
    pub subject: Option<String>,
    /// The role that the subject would get.
    #[arg(long)]
    pub role: Option<String>,
    /// From this address, instead of this machine's.
    #[arg(long)]
    pub from: Option<String>,
    /// With a key for this: initiate, approve or admin.
    #[arg(long)]
    pub purpose: Option<String>,
}
