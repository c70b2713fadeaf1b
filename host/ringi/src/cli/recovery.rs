//! `ringi recovery` as clap reads it.

use super::ApiArgs;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `ringi recovery`.
#[derive(Subcommand)]
pub enum RecoveryCommand {
    /// Make a recipient's key, one for each cosigner's kit; the secret stays in its file.
    Keygen {
        /// Where to keep it: a new file, mode 0600.
        #[arg(long)]
        out: PathBuf,
    },
    /// Fail unless each kit gives its share back to its recipients; says which keys have the kits of all cosigners.
    Verify {
        /// Kits, from the data folder's kits/ or a copy.
        #[arg(required = true)]
        kits: Vec<PathBuf>,
        /// The pinned genesis; never take it from the host.
        #[arg(long)]
        genesis: PathBuf,
    },
    /// As a recipient: open your part of a kit and seal it to the cosigner that the admins' order names.
    Open(OpenArgs),
    /// As the operator: hand an order, its kits and the opened parts to a running platform.
    Restore(RestoreArgs),
}

/// `ringi recovery open`.
#[derive(Args)]
pub struct OpenArgs {
    /// The kit.
    pub kit: PathBuf,
    /// Your key file, of `ringi recovery keygen`.
    #[arg(long)]
    pub key: PathBuf,
    /// The recovery order, signed by the admin quorum.
    #[arg(long)]
    pub order: PathBuf,
    /// The pinned genesis, with the version that names the new cosigner; never take it from the host.
    #[arg(long)]
    pub genesis: PathBuf,
    /// What `ringi cosigner attest --out` left: needed where cosigners are attested.
    #[arg(long)]
    pub evidence: Option<PathBuf>,
    /// Whose attestation is believed: `aws`, or the file of a simulation's root certificate.
    #[arg(long, default_value = "aws")]
    pub root: String,
    /// The new file, for the operator.
    #[arg(long)]
    pub out: PathBuf,
}

/// `ringi recovery restore`.
#[derive(Args)]
pub struct RestoreArgs {
    /// The platform; --key is an admin's.
    #[command(flatten)]
    pub api: ApiArgs,
    /// The recovery order, signed by the admin quorum.
    #[arg(long)]
    pub order: PathBuf,
    /// The workspace.
    #[arg(long)]
    pub genesis: PathBuf,
    /// A kit that the order names; once for each.
    #[arg(long = "kit", required = true)]
    pub kits: Vec<PathBuf>,
    /// What a recipient opened; once for each.
    #[arg(long = "part", required = true)]
    pub parts: Vec<PathBuf>,
}

/// `ringi order drill`.
#[derive(Args)]
pub struct DrillArgs {
    /// Whose kits.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=9))]
    pub cosigner: u8,
    /// A kit to open; once for each key.
    #[arg(long = "kit", required = true)]
    pub kits: Vec<PathBuf>,
    /// The workspace.
    #[arg(long)]
    pub genesis: PathBuf,
    /// The new file.
    #[arg(long)]
    pub out: PathBuf,
}

/// `ringi order recovery`.
#[derive(Args)]
pub struct RecoveryOrderArgs {
    /// The lost cosigner's number; genesis names its replacement's keys.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=9))]
    pub cosigner: u8,
    /// A kit to restore from; once for each key.
    #[arg(long = "kit", required = true)]
    pub kits: Vec<PathBuf>,
    /// The policy set that must be in force where the shares come back.
    #[arg(long)]
    pub policy: PathBuf,
    /// The next nonce of an account, NETWORK:ADDRESS=NONCE: needed where no cosigner is left that remembers.
    #[arg(long = "nonce", value_name = "NETWORK:ADDRESS=NONCE")]
    pub nonces: Vec<String>,
    /// The workspace.
    #[arg(long)]
    pub genesis: PathBuf,
    /// The new file.
    #[arg(long)]
    pub out: PathBuf,
}
