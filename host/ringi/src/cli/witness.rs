//! `ringi witness`, as clap reads it.

use clap::Subcommand;
use std::path::PathBuf;

/// A source of facts that cosigners believe as far as the policy set says.
#[derive(Subcommand)]
pub enum WitnessCommand {
    /// Make the witness's key; the policy set names its public half.
    Keygen {
        /// Where to keep it: a new file, mode 0600.
        #[arg(long)]
        out: PathBuf,
    },
    /// State prices, balances and finality to a platform until Ctrl-C.
    Serve {
        /// What to read and where: docs/witnesses.md has an example. Paths in it are relative to its folder.
        #[arg(long)]
        config: PathBuf,
        /// One round, then end.
        #[arg(long)]
        once: bool,
    },
}
