//! Orders of the admins: key generation and refresh, single-use, signed by a quorum (rule G2).

use crate::attestation::parse_register;
use crate::cli::UpgradeOrderArgs;
use crate::documents::{self, read_genesis};
use crate::failure::{Done, Failure};
use crate::fresh;
use crate::keys::SecretKey;
use crate::output::Output;
use crate::platform::handover::measurements;
use ringi_primitives::cbor;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::genesis::GenesisChain;
use ringi_primitives::id::OrderId;
use ringi_primitives::limits;
use ringi_primitives::order::{KeyId, Order, OrderAction};
use ringi_primitives::policy_set::RootIndex;
use ringi_primitives::scheme::{PartyIndex, Scheme};
use ringi_primitives::signed::Signed;
use serde::Serialize;
use std::path::Path;

/// An order that is valid for a day from now.
///
/// # Errors
/// If there is no randomness.
pub fn order(genesis: Digest, action: OrderAction) -> Result<Order, Failure> {
    let issued_at = fresh::now_whole_s();
    let expires_at = issued_at.plus_ms(limits::ORDER_LIFE_MS);
    Ok(Order { version: 1, id: OrderId::from_bytes(fresh::id()?), genesis, issued_at, expires_at, action })
}

/// The key that a scheme's name and a root stand for.
///
/// # Errors
/// If the scheme has another name.
pub fn key_id(scheme: &str, root: u16) -> Result<KeyId, Failure> {
    let scheme = Scheme::from_name(scheme).ok_or_else(|| {
        let names: Vec<_> = Scheme::ALL.iter().map(|s| s.name()).collect();
        Failure::new("cli.scheme", format!("no scheme `{scheme}`"), format!("use one of {}", names.join(", ")))
    })?;
    Ok(KeyId { scheme, root: RootIndex(root) })
}

/// `ringi order keygen` and `ringi order refresh`: an unsigned order.
///
/// # Errors
/// If genesis does not verify or a file is in the way.
pub fn new(action: OrderAction, genesis: &Path, out: &Path, output: Output) -> Done {
    let (_, chain) = read_genesis(genesis)?;
    let order = order(chain.root(), action)?;
    let signed = Signed { body: cbor::encode(&order), signatures: vec![] };
    documents::write_new(out, &cbor::encode(&signed))?;
    output.show(&shown(&signed, &order, &chain), |s| {
        format!(
            "{}\nnext: a quorum of admins runs `ringi order sign {} --key KEY --genesis FILE`",
            s.text(),
            out.display()
        )
    });
    Ok(())
}

/// `ringi order upgrade`: an unsigned order that hands one cosigner over (rule E1).
///
/// # Errors
/// If genesis does not allow these registers, or as [`new`].
pub fn upgrade(args: &UpgradeOrderArgs, output: Output) -> Done {
    let (_, chain) = read_genesis(&args.genesis)?;
    let registers = args.pcr.iter().map(|text| parse_register(text)).collect::<Result<Vec<_>, _>>()?;
    let measurements = measurements(&registers);
    if !measurements.iter().all(|m| chain.head().measurements.contains(m)) {
        let next = "give the registers of the new image, and the genesis file with the version that allows it";
        return Err(Failure::new("cli.genesis", "genesis does not allow this image", next));
    }
    let cosigner = PartyIndex::new(args.cosigner).filter(|index| chain.head().cosigner(*index).is_some());
    let cosigner = cosigner.ok_or_else(|| {
        Failure::new("cli.cosigner", format!("no cosigner {}", args.cosigner), "use a number that genesis names")
    })?;
    let action = OrderAction::Upgrade { cosigner, head: chain.head_digest(), measurements };
    new(action, &args.genesis, &args.out, output)
}

/// `ringi order sign`: adds one admin's signature, in place.
///
/// # Errors
/// If the key is no admin's or the order is of another workspace.
pub fn sign(path: &Path, key: &Path, genesis: &Path, output: Output) -> Done {
    let key = SecretKey::load(key)?;
    let (_, chain) = read_genesis(genesis)?;
    let mut signed: Signed = documents::read(path, limits::GENESIS_BYTES)?;
    let order: Order = signed
        .decode_unverified(limits::GENESIS_BYTES)
        .map_err(|e| Failure::new("cli.document", e, "check that it is an order"))?;
    if order.genesis != chain.root() {
        return Err(Failure::new(
            "cli.other_genesis",
            "the order belongs to another workspace",
            "use its genesis file",
        ));
    }
    documents::add_signature(&mut signed, Domain::Order, &key, chain.head())?;
    documents::write(path, &cbor::encode(&signed))?;
    output.show(&shown(&signed, &order, &chain), Shown::text);
    Ok(())
}

#[derive(Clone, Debug, Serialize)]
struct Shown {
    id: OrderId,
    action: String,
    expires_at: String,
    signatures: usize,
    signed: bool,
}

fn shown(signed: &Signed, order: &Order, chain: &GenesisChain) -> Shown {
    let key = |k: &KeyId| format!("{} root {}", k.scheme.name(), k.root.0);
    let action = match &order.action {
        OrderAction::KeyGeneration { key: k } => format!("generate {}", key(k)),
        OrderAction::Refresh { key: k, epoch, clear_bans } => {
            format!("refresh {} to epoch {epoch}, ending {} bans", key(k), clear_bans.len())
        }
        OrderAction::Resume { boot_keys } => format!("resume {} boots", boot_keys.len()),
        OrderAction::Recovery { cosigner, kits, .. } => {
            format!("restore {} shares of cosigner {cosigner} from their recovery kits", kits.len())
        }
        OrderAction::Drill { cosigner, kits, .. } => {
            format!("a drill: open {} recovery kits of cosigner {cosigner} for itself", kits.len())
        }
        OrderAction::GiveBack { intent } => format!("give back what {intent} was charged"),
        OrderAction::Upgrade { cosigner, .. } => format!("hand cosigner {} over to another image", cosigner.number()),
        OrderAction::Unfreeze { freezes } => format!("lift {} freezes", freezes.len()),
    };
    Shown {
        id: order.id,
        action,
        expires_at: order.expires_at.to_string(),
        signatures: signed.signatures.len(),
        signed: chain.head().quorum_signed(signed, Domain::Order),
    }
}

impl Shown {
    fn text(&self) -> String {
        let state = if self.signed { "signed by the admin quorum" } else { "NOT signed by the admin quorum yet" };
        let Shown { id, action, expires_at, signatures, .. } = self;
        format!("order {id}: {action}\nexpires {expires_at}, {signatures} signatures, {state}")
    }
}
