//! `ringi cosigner upgrade`: moves the cosigners of a stopped development workspace to another program or image (rule E1).
//!
//! Genesis goes on first: it allows the new image beside the old one and names new keys of the key server, whose policies are
//! for the new image. Then one cosigner after the other hands its state over under an order of its own. The command may be cut
//! off anywhere and run again: a state that did not arrive is handed over again.

use crate::cli::UpgradeArgs;
use crate::failure::{Done, Failure};
use crate::fresh;
use crate::log;
use crate::order::order;
use crate::output::Output;
use crate::platform::development::{Development, close};
use crate::platform::settings::{self, EnclaveKind, NitroSettings, Overrides, QemuSettings, Settings};
use crate::platform::start::{Attested, open_store};
use ringi_attestation::{Document, Pcr, PcrIndex};
use ringi_enclave_host::{Enclave, EnclaveHandle, Events, HandedOver, Side, hand_over, kept_genesis};
use ringi_orchestrator::upgrade::{Upgraded, note_upgrade, store_genesis};
use ringi_primitives::digest::Domain;
use ringi_primitives::genesis::{Genesis, GenesisChain, Measurement};
use ringi_primitives::order::{Order, OrderAction};
use ringi_primitives::scheme::PartyIndex;
use ringi_store::SqliteStore;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const AGAIN: &str = "look at log.json in the data folder, mend what it says and run the command again: nothing is lost";

/// Moves every cosigner that is not there yet.
///
/// # Errors
/// If the platform runs, is not attested, or a hand-over is refused; it may be run again.
pub async fn upgrade(args: UpgradeArgs, output: Output) -> Done {
    let UpgradeArgs { to, data, cosigner, enclave, machines, log } = args;
    let overrides = Overrides { listen: None, cosigner, enclave, found_by: None, machines, log };
    let settings = settings::read(&data, overrides)?;
    log::start(&data.join("log.json"), &settings.log)?;
    if settings.enclave == EnclaveKind::Plain {
        let next = "stop the platform and start it with --cosigner NEW; or name --enclave process";
        return Err(Failure::new("cli.enclave", "plain processes are measured by nobody: there is no upgrade", next));
    }
    let store = open_store(&data).await?;
    let done = prepared(&data, &settings, &to, &store).await;
    store.close().await;
    output.show(&done?, |moved| {
        let lines = moved.iter().map(|m| format!("cosigner {}: PCR0 {} -> {}", m.cosigner, m.from, m.to));
        let next = [format!("start the platform with the new image: {}", to.display())];
        lines.chain(next).collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

/// A cosigner that was moved, by the whole image's register.
#[derive(Serialize)]
struct Moved {
    cosigner: u8,
    from: String,
    to: String,
}

async fn prepared(data: &Path, settings: &Settings, to: &Path, store: &SqliteStore) -> Result<Vec<Moved>, Failure> {
    let development = Development::load(data)?;
    let attested = Attested::start(data, settings).await?;
    let next = with_image(settings, to);
    let moved = match attested.beside(&next) {
        Ok((new, measured, _)) => move_all(data, development, store, &attested, (new, &measured)).await,
        Err(failure) => Err(failure),
    };
    attested.kms.stop().await;
    moved
}

/// The same settings with another program or image.
fn with_image(settings: &Settings, to: &Path) -> Settings {
    let mut next = settings.clone();
    match next.enclave {
        EnclaveKind::Qemu => next.qemu.get_or_insert_with(QemuSettings::default).image = to.to_owned(),
        EnclaveKind::Nitro => next.nitro.get_or_insert_with(NitroSettings::default).image = to.to_owned(),
        EnclaveKind::Process | EnclaveKind::Plain => next.cosigner = to.to_owned(),
    }
    next
}

async fn move_all(
    data: &Path,
    mut development: Development,
    store: &SqliteStore,
    attested: &Attested,
    (new, measured): (Arc<dyn Enclave>, &[(PcrIndex, Pcr)]),
) -> Result<Vec<Moved>, Failure> {
    let measurements: Vec<Measurement> =
        measured.iter().map(|(index, value)| Measurement { pcr: index.number(), value: value.0.to_vec() }).collect();
    allow(&mut development, attested, measured, &measurements).await?;
    store_genesis(store, fresh::now(), &development.chain, &development.genesis.0).await.map_err(|e| failed(&e))?;
    let mut moved = Vec::new();
    for cosigner in &development.chain.head().cosigners {
        let homes = Homes::of(data, cosigner.index)?;
        if is_there(&homes.present, &development.chain, cosigner.index)? {
            continue;
        }
        let action = OrderAction::Upgrade {
            cosigner: cosigner.index,
            head: development.chain.head_digest(),
            measurements: measurements.clone(),
        };
        let order = order(development.chain.root(), action)?;
        let documents = homes.hand_over(&development, &order, attested.enclave.as_ref(), new.as_ref()).await?;
        let upgraded = upgraded(cosigner.index, &order, &documents)?;
        note_upgrade(store, fresh::now(), &upgraded).await.map_err(|e| failed(&e))?;
        homes.swap(&order)?;
        let image = |registers: &BTreeMap<u8, String>| registers.get(&0).cloned().unwrap_or_default();
        moved.push(Moved { cosigner: cosigner.index.number(), from: image(&upgraded.from), to: image(&upgraded.to) });
    }
    Ok(moved)
}

/// Genesis allows the new image, last of all, and names keys that are for it; unless it does already.
async fn allow(
    development: &mut Development,
    attested: &Attested,
    measured: &[(PcrIndex, Pcr)],
    measurements: &[Measurement],
) -> Done {
    let head = development.chain.head().clone();
    if head.measurements.ends_with(measurements) {
        return Ok(());
    }
    let mut kms_keys = Vec::new();
    for _ in &head.cosigners {
        kms_keys.push(attested.kms.create_key().await?);
    }
    close(&attested.kms, measured, &kms_keys, development.chain.root()).await?;
    let mut allowed = head.measurements.clone();
    allowed.retain(|m| !measurements.contains(m));
    allowed.extend(measurements.iter().cloned());
    development.follow(&Genesis {
        sequence: head.sequence + 1,
        previous: Some(development.chain.head_digest()),
        created_at: fresh::now_whole_s(),
        measurements: allowed,
        kms_keys,
        ..head
    })
}

/// Whether the records in this folder are sealed under the key that genesis names now.
fn is_there(home: &Path, chain: &GenesisChain, cosigner: PartyIndex) -> Result<bool, Failure> {
    let at = usize::from(cosigner.number()) - 1;
    let Some(versions) = kept_genesis(home).map_err(|e| failed(&e))? else {
        let next = "restore the folder from its newest copy";
        return Err(Failure::new("cli.cosigners", format!("{}: no wrapped key", home.display()), next));
    };
    let kept = GenesisChain::verify(&versions).map_err(|e| failed(&e))?;
    Ok(kept.head().kms_keys.get(at) == chain.head().kms_keys.get(at))
}

/// The folders of one cosigner.
struct Homes {
    cosigner: PartyIndex,
    present: PathBuf,
    next: PathBuf,
}

impl Homes {
    /// Ends a swap that was cut off.
    fn of(data: &Path, cosigner: PartyIndex) -> Result<Homes, Failure> {
        let all = data.join("cosigners");
        let homes = Homes {
            cosigner,
            present: all.join(cosigner.number().to_string()),
            next: all.join(format!("{cosigner}.next")),
        };
        if !homes.present.exists() && homes.next.exists() {
            renamed(&homes.next, &homes.present)?;
        }
        Ok(homes)
    }

    /// Starts both images beside each other and carries the state.
    async fn hand_over(
        &self,
        development: &Development,
        order: &Order,
        old: &dyn Enclave,
        new: &dyn Enclave,
    ) -> Result<HandedOver, Failure> {
        // What an earlier try left there never ran with its peers.
        if self.next.exists() {
            fs::remove_dir_all(&self.next).map_err(|e| Failure::file(&self.next, &e))?;
        }
        fs::create_dir_all(&self.next).map_err(|e| Failure::file(&self.next, &e))?;
        let signed = development.signed(Domain::Order, order)?;
        let (old, mut old_events) = self.started(old, &self.present).await?;
        let (new, mut new_events) = self.started(new, &self.next).await?;
        let (from, to) =
            (Side { handle: &old, events: &mut old_events }, Side { handle: &new, events: &mut new_events });
        let carried = hand_over(from, to, &development.genesis.0, &signed).await;
        new.stop().await;
        old.stop().await;
        carried.map_err(|e| Failure::new(e.code(), format!("cosigner {}: {e}", self.cosigner), AGAIN))
    }

    async fn started(&self, enclave: &dyn Enclave, home: &Path) -> Result<(EnclaveHandle, Events), Failure> {
        let started = EnclaveHandle::start(enclave, self.cosigner, home).await;
        started.map_err(|e| Failure::new(e.code(), format!("cosigner {}: {e}", self.cosigner), AGAIN))
    }

    /// The new folder takes the old one's place; that is kept beside it.
    fn swap(&self, order: &Order) -> Done {
        renamed(&self.present, &self.present.with_extension(format!("before-{}", order.id)))?;
        renamed(&self.next, &self.present)
    }
}

fn renamed(from: &Path, to: &Path) -> Done {
    fs::rename(from, to).map_err(|e| Failure::file(from, &e))?;
    let folder = to.parent().unwrap_or(to);
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(|e| Failure::file(folder, &e))
}

fn upgraded(cosigner: PartyIndex, order: &Order, documents: &HandedOver) -> Result<Upgraded, Failure> {
    Ok(Upgraded { cosigner, order: order.id, from: registers(&documents.from)?, to: registers(&documents.to)? })
}

/// What a document says was measured: of the image, not what the program extended.
fn registers(document: &[u8]) -> Result<BTreeMap<u8, String>, Failure> {
    let document = Document::read(document).map_err(|e| failed(&e))?;
    let of_image = |index: &PcrIndex| *index < PcrIndex::GENESIS;
    let pcrs = document.pcrs.iter().filter(|(index, value)| of_image(index) && **value != Pcr::ZERO);
    Ok(pcrs.map(|(index, value)| (index.number(), value.hex())).collect())
}

fn failed(error: &dyn Display) -> Failure {
    Failure::new("cli.upgrade", error, AGAIN)
}
