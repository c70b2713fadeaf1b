//! A workspace that its admins found: the platform says what genesis must name of its cosigners, each admin checks that with
//! documents of their own asking before they sign (rule G1). No admin's key is ever here.

use crate::attestation::{argument, fresh_document, parse_register, root_of};
use crate::cli::FoundingCheckArgs;
use crate::documents::{read_genesis_unverified, write};
use crate::failure::{Done, Failure};
use crate::fresh;
use crate::genesis::{AdminForm, CosignerForm, GenesisForm, MeasurementForm, body};
use crate::output::Output;
use crate::platform::start::Platform;
use crate::remote;
use ringi_attestation::{Expectation, Moment, Pcr, PcrIndex, Root, verify};
use ringi_enclave_host::Emulation;
use ringi_gateway::model;
use ringi_orchestrator::ports::Introduction;
use ringi_primitives::cbor;
use ringi_primitives::claim::{CLAIM_BYTES, Claim};
use ringi_primitives::genesis::{Assurance, CosignerIdentity, Genesis};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What the platform leaves in its data folder, at every start until there is a genesis.
pub const FORM: &str = "founding.toml";
/// Admins that sign later documents, until whoever edits the form says otherwise.
const QUORUM: u32 = 2;
const HEAD: &str = "\
# What genesis must name of this platform's cosigners. Written by `ringi up` at every start until a genesis is installed:
# before that a restart gives the cosigners other keys. Copy it, set the quorums, and add every admin:
#
# [[admins]]
# name = \"Ada\"
# key = \"ed25519:…\"      # as `ringi keygen` shows it
#
# docs/production.md says how to go on. Believe nothing here before `ringi genesis check` has.

";

/// Whether this folder waits for its admins, or has been founded by them.
pub fn begun(folder: &Path) -> bool {
    folder.join(FORM).exists()
}

/// Writes the form. Keys of the built-in key server are made once.
///
/// # Errors
/// If a cosigner did not start, or the file cannot be written.
pub async fn leave_form(folder: &Path, platform: &Platform, threshold: u8) -> Result<PathBuf, Failure> {
    let path = folder.join(FORM);
    let introductions = introduced(platform).await?;
    let mut keys = if path.exists() { crate::form::read::<Kept>(&path)?.kms_keys } else { vec![] };
    if let Some(attested) = &platform.attested {
        while keys.len() < introductions.len() {
            keys.push(attested.kms.create_key().await?);
        }
    }
    let form = form(platform, threshold, &introductions, keys);
    let broken = |e: &dyn std::fmt::Display| Failure::new("cli.form", e, "report this");
    let mut fields = toml::Table::try_from(&form).map_err(|e| broken(&e))?;
    // An empty array could not be added to.
    fields.remove("admins");
    let text = toml::to_string(&fields).map_err(|e| broken(&e))?;
    write(&path, format!("{HEAD}{text}").as_bytes())?;
    Ok(path)
}

/// What of an earlier form stays.
#[derive(Deserialize)]
struct Kept {
    #[serde(default)]
    kms_keys: Vec<String>,
}

/// What every cosigner says of itself.
///
/// # Errors
/// If one did not start: a workspace is founded by all.
pub async fn introduced(platform: &Platform) -> Result<Vec<Introduction>, Failure> {
    platform.fleet.introductions().await.ok_or_else(|| {
        let next = "look at log.json in the data folder, mend what it says and run the command again";
        Failure::new("cli.cosigners", "a workspace is founded by all of its cosigners, and one did not start", next)
    })
}

/// Genesis as this machine would have it, without admins.
pub fn form(platform: &Platform, threshold: u8, said: &[Introduction], kms_keys: Vec<String>) -> GenesisForm {
    let cosigners = said.iter().zip(1u8..).map(|(i, n)| CosignerForm {
        name: format!("cosigner-{n}"),
        channel_key: hex::encode(i.channel_key),
        identity_key: i.identity_key,
    });
    let attested = platform.attested.as_deref();
    GenesisForm {
        workspace: None,
        admin_quorum: QUORUM,
        threshold,
        assurance: attested.map_or(Assurance::Process, |a| a.assurance).name().into(),
        admins: Vec::<AdminForm>::new(),
        cosigners: cosigners.collect(),
        measurements: attested.map(|a| measured(&a.measurements)).unwrap_or_default(),
        trust_roots: attested.map(|a| vec![hex::encode(a.root.0)]).unwrap_or_default(),
        kms_keys,
        recovery: vec![],
    }
}

fn measured(measurements: &[(PcrIndex, Pcr)]) -> Vec<MeasurementForm> {
    measurements.iter().map(|(pcr, value)| MeasurementForm { pcr: pcr.number(), value: value.hex() }).collect()
}

/// `ringi cosigner measure`: what a program is measured by where attested cosigners are processes.
///
/// # Errors
/// If it cannot be read.
pub fn measure(program: &Path, output: Output) -> Done {
    let registers = Emulation::measure(program).map_err(|e| Failure::file(program, &e))?;
    let lines: Vec<String> = registers.iter().map(|(pcr, value)| format!("{}={}", pcr.number(), value.hex())).collect();
    output.show(&json!({ "pcrs": lines }), |_| lines.join("\n"));
    Ok(())
}

/// `ringi genesis check`: whether the cosigners of a running platform are what a draft of its genesis says, before an admin
/// signs it. The registers come from the admin's own build, never from the platform.
///
/// # Errors
/// If a cosigner cannot be asked, or proves something else.
pub async fn check(args: &FoundingCheckArgs, output: Output) -> Done {
    let file = read_genesis_unverified(&args.file)?;
    let [draft] = file.0.as_slice() else {
        let next = "check a later version with `ringi cosigner attest` and `ringi cosigner introduce`";
        return Err(argument("it is not the first version of a genesis", next));
    };
    let genesis = body(draft)?;
    let named = named(&genesis, &args.pcr)?;
    let (client, _) = remote::connect(&args.api)?;
    let said = client.cosigners().await.map_err(remote::of_client)?.items;
    if said.len() != genesis.cosigners.len() {
        return Err(differs("it names another number of cosigners than the platform runs"));
    }
    let root = if named.is_empty() { None } else { Some(trusted(&genesis, &root_of(&args.root)?)?) };
    for cosigner in &genesis.cosigners {
        says_so(cosigner, &said)?;
        if let Some(root) = root {
            proves_so(cosigner, &named, root, &client).await?;
        }
    }
    let proved = root.is_some();
    let value =
        json!({ "cosigners": genesis.cosigners.len(), "proved": proved, "root": root.map(|r| hex::encode(r.0)) });
    output.show(&value, |_| {
        let whose = if proved { "each cosigner proved it, to a fresh nonce" } else { "NOT proved: the host's word" };
        let cosigners = genesis.cosigners.len();
        format!("{cosigners} cosigners are what this genesis says: {whose}\nnext: ringi genesis sign")
    });
    Ok(())
}

/// G1: the allowed registers are exactly those that the admin gives.
fn named(genesis: &Genesis, given: &[String]) -> Result<BTreeSet<(PcrIndex, Pcr)>, Failure> {
    let given = given.iter().map(|text| parse_register(text)).collect::<Result<BTreeSet<_>, _>>()?;
    let own = |(index, value): &(PcrIndex, Pcr)| (index.number(), value.0.to_vec());
    let (wanted, found): (BTreeSet<_>, BTreeSet<_>) =
        (given.iter().map(own).collect(), genesis.measurements.iter().map(|m| (m.pcr, m.value.clone())).collect());
    if wanted == found { Ok(given) } else { Err(differs("it allows other images than --pcr names")) }
}

fn trusted(genesis: &Genesis, root: &Root) -> Result<Root, Failure> {
    let only = genesis.trust_roots.iter().all(|named| named.0 == root.0) && !genesis.trust_roots.is_empty();
    if only { Ok(*root) } else { Err(differs("it believes other attestation roots than --root")) }
}

fn says_so(cosigner: &CosignerIdentity, said: &[model::Cosigner]) -> Done {
    let own = said.iter().find(|c| c.index == cosigner.index.number());
    let keys = own.and_then(|c| c.channel_key.clone().zip(c.identity_key));
    if keys == Some((hex::encode(cosigner.channel_key), cosigner.identity_key)) {
        return Ok(());
    }
    Err(differs(&format!("cosigner {} has introduced itself with other keys", cosigner.index.number())))
}

async fn proves_so(
    cosigner: &CosignerIdentity,
    registers: &BTreeSet<(PcrIndex, Pcr)>,
    root: Root,
    client: &ringi_gateway::client::Client,
) -> Done {
    let number = cosigner.index.number();
    let (document, nonce) = fresh_document(client, number).await?;
    let moment = Moment::Now { max_age_ms: crate::attestation::MAX_AGE_MS };
    let expectation = Expectation::of(vec![root], moment).with_nonce(&nonce);
    let expectation = registers.iter().fold(expectation, |e, (index, value)| e.with_pcr(*index, *value));
    let attested =
        verify(&document, &expectation, fresh::now()).map_err(|e| differs(&format!("cosigner {number}: {e}")))?;
    let claim = attested.document().user_data.as_deref().and_then(|d| cbor::decode::<Claim>(d, CLAIM_BYTES).ok());
    let own = |c: &Claim| {
        (c.version, c.genesis, c.cosigner) == (1, None, cosigner.index)
            && (c.channel_key, c.identity_key) == (cosigner.channel_key, cosigner.identity_key)
    };
    match claim.filter(own) {
        Some(_) => Ok(()),
        None => Err(differs(&format!("cosigner {number} claims other keys, or a workspace"))),
    }
}

fn differs(what: &str) -> Failure {
    Failure::new(
        "cli.founding",
        what,
        "do not sign it: make the draft from the newest founding.toml, or ask its operator",
    )
}
