//! Policy sets on the admins' machines: written as a readable file, turned into the signed document, shown again.

pub mod change;
pub mod preview;
pub mod tools;

pub use ringi_policy_tools::{PolicyForm, from_set};

use crate::fresh;
use ringi_policy_tools::Fresh;
use ringi_primitives::digest::Digest;
use ringi_primitives::id::PersonId;

use crate::documents::{self, read_genesis};
use crate::failure::{Done, Failure};
use crate::keys::SecretKey;
use crate::output::Output;
use ringi_primitives::cbor;
use ringi_primitives::digest::Domain;
use ringi_primitives::genesis::GenesisChain;
use ringi_primitives::limits;
use ringi_primitives::policy_set::PolicySet;
use ringi_primitives::signed::Signed;
use serde::Serialize;
use std::path::Path;

/// A signed policy set's bound on disk: the body and every admin's signature.
const FILE_BYTES: usize = limits::POLICY_BYTES + limits::GENESIS_BYTES;

/// Reads a signed policy set; says nothing about signatures.
///
/// # Errors
/// If it cannot be read or makes no sense.
pub fn read_signed(path: &Path) -> Result<(Signed, PolicySet), Failure> {
    let signed: Signed = documents::read(path, FILE_BYTES)?;
    let set: PolicySet = signed.decode_unverified(limits::POLICY_BYTES).map_err(|e| {
        Failure::new("cli.document", format!("{}: {e}", path.display()), "check that it is a policy set")
    })?;
    set.validate().map_err(|e| Failure::new("cli.policy", e, "correct the policy file and make the set again"))?;
    Ok((signed, set))
}

/// The set that follows from a file, in this workspace, after `previous`, made now.
///
/// # Errors
/// If the file makes no sense.
pub fn to_set(
    form: &PolicyForm,
    genesis: Digest,
    previous: Option<(Digest, &PolicySet)>,
) -> Result<PolicySet, Failure> {
    // One for each person of the file, so there is always one left.
    let mut ids: Vec<[u8; 16]> = form.people.iter().map(|_| fresh::id()).collect::<Result<_, _>>()?;
    let mut person = || PersonId::from_bytes(ids.pop().unwrap_or_default());
    let fresh = Fresh { now: fresh::now_whole_s(), person: &mut person };
    ringi_policy_tools::to_set(form, genesis, previous, fresh)
        .map_err(|e| Failure::new("cli.policy", e, "correct the policy file"))
}

/// `ringi policy new`: the document that follows from a policy file, unsigned.
///
/// # Errors
/// If the file makes no sense.
pub fn new(from: &Path, genesis: &Path, previous: Option<&Path>, out: &Path, output: Output) -> Done {
    let form: PolicyForm = crate::form::read(from)?;
    let (_, chain) = read_genesis(genesis)?;
    let before = previous.map(read_signed).transpose()?;
    let set =
        to_set(&form, chain.root(), before.as_ref().map(|(signed, set)| (signed.digest(Domain::PolicySet), set)))?;
    let signed = Signed { body: cbor::encode(&set), signatures: vec![] };
    documents::write_new(out, &cbor::encode(&signed))?;
    output.show(&shown(&signed, &set, Some(&chain)), |s| {
        format!(
            "{}\nnext: a quorum of admins runs `ringi policy sign {} --key KEY --genesis FILE`",
            s.text(),
            out.display()
        )
    });
    Ok(())
}

/// `ringi policy sign`: adds one admin's signature, in place.
///
/// # Errors
/// If the key is no admin's.
pub fn sign(path: &Path, key: &Path, genesis: &Path, output: Output) -> Done {
    let key = SecretKey::load(key)?;
    let (_, chain) = read_genesis(genesis)?;
    let (mut signed, set) = read_signed(path)?;
    same_genesis(&set, &chain)?;
    documents::add_signature(&mut signed, Domain::PolicySet, &key, chain.head())?;
    documents::write(path, &cbor::encode(&signed))?;
    output.show(&shown(&signed, &set, Some(&chain)), Shown::text);
    Ok(())
}

/// `ringi policy show`: the readable form again, and with a genesis who signed.
///
/// # Errors
/// If it cannot be read.
pub fn show(path: &Path, genesis: Option<&Path>, output: Output) -> Done {
    let (signed, set) = read_signed(path)?;
    let chain = genesis.map(read_genesis).transpose()?.map(|(_, chain)| chain);
    let form = from_set(&set);
    output.show(&serde_json::json!({"state": shown(&signed, &set, chain.as_ref()), "policy": form}), |_| {
        let body = toml::to_string_pretty(&form).unwrap_or_else(|e| format!("# {e}"));
        format!("# {}\n\n{body}", shown(&signed, &set, chain.as_ref()).text().replace('\n', "\n# "))
    });
    Ok(())
}

/// Keeps a set that a host served, if it is of this workspace and a quorum of its admins signed it.
///
/// # Errors
/// If it is not, or the file exists.
pub fn keep(signed: &Signed, chain: &GenesisChain, out: &Path, output: Output) -> Done {
    let set = verified(signed, chain)?;
    documents::write_new(out, &cbor::encode(signed))?;
    output.show(&shown(signed, &set, Some(chain)), Shown::text);
    Ok(())
}

/// `ringi policy validate`: whether a signed set is in order and signed by a quorum.
///
/// # Errors
/// If it is not.
pub fn validate(path: &Path, genesis: &Path, output: Output) -> Done {
    let (signed, set) = read_signed(path)?;
    let (_, chain) = read_genesis(genesis)?;
    same_genesis(&set, &chain)?;
    let state = shown(&signed, &set, Some(&chain));
    if state.signed != Some(true) {
        let next = format!("a quorum of admins runs: ringi policy sign {} --key KEY --genesis FILE", path.display());
        return Err(Failure::new("cli.admin_quorum", "the policy set lacks the admin quorum", next));
    }
    output.show(&state, Shown::text);
    Ok(())
}

/// A policy set of this workspace that a quorum of its admins signed.
///
/// # Errors
/// If it is of another workspace, makes no sense or lacks the quorum.
pub fn verified(signed: &Signed, chain: &GenesisChain) -> Result<PolicySet, Failure> {
    let set = sound(signed, chain)?;
    if shown(signed, &set, Some(chain)).signed != Some(true) {
        let next = "ask a quorum of admins to sign it";
        return Err(Failure::new("cli.admin_quorum", "the policy set lacks the admin quorum", next));
    }
    Ok(set)
}

/// A policy set of this workspace that makes sense; says nothing about signatures.
///
/// # Errors
/// If it is of another workspace or makes no sense.
fn sound(signed: &Signed, chain: &GenesisChain) -> Result<PolicySet, Failure> {
    let set: PolicySet = signed
        .decode_unverified(limits::POLICY_BYTES)
        .map_err(|e| Failure::new("cli.document", e, "check that it is a policy set"))?;
    set.validate().map_err(|e| Failure::new("cli.policy", e, "correct the policy file and make the set again"))?;
    same_genesis(&set, chain)?;
    Ok(set)
}

fn same_genesis(set: &PolicySet, chain: &GenesisChain) -> Done {
    if set.genesis == chain.root() {
        return Ok(());
    }
    Err(Failure::new(
        "cli.other_genesis",
        "the policy set belongs to another workspace",
        "use that workspace's genesis file",
    ))
}

#[derive(Clone, Debug, Serialize)]
struct Shown {
    digest: String,
    sequence: u64,
    vaults: usize,
    rules: usize,
    signatures: usize,
    /// Whether a quorum signed; unknown without a genesis.
    signed: Option<bool>,
}

fn shown(signed: &Signed, set: &PolicySet, chain: Option<&GenesisChain>) -> Shown {
    Shown {
        digest: signed.digest(Domain::PolicySet).hex(),
        sequence: set.sequence,
        vaults: set.vaults.len(),
        rules: set.vaults.iter().map(|v| v.rules.len()).sum(),
        signatures: signed.signatures.len(),
        signed: chain.map(|c| c.head().quorum_signed(signed, Domain::PolicySet)),
    }
}

impl Shown {
    fn text(&self) -> String {
        let state = match self.signed {
            Some(true) => "signed by the admin quorum",
            Some(false) => "NOT signed by the admin quorum",
            None => "signatures not checked: give --genesis FILE",
        };
        let Shown { digest, sequence, vaults, rules, signatures, .. } = self;
        format!(
            "policy set {digest}\nsequence {sequence}, {vaults} vaults, {rules} rules, {signatures} signatures, {state}"
        )
    }
}
