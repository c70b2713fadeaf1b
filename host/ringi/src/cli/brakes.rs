//! `ringi freeze`, `ringi transfer veto` and `ringi transfer withdraw`.

use super::ApiArgs;
use clap::Args;
use std::path::PathBuf;

/// `ringi freeze`.
#[derive(Args)]
pub struct FreezeArgs {
    /// The platform; --key is of a person in the policy set's group of freezers.
    #[command(flatten)]
    pub api: ApiArgs,
    /// The pinned genesis; never take it from the host.
    #[arg(long)]
    pub genesis: PathBuf,
    /// Freeze all wallets of the workspace.
    #[arg(long, required_unless_present = "vault", conflicts_with = "vault")]
    pub everything: bool,
    /// Freeze this vault.
    #[arg(long)]
    pub vault: Option<String>,
    /// Freeze only this wallet of the vault, by id.
    #[arg(long, requires = "vault")]
    pub wallet: Option<String>,
}

/// A transfer to stop.
#[derive(Args)]
pub struct StopArgs {
    /// The platform; --key is a vetoer's, or the initiator's own.
    #[command(flatten)]
    pub api: ApiArgs,
    /// The transfer's id.
    pub transfer: String,
    /// The pinned genesis; never take it from the host.
    #[arg(long)]
    pub genesis: PathBuf,
}
