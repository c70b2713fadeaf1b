//! Freezes, vetoes and withdrawals from the command line (rule P1): made and signed here, sent as signed documents.

use crate::approver::served_policy;
use crate::cli::{ApiArgs, FreezeArgs, StopArgs};
use crate::documents;
use crate::failure::{Done, Failure};
use crate::fresh;
use crate::keys::SecretKey;
use crate::output::Output;
use crate::remote::{connect, installed, of_client};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringi_gateway::client::Client;
use ringi_gateway::model;
use ringi_primitives::approval::Evidence;
use ringi_primitives::brake::{Brake, BrakeAction, FreezeTarget, SignedBrake};
use ringi_primitives::cbor;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::genesis::GenesisChain;
use ringi_primitives::id::{BrakeId, IntentId, WalletId};
use ringi_primitives::limits;
use ringi_primitives::policy_set::PolicySet;
use ringi_primitives::signed::Signed;
use ringi_primitives::wallet::WalletRef;
use std::path::Path;
use std::sync::Arc;

/// Who brakes, and in which workspace.
struct Desk {
    client: Client,
    key: Arc<SecretKey>,
    chain: GenesisChain,
    policy: PolicySet,
}

impl Desk {
    /// The policy set is believed with the admins' signatures only.
    async fn open(api: &ApiArgs, genesis: &Path) -> Result<Desk, Failure> {
        let (client, key) = connect(api)?;
        let (_, chain) = documents::read_genesis(genesis)?;
        let policy = crate::policy::verified(&served_policy(&client).await?, &chain)?;
        Ok(Desk { client, key, chain, policy })
    }

    /// A brake by whoever's key this is.
    fn sign(&self, action: BrakeAction) -> Result<SignedBrake, Failure> {
        let public = self.key.public();
        let person = self.policy.people.iter().find(|p| p.keys.iter().any(|k| k.key == public)).ok_or_else(|| {
            Failure::new("cli.person", "the policy set names nobody who has this key", "use another --key")
        })?;
        let brake = Brake {
            version: 1,
            genesis: self.chain.root(),
            id: BrakeId::from_bytes(fresh::id()?),
            by: person.id,
            issued_at: fresh::now_whole_s(),
            action,
        };
        let body = cbor::encode(&brake);
        let signature = self.key.sign_digest(&Digest::of(Domain::Brake, &body));
        let signed = SignedBrake { body, evidence: Evidence::Signature { key: public, signature } };
        // Better said here than by every cosigner.
        signed.verify(&self.policy, &self.chain).map_err(|e| {
            let next = "the policy set names who may: its `freezers` and `vetoers`";
            Failure::new(e.code(), format!("{} may not do this: {e}", person.name), next)
        })?;
        Ok(signed)
    }

    fn target(&self, args: &FreezeArgs) -> Result<FreezeTarget, Failure> {
        let Some(name) = &args.vault else { return Ok(FreezeTarget::Workspace) };
        let vault = self.policy.vault_named(name).ok_or_else(|| {
            let names: Vec<&str> = self.policy.vaults.iter().map(|v| v.name.as_str()).collect();
            Failure::new("cli.vault", format!("no vault `{name}`"), format!("use one of {}", names.join(", ")))
        })?;
        let Some(wallet) = &args.wallet else { return Ok(FreezeTarget::Vault(vault.index)) };
        let wallet: WalletId = wallet
            .parse()
            .map_err(|_| Failure::new("cli.id", format!("{wallet} is no wallet's id"), "copy it from a listing"))?;
        Ok(FreezeTarget::Wallet(WalletRef { vault: vault.index, wallet }))
    }
}

/// `ringi freeze`.
///
/// # Errors
/// If the key's person may not, or too few cosigners hold it: it is sent to the others again by itself.
pub async fn freeze(args: &FreezeArgs, output: Output) -> Done {
    let desk = Desk::open(&args.api, &args.genesis).await?;
    let signed = desk.sign(BrakeAction::Freeze { target: desk.target(args)? })?;
    installed(&desk.client.freeze(&signed).await.map_err(of_client)?, output)
}

/// `ringi freezes`.
///
/// # Errors
/// If the server does not answer or refuses.
pub async fn list(api: &ApiArgs, output: Output) -> Done {
    let (client, _) = connect(api)?;
    let freezes = client.freezes().await.map_err(of_client)?;
    if let Some(wrong) = freezes.items.iter().find(|f| !is_its_own(f)) {
        let what = format!("the server shows another freeze under {}", wrong.digest);
        return Err(Failure::new("cli.freeze", what, "do not lift it; ask the operator"));
    }
    output.show(&freezes, |l| match l.items.as_slice() {
        [] => "nothing is frozen".to_string(),
        items => items.iter().map(line).collect::<Vec<_>>().join("\n"),
    });
    Ok(())
}

/// Whether what is shown is what the signed document says: an admin lifts it by its digest.
fn is_its_own(freeze: &model::Freeze) -> bool {
    let bytes = STANDARD.decode(&freeze.document).unwrap_or_default();
    let Ok(signed) = cbor::decode::<SignedBrake>(&bytes, limits::BRAKE_BYTES) else { return false };
    let Ok(brake) = signed.read_unverified() else { return false };
    let of = match brake.action {
        BrakeAction::Freeze { target: FreezeTarget::Workspace } => freeze.of == "workspace",
        BrakeAction::Freeze { target: FreezeTarget::Vault(_) } => freeze.of == "vault",
        BrakeAction::Freeze { target: FreezeTarget::Wallet(w) } => {
            freeze.of == "wallet" && freeze.wallet == Some(w.wallet)
        }
        BrakeAction::Veto { .. } | BrakeAction::Withdraw { .. } => false,
    };
    of && signed.digest() == freeze.digest && brake.by == freeze.by
}

fn line(freeze: &model::Freeze) -> String {
    let of = match (&freeze.vault, &freeze.wallet) {
        (Some(vault), Some(wallet)) => format!("wallet {wallet} of vault {vault}"),
        (Some(vault), None) => format!("vault {vault}"),
        _ => "everything".to_string(),
    };
    let force = if freeze.in_force { "in force" } else { "NOT in force yet" };
    let (k, n) = (freeze.acknowledged, freeze.cosigners);
    format!("{} {of}, by {} at {}: {k} of {n} cosigners, {force}", freeze.digest, freeze.by, freeze.issued_at)
}

/// Digests as an order names them.
///
/// # Errors
/// If a digest is none.
pub fn digests(texts: &[String]) -> Result<Vec<Digest>, Failure> {
    let digest = |text: &String| {
        Digest::from_hex(text)
            .ok_or_else(|| Failure::new("cli.digest", format!("{text} is no digest"), "copy it from `ringi freezes`"))
    };
    let all: Vec<Digest> = texts.iter().map(digest).collect::<Result<_, _>>()?;
    if (1..=limits::LIFTED).contains(&all.len()) {
        return Ok(all);
    }
    let what = format!("{} freezes in one order", all.len());
    Err(Failure::new("cli.digest", what, format!("name 1 to {}", limits::LIFTED)))
}

/// `ringi unfreeze`: hands in an order of the admins that lifts freezes.
///
/// # Errors
/// If the order makes no sense, or the server does not answer or refuses.
pub async fn unfreeze(api: &ApiArgs, file: &Path, output: Output) -> Done {
    let (client, _) = connect(api)?;
    let signed: Signed = documents::read(file, limits::POLICY_BYTES)?;
    installed(&client.lift_freezes(&signed).await.map_err(of_client)?, output)
}

/// `ringi transfer veto`.
///
/// # Errors
/// If the key's person may not, the transfer is signed, or too few cosigners hold it.
pub async fn veto(args: &StopArgs, output: Output) -> Done {
    let desk = Desk::open(&args.api, &args.genesis).await?;
    let intent = intent(&args.transfer)?;
    let signed = desk.sign(BrakeAction::Veto { intent })?;
    installed(&desk.client.veto(intent, &signed).await.map_err(of_client)?, output)
}

/// `ringi transfer withdraw`.
///
/// # Errors
/// If it is somebody else's transfer, it is signed, or too few cosigners hold it.
pub async fn withdraw(args: &StopArgs, output: Output) -> Done {
    let desk = Desk::open(&args.api, &args.genesis).await?;
    let intent = intent(&args.transfer)?;
    let signed = desk.sign(BrakeAction::Withdraw { intent })?;
    installed(&desk.client.withdraw(intent, &signed).await.map_err(of_client)?, output)
}

fn intent(text: &str) -> Result<IntentId, Failure> {
    text.parse().map_err(|_| Failure::new("cli.id", format!("{text} is no transfer's id"), "copy it from a listing"))
}
