//! `ringi approver` as clap reads it.

use clap::{Args, Subcommand};
use ringi_primitives::key::PublicKey;
use std::path::PathBuf;

/// `ringi approver`.
#[derive(Subcommand)]
pub enum ApproverCommand {
    /// Run a sample approver that a platform asks: it decodes for itself, decides by its own rules, and signs or refuses.
    Serve(ApproverServeArgs),
}

/// `ringi approver serve`.
#[derive(Args)]
pub struct ApproverServeArgs {
    /// The approving key; the policy set names it.
    #[arg(long)]
    pub key: PathBuf,
    /// The pinned genesis; never take it from the host.
    #[arg(long)]
    pub genesis: PathBuf,
    /// Its own rules: who may be paid, how much at once (docs/callback.md).
    #[arg(long)]
    pub policy: PathBuf,
    /// The key of the platform that may ask: callback.pub of its data folder.
    #[arg(long, value_parser = super::public_key)]
    pub platform: PublicKey,
    /// Where to listen. There is no TLS: put something in front that ends it, unless the platform is on this machine.
    #[arg(long, default_value = "127.0.0.1:7440")]
    pub listen: String,
}
