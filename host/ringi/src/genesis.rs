//! Genesis on the admins' own machines: written from a readable file, signed by every admin, checked offline (rule G1).

use crate::documents::{self, GenesisFile, read_genesis};
use crate::failure::{Done, Failure};
use crate::fresh;
use crate::keys::SecretKey;
use crate::output::Output;
use crate::recovery::{public_from, public_text};
use ringi_attestation::kms::KmsKey;
use ringi_attestation::{Pcr, PcrIndex};
use ringi_primitives::cbor;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::genesis::{
    Admin, Assurance, CosignerIdentity, Genesis, GenesisChain, Measurement, RecoveryRecipient,
};
use ringi_primitives::id::{PersonId, WorkspaceId};
use ringi_primitives::key::PublicKey;
use ringi_primitives::limits;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::signed::Signed;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What an admin writes down: TOML or JSON, from which the document follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisForm {
    /// Made where absent.
    pub workspace: Option<WorkspaceId>,
    /// How many admins sign later documents.
    pub admin_quorum: u32,
    /// Signers needed.
    pub threshold: u8,
    /// What the cosigners run in: `process`, `qemu` or `nitro`; the latter two name the measurements of their images.
    #[serde(default = "process")]
    pub assurance: String,
    /// The admins.
    pub admins: Vec<AdminForm>,
    /// The cosigners, first to last.
    pub cosigners: Vec<CosignerForm>,
    /// Registers of allowed images; several lines of one register are alternatives. Empty for plain processes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measurements: Vec<MeasurementForm>,
    /// SHA-256 of the attestation roots that are believed, hex.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trust_roots: Vec<String>,
    /// Each cosigner's key of its key service, first to last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kms_keys: Vec<String>,
    /// Who can open each cosigner's recovery kits: more than half of its recipients together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recovery: Vec<RecipientForm>,
}

/// One recovery recipient of one cosigner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipientForm {
    /// The cosigner's number.
    pub cosigner: u8,
    /// The person; made where absent.
    pub person: Option<PersonId>,
    /// `x25519:<hex>`, of `ringi recovery keygen`; another one for every cosigner.
    pub key: String,
}

/// One register of an allowed image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasurementForm {
    /// Its number.
    pub pcr: u8,
    /// SHA-384, hex.
    pub value: String,
}

fn process() -> String {
    Assurance::Process.name().to_string()
}

/// One admin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminForm {
    /// Made where absent.
    pub id: Option<PersonId>,
    /// For display.
    pub name: String,
    /// `ed25519:<hex>` or `p256:<hex>`.
    pub key: PublicKey,
}

/// One cosigner, as it introduces itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CosignerForm {
    /// For display.
    pub name: String,
    /// X25519 key, hex.
    pub channel_key: String,
    /// Ed25519 key.
    pub identity_key: PublicKey,
}

/// Makes the document, checked for sense.
///
/// # Errors
/// If a field makes no sense.
pub fn from_form(form: &GenesisForm, previous: Option<&GenesisChain>) -> Result<Genesis, Failure> {
    let assurances = [Assurance::Process, Assurance::Qemu, Assurance::Nitro];
    let assurance = assurances.into_iter().find(|a| a.name() == form.assurance).ok_or_else(|| {
        let what = format!("there is no assurance `{}`", form.assurance);
        Failure::new("cli.assurance", what, "write process, qemu or nitro: what the cosigners run in")
    })?;
    let admins = form.admins.iter().map(|a| {
        let id = a.id.map_or_else(|| fresh::id().map(PersonId::from_bytes), Ok)?;
        Ok(Admin { id, name: a.name.clone(), key: a.key })
    });
    let cosigners = form.cosigners.iter().zip(1u8..).map(|(c, i)| cosigner(c, i));
    let workspace = match (form.workspace, previous) {
        (Some(workspace), _) => workspace,
        (None, Some(chain)) => chain.head().workspace,
        (None, None) => WorkspaceId::from_bytes(fresh::id()?),
    };
    let genesis = Genesis {
        version: 1,
        workspace,
        sequence: previous.map_or(0, |p| p.head().sequence + 1),
        previous: previous.map(GenesisChain::head_digest),
        created_at: fresh::now_whole_s(),
        admins: admins.collect::<Result<_, Failure>>()?,
        admin_quorum: form.admin_quorum,
        threshold: form.threshold,
        cosigners: cosigners.collect::<Result<_, Failure>>()?,
        measurements: form.measurements.iter().map(measurement).collect::<Result<_, Failure>>()?,
        trust_roots: form.trust_roots.iter().map(|text| trust_root(text)).collect::<Result<_, Failure>>()?,
        relying_parties: vec![],
        kms_keys: form.kms_keys.iter().map(|text| kms_key(text)).collect::<Result<_, Failure>>()?,
        recovery: form.recovery.iter().map(recipient).collect::<Result<_, Failure>>()?,
        assurance,
    };
    genesis.validate().map_err(|e| Failure::new("cli.genesis", e, "correct that field of the file and try again"))?;
    Ok(genesis)
}

fn wrong(what: String) -> Failure {
    Failure::new("cli.genesis", what, "correct that field of the file and try again")
}

fn measurement(form: &MeasurementForm) -> Result<Measurement, Failure> {
    let value = Pcr::from_hex(&form.value).filter(|pcr| *pcr != Pcr::ZERO);
    let (Some(value), Some(index)) = (value, PcrIndex::new(form.pcr)) else {
        return Err(wrong(format!(
            "measurement of PCR{}: not 96 hex digits other than zeros, or no register",
            form.pcr
        )));
    };
    Ok(Measurement { pcr: index.number(), value: value.0.to_vec() })
}

fn trust_root(text: &str) -> Result<Digest, Failure> {
    let mut root = [0; 32];
    hex::decode_to_slice(text, &mut root).map_err(|_| wrong(format!("trust root `{text}`: not 64 hex digits")))?;
    Ok(Digest(root))
}

fn kms_key(text: &str) -> Result<String, Failure> {
    let key = KmsKey::parse(text).map_err(|e| wrong(format!("`{text}`: {e}")))?;
    Ok(key.to_string())
}

fn recipient(form: &RecipientForm) -> Result<RecoveryRecipient, Failure> {
    let cosigner = PartyIndex::new(form.cosigner);
    let cosigner =
        cosigner.ok_or_else(|| wrong(format!("recovery recipient of cosigner {}: use 1 to 9", form.cosigner)))?;
    let key = public_from(&form.key).ok_or_else(|| wrong(format!("recovery key `{}` is not x25519:HEX", form.key)))?;
    let person = form.person.map_or_else(|| fresh::id().map(PersonId::from_bytes), Ok)?;
    Ok(RecoveryRecipient { cosigner, person, key })
}

fn cosigner(form: &CosignerForm, index: u8) -> Result<CosignerIdentity, Failure> {
    let wrong = |what: &str| {
        Failure::new("cli.genesis", format!("cosigner {}: {what}", form.name), "copy what it shows of itself")
    };
    let mut channel_key = [0; 32];
    hex::decode_to_slice(&form.channel_key, &mut channel_key).map_err(|_| wrong("channel_key is not 64 hex digits"))?;
    let index = PartyIndex::new(index).ok_or_else(|| wrong("there are more than nine"))?;
    Ok(CosignerIdentity { index, name: form.name.clone(), channel_key, identity_key: form.identity_key })
}

/// `ringi genesis new`: a draft, or with `previous` the next version appended to a copy of it.
///
/// # Errors
/// If the form makes no sense or a file is in the way.
pub fn new(from: &Path, previous: Option<&Path>, out: &Path, output: Output) -> Done {
    let form: GenesisForm = crate::form::read(from)?;
    let before = previous.map(documents::read_genesis).transpose()?;
    let genesis = from_form(&form, before.as_ref().map(|(_, chain)| chain))?;
    let mut file = before.map_or(GenesisFile(vec![]), |(file, _)| file);
    file.0.push(Signed { body: cbor::encode(&genesis), signatures: vec![] });
    documents::write_new(out, &cbor::encode(&file))?;
    output.show(&shown(&file)?, |s| {
        format!(
            "{}\nnext: each admin runs `ringi genesis sign {} --key KEY` on their own machine",
            s.text(),
            out.display()
        )
    });
    Ok(())
}

/// `ringi genesis sign`: adds one admin's signature to the newest version, in place.
///
/// # Errors
/// If the key is no admin's or the file cannot be written.
pub fn sign(path: &Path, key: &Path, output: Output) -> Done {
    let key = SecretKey::load(key)?;
    let mut file = documents::read_genesis_unverified(path)?;
    let count = file.0.len();
    // The first version is signed by its own admins, a next one by those of the version before.
    let judge: Genesis = body(&file.0[count.saturating_sub(2)])?;
    if let Some(newest) = file.0.last_mut() {
        documents::add_signature(newest, Domain::Genesis, &key, &judge)?;
    }
    documents::write(path, &cbor::encode(&file))?;
    output.show(&shown(&file)?, Shown::text);
    Ok(())
}

/// `ringi genesis show`: what it says, verified or not.
///
/// # Errors
/// If it cannot be read.
pub fn show(path: &Path, output: Output) -> Done {
    output.show(&shown(&documents::read_genesis_unverified(path)?)?, Shown::text);
    Ok(())
}

/// `ringi genesis verify`: the whole chain of versions (rule G1).
///
/// # Errors
/// If it does not verify.
pub fn verify(path: &Path, output: Output) -> Done {
    let (file, _) = documents::read_genesis(path)?;
    output.show(&shown(&file)?, Shown::text);
    Ok(())
}

/// `ringi genesis form`: the newest version as a file to change and make the next one from.
///
/// # Errors
/// If it does not verify or a file is in the way.
pub fn form(path: &Path, out: &Path, output: Output) -> Done {
    let (_, chain) = read_genesis(path)?;
    let form = form_of(chain.head());
    let text = toml::to_string(&form).map_err(|e| Failure::new("cli.form", e, "report this"))?;
    documents::write_new(out, text.as_bytes())?;
    output.show(&form, |_| {
        let (out, path) = (out.display(), path.display());
        format!("written to {out}: change it, then `ringi genesis new --from {out} --previous {path} --out NEXT`")
    });
    Ok(())
}

/// The form that this document follows from; relying parties have none.
pub(crate) fn form_of(genesis: &Genesis) -> GenesisForm {
    GenesisForm {
        workspace: Some(genesis.workspace),
        admin_quorum: genesis.admin_quorum,
        threshold: genesis.threshold,
        assurance: genesis.assurance.name().into(),
        admins: (genesis.admins.iter())
            .map(|a| AdminForm { id: Some(a.id), name: a.name.clone(), key: a.key })
            .collect(),
        cosigners: genesis.cosigners.iter().map(cosigner_form).collect(),
        measurements: genesis.measurements.iter().map(measurement_form).collect(),
        trust_roots: genesis.trust_roots.iter().map(Digest::hex).collect(),
        kms_keys: genesis.kms_keys.clone(),
        recovery: genesis.recovery.iter().map(recipient_form).collect(),
    }
}

fn cosigner_form(c: &CosignerIdentity) -> CosignerForm {
    CosignerForm { name: c.name.clone(), channel_key: hex::encode(c.channel_key), identity_key: c.identity_key }
}

fn measurement_form(m: &Measurement) -> MeasurementForm {
    MeasurementForm { pcr: m.pcr, value: hex::encode(&m.value) }
}

fn recipient_form(r: &RecoveryRecipient) -> RecipientForm {
    RecipientForm { cosigner: r.cosigner.number(), person: Some(r.person), key: public_text(&r.key) }
}

pub(crate) fn body(signed: &Signed) -> Result<Genesis, Failure> {
    let genesis: Genesis = signed
        .decode_unverified(limits::GENESIS_BYTES)
        .map_err(|e| Failure::new("cli.document", e, "check that it is the file you mean"))?;
    Ok(genesis)
}

/// A genesis file as people read it.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    verified: bool,
    workspace: WorkspaceId,
    digest: String,
    head: String,
    versions: usize,
    assurance: &'static str,
    quorum: String,
    admin_quorum: String,
    admins: Vec<ShownAdmin>,
    cosigners: Vec<CosignerForm>,
    measurements: Vec<MeasurementForm>,
    trust_roots: Vec<String>,
    recovery: Vec<RecipientForm>,
}

#[derive(Clone, Debug, Serialize)]
struct ShownAdmin {
    id: PersonId,
    name: String,
    key: PublicKey,
    signed: bool,
}

fn shown(file: &GenesisFile) -> Result<Shown, Failure> {
    let missing = || Failure::new("cli.document", "genesis file holds no version", "make one with: ringi genesis new");
    let (first, newest) = (file.0.first().ok_or_else(missing)?, file.0.last().ok_or_else(missing)?);
    let genesis = body(newest)?;
    let signers = newest.verified_people(Domain::Genesis, |p, k| genesis.is_admin_key(p, k));
    let admin = |a: &Admin| ShownAdmin { id: a.id, name: a.name.clone(), key: a.key, signed: signers.contains(&a.id) };
    Ok(Shown {
        verified: GenesisChain::verify(&file.0).is_ok(),
        workspace: genesis.workspace,
        digest: first.digest(Domain::Genesis).hex(),
        head: newest.digest(Domain::Genesis).hex(),
        versions: file.0.len(),
        assurance: genesis.assurance.name(),
        quorum: format!("{} of {}", genesis.threshold, genesis.cosigners.len()),
        admin_quorum: format!("{} of {}", genesis.admin_quorum, genesis.admins.len()),
        admins: genesis.admins.iter().map(admin).collect(),
        cosigners: genesis.cosigners.iter().map(cosigner_form).collect(),
        measurements: genesis.measurements.iter().map(measurement_form).collect(),
        trust_roots: genesis.trust_roots.iter().map(Digest::hex).collect(),
        recovery: genesis.recovery.iter().map(recipient_form).collect(),
    })
}

impl Shown {
    fn text(&self) -> String {
        let admins = self.admins.iter().map(|a| {
            format!("  {} {} {}{}", a.id, a.name, a.key.text(), if a.signed { " signed" } else { " not signed yet" })
        });
        let cosigners = self.cosigners.iter().map(|c| format!("  {} {}", c.name, c.identity_key.text()));
        let state = if self.verified { "verified" } else { "NOT verified: signatures are missing" };
        let head = [
            format!("genesis {} ({state})", self.digest),
            format!("workspace {}, version {} of {}", self.workspace, self.head, self.versions),
            format!("cosigners sign {}, admins {}, assurance {}", self.quorum, self.admin_quorum, self.assurance),
            "admins".to_string(),
        ];
        let recipients = self.recovery.iter().map(|r| {
            let person = r.person.map(|p| p.to_string()).unwrap_or_default();
            format!("  cosigner {}: {person} {}", r.cosigner, r.key)
        });
        let images = self.measurements.iter().map(|m| format!("  allowed PCR{}={}", m.pcr, m.value));
        let roots = self.trust_roots.iter().map(|root| format!("  believed root {root}"));
        let title = (!self.recovery.is_empty()).then(|| "recovery recipients".to_string());
        let lines = head.into_iter().chain(admins).chain(["cosigners".to_string()]).chain(cosigners);
        let lines = lines.chain(images).chain(roots).chain(title).chain(recipients);
        lines.collect::<Vec<_>>().join("\n")
    }
}
