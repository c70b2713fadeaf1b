//! `ringi kms`: the key server by itself, its access keys, and policies: found wanting, or recommended.

use crate::attestation::root_of;
use crate::cli::{KmsCommand, KmsPolicyArgs, KmsServeArgs};
use crate::documents::read_genesis;
use crate::failure::{Done, Failure};
use crate::output::Output;
use crate::{log, up};
use ringi_attestation::{Pcr, Root};
use ringi_kms::limits::POLICY_BYTES;
use ringi_kms::lint::{Finding, Level, Named, lint};
use ringi_kms::{
    AccessError, AccessKey, AccessKeys, Configuration, CosignerKey, Deployment, FolderStore, Kms, Principal,
    StoreError, SystemClock, recommended_policy, root_name,
};
use ringi_primitives::scheme::PartyIndex;
use serde_json::json;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;

const ACCESS_FILE: &str = "access-keys.json";

/// Runs one of its commands, except [`serve`].
///
/// # Errors
/// If an argument makes no sense, a file cannot be read, or a policy is not in order.
pub fn run(command: KmsCommand, output: Output) -> Done {
    match command {
        KmsCommand::Serve(_) => Err(Failure::new("cli.runtime", "serve needs a runtime", "report this")),
        KmsCommand::AccessKey { folder, principal, actions } => add_access_key(&folder, &principal, actions, output),
        KmsCommand::Lint { policies, threshold } => run_lint(&policies, usize::from(threshold), output),
        KmsCommand::Policy(args) => print_policy(&args),
    }
}

/// Runs the server until Ctrl-C.
///
/// # Errors
/// If the folder, the roots or the address cannot be used.
pub async fn serve(args: KmsServeArgs, output: Output) -> Done {
    let roots = args.roots.iter().map(|text| root(text)).collect::<Result<Vec<_>, _>>()?;
    let deployment = Deployment::new(&args.account, &args.region)
        .ok_or_else(|| argument("--account or --region makes no sense", "give 12 digits, and a name like us-east-1"))?;
    let store = FolderStore::open(&args.folder).map_err(|e| of_store(&args.folder, &e))?;
    log::start(&args.folder.join("log.json"), &args.log)?;
    let access = access_keys(&args.folder, &args.account, output)?;
    let configuration = Configuration { deployment, access, roots: roots.clone() };
    let kms =
        Kms::new(configuration, Box::new(store), Box::new(SystemClock)).map_err(|e| of_store(&args.folder, &e))?;
    let in_use =
        |e: std::io::Error| Failure::new("kms.listen", format!("{}: {e}", args.listen), "choose another --listen");
    let listener = TcpListener::bind(&args.listen).await.map_err(in_use)?;
    let url = format!("http://{}", listener.local_addr().map_err(in_use)?);
    let names: Vec<_> = roots.iter().map(|root| root_name(*root)).collect();
    tracing::info!(%url, roots = ?names, "the key server is up");
    // Before anybody hears that it is up, and may ask it to stop.
    let stop = up::stop_signal()?;
    output.show(&json!({"url": url, "roots": names, "folder": args.folder}), |_| serving(&url, &names, &args.folder));
    ringi_kms::serve(Arc::new(kms), listener, stop).await.map_err(in_use)
}

fn serving(url: &str, roots: &[String], folder: &Path) -> String {
    let told = roots.iter().map(|root| match root.as_str() {
        "aws" => "takes documents of AWS Nitro enclaves".to_owned(),
        other => format!("takes documents of the root {other}, NOT AWS: whoever has that root's key has the keys here"),
    });
    let first = format!("key server at {url}; whoever can read {} has every key in it", folder.display());
    [first].into_iter().chain(told).chain(["Ctrl-C stops it".to_owned()]).collect::<Vec<_>>().join("\n")
}

/// `aws`, a certificate's file, or a certificate's SHA-256.
fn root(text: &str) -> Result<Root, Failure> {
    let mut bytes = [0; 32];
    if hex::decode_to_slice(text, &mut bytes).is_ok() { Ok(Root(bytes)) } else { root_of(text) }
}

/// The folder's access keys. A new folder gets one for an administrator.
fn access_keys(folder: &Path, account: &str, output: Output) -> Result<AccessKeys, Failure> {
    let path = folder.join(ACCESS_FILE);
    if path.exists() {
        return AccessKeys::read(&path).map_err(|e| of_access(&path, &e));
    }
    let principal = principal(&format!("arn:aws:iam::{account}:user/admin"))?;
    let key = AccessKey::generate(principal, vec!["kms:*".to_owned()])
        .map_err(|e| Failure::new("kms.access", e, "run the command again"))?;
    let id = key.access_key_id.clone();
    let keys = AccessKeys::default().with(key).map_err(|e| of_access(&path, &e))?;
    keys.write(&path).map_err(|e| of_access(&path, &e))?;
    output.note(&format!("made the access key {id} of an administrator; its secret is in {}", path.display()));
    Ok(keys)
}

fn add_access_key(folder: &Path, arn: &str, actions: Vec<String>, output: Output) -> Done {
    let path = folder.join(ACCESS_FILE);
    let keys = if path.exists() { AccessKeys::read(&path) } else { Ok(AccessKeys::default()) };
    let keys = keys.map_err(|e| of_access(&path, &e))?;
    let key = AccessKey::generate(principal(arn)?, actions)
        .map_err(|e| Failure::new("kms.access", e, "run the command again"))?;
    let id = key.access_key_id.clone();
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|e| Failure::file(folder, &e))?;
    let keys = keys.with(key).map_err(|e| of_access(&path, &e))?;
    keys.write(&path).map_err(|e| of_access(&path, &e))?;
    output.show(&json!({"access_key_id": id, "principal": arn, "file": path}), |_| {
        format!("{id} of {arn}\nits secret is in {} (0600); the server reads it at its next start", path.display())
    });
    Ok(())
}

fn run_lint(paths: &[PathBuf], threshold: usize, output: Output) -> Done {
    let texts = paths.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let names: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    let named: Vec<_> = names.iter().zip(&texts).map(|(name, text)| Named { name, text }).collect();
    let findings = lint(&named, threshold);
    output.show(&findings, |findings| listed(findings));
    let errors = findings.iter().filter(|finding| finding.level == Level::Error).count();
    if errors == 0 {
        return Ok(());
    }
    let next = "correct the policies, or start from `ringi kms policy`; docs/kms.md tells what each finding means";
    Err(Failure::new("kms.lint", format!("{errors} errors in {} policies", paths.len()), next))
}

/// A policy's text. One that is too long is still looked at: it is told that it is.
fn read(path: &Path) -> Result<String, Failure> {
    let file = std::fs::File::open(path).map_err(|e| Failure::file(path, &e))?;
    let mut text = String::new();
    let bound = POLICY_BYTES as u64 + 1;
    std::io::Read::read_to_string(&mut std::io::Read::take(file, bound), &mut text)
        .map_err(|e| Failure::file(path, &e))?;
    Ok(text)
}

fn listed(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return "nothing found".to_owned();
    }
    let line = |finding: &Finding| {
        let level = if finding.level == Level::Error { "error" } else { "warning" };
        let place = finding.statement.as_ref().map_or_else(String::new, |place| format!(", statement {place}"));
        format!("{level} {} ({}{place}): {}", finding.code, finding.policy, finding.message)
    };
    findings.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The policy is JSON in either form of output: it goes into a file.
fn print_policy(args: &KmsPolicyArgs) -> Done {
    let register = |text: &String| {
        let wrong = || argument(&format!("{text} is no measurement"), "give 96 hex digits that are not all zero");
        Pcr::from_hex(text).filter(|value| *value != Pcr::ZERO).ok_or_else(wrong)
    };
    let (_, chain) = read_genesis(&args.genesis)?;
    let cosigner = PartyIndex::new(args.cosigner)
        .ok_or_else(|| argument(&format!("no cosigner {}", args.cosigner), "use 1 to 9"))?;
    let key = CosignerKey {
        role: principal(&args.role)?,
        readers: args.readers.iter().map(|arn| principal(arn)).collect::<Result<_, _>>()?,
        images: args.images.iter().map(register).collect::<Result<_, _>>()?,
        signer: args.signer.as_ref().map(register).transpose()?,
        genesis: chain.root(),
        cosigner,
    };
    let policy = recommended_policy(&key).ok_or_else(|| argument("there is no image", "give --image"))?;
    println!("{policy}");
    Ok(())
}

fn principal(arn: &str) -> Result<Principal, Failure> {
    let next = "write arn:aws:iam::ACCOUNT:user/NAME or arn:aws:iam::ACCOUNT:role/NAME, with an account of 12 digits";
    Principal::parse(arn).ok_or_else(|| argument(&format!("{arn} is no user and no role"), next))
}

fn argument(what: &str, next: &str) -> Failure {
    Failure::new("cli.argument", what, next)
}

fn of_store(folder: &Path, error: &StoreError) -> Failure {
    let next = match error {
        StoreError::Locked => "stop the other server, or choose another --folder",
        StoreError::MasterKey(_) | StoreError::Broken(_) => "restore the folder from a backup; nothing was changed",
        _ => "look at the cause and run the command again",
    };
    Failure::new("kms.folder", format!("{}: {error}", folder.display()), next)
}

fn of_access(path: &Path, error: &AccessError) -> Failure {
    Failure::new("kms.access", format!("{}: {error}", path.display()), "correct the file, and keep its mode at 0600")
}
