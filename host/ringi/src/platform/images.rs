//! The images of one machine's attested cosigners: the one that the settings name, and the next one, which the operator puts
//! into the data folder. While a workspace moves from one to the other, some cosigners run each.

use super::fleet::Fleet;
use super::handover::{Homes, UpgradeOrder, image_of, measurements};
use super::records;
use super::settings::{EnclaveKind, NitroSettings, QemuSettings, Settings};
use super::start::Attested;
use crate::documents::write;
use crate::failure::{Done, Failure};
use crate::genesis::form_of;
use ringi_attestation::{Pcr, PcrIndex};
use ringi_enclave_host::Enclave;
use ringi_orchestrator::Service;
use ringi_primitives::genesis::{Genesis, GenesisChain};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::signed::Signed;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The program or image that comes next, in the data folder; put there whole, by a rename.
pub const NEXT: &str = "next-image";
/// What the platform answers with: the form of the version of genesis that allows it.
pub const NEXT_FORM: &str = "next.toml";

/// How often the data folder is looked at for it.
const LOOKS: Duration = Duration::from_secs(2);

/// An image and its registers.
type Measured = (Arc<dyn Enclave>, Vec<(PcrIndex, Pcr)>);

/// What runs, and what comes next.
pub struct Images {
    /// The data folder.
    pub data: PathBuf,
    /// What they are started with.
    pub settings: Settings,
    /// What they need, and the present image.
    pub attested: Arc<Attested>,
}

impl Images {
    /// The folders of a cosigner, and where its records are.
    ///
    /// # Errors
    /// [`Homes::of`]; if the settings' bucket cannot be used.
    pub fn homes(&self, cosigner: PartyIndex) -> Result<Homes, Failure> {
        Homes::of(&self.data, cosigner, records::bucket(&self.settings)?)
    }

    /// The image that the records of this home are for. Another one would get no key.
    ///
    /// # Errors
    /// If it is neither of the two.
    pub fn of_home(&self, home: &Path) -> Result<Arc<dyn Enclave>, Failure> {
        let present = self.attested.enclave.clone();
        let Some(wanted) = image_of(home)? else { return Ok(present) };
        if is_image(&self.attested.measurements, wanted) {
            return Ok(present);
        }
        match self.next()? {
            Some((next, measured)) if is_image(&measured, wanted) => Ok(next),
            _ => {
                let what = format!("{} was upgraded to the image with PCR0 {}", home.display(), wanted.hex());
                let next =
                    format!("name that one with --cosigner or --image, or put it into the data folder as {NEXT}");
                Err(Failure::new("cli.other_program", what, next))
            }
        }
    }

    /// The next image and its registers, where there is one.
    ///
    /// # Errors
    /// If it cannot be used.
    fn next(&self) -> Result<Option<Measured>, Failure> {
        let path = self.data.join(NEXT);
        // Measuring a program means reading it: only where there is a file.
        if !path.exists() {
            return Ok(None);
        }
        let path = path.canonicalize().map_err(|e| Failure::file(&path, &e))?;
        let (enclave, measured, _) = self.attested.beside(&with_image(&self.settings, &path))?;
        Ok(Some((enclave, measured)))
    }

    /// The image that an order means.
    ///
    /// # Errors
    /// If it is not the next one here.
    pub fn ordered(&self, order: &UpgradeOrder) -> Result<Arc<dyn Enclave>, Failure> {
        match self.next()? {
            Some((next, measured)) if order.is_for(&measured) => Ok(next),
            found => {
                let what = if found.is_some() { "is another image" } else { "is not there" };
                let next = format!("put the image that the admins meant into the data folder as {NEXT}");
                Err(Failure::new("upgrade.image", format!("{NEXT} in the data folder {what}"), next))
            }
        }
    }

    /// Leaves the form of the next version of genesis for a next image that has come and is not allowed yet.
    ///
    /// # Errors
    /// The key server's, or if it cannot be written.
    pub async fn leave_next_form(&self, versions: &[Signed]) -> Done {
        let Some((_, measured)) = self.next()? else { return Ok(()) };
        let chain = GenesisChain::verify(versions).map_err(|e| Failure::new("cli.genesis", e, "report this"))?;
        let (path, wanted) = (self.data.join(NEXT_FORM), measurements(&measured));
        let mark = format!("# after {} for {}\n", chain.head_digest().hex(), register(&measured));
        let is_left = fs::read_to_string(&path).is_ok_and(|text| text.starts_with(&mark));
        if is_left || wanted.iter().all(|m| chain.head().measurements.contains(m)) {
            return Ok(());
        }
        let next = allowing(&self.attested, &chain, &measured).await?;
        let text = toml::to_string(&form_of(&next)).map_err(|e| Failure::new("cli.form", e, "report this"))?;
        write(&path, format!("{mark}{text}").as_bytes())?;
        tracing::info!(
            code = "upgrade.form",
            "{} allows the next image: docs/production.md says how to go on",
            path.display()
        );
        Ok(())
    }
}

/// Looks for a next image while the platform runs, and answers with the form of the genesis that allows it.
pub async fn watch(fleet: Fleet, service: Arc<dyn Service>) {
    let mut refused = None;
    loop {
        tokio::time::sleep(LOOKS).await;
        let (Some(images), Some(genesis)) = (fleet.images(), service.genesis()) else { continue };
        if let Err(failure) = images.leave_next_form(&genesis.versions).await
            && refused.as_ref() != Some(&failure.what)
        {
            tracing::error!(code = failure.code, "the next image: {}", failure.what);
            refused = Some(failure.what);
        }
    }
}

/// The next version of genesis: it allows these registers, last of all, and names new keys that are for this image.
///
/// # Errors
/// The key server's.
pub async fn allowing(
    attested: &Attested,
    chain: &GenesisChain,
    measured: &[(PcrIndex, Pcr)],
) -> Result<Genesis, Failure> {
    let head = chain.head().clone();
    let images: BTreeSet<Pcr> =
        measured.iter().filter(|(pcr, _)| *pcr == PcrIndex::IMAGE).map(|(_, value)| *value).collect();
    let mut kms_keys = Vec::new();
    for cosigner in &head.cosigners {
        let key = attested.kms.create_key().await?;
        attested.kms.close(&key, chain.root(), cosigner.index, images.clone()).await?;
        kms_keys.push(key);
    }
    let wanted = measurements(measured);
    let mut allowed = head.measurements.clone();
    allowed.retain(|m| !wanted.contains(m));
    allowed.extend(wanted);
    Ok(Genesis {
        sequence: head.sequence + 1,
        previous: Some(chain.head_digest()),
        created_at: crate::fresh::now_whole_s(),
        measurements: allowed,
        kms_keys,
        ..head
    })
}

/// The same settings with another program or image.
pub fn with_image(settings: &Settings, to: &Path) -> Settings {
    let mut next = settings.clone();
    match next.enclave {
        EnclaveKind::Qemu => next.qemu.get_or_insert_with(QemuSettings::default).image = to.to_owned(),
        EnclaveKind::Nitro => next.nitro.get_or_insert_with(NitroSettings::default).image = to.to_owned(),
        EnclaveKind::Process | EnclaveKind::Plain => next.cosigner = to.to_owned(),
    }
    next
}

/// All cosigners but this one.
pub fn others(chain: &GenesisChain, cosigner: PartyIndex) -> impl Iterator<Item = PartyIndex> {
    chain.head().cosigners.iter().map(|c| c.index).filter(move |index| *index != cosigner)
}

fn is_image(measured: &[(PcrIndex, Pcr)], wanted: Pcr) -> bool {
    measured.contains(&(PcrIndex::IMAGE, wanted))
}

fn register(measured: &[(PcrIndex, Pcr)]) -> String {
    measured.iter().find(|(pcr, _)| *pcr == PcrIndex::IMAGE).map(|(_, value)| value.hex()).unwrap_or_default()
}
