//! The commands as clap reads them. Each goes to one function elsewhere.

mod access;
mod approver;
mod brakes;
mod cosigner;
mod eif;
mod policy;
mod recovery;
mod witness;

pub use access::{AccessCheckArgs, AccessCommand};
pub use approver::{ApproverCommand, ApproverServeArgs};
pub use brakes::{FreezeArgs, StopArgs};
pub use cosigner::{AttestArgs, CosignerCommand, FoundingCheckArgs, UpgradeArgs, UpgradeOrderArgs};
pub use eif::{EifBuildArgs, EifCommand, EifSignArgs};
pub use policy::{CanArgs, DraftedArgs, ExplainArgs, PlanArgs, PolicyChangeCommand, PolicyToolCommand};
pub use recovery::{DrillArgs, OpenArgs, RecoveryCommand, RecoveryOrderArgs, RestoreArgs};
pub use witness::WitnessCommand;

use crate::keys::KeyKind;
use crate::platform::settings::{EnclaveKind, Founders, Machines};
use clap::{Args, CommandFactory, Parser, Subcommand};
use ringi_primitives::key::PublicKey;
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
    /// Policy sets: make, sign and check them offline; fetch the one in force.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Orders of the admins, offline.
    #[command(subcommand)]
    Order(OrderCommand),
    /// Recovery kits: lost shares come back by people and an order of the admins.
    #[command(subcommand)]
    Recovery(RecoveryCommand),
    /// Attestation documents of enclaves, offline.
    #[command(subcommand)]
    Attestation(AttestationCommand),
    /// A key server of our own with the wire protocol of AWS KMS, and policies for its keys and AWS's.
    #[command(subcommand)]
    Kms(KmsCommand),
    /// Enclave images: build, measure, sign, verify, take apart; offline.
    #[command(subcommand)]
    Eif(EifCommand),
    /// A source of facts: prices, balances, finality, signed for cosigners.
    #[command(subcommand)]
    Witness(WitnessCommand),
    /// Check an address or a receipt, offline.
    #[command(subcommand)]
    Verify(VerifyCommand),
    /// Run the platform on a data folder until Ctrl-C; a new folder becomes a development workspace, or waits for its admins.
    Up(UpArgs),
    /// A cosigner seen from outside.
    #[command(subcommand)]
    Cosigner(CosignerCommand),
    /// Who may ask a running platform for what: roles, and what the access policies say.
    #[command(subcommand)]
    Access(AccessCommand),
    /// The audit log of a running platform, its chain checked here.
    Audit(AuditArgs),
    /// What a running platform says of its cosigners.
    Status {
        /// The platform.
        #[command(flatten)]
        api: ApiArgs,
    },
    /// Wallets of a running platform.
    #[command(subcommand)]
    Wallet(WalletCommand),
    /// Transfers: draft, submit, follow, cancel, receipt.
    #[command(subcommand)]
    Transfer(TransferCommand),
    /// Read what a transfer asks for, decoded here, and approve it with --yes.
    Approve {
        /// The platform; --key is the approving key.
        #[command(flatten)]
        api: ApiArgs,
        /// The transfer's id.
        transfer: String,
        /// The pinned genesis; never take it from the host.
        #[arg(long)]
        genesis: PathBuf,
        /// Sign. Without it nothing is signed, only shown.
        #[arg(long)]
        yes: bool,
    },
    /// Freeze a wallet, a vault or everything at every cosigner, at once: signed with --key, lifted by the admins only.
    Freeze(FreezeArgs),
    /// What is frozen, with the digests that an order names to lift it.
    Freezes {
        /// The platform.
        #[command(flatten)]
        api: ApiArgs,
    },
    /// Hand in an order that lifts freezes, made by `ringi order unfreeze` and signed by a quorum of admins.
    Unfreeze {
        /// The platform; --key is an admin's.
        #[command(flatten)]
        api: ApiArgs,
        /// The signed order.
        file: PathBuf,
    },
    /// Machine approvers.
    #[command(subcommand)]
    Approver(ApproverCommand),
    /// Hand a signed policy set, order or next genesis to a running platform, as an admin.
    #[command(subcommand)]
    Install(InstallCommand),
    /// Tell the platform's main job as a story, on real parts, in a fresh folder.
    Demo(DemoArgs),
}

/// `ringi up`.
#[derive(Args)]
pub struct UpArgs {
    /// The data folder; settings are read from its ringi.toml.
    #[arg(long, env = "RINGI_DATA", default_value = "data")]
    pub data: PathBuf,
    /// Where the API listens; 127.0.0.1:7420 unless the file says otherwise.
    #[arg(long, env = "RINGI_LISTEN")]
    pub listen: Option<String>,
    /// The cosigner program.
    #[arg(long, env = "RINGI_COSIGNER")]
    pub cosigner: Option<PathBuf>,
    /// What the cosigners run in; fixed when the workspace is founded.
    #[arg(long, env = "RINGI_ENCLAVE")]
    pub enclave: Option<EnclaveKind>,
    /// Emulated machines.
    #[command(flatten)]
    pub machines: Machines,
    /// Who founds the workspace of a new folder; by admins, it waits for a genesis that they sign elsewhere.
    #[arg(long)]
    pub found_by: Option<Founders>,
    /// What goes into log.json of the data folder, such as `info` or `ringi_gateway=debug`.
    #[arg(long, env = "RINGI_LOG")]
    pub log: Option<String>,
}

/// Which platform, and as whom.
#[derive(Args)]
pub struct ApiArgs {
    /// The platform's address.
    #[arg(long, env = "RINGI_URL", default_value = "http://127.0.0.1:7420")]
    pub url: String,
    /// The key file that signs the requests.
    #[arg(long)]
    pub key: PathBuf,
}

/// `ringi audit`.
#[derive(Args)]
pub struct AuditArgs {
    /// The platform.
    #[command(flatten)]
    pub api: ApiArgs,
    /// Only kinds that begin so, e.g. `cosigner.`; the chain is checked over all.
    #[arg(long)]
    pub kind: Option<String>,
    /// Show so many, the newest.
    #[arg(long, default_value_t = 50)]
    pub last: usize,
}

/// `ringi wallet`.
#[derive(Subcommand)]
pub enum WalletCommand {
    /// Make a wallet; costs no ceremony.
    New {
        /// The platform.
        #[command(flatten)]
        api: ApiArgs,
        /// A vault of the policy set.
        #[arg(long)]
        vault: String,
        /// Unique in the vault.
        name: String,
    },
    /// List wallets.
    List {
        /// The platform.
        #[command(flatten)]
        api: ApiArgs,
    },
    /// List a wallet's addresses.
    Addresses {
        /// The platform.
        #[command(flatten)]
        api: ApiArgs,
        /// The wallet's id.
        wallet: String,
        /// Leave each address's statement in this folder, for `ringi verify address`.
        #[arg(long)]
        statements: Option<PathBuf>,
    },
    /// Show what a wallet holds, as the chain nodes say.
    Balances {
        /// The platform.
        #[command(flatten)]
        api: ApiArgs,
        /// The wallet's id.
        wallet: String,
    },
}

/// `ringi transfer`.
#[derive(Subcommand)]
pub enum TransferCommand {
    /// Write the intent of a payment to a file, with a fresh id; it expires in an hour.
    Draft(DraftArgs),
    /// Submit an intent file; its bytes are signed with --key. Submitting the same file again is safe.
    Submit {
        /// The platform.
        #[command(flatten)]
        api: ApiArgs,
        /// The intent, JSON.
        intent: PathBuf,
        /// Only plan and decide; nothing is kept.
        #[arg(long)]
        dry_run: bool,
    },
    /// Follow a transfer until it ends, or waits for people; each change is a line.
    Watch {
        /// The platform.
        #[command(flatten)]
        api: ApiArgs,
        /// The transfer's id.
        transfer: String,
        /// Give up after so many seconds; the transfer goes on.
        #[arg(long, default_value_t = 600)]
        timeout_s: u64,
    },
    /// Show one transfer.
    Show {
        /// The platform.
        #[command(flatten)]
        api: ApiArgs,
        /// The transfer's id.
        transfer: String,
    },
    /// List transfers.
    List {
        /// The platform.
        #[command(flatten)]
        api: ApiArgs,
    },
    /// Cancel a transfer that is not signed yet.
    Cancel {
        /// The platform.
        #[command(flatten)]
        api: ApiArgs,
        /// The transfer's id.
        transfer: String,
    },
    /// Veto a transfer that is not signed: no cosigner signs it any more.
    Veto(StopArgs),
    /// Withdraw one's own transfer at every cosigner, before it is signed.
    Withdraw(StopArgs),
    /// Keep a transfer's receipt in a file, for `ringi verify receipt`.
    Receipt {
        /// The platform.
        #[command(flatten)]
        api: ApiArgs,
        /// The transfer's id.
        transfer: String,
        /// The new file.
        #[arg(long)]
        out: PathBuf,
    },
}

/// `ringi transfer draft`.
#[derive(Args)]
pub struct DraftArgs {
    /// The workspace.
    #[arg(long)]
    pub genesis: PathBuf,
    /// The wallet that pays, by id.
    #[arg(long)]
    pub wallet: String,
    /// Its vault.
    #[arg(long)]
    pub vault: String,
    /// The chain, such as `eip155:1` or `bitcoin:mainnet`.
    #[arg(long)]
    pub network: String,
    /// The asset's id in the policy set.
    #[arg(long)]
    pub asset: String,
    /// The recipient, in the chain's checksummed form.
    #[arg(long)]
    pub to: String,
    /// How much, in base units.
    #[arg(long)]
    pub amount: String,
    /// The most in fees, in base units of the chain's own coin.
    #[arg(long)]
    pub max_fee: String,
    /// The intent whose place it takes, by id: a speed-up, with a higher --max-fee. The way out of a blocked transfer.
    #[arg(long)]
    pub replaces: Option<String>,
    /// The new file.
    #[arg(long)]
    pub out: PathBuf,
}

/// `ringi install`.
#[derive(Subcommand)]
pub enum InstallCommand {
    /// All versions of genesis, with a next one that a quorum of admins signed.
    Genesis {
        /// The platform; --key is an admin's.
        #[command(flatten)]
        api: ApiArgs,
        /// The genesis file.
        file: PathBuf,
    },
    /// A policy set that a quorum of admins signed.
    Policy {
        /// The platform; --key is an admin's.
        #[command(flatten)]
        api: ApiArgs,
        /// The signed set.
        file: PathBuf,
    },
    /// An order that a quorum of admins signed; waits for its end.
    Order {
        /// The platform; --key is an admin's.
        #[command(flatten)]
        api: ApiArgs,
        /// The signed order.
        file: PathBuf,
    },
}

/// `ringi demo`.
#[derive(Args)]
pub struct DemoArgs {
    /// The cosigner program.
    #[arg(long, env = "RINGI_COSIGNER", default_value = "target/enclave/release/ringi-cosigner")]
    pub cosigner: PathBuf,
    /// What the cosigners run in.
    #[arg(long, env = "RINGI_ENCLAVE", default_value = "plain")]
    pub enclave: EnclaveKind,
    /// Emulated machines.
    #[command(flatten)]
    pub machines: Machines,
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
    /// Fail unless a platform's cosigners prove, to a nonce of our own, to be what a draft says (rule G1): before signing it.
    Check(FoundingCheckArgs),
    /// Fail unless every version is signed as it must be.
    Verify {
        /// The genesis file.
        file: PathBuf,
    },
    /// Write the newest version as the readable file that `new --previous` makes the next one from.
    Form {
        /// The genesis file.
        file: PathBuf,
        /// The new file, TOML.
        #[arg(long)]
        out: PathBuf,
    },
}

/// `ringi attestation`.
#[derive(Subcommand)]
pub enum AttestationCommand {
    /// Say what a document holds, without believing it.
    Show {
        /// The document, CBOR as an NSM gives it.
        file: PathBuf,
    },
    /// Fail unless a root vouches for a document and it is what is asked for.
    Verify {
        /// The document, CBOR as an NSM gives it.
        file: PathBuf,
        /// `aws`, or a root certificate's file (DER or PEM) that is trusted instead.
        #[arg(long, default_value = "aws")]
        root: String,
        /// When it must hold: `now` (made at most five minutes ago), or `document` (when it was made).
        #[arg(long, default_value = "now")]
        at: String,
        /// A register's value, such as 0=HEX; given twice for one register, either is allowed.
        #[arg(long, value_name = "N=HEX")]
        pcr: Vec<String>,
        /// The nonce it must answer, hex.
        #[arg(long)]
        nonce: Option<String>,
    },
}

/// `ringi kms`.
#[derive(Subcommand)]
pub enum KmsCommand {
    /// Run the key server on a folder until Ctrl-C.
    ///
    /// Whoever can read the folder has every key in it: master.key opens the files in keys/. Calls are recorded in
    /// audit.jsonl. There is no TLS: listen on this machine only, or put something in front that ends it.
    Serve(KmsServeArgs),
    /// Add an access key to a server's file; the server reads it at its next start.
    AccessKey {
        /// The server's folder.
        #[arg(long, env = "RINGI_KMS_FOLDER", default_value = "kms")]
        folder: PathBuf,
        /// Who signs with it: `arn:aws:iam::ACCOUNT:user/NAME` or `arn:aws:iam::ACCOUNT:role/NAME`.
        #[arg(long)]
        principal: String,
        /// An action that the account lets it do, such as `kms:CreateKey` or `kms:*`; may be repeated. Needed where no key's
        /// policy is asked (CreateKey, ListKeys, GenerateRandom), or where one leaves the choice to the account.
        #[arg(long = "action")]
        actions: Vec<String>,
    },
    /// Find key policies that would let a human, or a program that nobody measured, decrypt. Fails on errors.
    ///
    /// Several policies are also looked at together, as those of one workspace's cosigners: nobody may have power over the
    /// keys of as many cosigners as sign (rule E1).
    Lint {
        /// Key policies, JSON, for AWS KMS or for this server.
        #[arg(required = true)]
        policies: Vec<PathBuf>,
        /// How many cosigners sign.
        #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(2..=9))]
        threshold: u8,
    },
    /// Print the recommended policy of a cosigner's key, for CreateKey with BypassPolicyLockoutSafetyCheck.
    ///
    /// Only the measured images of this workspace's cosigner may have the key's plaintext, and nobody can change that
    /// afterwards: keep it until you are sure of the images.
    Policy(KmsPolicyArgs),
}

/// `ringi kms serve`.
#[derive(Args)]
pub struct KmsServeArgs {
    /// Keys, the master key, access keys and the audit log; made where there is none.
    #[arg(long, env = "RINGI_KMS_FOLDER", default_value = "kms")]
    pub folder: PathBuf,
    /// Where to listen.
    #[arg(long, env = "RINGI_KMS_LISTEN", default_value = "127.0.0.1:7430")]
    pub listen: String,
    /// Whose attestation documents are taken: `aws`, a root certificate's file (DER or PEM), or the SHA-256 of one in hex;
    /// may be repeated. A simulation's root makes every document of that simulation good.
    #[arg(long = "root", value_name = "aws|FILE|SHA256", required = true)]
    pub roots: Vec<String>,
    /// The account in the keys' names, 12 digits: this server's own, and not one of AWS's.
    #[arg(long, default_value = "000000000000")]
    pub account: String,
    /// The region that clients sign for.
    #[arg(long, default_value = "us-east-1")]
    pub region: String,
    /// What goes into log.json of the folder.
    #[arg(long, env = "RINGI_LOG", default_value = "info")]
    pub log: String,
}

/// `ringi kms policy`.
#[derive(Args)]
pub struct KmsPolicyArgs {
    /// The role that the enclave's host calls with.
    #[arg(long)]
    pub role: String,
    /// Somebody who may look at the key and its policy; may be repeated.
    #[arg(long = "reader")]
    pub readers: Vec<String>,
    /// PCR0 of an image that may have the key, hex; may be repeated.
    #[arg(long = "image", required = true)]
    pub images: Vec<String>,
    /// PCR8, hex: the certificate that signs the images. Asked for besides the image.
    #[arg(long)]
    pub signer: Option<String>,
    /// The workspace.
    #[arg(long)]
    pub genesis: PathBuf,
    /// Which cosigner.
    #[arg(long)]
    pub cosigner: u8,
}

/// `ringi policy`.
#[derive(Subcommand)]
pub enum PolicyCommand {
    /// Questions to a policy.
    #[command(flatten)]
    Tool(PolicyToolCommand),
    /// A change, step by step.
    #[command(flatten)]
    Change(PolicyChangeCommand),
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
    /// Ask a running platform for the set in force; kept only if a quorum of admins signed it.
    Fetch {
        /// The platform.
        #[command(flatten)]
        api: ApiArgs,
        /// The workspace; never take it from the host.
        #[arg(long)]
        genesis: PathBuf,
        /// The new file, for --previous of the next set.
        #[arg(long)]
        out: PathBuf,
    },
    /// Replay a platform's last transfers under the set in force and under this one: every verdict that would change.
    Preview(PlanArgs),
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
    /// Order that boots may sign although too few peers remember: what was asked for before is void, and every window
    /// counts as exhausted for its full length.
    Resume {
        /// The key of a boot, as `ringi status` shows it; once for each cosigner that resumes.
        #[arg(long = "boot-key", required = true, value_parser = public_key)]
        boot_keys: Vec<PublicKey>,
        /// The workspace.
        #[arg(long)]
        genesis: PathBuf,
        /// The new file.
        #[arg(long)]
        out: PathBuf,
    },
    /// Order that freezes end: these and no other.
    Unfreeze {
        /// The digest of a freeze, as `ringi freezes` shows it; may be repeated.
        #[arg(long = "freeze", required = true)]
        freezes: Vec<String>,
        /// The workspace.
        #[arg(long)]
        genesis: PathBuf,
        /// The new file.
        #[arg(long)]
        out: PathBuf,
    },
    /// Order that the shares of a lost cosigner come back, from its kits, into the one that replaces it.
    Recovery(RecoveryOrderArgs),
    /// Order that a cosigner hands its state over to another image, which genesis allows (rule E1).
    Upgrade(UpgradeOrderArgs),
    /// Order a drill: recipients open a running cosigner's kits for it, and it compares. In production no key signs and no
    /// address is issued before (rule K3).
    Drill(DrillArgs),
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
    Receipt(ReceiptArgs),
}

/// `ringi verify receipt`.
#[derive(Args)]
pub struct ReceiptArgs {
    /// What and against what.
    #[command(flatten)]
    pub verify: VerifyArgs,
    /// Whose attestation of the cosigners' images is believed: `aws`, or the file of a simulation's root certificate. Plain
    /// processes are attested by nobody.
    #[arg(long, default_value = "aws")]
    pub root: String,
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

fn public_key(text: &str) -> Result<PublicKey, String> {
    PublicKey::from_text(text).ok_or_else(|| "a key is ed25519:HEX or p256:HEX".to_owned())
}
