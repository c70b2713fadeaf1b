//! Kits as files: in the data folder's `kits`, and wherever people keep copies. Public, and worth keeping in many places.

use crate::documents;
use crate::failure::Failure;
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use ringi_primitives::cbor;
use ringi_primitives::certificate::SignedCertificate;
use ringi_primitives::kit::RecoveryKit;
use ringi_primitives::limits;
use ringi_primitives::scheme::PartyIndex;
use std::path::{Path, PathBuf};

/// A kit with all that a recovery takes besides its recipients.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct KitFile {
    /// A [`RecoveryKit`]'s bytes.
    #[n(0)]
    pub kit: ByteVec,
    /// The sealed share.
    #[n(1)]
    pub sealed: ByteVec,
    /// The certificate of its key and epoch.
    #[n(2)]
    pub certificate: SignedCertificate,
}

const KIT_FILE_BYTES: usize = limits::KIT_BYTES + limits::SEALED_SHARE_BYTES + limits::GENESIS_BYTES;

impl KitFile {
    /// From a file.
    ///
    /// # Errors
    /// If it cannot be read or is no kit.
    pub fn read(path: &Path) -> Result<(KitFile, RecoveryKit), Failure> {
        let file: KitFile = documents::read(path, KIT_FILE_BYTES)?;
        let kit = file.parsed()?;
        Ok((file, kit))
    }

    fn parsed(&self) -> Result<RecoveryKit, Failure> {
        cbor::decode(&self.kit, limits::KIT_BYTES)
            .map_err(|e| Failure::new("cli.document", e, "check that it is a recovery kit and was copied whole"))
    }
}

/// The folder that a platform keeps its cosigners' kits in.
pub struct Kits {
    folder: PathBuf,
}

impl Kits {
    /// Kits in this folder, which is made with the first one.
    pub fn new(folder: PathBuf) -> Kits {
        Kits { folder }
    }

    /// Whether a kit of this cosigner is kept.
    pub fn has_any(&self, cosigner: PartyIndex) -> bool {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return false };
        let head = format!("cosigner-{cosigner}.");
        entries.flatten().any(|e| e.file_name().to_string_lossy().starts_with(&head))
    }

    /// Keeps a kit beside all that were kept before: an order may name any of them.
    ///
    /// # Errors
    /// If it is no kit or cannot be written.
    pub fn keep(&self, file: &KitFile) -> Result<PathBuf, Failure> {
        let kit = file.parsed()?;
        std::fs::create_dir_all(&self.folder).map_err(|e| Failure::file(&self.folder, &e))?;
        let (key, epoch, digest) = (kit.certificate.key, kit.certificate.epoch, kit.digest().hex());
        let short: String = digest.chars().take(8).collect();
        let name = format!("cosigner-{}.{}-{}.epoch-{epoch}.{short}.kit", kit.cosigner, key.scheme.name(), key.root.0);
        let path = self.folder.join(name);
        documents::write(&path, &cbor::encode(file))?;
        Ok(path)
    }
}
