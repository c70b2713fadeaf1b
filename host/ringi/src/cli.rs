//! The commands as clap reads them. Each goes to one function elsewhere.

use crate::keys::KeyKind;
use clap::{Args, CommandFactory, Parser, Subcommand};
use std::path::PathBuf;

/// Ringi: no signature unless a quorum of cosigners has examined the very bytes.
#[derive(Parser)]
#[command(name = "ringi", version, propagate_version = true)]
pub struct Cli {
    /// One JSON value instead of text, on standard output and standard error alike.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The command line's definition, for documents and their tests.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Every command.
#[derive(Subcommand)]
pub enum Command {
    /// Make a signing key; the secret stays in its file.
    Keygen {
        /// Where to keep it: a new file, mode 0600.
        #[arg(long)]
        out: PathBuf,
        /// Ed25519 or ECDSA P-256.
        #[arg(long, value_enum, default_value = "ed25519")]
        kind: KeyKind,
    },
    /// The workspace's founding document, offline.
    #[command(subcommand)]
    Genesis(GenesisCommand),
    /// Policy sets, offline.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Orders of the admins, offline.
    #[command(subcommand)]
    Order(OrderCommand),
    /// Check an address or a receipt, offline.
    #[command(subcommand)]
    Verify(VerifyCommand),
    /// Tell the platform's main job as a story, on real parts, in a fresh folder.
    Demo(DemoArgs),
}

/// `ringi demo`.
#[derive(Args)]
pub struct DemoArgs {
    /// The cosigner program.
    #[arg(long, env = "RINGI_COSIGNER", default_value = "target/enclave/release/ringi-cosigner")]
    pub cosigner: PathBuf,
    /// The EVM node's program; scripts/anvil.sh prints it.
    #[arg(long)]
    pub anvil: PathBuf,
    /// A new folder for data, statements and receipts.
    #[arg(long, default_value = "target/demo")]
    pub folder: PathBuf,
}

/// `ringi genesis`.
#[derive(Subcommand)]
pub enum GenesisCommand {
    /// Make the document from a readable file, unsigned.
    New {
        /// TOML or JSON: admins, cosigners, quorum.
        #[arg(long)]
        from: PathBuf,
        /// A genesis file to which the next version is added.
        #[arg(long)]
        previous: Option<PathBuf>,
        /// The new file.
        #[arg(long)]
        out: PathBuf,
    },
    /// Add one admin's signature.
    Sign {
        /// The genesis file.
        file: PathBuf,
        /// The admin's key file.
        #[arg(long)]
        key: PathBuf,
    },
    /// Show what it says and who signed.
    Show {
        /// The genesis file.
        file: PathBuf,
    },
    /// Fail unless every version is signed as it must be.
    Verify {
        /// The genesis file.
        file: PathBuf,
    },
}

/// `ringi policy`.
#[derive(Subcommand)]
pub enum PolicyCommand {
    /// Make a policy set from a readable file, unsigned.
    New {
        /// TOML or JSON.
        #[arg(long)]
        from: PathBuf,
        /// The workspace.
        #[arg(long)]
        genesis: PathBuf,
        /// The set in force, which this one follows.
        #[arg(long)]
        previous: Option<PathBuf>,
        /// The new file.
        #[arg(long)]
        out: PathBuf,
    },
    /// Add one admin's signature.
    Sign {
        /// The policy set.
        file: PathBuf,
        /// The admin's key file.
        #[arg(long)]
        key: PathBuf,
        /// The workspace.
        #[arg(long)]
        genesis: PathBuf,
    },
    /// Show it in readable form.
    Show {
        /// The policy set.
        file: PathBuf,
        /// The workspace, to see whether a quorum signed.
        #[arg(long)]
        genesis: Option<PathBuf>,
    },
    /// Fail unless it is in order and signed by a quorum.
    Validate {
        /// The policy set.
        file: PathBuf,
        /// The workspace.
        #[arg(long)]
        genesis: PathBuf,
    },
}

/// `ringi order`.
#[derive(Subcommand)]
pub enum OrderCommand {
    /// Order the generation of a distributed key.
    Keygen {
        /// The key.
        #[command(flatten)]
        key: KeyArgs,
        /// The workspace.
        #[arg(long)]
        genesis: PathBuf,
        /// The new file.
        #[arg(long)]
        out: PathBuf,
    },
    /// Order new shares of the same key.
    Refresh {
        /// The key.
        #[command(flatten)]
        key: KeyArgs,
        /// The epoch that it makes: one more than the present one.
        #[arg(long)]
        epoch: u32,
        /// A cosigner whose ban ends with it; may be repeated.
        #[arg(long = "clear-ban")]
        clear_bans: Vec<u8>,
        /// The workspace.
        #[arg(long)]
        genesis: PathBuf,
        /// The new file.
        #[arg(long)]
        out: PathBuf,
    },
    /// Add one admin's signature.
    Sign {
        /// The order.
        file: PathBuf,
        /// The admin's key file.
        #[arg(long)]
        key: PathBuf,
        /// The workspace.
        #[arg(long)]
        genesis: PathBuf,
    },
}

/// A distributed key.
#[derive(Args)]
pub struct KeyArgs {
    /// `ecdsa-secp256k1`, `bip340` or `ed25519`.
    #[arg(long)]
    pub scheme: String,
    /// The root that vaults name.
    #[arg(long, default_value_t = 0)]
    pub root: u16,
}

/// `ringi verify`.
#[derive(Subcommand)]
pub enum VerifyCommand {
    /// An address statement: does the address derive from a key that all cosigners certified?
    Address(VerifyArgs),
    /// A receipt: is every statement in it true?
    Receipt(VerifyArgs),
}

/// A file and the genesis to check it against.
#[derive(Args)]
pub struct VerifyArgs {
    /// The file, binary or base64.
    pub file: PathBuf,
    /// The pinned genesis; never take it from the host.
    #[arg(long)]
    pub genesis: PathBuf,
}
