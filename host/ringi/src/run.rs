//! From a parsed command line to the function that does it.

use crate::attestation;
use crate::cli::{
    ApproverCommand, Cli, Command, CosignerCommand, DemoArgs, GenesisCommand, InstallCommand, KmsCommand, OrderCommand,
    PolicyCommand, ReceiptArgs, RecoveryCommand, VerifyArgs, VerifyCommand, WitnessCommand,
};
use crate::demo::Demo;
use crate::documents::read_genesis;
use crate::failure::{Done, Failure};
use crate::keys::{KeyKind, SecretKey};
use crate::output::Output;
use crate::verify::{VerifyError, verify_address, verify_receipt};
use crate::{
    access, audit, brakes, callback, eif, founding, genesis, kms, log, order, policy, recovery, remote, up, upgrade,
    witness,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringi_primitives::order::OrderAction;
use ringi_primitives::scheme::PartyIndex;
use std::path::Path;

/// Runs one command. Whoever calls prints the failure.
///
/// # Errors
/// [`Failure`], with what to do next.
pub fn run(cli: Cli) -> Done {
    let output = Output::of(&cli);
    match cli.command {
        Command::Keygen { out, kind } => keygen(&out, kind, output),
        Command::Genesis(command) => run_genesis(command, output),
        Command::Policy(command) => run_policy(command, output),
        Command::Order(command) => run_order(command, output),
        Command::Recovery(RecoveryCommand::Restore(args)) => runtime()?.block_on(recovery::restore(&args, output)),
        Command::Recovery(RecoveryCommand::Keygen { out }) => recovery::keygen(&out, output),
        Command::Recovery(RecoveryCommand::Verify { kits, genesis }) => recovery::verify(&kits, &genesis, output),
        Command::Recovery(RecoveryCommand::Open(args)) => recovery::open(&args, output),
        Command::Attestation(command) => attestation::run(command, output),
        Command::Kms(KmsCommand::Serve(args)) => runtime()?.block_on(kms::serve(args, output)),
        Command::Kms(command) => kms::run(command, output),
        Command::Eif(command) => eif::run(command, output),
        Command::Witness(WitnessCommand::Keygen { out }) => keygen(&out, KeyKind::Ed25519, output),
        Command::Witness(WitnessCommand::Serve { config, once }) => {
            let rounds = if once { witness::Rounds::One } else { witness::Rounds::Many };
            runtime()?.block_on(witness::serve(&config, rounds, output))
        }
        Command::Verify(VerifyCommand::Address(args)) => run_verify_address(&args, output),
        Command::Verify(VerifyCommand::Receipt(args)) => run_verify_receipt(&args, output),
        Command::Up(args) => runtime()?.block_on(up::up(args, output)),
        Command::Cosigner(CosignerCommand::Attest(args)) => runtime()?.block_on(attestation::attest(&args, output)),
        Command::Access(command) => runtime()?.block_on(access::run(command, output)),
        Command::Cosigner(CosignerCommand::Introduce(args)) => {
            runtime()?.block_on(attestation::introduce(&args, output))
        }
        Command::Cosigner(CosignerCommand::Measure { program }) => founding::measure(&program, output),
        Command::Audit(args) => runtime()?.block_on(audit::audit(&args, output)),
        Command::Cosigner(CosignerCommand::Upgrade(args)) => runtime()?.block_on(upgrade::upgrade(args, output)),
        Command::Status { api } => runtime()?.block_on(remote::status(&api, output)),
        Command::Wallet(command) => runtime()?.block_on(remote::wallet(command, output)),
        Command::Transfer(command) => runtime()?.block_on(remote::transfer(command, output)),
        Command::Approve { api, transfer, genesis, yes } => {
            let wish = if yes { remote::Wish::Approve } else { remote::Wish::Look };
            runtime()?.block_on(remote::approve(&api, &transfer, &genesis, wish, output))
        }
        Command::Approver(ApproverCommand::Serve(args)) => runtime()?.block_on(callback::serve::serve(args, output)),
        Command::Install(InstallCommand::Policy { api, file }) => {
            runtime()?.block_on(remote::install_policy(&api, &file, output))
        }
        Command::Install(InstallCommand::Genesis { api, file }) => {
            runtime()?.block_on(remote::install_genesis(&api, &file, output))
        }
        Command::Install(InstallCommand::Order { api, file }) => {
            runtime()?.block_on(remote::submit_order(&api, &file, output))
        }
        Command::Freeze(args) => runtime()?.block_on(brakes::freeze(&args, output)),
        Command::Freezes { api } => runtime()?.block_on(brakes::list(&api, output)),
        Command::Unfreeze { api, file } => runtime()?.block_on(brakes::unfreeze(&api, &file, output)),
        Command::Demo(args) => run_demo(args, output),
    }
}

/// A folder of an earlier demo is left alone: a new one beside it gets the time into its name.
fn run_demo(args: DemoArgs, output: Output) -> Done {
    let folder = args.folder.join(crate::fresh::now().0.to_string());
    std::fs::create_dir_all(&folder).map_err(|e| Failure::file(&folder, &e))?;
    log::start(&folder.join("log.json"), "info")?;
    let DemoArgs { cosigner, enclave, machines, anvil, .. } = args;
    let demo = Demo { cosigner, enclave, machines, anvil, folder };
    runtime()?.block_on(crate::demo::run(&demo, output))
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    built.map_err(|e| Failure::new("cli.runtime", e, "free some memory and run the command again"))
}

fn keygen(out: &Path, kind: KeyKind, output: Output) -> Done {
    let key = SecretKey::generate(kind)?;
    key.store(out)?;
    output.show(&serde_json::json!({"public": key.public(), "file": out}), |_| {
        format!("{}\nkept in {} (0600): back it up where only its owner reads it", key.public().text(), out.display())
    });
    Ok(())
}

fn run_genesis(command: GenesisCommand, output: Output) -> Done {
    match command {
        GenesisCommand::New { from, previous, out } => genesis::new(&from, previous.as_deref(), &out, output),
        GenesisCommand::Sign { file, key } => genesis::sign(&file, &key, output),
        GenesisCommand::Show { file } => genesis::show(&file, output),
        GenesisCommand::Check(args) => runtime()?.block_on(founding::check(&args, output)),
        GenesisCommand::Verify { file } => genesis::verify(&file, output),
        GenesisCommand::Form { file, out } => genesis::form(&file, &out, output),
    }
}

fn run_policy(command: PolicyCommand, output: Output) -> Done {
    match command {
        PolicyCommand::New { from, genesis, previous, out } => {
            policy::new(&from, &genesis, previous.as_deref(), &out, output)
        }
        PolicyCommand::Change(command) => runtime()?.block_on(policy::change::run(command, output)),
        PolicyCommand::Tool(command) => policy::tools::run(command, output),
        PolicyCommand::Sign { file, key, genesis } => policy::sign(&file, &key, &genesis, output),
        PolicyCommand::Fetch { api, genesis, out } => {
            runtime()?.block_on(remote::fetch_policy(&api, &genesis, &out, output))
        }
        PolicyCommand::Preview(args) => runtime()?.block_on(policy::preview::run(&args, output)),
        PolicyCommand::Show { file, genesis } => policy::show(&file, genesis.as_deref(), output),
        PolicyCommand::Validate { file, genesis } => policy::validate(&file, &genesis, output),
    }
}

fn run_order(command: OrderCommand, output: Output) -> Done {
    match command {
        OrderCommand::Keygen { key, genesis, out } => {
            let key = order::key_id(&key.scheme, key.root)?;
            order::new(OrderAction::KeyGeneration { key }, &genesis, &out, output)
        }
        OrderCommand::Refresh { key, epoch, clear_bans, genesis, out } => {
            let key = order::key_id(&key.scheme, key.root)?;
            let clear_bans = clear_bans.into_iter().map(party).collect::<Result<_, _>>()?;
            order::new(OrderAction::Refresh { key, epoch, clear_bans }, &genesis, &out, output)
        }
        OrderCommand::Resume { boot_keys, genesis, out } => {
            order::new(OrderAction::Resume { boot_keys }, &genesis, &out, output)
        }
        OrderCommand::Unfreeze { freezes, genesis, out } => {
            let freezes = brakes::digests(&freezes)?;
            order::new(OrderAction::Unfreeze { freezes }, &genesis, &out, output)
        }
        OrderCommand::Upgrade(args) => order::upgrade(&args, output),
        OrderCommand::Recovery(args) => recovery::order(&args, output),
        OrderCommand::Drill(args) => recovery::drill(&args, output),
        OrderCommand::Sign { file, key, genesis } => order::sign(&file, &key, &genesis, output),
    }
}

fn party(number: u8) -> Result<PartyIndex, Failure> {
    PartyIndex::new(number).ok_or_else(|| Failure::new("cli.cosigner", format!("no cosigner {number}"), "use 1 to 9"))
}

fn run_verify_address(args: &VerifyArgs, output: Output) -> Done {
    let (_, chain) = read_genesis(&args.genesis)?;
    let address = verify_address(&read_evidence(&args.file)?, &chain).map_err(unverified)?;
    output.show(&address, |a| {
        format!(
            "verified: {} on {} ({})\nwallet {} of vault {}, key {}/{}\nderived from a key that all cosigners certified; assurance {}",
            a.address, a.network, a.kind, a.wallet, a.vault, a.position[0], a.position[1], a.assurance
        )
    });
    Ok(())
}

fn run_verify_receipt(args: &ReceiptArgs, output: Output) -> Done {
    let (file, chain) = read_genesis(&args.verify.genesis)?;
    let roots = [attestation::root_of(&args.root)?];
    let receipt = verify_receipt(&read_evidence(&args.verify.file)?, &chain, &file.0, &roots).map_err(unverified)?;
    output.show(&receipt, |r| {
        let lines = [
            format!("verified: {}", r.transaction_id),
            format!("intent {} of wallet {} on {}", r.intent, r.wallet, r.network),
            format!("asked by {}; approved by {}", r.initiator, listed(&r.approvers)),
            format!("effects: {}; at most {} base units in fees", r.effects.join("; "), r.max_fee),
            format!("decided by {}", listed(&r.rules)),
            format!("signed by cosigners {:?} of assurance {}", r.signers, r.assurance),
            match r.images.first() {
                Some(_) => format!("their images, PCR0: {}", r.images.join(", ")),
                None => "their programs were not attested".to_string(),
            },
            "It proves these verdicts and this signature. It does not prove that the chain accepted it.".to_string(),
        ];
        lines.join("\n")
    });
    Ok(())
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "nobody".into() } else { names.join(", ") }
}

fn unverified(error: VerifyError) -> Failure {
    let next = "do not rely on it; ask the workspace for the document again and check the genesis file you pinned";
    Failure::new(error.code(), format!("does NOT verify: {error}"), next)
}

/// A file as the API gives it: the bytes themselves, or their base64.
fn read_evidence(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = std::fs::read(path).map_err(|e| Failure::file(path, &e))?;
    let text = std::str::from_utf8(&bytes).ok().map(|t| t.strip_suffix('\n').unwrap_or(t));
    Ok(text.and_then(|t| STANDARD.decode(t).ok()).unwrap_or(bytes))
}
