//! `ringi attestation`: what an enclave's document says, and whether it is true. Offline; the default root is AWS's.

use crate::cli::{AttestArgs, AttestationCommand};
use crate::documents::read_genesis;
use crate::failure::{Done, Failure};
use crate::fresh;
use crate::output::Output;
use crate::recovery::Evidence;
use crate::remote;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringi_attestation::{CosignerIs, Document, Expectation, Moment, Pcr, PcrIndex, Root, verify};
use ringi_gateway::client::Client;
use ringi_primitives::cbor;
use ringi_primitives::claim::{CLAIM_BYTES, Claim};
use ringi_primitives::genesis::GenesisChain;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::time::UnixMs;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

/// The oldest document that holds now: KMS takes none older either.
pub(crate) const MAX_AGE_MS: u64 = 300_000;
/// A file that is longer is no document and no certificate.
const FILE_BYTES: u64 = 64 * 1024;

/// Runs one of its commands.
///
/// # Errors
/// If the file cannot be read, is no document, or is not what is asked for.
pub fn run(command: AttestationCommand, output: Output) -> Done {
    match command {
        AttestationCommand::Show { file } => {
            let document = Document::read(&read(&file)?).map_err(of_attestation)?;
            output.show(&Shown::of(&document, None), Shown::text);
            Ok(())
        }
        AttestationCommand::Verify { file, root, at, pcr, nonce } => {
            let mut expectation = Expectation::of(vec![root_of(&root)?], moment(&at)?);
            for register in &pcr {
                let (index, value) = parse_register(register)?;
                expectation = expectation.with_pcr(index, value);
            }
            if let Some(nonce) = nonce {
                let nonce =
                    hex::decode(&nonce).map_err(|_| argument("--nonce is no hex", "give pairs of hex digits"))?;
                expectation = expectation.with_nonce(&nonce);
            }
            let attested = verify(&read(&file)?, &expectation, fresh::now()).map_err(of_attestation)?;
            output.show(&Shown::of(attested.document(), Some(attested.root())), Shown::text);
            Ok(())
        }
    }
}

/// A fresh document of a running cosigner, asked for with a nonce of our own and checked here: allowed image, this workspace,
/// the keys that genesis names.
///
/// # Errors
/// If it cannot be reached, or is not what genesis names.
pub async fn attest(args: &AttestArgs, output: Output) -> Done {
    let (_, genesis) = read_genesis(&args.genesis)?;
    let roots = [root_of(&args.root)?];
    let cosigner = PartyIndex::new(args.cosigner).ok_or_else(|| argument("no such cosigner", "give 1 to 9"))?;
    let (client, _) = remote::connect(&args.api)?;
    let (document, nonce) = fresh_document(&client, args.cosigner).await?;
    let moment = Moment::Now { max_age_ms: MAX_AGE_MS };
    let is = CosignerIs { genesis: &genesis, cosigner, roots: &roots, moment, nonce: &nonce };
    let (attested, claim) = is.verify(&document, fresh::now()).map_err(of_attestation)?;
    if let Some(out) = &args.out {
        let evidence = Evidence { document: STANDARD.encode(&document), nonce: hex::encode(&nonce) };
        let bytes = serde_json::to_vec(&evidence).map_err(|e| Failure::new("cli.document", e, "report this"))?;
        crate::documents::write_new(out, &bytes)?;
    }
    let image = attested.document().pcrs.get(&PcrIndex::IMAGE).map(Pcr::hex).unwrap_or_default();
    let shown = json!({
        "cosigner": args.cosigner, "assurance": genesis.head().assurance.name(), "image": image, "boot": claim.boot,
        "receipt_key": claim.receipt_key.text(), "genesis": genesis.root(), "root": hex::encode(attested.root().0),
    });
    output.show(&shown, |_| {
        let assurance = genesis.head().assurance.name();
        let lines = [
            format!("cosigner {} runs an image that genesis allows: PCR0 {image}", args.cosigner),
            format!("boot {} of workspace {}, assurance {assurance}", claim.boot, genesis.root()),
            format!("vouched for by root {}", hex::encode(attested.root().0)),
        ];
        lines.join("\n")
    });
    Ok(())
}

/// The keys of a cosigner that genesis does not name yet, as the next version is to name them. A plain process's are the
/// host's word; an attested one's document, of an image that genesis allows and made for our nonce, claims them (rule G1).
///
/// # Errors
/// If it cannot be reached, or proves less than genesis asks for.
pub async fn introduce(args: &AttestArgs, output: Output) -> Done {
    let (_, genesis) = read_genesis(&args.genesis)?;
    let (client, _) = remote::connect(&args.api)?;
    let known = client.cosigners().await.map_err(remote::of_client)?.items;
    let said = known.into_iter().find(|c| c.index == args.cosigner).and_then(|c| c.channel_key.zip(c.identity_key));
    let said = said.ok_or_else(|| argument("it has not introduced itself", "start it, and look at `ringi status`"))?;
    let proved = if genesis.head().measurements.is_empty() {
        false
    } else {
        let claim = newcomer(args, &genesis, &client).await?;
        if (hex::encode(claim.channel_key), claim.identity_key) != said {
            return Err(argument("its document claims other keys than the host says", "do not name it in genesis"));
        }
        true
    };
    let (channel_key, identity_key) = said;
    let shown = json!({
        "cosigner": args.cosigner, "channel_key": channel_key, "identity_key": identity_key, "proved": proved,
    });
    output.show(&shown, |_| {
        let whose =
            if proved { "an image that genesis allows claims these keys" } else { "NOT proved: the host's word" };
        format!("# {whose}\nchannel_key = \"{channel_key}\"\nidentity_key = \"{}\"", identity_key.text())
    });
    Ok(())
}

/// A cosigner's document, and the nonce of our own that it is to answer. Nobody has verified it yet.
pub(crate) async fn fresh_document(client: &Client, cosigner: u8) -> Result<(Vec<u8>, Vec<u8>), Failure> {
    let nonce = [fresh::id()?, fresh::id()?].concat();
    let answer = client.attestation(cosigner, &nonce).await.map_err(remote::of_client)?;
    let document = STANDARD.decode(&answer.document).map_err(|_| argument("its answer is no base64", "ask again"))?;
    Ok((document, nonce))
}

/// What the fresh document of a cosigner without a workspace claims.
async fn newcomer(args: &AttestArgs, genesis: &GenesisChain, client: &Client) -> Result<Claim, Failure> {
    let (document, nonce) = fresh_document(client, args.cosigner).await?;
    let root = root_of(&args.root)?;
    if !genesis.head().trust_roots.iter().any(|named| named.0 == root.0) {
        return Err(argument(
            "genesis does not name this --root",
            "give the root that the workspace was founded under",
        ));
    }
    let moment = Moment::Now { max_age_ms: MAX_AGE_MS };
    let mut expectation = Expectation::of(vec![root], moment).with_nonce(&nonce);
    for measurement in &genesis.head().measurements {
        let (index, value) = (PcrIndex::new(measurement.pcr), measurement.value.as_slice().try_into().map(Pcr));
        let (Some(index), Ok(value)) = (index, value) else {
            return Err(argument("genesis names no register", "check the genesis file that you pinned"));
        };
        expectation = expectation.with_pcr(index, value);
    }
    let attested = verify(&document, &expectation, fresh::now()).map_err(of_attestation)?;
    let claim = attested.document().user_data.as_deref().and_then(|d| cbor::decode::<Claim>(d, CLAIM_BYTES).ok());
    let own = |c: &Claim| c.version == 1 && c.genesis.is_none() && c.cosigner.number() == args.cosigner;
    claim.filter(own).ok_or_else(|| {
        argument(
            "it is no new cosigner of this number",
            "start it on an empty folder: a new one is of no workspace yet",
        )
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let long = std::fs::metadata(path).map_err(|e| Failure::file(path, &e))?.len() > FILE_BYTES;
    if long {
        return Err(argument(&format!("{} is too long", path.display()), "check that it is the file you mean"));
    }
    std::fs::read(path).map_err(|e| Failure::file(path, &e))
}

fn of_attestation(error: ringi_attestation::AttestationError) -> Failure {
    Failure::new(error.code(), error, "do not trust this enclave; ask its operator for a fresh document")
}

pub(crate) fn argument(what: &str, next: &str) -> Failure {
    Failure::new("cli.argument", what, next)
}

fn moment(text: &str) -> Result<Moment, Failure> {
    match text {
        "now" => Ok(Moment::Now { max_age_ms: MAX_AGE_MS }),
        "document" => Ok(Moment::Document),
        _ => Err(argument("--at is neither now nor document", "give --at now or --at document")),
    }
}

/// `aws`, or the certificate in a file: PEM or DER.
pub(crate) fn root_of(text: &str) -> Result<Root, Failure> {
    if text == "aws" {
        return Ok(Root::AWS);
    }
    let bytes = read(Path::new(text))?;
    let Ok(pem) = std::str::from_utf8(&bytes) else { return Ok(Root::of_certificate(&bytes)) };
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let der = STANDARD.decode(body).map_err(|_| argument("--root is no certificate", "give a PEM or DER file"))?;
    Ok(Root::of_certificate(&der))
}

/// A register and its value, `N=HEX`.
pub(crate) fn parse_register(text: &str) -> Result<(PcrIndex, Pcr), Failure> {
    let wrong = || argument(&format!("--pcr {text} is no register"), "write 0=HEX with 96 hex digits");
    let (index, value) = text.split_once('=').ok_or_else(wrong)?;
    let index = index.parse().ok().and_then(PcrIndex::new).ok_or_else(wrong)?;
    Ok((index, Pcr::from_hex(value).ok_or_else(wrong)?))
}

/// A document in readable form; bytes as hex.
#[derive(Serialize)]
struct Shown {
    /// The root that vouches for it; absent where nobody checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<String>,
    module_id: String,
    timestamp: UnixMs,
    pcrs: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
}

impl Shown {
    fn of(document: &Document, root: Option<Root>) -> Shown {
        let name = |root: Root| if root == Root::AWS { "aws".to_owned() } else { hex::encode(root.0) };
        let bound = |field: &Option<Vec<u8>>| field.as_ref().map(hex::encode);
        let set = document.pcrs.iter().filter(|(index, value)| index.number() < 3 || **value != Pcr::ZERO);
        Shown {
            root: root.map(name),
            module_id: document.module_id.clone(),
            timestamp: document.timestamp,
            pcrs: set.map(|(index, value)| (index.to_string(), value.hex())).collect(),
            public_key: bound(&document.public_key),
            user_data: bound(&document.user_data),
            nonce: bound(&document.nonce),
        }
    }

    fn text(&self) -> String {
        let mut lines = vec![match &self.root {
            Some(root) if root == "aws" => "verified: AWS vouches for it".to_owned(),
            Some(root) => format!("verified: the root {root} vouches for it, NOT AWS"),
            None => "NOT verified: nothing here is proved".to_owned(),
        }];
        lines.push(format!("enclave {} at {}", self.module_id, self.timestamp));
        lines.extend(self.pcrs.iter().map(|(index, value)| format!("{index:<6} {value}")));
        for (name, field) in [("public key", &self.public_key), ("user data", &self.user_data), ("nonce", &self.nonce)]
        {
            lines.extend(field.iter().map(|hex| format!("{name} {hex}")));
        }
        lines.join("\n")
    }
}
