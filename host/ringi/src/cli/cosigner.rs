//! `ringi cosigner`, `ringi order upgrade` and `ringi genesis check` as clap reads them.

use super::ApiArgs;
use crate::platform::settings::{EnclaveKind, Machines};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `ringi cosigner`.
#[derive(Subcommand)]
pub enum CosignerCommand {
    /// Ask a running cosigner for a fresh document and check here that it runs an allowed image of this workspace.
    Attest(AttestArgs),
    /// Show the keys of a new cosigner, for the next version of genesis; where cosigners are attested, only of an allowed image.
    Introduce(AttestArgs),
    /// Show the registers of a cosigner program where attested cosigners are processes; images have `ringi eif describe`.
    Measure {
        /// The program.
        program: PathBuf,
    },
    /// Move cosigners of a stopped platform to another program or image, each under an order (rule E1). In a development
    /// workspace all, signed for here; else under --genesis and --order. A platform that runs takes the same orders with
    /// `ringi install order`, and goes on signing.
    Upgrade(UpgradeArgs),
}

/// `ringi genesis check`.
#[derive(Args)]
pub struct FoundingCheckArgs {
    /// The platform that waits for its genesis; --key is any key, for nobody is known yet.
    #[command(flatten)]
    pub api: ApiArgs,
    /// The draft.
    pub file: PathBuf,
    /// Whose attestation is believed: `aws`, or the file of a simulation's root certificate.
    #[arg(long, default_value = "aws")]
    pub root: String,
    /// A register of the image that the admin built, such as 0=HEX; all that genesis names, and none where processes are plain.
    #[arg(long, value_name = "N=HEX")]
    pub pcr: Vec<String>,
}

/// `ringi cosigner upgrade`.
#[derive(Args)]
pub struct UpgradeArgs {
    /// The new program; with emulated machines, the new image.
    pub to: PathBuf,
    /// All versions of genesis, the newest allowing the new image: signed by the admins elsewhere.
    #[arg(long, requires = "orders")]
    pub genesis: Option<PathBuf>,
    /// A signed order of `ringi order upgrade`; once for each cosigner that moves.
    #[arg(long = "order", requires = "genesis")]
    pub orders: Vec<PathBuf>,
    /// The data folder; the present program or image is that of its ringi.toml.
    #[arg(long, env = "RINGI_DATA", default_value = "data")]
    pub data: PathBuf,
    /// The present program.
    #[arg(long, env = "RINGI_COSIGNER")]
    pub cosigner: Option<PathBuf>,
    /// What the cosigners run in.
    #[arg(long, env = "RINGI_ENCLAVE")]
    pub enclave: Option<EnclaveKind>,
    /// Emulated machines.
    #[command(flatten)]
    pub machines: Machines,
    /// What goes into log.json of the data folder.
    #[arg(long, env = "RINGI_LOG")]
    pub log: Option<String>,
}

/// `ringi cosigner attest` and `introduce`.
#[derive(Args)]
pub struct AttestArgs {
    /// The platform.
    #[command(flatten)]
    pub api: ApiArgs,
    /// Its number.
    #[arg(value_parser = clap::value_parser!(u8).range(1..=9))]
    pub cosigner: u8,
    /// The pinned genesis; never take it from the host.
    #[arg(long)]
    pub genesis: PathBuf,
    /// Whose attestation is believed: `aws`, or the file of a simulation's root certificate.
    #[arg(long, default_value = "aws")]
    pub root: String,
    /// Leave the document and its nonce in this new file, as evidence for recovery recipients.
    #[arg(long)]
    pub out: Option<PathBuf>,
}

/// `ringi order upgrade`.
#[derive(Args)]
pub struct UpgradeOrderArgs {
    /// The cosigner that moves.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=9))]
    pub cosigner: u8,
    /// A register of the new image, such as 0=HEX; all that genesis names of it.
    #[arg(long, value_name = "N=HEX", required = true)]
    pub pcr: Vec<String>,
    /// All versions of genesis; the newest must allow the image.
    #[arg(long)]
    pub genesis: PathBuf,
    /// The new file.
    #[arg(long)]
    pub out: PathBuf,
}
