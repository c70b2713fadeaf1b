//! Rule E1 on this machine: one cosigner's folders while its state goes from its old image to its new one, and what was proved
//! on the way. It can be cut off anywhere and begun again under the same order: a state that left and did not arrive leaves
//! again, to the same image.

use crate::failure::{Done, Failure};
use ringi_attestation::{Document, Pcr, PcrIndex};
use ringi_enclave_host::{Bucket, Enclave, EnclaveHandle, Events, HandedOver, Home, Side, hand_over, kept_genesis};
use ringi_orchestrator::upgrade::Upgraded;
use ringi_primitives::genesis::{GenesisChain, Measurement};
use ringi_primitives::id::OrderId;
use ringi_primitives::limits;
use ringi_primitives::order::{Order, OrderAction};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::signed::Signed;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

const AGAIN: &str = "look at log.json in the data folder, mend what it says and run the command again: nothing is lost";
/// Beside a cosigner's records since its last upgrade: PCR0 of the image that they are for.
const IMAGE_FILE: &str = "image";

/// A signed order that hands one cosigner over. Whether a quorum signed it is the cosigners' to say.
#[derive(Clone, Debug)]
pub struct UpgradeOrder {
    /// As it was signed.
    pub signed: Signed,
    /// Its id.
    pub id: OrderId,
    /// Whose state goes.
    pub cosigner: PartyIndex,
    /// To which image.
    pub measurements: Vec<Measurement>,
}

impl UpgradeOrder {
    /// Reads one.
    ///
    /// # Errors
    /// If it is another order, or none.
    pub fn read(signed: Signed) -> Result<UpgradeOrder, Failure> {
        let next = "make one with `ringi order upgrade`";
        let order: Order = signed
            .decode_unverified(limits::GENESIS_BYTES)
            .map_err(|e| Failure::new("cli.document", e, "check that it is an order"))?;
        match order.action {
            OrderAction::Upgrade { cosigner, measurements, .. } => {
                Ok(UpgradeOrder { signed, id: order.id, cosigner, measurements })
            }
            _ => Err(Failure::new("cli.document", "the order is for no upgrade", next)),
        }
    }

    /// Whether it means an image with these registers.
    pub fn is_for(&self, measured: &[(PcrIndex, Pcr)]) -> bool {
        let is = |m: &Measurement| measured.iter().any(|(index, value)| m.pcr == index.number() && m.value == value.0);
        !self.measurements.is_empty() && self.measurements.iter().all(is)
    }
}

/// Registers as genesis and orders name them.
pub fn measurements(measured: &[(PcrIndex, Pcr)]) -> Vec<Measurement> {
    measured.iter().map(|(index, value)| Measurement { pcr: index.number(), value: value.0.to_vec() }).collect()
}

/// PCR0 of the image that the records in this home are for; `None` where they never moved.
///
/// # Errors
/// If it cannot be read.
pub fn image_of(home: &Path) -> Result<Option<Pcr>, Failure> {
    let path = home.join(IMAGE_FILE);
    if !path.exists() {
        return Ok(None);
    }
    let text = fs::read_to_string(&path).map_err(|e| Failure::file(&path, &e))?;
    Pcr::from_hex(text.trim()).map(Some).ok_or_else(|| failed(&format!("{}: no register", path.display())))
}

/// The folders of one cosigner.
pub struct Homes {
    cosigner: PartyIndex,
    /// Where it runs.
    pub present: PathBuf,
    next: PathBuf,
    /// Where its records are instead.
    bucket: Option<Bucket>,
}

impl Homes {
    /// Ends a swap that was cut off.
    ///
    /// # Errors
    /// If that cannot be done.
    pub fn of(data: &Path, cosigner: PartyIndex, bucket: Option<Bucket>) -> Result<Homes, Failure> {
        let all = data.join("cosigners");
        let homes = Homes {
            cosigner,
            present: all.join(cosigner.number().to_string()),
            next: all.join(format!("{cosigner}.next")),
            bucket,
        };
        if !homes.present.exists() && homes.next.exists() {
            renamed(&homes.next, &homes.present)?;
        }
        Ok(homes)
    }

    /// Whether the records are sealed under the key that genesis names now.
    ///
    /// # Errors
    /// If there is no key, or it cannot be read.
    pub fn is_there(&self, chain: &GenesisChain) -> Result<bool, Failure> {
        let at = usize::from(self.cosigner.number()) - 1;
        let Some(versions) = kept_genesis(&self.present).map_err(|e| failed(&e))? else {
            let next = "restore the folder from its newest copy";
            return Err(Failure::new("cli.cosigners", format!("{}: no wrapped key", self.present.display()), next));
        };
        let kept = GenesisChain::verify(&versions).map_err(|e| failed(&e))?;
        Ok(kept.head().kms_keys.get(at) == chain.head().kms_keys.get(at))
    }

    /// Starts both images beside each other, carries the state, and puts the new folder in the old one's place, which is kept
    /// beside it. Nobody else may run this cosigner meanwhile.
    ///
    /// # Errors
    /// What a side refuses; the old folder is in its place then.
    pub async fn move_over(
        &self,
        genesis: &[Signed],
        order: &UpgradeOrder,
        (old, new): (&dyn Enclave, &dyn Enclave),
    ) -> Result<Upgraded, Failure> {
        let documents = self.carry(genesis, order, old, new).await?;
        let (from, to) = (registers(&documents.from)?, registers(&documents.to)?);
        let image = self.next.join(IMAGE_FILE);
        fs::write(&image, to.get(&0).cloned().unwrap_or_default()).map_err(|e| Failure::file(&image, &e))?;
        self.swap(order)?;
        Ok(Upgraded { cosigner: self.cosigner, order: order.id, from, to })
    }

    async fn carry(
        &self,
        genesis: &[Signed],
        order: &UpgradeOrder,
        old: &dyn Enclave,
        new: &dyn Enclave,
    ) -> Result<HandedOver, Failure> {
        // What an earlier try left there never ran with its peers.
        if self.next.exists() {
            fs::remove_dir_all(&self.next).map_err(|e| Failure::file(&self.next, &e))?;
        }
        fs::create_dir_all(&self.next).map_err(|e| Failure::file(&self.next, &e))?;
        let next = Home::apart(&self.next, self.bucket.clone()).map_err(|e| failed(&e))?;
        let (old, mut old_events) = self.started(old, self.home()).await?;
        let (new, mut new_events) = self.started(new, next).await?;
        let (from, to) =
            (Side { handle: &old, events: &mut old_events }, Side { handle: &new, events: &mut new_events });
        let carried = hand_over(from, to, genesis, &order.signed).await;
        new.stop().await;
        old.stop().await;
        carried.map_err(|e| Failure::new(e.code(), format!("cosigner {}: {e}", self.cosigner), AGAIN))
    }

    /// Where it runs, with its records.
    pub fn home(&self) -> Home {
        Home { folder: self.present.clone(), bucket: self.bucket.clone() }
    }

    async fn started(&self, enclave: &dyn Enclave, home: Home) -> Result<(EnclaveHandle, Events), Failure> {
        let started = EnclaveHandle::start(enclave, self.cosigner, home).await;
        started.map_err(|e| Failure::new(e.code(), format!("cosigner {}: {e}", self.cosigner), AGAIN))
    }

    fn swap(&self, order: &UpgradeOrder) -> Done {
        renamed(&self.present, &self.present.with_extension(format!("before-{}", order.id)))?;
        renamed(&self.next, &self.present)
    }
}

fn renamed(from: &Path, to: &Path) -> Done {
    fs::rename(from, to).map_err(|e| Failure::file(from, &e))?;
    let folder = to.parent().unwrap_or(to);
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(|e| Failure::file(folder, &e))
}

/// What a document says was measured: of the image, not what the program extended.
fn registers(document: &[u8]) -> Result<BTreeMap<u8, String>, Failure> {
    let document = Document::read(document).map_err(|e| failed(&e))?;
    let of_image = |index: &PcrIndex| *index < PcrIndex::GENESIS;
    let pcrs = document.pcrs.iter().filter(|(index, value)| of_image(index) && **value != Pcr::ZERO);
    Ok(pcrs.map(|(index, value)| (index.number(), value.hex())).collect())
}

/// Nothing is lost by it.
pub fn failed(error: &dyn Display) -> Failure {
    Failure::new("cli.upgrade", error, AGAIN)
}
