//! `ringi recovery`: kits of lost shares, for the people who can open them and for the operator (rule K3). Nothing here is
//! believed that is not verified against a pinned genesis; only `restore` speaks to a platform.

mod files;
mod key;

pub use files::{KitFile, Kits};
pub use key::{RecoveryKey, public_from, public_text};

use crate::attestation::root_of;
use crate::cli::{DrillArgs, OpenArgs, RecoveryOrderArgs, RestoreArgs};
use crate::documents::{self, read_genesis};
use crate::failure::{Done, Failure};
use crate::output::Output;
use crate::policy::read_signed;
use crate::{fresh, order, remote};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand_core::OsRng;
use ringi_attestation::{CosignerIs, Moment};
use ringi_mpc::kit::{self, Restoration};
use ringi_primitives::cbor;
use ringi_primitives::certificate::KeyCertificate;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::genesis::{Assurance, GenesisChain};
use ringi_primitives::kit::{RecoveryKit, SealedPart};
use ringi_primitives::limits;
use ringi_primitives::order::{NextNonce, Order, OrderAction};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::signed::Signed;
use ringi_primitives::wire::{LostShare, Recovery};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A sealed part: a few hundred bytes.
const PART_BYTES: usize = 4096;

/// `ringi recovery keygen`: a recipient's key.
///
/// # Errors
/// If there is no randomness or the file exists.
pub fn keygen(out: &Path, output: Output) -> Done {
    let key = RecoveryKey::generate()?;
    key.store(out)?;
    let public = public_text(&key.public());
    output.show(&serde_json::json!({"public": public, "file": out}), |_| {
        format!("{public}\nkept in {} (0600): keep it offline; genesis names the public half", out.display())
    });
    Ok(())
}

/// One kit as people read it.
#[derive(Serialize)]
struct ShownKit {
    file: PathBuf,
    digest: Digest,
    cosigner: u8,
    scheme: &'static str,
    root: u16,
    epoch: u32,
    needs: usize,
    recipients: usize,
    /// Whether genesis in force names exactly these recipients.
    current: bool,
}

/// Kits of one key.
#[derive(Serialize)]
struct ShownKey {
    scheme: &'static str,
    root: u16,
    epoch: u32,
    /// Whether the kits of all n are here and were shown to be of the shares of the certified key.
    complete: bool,
}

#[derive(Serialize)]
struct Verified {
    kits: Vec<ShownKit>,
    keys: Vec<ShownKey>,
}

/// `ringi recovery verify`: every kit for itself, and where those of all cosigners are there, that they are of the key.
///
/// # Errors
/// If one does not verify.
pub fn verify(paths: &[PathBuf], genesis: &Path, output: Output) -> Done {
    let (_, chain) = read_genesis(genesis)?;
    let (mut kits, mut shown) = (Vec::new(), Vec::new());
    for path in paths {
        let (file, kit) = KitFile::read(path)?;
        check_kit(&file, &kit, &chain).map_err(|what| unverified(path, what))?;
        shown.push(shown_kit(path, &kit, &chain));
        kits.push(kit);
    }
    kits.sort_by_key(|kit| kit.cosigner);
    let mut certificates: Vec<&KeyCertificate> = Vec::new();
    for kit in &kits {
        if !certificates.contains(&&kit.certificate) {
            certificates.push(&kit.certificate);
        }
    }
    let keys = certificates.into_iter().map(|c| shown_key(c, &kits, &chain)).collect::<Result<_, _>>()?;
    output.show(&Verified { kits: shown, keys }, Verified::text);
    Ok(())
}

fn unverified(path: &Path, what: impl std::fmt::Display) -> Failure {
    let next = "do not rely on this copy: take another, or have the cosigner make its kit anew";
    Failure::new("cli.kit", format!("{} does NOT verify: {what}", path.display()), next)
}

/// K3: of this workspace, of a key that all cosigners certified, and truly encrypted; the sealed share is the one it names.
fn check_kit(file: &KitFile, kit: &RecoveryKit, chain: &GenesisChain) -> Result<(), String> {
    let checks = [
        (kit.certificate.genesis == chain.root(), "it is of another workspace"),
        (file.certificate.certificate == kit.certificate, "its certificate is of another key or epoch"),
        (file.certificate.signed_within(chain), "not all cosigners certified its key"),
        (Digest::of(Domain::SealedShare, &file.sealed) == kit.sealed, "the sealed share beside it is another"),
    ];
    if let Some((_, what)) = checks.iter().find(|(holds, _)| !holds) {
        return Err((*what).to_owned());
    }
    kit::verify(kit).map_err(|e| e.to_string())
}

fn shown_kit(path: &Path, kit: &RecoveryKit, chain: &GenesisChain) -> ShownKit {
    ShownKit {
        file: path.to_owned(),
        digest: kit.digest(),
        cosigner: kit.cosigner.number(),
        scheme: kit.certificate.key.scheme.name(),
        root: kit.certificate.key.root.0,
        epoch: kit.certificate.epoch,
        needs: kit.commitments.len(),
        recipients: kit.recipients.len(),
        current: kit.is_of(chain),
    }
}

fn shown_key(certificate: &KeyCertificate, kits: &[RecoveryKit], chain: &GenesisChain) -> Result<ShownKey, Failure> {
    let mut set: Vec<&RecoveryKit> = kits.iter().filter(|k| k.certificate == *certificate).collect();
    // Kits of one share made at different times are equally good; of two shares, one is of something else.
    set.dedup_by(|a, b| a.cosigner == b.cosigner && a.commitments.first() == b.commitments.first());
    let complete = set.len() == usize::from(chain.head().parties());
    if complete {
        let next = "a cosigner made a kit of something else: take its older kits, and do not fund the key's addresses";
        kit::verify_set(&set, chain.head().threshold).map_err(|e| Failure::new("cli.kit", e, next))?;
    }
    let key = certificate.key;
    Ok(ShownKey { scheme: key.scheme.name(), root: key.root.0, epoch: certificate.epoch, complete })
}

impl Verified {
    fn text(&self) -> String {
        let kit = |k: &ShownKit| {
            let state = if k.current { "" } else { "; genesis names other recipients now" };
            let ShownKit { digest, cosigner, scheme, root, epoch, needs, recipients, .. } = k;
            format!(
                "verified: {digest}\n  cosigner {cosigner}, {scheme} root {root}, epoch {epoch}, {needs} of {recipients} open it{state}"
            )
        };
        let key = |k: &ShownKey| {
            let all = if k.complete {
                "all cosigners' kits are here and of this key"
            } else {
                "some cosigners' kits are missing"
            };
            format!("key {} root {}, epoch {}: {all}", k.scheme, k.root, k.epoch)
        };
        let lines: Vec<String> = self.kits.iter().map(kit).chain(self.keys.iter().map(key)).collect();
        lines.join("\n")
    }
}

/// `ringi order recovery`: an unsigned order for the kits of one lost cosigner.
///
/// # Errors
/// If a kit does not verify or is another cosigner's, or a file is in the way.
pub fn order(args: &RecoveryOrderArgs, output: Output) -> Done {
    let (_, chain) = read_genesis(&args.genesis)?;
    let wrong = |what: String, next: &str| Failure::new("cli.recovery", what, next);
    let index = PartyIndex::new(args.cosigner).filter(|p| chain.is_replacement(*p));
    let cosigner = index.and_then(|p| chain.head().cosigner(p)).ok_or_else(|| {
        let what = format!("genesis names no replacement of cosigner {}", args.cosigner);
        wrong(what, "first make the next version of genesis with the new cosigner's keys: ringi genesis new --previous")
    })?;
    let kits = kits_of(cosigner.index, &args.kits, &chain)?;
    let policy = read_signed(&args.policy)?.0.digest(Domain::PolicySet);
    let nonces = args.nonces.iter().map(|text| next_nonce(text)).collect::<Result<_, _>>()?;
    let channel_key = cosigner.channel_key;
    let action = OrderAction::Recovery { cosigner: cosigner.index, channel_key, kits, policy, nonces };
    order::new(action, &args.genesis, &args.out, output)
}

/// Digests of verified kits of this cosigner.
fn kits_of(cosigner: PartyIndex, paths: &[PathBuf], chain: &GenesisChain) -> Result<Vec<Digest>, Failure> {
    let mut kits = Vec::new();
    for path in paths {
        let (file, kit) = KitFile::read(path)?;
        check_kit(&file, &kit, chain).map_err(|what| unverified(path, what))?;
        if kit.cosigner != cosigner {
            let what = format!("{} is a kit of cosigner {}", path.display(), kit.cosigner);
            return Err(Failure::new("cli.recovery", what, "give the kits of the cosigner that --cosigner names"));
        }
        kits.push(kit.digest());
    }
    Ok(kits)
}

/// `ringi order drill`: an unsigned order to open a cosigner's kits for itself.
///
/// # Errors
/// If a kit does not verify or is another cosigner's, or a file is in the way.
pub fn drill(args: &DrillArgs, output: Output) -> Done {
    let (_, chain) = read_genesis(&args.genesis)?;
    let cosigner = PartyIndex::new(args.cosigner).and_then(|p| chain.head().cosigner(p));
    let cosigner = cosigner.ok_or_else(|| {
        let what = format!("genesis names no cosigner {}", args.cosigner);
        Failure::new("cli.recovery", what, "see its number with: ringi genesis show")
    })?;
    let kits = kits_of(cosigner.index, &args.kits, &chain)?;
    let action = OrderAction::Drill { cosigner: cosigner.index, channel_key: cosigner.channel_key, kits };
    order::new(action, &args.genesis, &args.out, output)
}

/// `NETWORK:ADDRESS=NONCE`.
fn next_nonce(text: &str) -> Result<NextNonce, Failure> {
    let wrong = || {
        let next = "write NETWORK:ADDRESS=NONCE, such as eip155:1:0x7099…79C8=57";
        Failure::new("cli.argument", format!("--nonce {text} is none"), next)
    };
    let (place, nonce) = text.split_once('=').ok_or_else(wrong)?;
    let (network, account) = place.rsplit_once(':').ok_or_else(wrong)?;
    Ok(NextNonce {
        network: network.parse().map_err(|_| wrong())?,
        account: ringi_chain::evm::parse_address(account).map_err(|_| wrong())?,
        nonce: nonce.parse().map_err(|_| wrong())?,
    })
}

/// An order of recovery, checked as its recipients must: by the admin quorum, in its time, for the cosigner that genesis names.
struct Ordered {
    cosigner: PartyIndex,
    kits: Vec<Digest>,
    issued_at: ringi_primitives::time::UnixMs,
    to: Restoration,
}

fn read_order(path: &Path, chain: &GenesisChain) -> Result<(Signed, Ordered), Failure> {
    let signed: Signed = documents::read(path, limits::GENESIS_BYTES)?;
    let order: Order = signed
        .decode_unverified(limits::GENESIS_BYTES)
        .map_err(|e| Failure::new("cli.document", e, "check that it is an order"))?;
    let refuse = |what: &str| Failure::new("cli.recovery", what, "ask the admins for a right order; give nothing away");
    if order.genesis != chain.root() {
        return Err(refuse("the order is of another workspace"));
    }
    if !chain.head().quorum_signed(&signed, Domain::Order) {
        return Err(refuse("the admin quorum has not signed the order"));
    }
    if fresh::now() >= order.expires_at {
        return Err(refuse("the order's time is over"));
    }
    let (OrderAction::Recovery { cosigner, channel_key, kits, .. }
    | OrderAction::Drill { cosigner, channel_key, kits }) = order.action
    else {
        return Err(refuse("the order is for no recovery"));
    };
    if chain.head().cosigner(cosigner).map(|c| c.channel_key) != Some(channel_key) {
        return Err(refuse("the order names another channel key than genesis"));
    }
    let to = Restoration { order: signed.digest(Domain::Order), channel_key };
    Ok((signed, Ordered { cosigner, kits, issued_at: order.issued_at, to }))
}

/// What `ringi cosigner attest --out` leaves for recipients: a document and what it answers.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The document, base64.
    pub document: String,
    /// The nonce, hex.
    pub nonce: String,
}

/// G1, K3: outside plain processes, a recipient sees by an attestation that the channel key is an allowed image's.
fn check_evidence(args: &OpenArgs, chain: &GenesisChain, ordered: &Ordered) -> Result<(), Failure> {
    if chain.head().assurance == Assurance::Process && chain.head().measurements.is_empty() {
        return Ok(());
    }
    let missing = "have it made with: ringi cosigner attest N --genesis FILE --out EVIDENCE";
    let path = args.evidence.as_ref().ok_or_else(|| {
        Failure::new("cli.recovery", "this workspace's cosigners are attested: --evidence is missing", missing)
    })?;
    let text = std::fs::read(path).map_err(|e| Failure::file(path, &e))?;
    let wrong = || Failure::new("cli.recovery", format!("{} is no evidence", path.display()), missing);
    let evidence: Evidence = serde_json::from_slice(&text).map_err(|_| wrong())?;
    let document = STANDARD.decode(&evidence.document).map_err(|_| wrong())?;
    let nonce = hex::decode(&evidence.nonce).map_err(|_| wrong())?;
    let roots = [root_of(&args.root)?];
    let is = CosignerIs {
        genesis: chain,
        cosigner: ordered.cosigner,
        roots: &roots,
        moment: Moment::Document,
        nonce: &nonce,
    };
    let refused = |what: String| Failure::new("cli.recovery", what, "do not open the kit: ask for fresh evidence");
    let (attested, _) = is.verify(&document, fresh::now()).map_err(|e| refused(e.to_string()))?;
    let (made, now) = (attested.document().timestamp, fresh::now());
    // Older than the order: it may be of a machine that is no more.
    let oldest = ordered.issued_at.0.saturating_sub(limits::ORDER_LIFE_MS);
    if made.0 < oldest || made > now.plus_ms(limits::CLOCK_SKEW_MS) {
        return Err(refused(format!("the evidence was made at {made}, not in the order's time")));
    }
    Ok(())
}

/// `ringi recovery open`: a recipient opens their part and seals it to the cosigner that the order names.
///
/// # Errors
/// If kit, order, evidence or key are not what they must be; then nothing is opened.
pub fn open(args: &OpenArgs, output: Output) -> Done {
    let key = RecoveryKey::load(&args.key)?;
    let (_, chain) = read_genesis(&args.genesis)?;
    let (_, ordered) = read_order(&args.order, &chain)?;
    let (file, kit) = KitFile::read(&args.kit)?;
    check_kit(&file, &kit, &chain).map_err(|what| unverified(&args.kit, what))?;
    if kit.cosigner != ordered.cosigner || !ordered.kits.contains(&kit.digest()) {
        let next = "ask for the kit that the order names; give nothing away for another";
        return Err(Failure::new("cli.recovery", "the order does not name this kit", next));
    }
    check_evidence(args, &chain, &ordered)?;
    let part =
        kit::open(&kit, key.expose()).and_then(|part| part.seal(&kit, &ordered.to, &mut OsRng)).map_err(|e| {
            Failure::new("cli.recovery", e, "use the key whose public half genesis names for this cosigner")
        })?;
    documents::write_new(&args.out, &cbor::encode(&part))?;
    let shown = serde_json::json!({"person": part.person, "kit": part.kit, "cosigner": ordered.cosigner.number(), "file": args.out});
    output.show(&shown, |_| {
        format!(
            "opened for cosigner {} under the admins' order, and sealed to it alone\nhand {} to the operator",
            ordered.cosigner,
            args.out.display()
        )
    });
    Ok(())
}

/// `ringi recovery restore`: hands order, kits and opened parts to the platform.
///
/// # Errors
/// If a kit or a part is missing, or the platform or its cosigner refuses.
pub async fn restore(args: &RestoreArgs, output: Output) -> Done {
    let (_, chain) = read_genesis(&args.genesis)?;
    let (signed, ordered) = read_order(&args.order, &chain)?;
    let parts = args.parts.iter().map(|path| documents::read::<SealedPart>(path, PART_BYTES));
    let parts = parts.collect::<Result<Vec<_>, _>>()?;
    let files = args.kits.iter().map(|path| KitFile::read(path)).collect::<Result<Vec<_>, _>>()?;
    let mut shares = Vec::new();
    for digest in &ordered.kits {
        let (file, kit) = files.iter().find(|(_, kit)| kit.digest() == *digest).ok_or_else(|| {
            Failure::new(
                "cli.recovery",
                format!("the order names kit {digest}, which is not given"),
                "give it with --kit",
            )
        })?;
        let own: Vec<SealedPart> = parts.iter().filter(|part| part.kit == *digest).cloned().collect();
        if own.len() < kit.commitments.len() {
            let what = format!("kit {digest} needs {} people's parts, {} are given", kit.commitments.len(), own.len());
            return Err(Failure::new("cli.recovery", what, "have more recipients run: ringi recovery open"));
        }
        let (kit, sealed, certificate) = (file.kit.clone(), file.sealed.clone(), file.certificate.clone());
        shares.push(LostShare { kit, sealed, certificate, parts: own });
    }
    let (client, _) = remote::connect(&args.api)?;
    let recovery = Recovery { order: signed, shares };
    remote::installed(&client.recover(&recovery).await.map_err(remote::of_client)?, output)
}
