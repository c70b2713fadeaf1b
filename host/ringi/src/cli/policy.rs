//! `ringi policy lint|diff|explain|can|schema`: what a policy does, before anybody signs it.

use super::ApiArgs;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Questions to a policy. Each takes a policy file (`.toml`, `.json`) or a policy set.
#[derive(Subcommand)]
pub enum PolicyToolCommand {
    /// Name rules that never decide, quorums nobody can fill, payments without a bound. Fails if there is an error.
    Lint {
        /// A policy file or set.
        file: PathBuf,
    },
    /// Name every change from one to the other.
    Diff {
        /// The older.
        before: PathBuf,
        /// The newer.
        after: PathBuf,
    },
    /// Say what becomes of an intent, and for each rule why it does or does not speak.
    Explain(ExplainArgs),
    /// Is there any transfer like this that nobody of these must approve, and by which rule? Over all inputs.
    Can(CanArgs),
    /// Print the JSON Schema of policy files, for editors that check them while they are written.
    Schema,
}

/// `ringi policy explain`.
#[derive(Args)]
pub struct ExplainArgs {
    /// A policy file or set.
    pub file: PathBuf,
    /// The intent, as `ringi transfer draft` writes it.
    #[arg(long)]
    pub intent: PathBuf,
    /// Who asks, by name.
    #[arg(long)]
    pub initiator: String,
    /// Who approves with a key of their own, by name; may be repeated.
    #[arg(long = "approved-by")]
    pub approved_by: Vec<String>,
}

/// `ringi policy can`.
#[derive(Args)]
pub struct CanArgs {
    /// A policy file or set.
    pub file: PathBuf,
    /// The asset that moves, by id.
    #[arg(long)]
    pub asset: String,
    /// More than this moves, human form.
    #[arg(long, default_value = "0")]
    pub above: String,
    /// To this address; without it to anybody.
    #[arg(long)]
    pub to: Option<String>,
    /// Nobody of this group, or not this person, approves; may be repeated.
    #[arg(long)]
    pub without: Vec<String>,
    /// Kinds of effects; may be repeated.
    #[arg(long = "kind", default_values_t = ["transfer".to_string()])]
    pub kinds: Vec<String>,
}

/// A change of the policy set in force, step by step, over a running platform.
#[derive(Subcommand)]
pub enum PolicyChangeCommand {
    /// Draft the set that follows from a file, and say what lint finds, what changes, and which past verdicts would.
    Plan(PlanArgs),
    /// List the drafts.
    Drafts {
        /// The platform.
        #[command(flatten)]
        api: ApiArgs,
    },
    /// Show a draft: rebuilt here from its document, whatever the host says of it.
    Review(DraftedArgs),
    /// Rebuild a draft and sign the very document that is shown, with an admin's key.
    #[command(name = "approve")]
    ApproveDraft(DraftedArgs),
    /// Put a draft in force that a quorum of admins signed.
    Apply {
        /// The platform; --key is an admin's.
        #[command(flatten)]
        api: ApiArgs,
        /// The draft's id.
        draft: String,
    },
    /// Throw a draft away.
    Discard {
        /// The platform; --key is an admin's.
        #[command(flatten)]
        api: ApiArgs,
        /// The draft's id.
        draft: String,
    },
}

/// `ringi policy plan` and `preview`.
#[derive(Args)]
pub struct PlanArgs {
    /// A policy file (`.toml`, `.json`) or an unsigned policy set.
    pub file: PathBuf,
    /// The platform.
    #[command(flatten)]
    pub api: ApiArgs,
    /// The pinned genesis; never take it from the host.
    #[arg(long)]
    pub genesis: PathBuf,
    /// How many transfers to replay, the newest.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub last: u32,
}

/// `ringi policy review` and `approve`.
#[derive(Args)]
pub struct DraftedArgs {
    /// The draft's id.
    pub draft: String,
    /// The platform; to approve, --key is an admin's.
    #[command(flatten)]
    pub api: ApiArgs,
    /// The pinned genesis; never take it from the host.
    #[arg(long)]
    pub genesis: PathBuf,
    /// How many transfers to replay, the newest.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub last: u32,
}
