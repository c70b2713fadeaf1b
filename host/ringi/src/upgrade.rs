//! `ringi cosigner upgrade`: moves the cosigners of a stopped platform to another program or image (rule E1). One that runs moves
//! them one after the other, under the same orders, as they are installed: docs/attested-cosigners.md.
//!
//! Genesis goes on first: it allows the new image beside the old one and names new keys of the key server, whose policies are
//! for the new image. Then one cosigner after the other hands its state over under an order of its own. The admins signed both
//! elsewhere, or, in a development workspace, this command signs for them. It may be cut off anywhere and run again.

use crate::cli::UpgradeArgs;
use crate::documents::{self, read_genesis};
use crate::failure::{Done, Failure};
use crate::fresh;
use crate::log;
use crate::order::order;
use crate::output::Output;
use crate::platform::development::Development;
use crate::platform::handover::{UpgradeOrder, failed, measurements};
use crate::platform::images::{Images, allowing, with_image};
use crate::platform::settings::{self, EnclaveKind, Overrides, Settings};
use crate::platform::start::{Attested, open_store};
use ringi_attestation::{Pcr, PcrIndex};
use ringi_enclave_host::Enclave;
use ringi_orchestrator::upgrade::{note_upgrade, store_genesis};
use ringi_primitives::digest::Domain;
use ringi_primitives::genesis::GenesisChain;
use ringi_primitives::limits;
use ringi_primitives::order::OrderAction;
use ringi_primitives::signed::Signed;
use ringi_store::SqliteStore;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Moves every cosigner that is not there yet, or those that the orders name.
///
/// # Errors
/// If the platform runs, is not attested, or a hand-over is refused; it may be run again.
pub async fn upgrade(args: UpgradeArgs, output: Output) -> Done {
    let UpgradeArgs { to, data, cosigner, enclave, machines, log, genesis, orders } = args;
    let overrides = Overrides { listen: None, cosigner, enclave, machines, found_by: None, log };
    let settings = settings::read(&data, overrides)?;
    log::start(&data.join("log.json"), &settings.log)?;
    if settings.enclave == EnclaveKind::Plain {
        let next = "stop the platform and start it with --cosigner NEW; or name --enclave process";
        return Err(Failure::new("cli.enclave", "plain processes are measured by nobody: there is no upgrade", next));
    }
    let elsewhere = genesis.map(|genesis| Elsewhere { genesis, orders });
    let store = open_store(&data).await?;
    let done = prepared(&data, &settings, &to, elsewhere, &store).await;
    store.close().await;
    output.show(&done?, |moved| {
        let lines = moved.iter().map(|m| format!("cosigner {}: PCR0 {} -> {}", m.cosigner, m.from, m.to));
        let next = [format!("start the platform with the new image: {}", to.display())];
        lines.chain(next).collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

/// Documents that admins signed on their own machines.
struct Elsewhere {
    genesis: PathBuf,
    orders: Vec<PathBuf>,
}

/// A cosigner that was moved, by the whole image's register.
#[derive(Serialize)]
struct Moved {
    cosigner: u8,
    from: String,
    to: String,
}

/// What admins signed for one upgrade, wherever they did.
struct Signatures {
    versions: Vec<Signed>,
    chain: GenesisChain,
    orders: Vec<UpgradeOrder>,
}

async fn prepared(
    data: &Path,
    settings: &Settings,
    to: &Path,
    elsewhere: Option<Elsewhere>,
    store: &SqliteStore,
) -> Result<Vec<Moved>, Failure> {
    let attested = Arc::new(Attested::start(data, settings).await?);
    let images = Images { data: data.to_owned(), settings: settings.clone(), attested: attested.clone() };
    let moved = async {
        let (new, measured, _) = attested.beside(&with_image(settings, to))?;
        let signed = match elsewhere {
            Some(files) => read(&files, &measured)?,
            None => in_development(&images, &measured).await?,
        };
        move_all(&images, store, &signed, new.as_ref()).await
    };
    let moved = moved.await;
    attested.kms.stop().await;
    moved
}

/// G2: the files of the admins, for this image.
fn read(files: &Elsewhere, measured: &[(PcrIndex, Pcr)]) -> Result<Signatures, Failure> {
    let (versions, chain) = read_genesis(&files.genesis)?;
    let mut orders = Vec::new();
    for file in &files.orders {
        let order = UpgradeOrder::read(documents::read(file, limits::GENESIS_BYTES)?)?;
        if !order.is_for(measured) {
            let what = format!("{}: the order means another image", file.display());
            return Err(Failure::new("upgrade.image", what, "name the image that the admins meant"));
        }
        if !chain.head().quorum_signed(&order.signed, Domain::Order) {
            let what = format!("{}: not signed by the admin quorum", file.display());
            return Err(Failure::new("order.signatures", what, "have the admins sign it: ringi order sign"));
        }
        orders.push(order);
    }
    Ok(Signatures { versions: versions.0, chain, orders })
}

/// Signs as the admins whose keys lie in the folder: the next genesis, unless it allows the image already, and an order for each
/// cosigner that is not there.
async fn in_development(images: &Images, measured: &[(PcrIndex, Pcr)]) -> Result<Signatures, Failure> {
    let mut development = Development::load(&images.data)?;
    let measurements = measurements(measured);
    if !development.chain.head().measurements.ends_with(&measurements) {
        let next = allowing(&images.attested, &development.chain, measured).await?;
        development.follow(&next)?;
    }
    let mut orders = Vec::new();
    for cosigner in &development.chain.head().cosigners {
        if images.homes(cosigner.index)?.is_there(&development.chain)? {
            continue;
        }
        let (head, measurements) = (development.chain.head_digest(), measurements.clone());
        let action = OrderAction::Upgrade { cosigner: cosigner.index, head, measurements };
        let order = order(development.chain.root(), action)?;
        orders.push(UpgradeOrder::read(development.signed(Domain::Order, &order)?)?);
    }
    Ok(Signatures { versions: development.genesis.0, chain: development.chain, orders })
}

async fn move_all(
    images: &Images,
    store: &SqliteStore,
    signed: &Signatures,
    new: &dyn Enclave,
) -> Result<Vec<Moved>, Failure> {
    store_genesis(store, fresh::now(), &signed.chain, &signed.versions).await.map_err(|e| failed(&e))?;
    let mut moved = Vec::new();
    for order in &signed.orders {
        let homes = images.homes(order.cosigner)?;
        if homes.is_there(&signed.chain)? {
            continue;
        }
        let old = images.of_home(&homes.present)?;
        let upgraded = homes.move_over(&signed.versions, order, (old.as_ref(), new)).await?;
        note_upgrade(store, fresh::now(), &upgraded).await.map_err(|e| failed(&e))?;
        let image = |registers: &BTreeMap<u8, String>| registers.get(&0).cloned().unwrap_or_default();
        moved.push(Moved { cosigner: order.cosigner.number(), from: image(&upgraded.from), to: image(&upgraded.to) });
    }
    Ok(moved)
}
