//! An image: kernel, command line, ramdisks; what is measured of it; what is only said about it.

use crate::error::EifError;
use crate::format::{self, Kind};
use crate::signature;
use ringi_attestation::Pcr;
use serde::{Deserialize, Serialize};

/// An enclave image in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// bzImage.
    pub kernel: Vec<u8>,
    /// The kernel's command line.
    pub cmdline: String,
    /// JSON about the build; not measured.
    pub metadata: Vec<u8>,
    /// The first boots; the others are the application (PCR2).
    pub ramdisks: Vec<Vec<u8>>,
    /// The signature section, where the image is signed.
    pub(crate) signature: Option<Vec<u8>>,
}

/// What the metadata section says. Field names are the format's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Metadata {
    /// Name of the image.
    pub image_name: String,
    /// Version of the image.
    pub image_version: String,
    /// How it was built.
    pub build_metadata: BuildMetadata,
    /// Of images made from containers; ours are not.
    pub docker_info: serde_json::Value,
    /// Free.
    pub custom_metadata: serde_json::Value,
}

/// How an image was built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct BuildMetadata {
    /// Always the epoch in ours: equal input gives equal bytes.
    pub build_time: String,
    /// `ringi`.
    pub build_tool: String,
    /// Version of the tool.
    pub build_tool_version: String,
    /// `Linux`.
    pub operating_system: String,
    /// As the kernel says of itself.
    pub kernel_version: String,
}

impl Metadata {
    /// For an image of ours.
    pub fn new(name: &str, version: &str, kernel_version: &str) -> Metadata {
        Metadata {
            image_name: name.into(),
            image_version: version.into(),
            build_metadata: BuildMetadata {
                build_time: "1970-01-01T00:00:00Z".into(),
                build_tool: "ringi".into(),
                build_tool_version: env!("CARGO_PKG_VERSION").into(),
                operating_system: "Linux".into(),
                kernel_version: kernel_version.into(),
            },
            docker_info: serde_json::json!({}),
            custom_metadata: serde_json::json!({}),
        }
    }
}

/// The registers that a hypervisor fills from an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measurements {
    /// PCR0: kernel, command line, all ramdisks.
    pub image: Pcr,
    /// PCR1: kernel, command line, the first ramdisk.
    pub boot: Pcr,
    /// PCR2: the other ramdisks.
    pub application: Pcr,
    /// PCR8: the signing certificate, where the image is signed.
    pub signer: Option<Pcr>,
}

impl Image {
    /// An unsigned image.
    pub fn new(kernel: Vec<u8>, cmdline: &str, metadata: &Metadata, ramdisks: Vec<Vec<u8>>) -> Image {
        // A plain struct always has a JSON form.
        let metadata = serde_json::to_vec(metadata).unwrap_or_default();
        Image { kernel, cmdline: cmdline.to_owned(), metadata, ramdisks, signature: None }
    }

    /// The file: kernel, command line, metadata, ramdisks, signature.
    pub fn write(&self) -> Vec<u8> {
        let mut sections: Vec<(Kind, &[u8])> = vec![
            (Kind::Kernel, &self.kernel),
            (Kind::Cmdline, self.cmdline.as_bytes()),
            (Kind::Metadata, &self.metadata),
        ];
        sections.extend(self.ramdisks.iter().map(|disk| (Kind::Ramdisk, disk.as_slice())));
        sections.extend(self.signature.iter().map(|signature| (Kind::Signature, signature.as_slice())));
        format::write(&sections)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`EifError::Malformed`], [`EifError::Checksum`].
    pub fn parse(bytes: &[u8]) -> Result<Image, EifError> {
        let sections = format::parse(bytes)?;
        let all =
            |wanted: Kind| sections.iter().filter(move |(kind, _)| *kind == wanted).map(|(_, bytes)| bytes.to_vec());
        let one = |kind: Kind, what: &'static str| {
            let mut found = all(kind);
            match (found.next(), found.next()) {
                (Some(bytes), None) => Ok(bytes),
                _ => Err(EifError::Malformed(what)),
            }
        };
        let cmdline = one(Kind::Cmdline, "not exactly one command line")?;
        let signatures: Vec<_> = all(Kind::Signature).collect();
        let ramdisks: Vec<_> = all(Kind::Ramdisk).collect();
        if ramdisks.is_empty() || signatures.len() > 1 {
            return Err(EifError::Malformed("no ramdisk, or more than one signature"));
        }
        Ok(Image {
            kernel: one(Kind::Kernel, "not exactly one kernel")?,
            cmdline: String::from_utf8(cmdline).map_err(|_| EifError::Malformed("the command line is no text"))?,
            metadata: one(Kind::Metadata, "not exactly one metadata section")?,
            ramdisks,
            signature: signatures.into_iter().next(),
        })
    }

    /// What a hypervisor will measure.
    ///
    /// # Errors
    /// [`EifError`] if the signature section cannot be read.
    pub fn measure(&self) -> Result<Measurements, EifError> {
        let base = [self.kernel.as_slice(), self.cmdline.as_bytes()];
        let disks = || self.ramdisks.iter().map(Vec::as_slice);
        let signer = self.signature.as_deref().map(signature::signer_register).transpose()?;
        Ok(Measurements {
            image: Pcr::of_image(base.into_iter().chain(disks())),
            boot: Pcr::of_image(base.into_iter().chain(disks().take(1))),
            application: Pcr::of_image(disks().skip(1)),
            signer,
        })
    }

    /// Whether somebody signed it.
    pub fn is_signed(&self) -> bool {
        self.signature.is_some()
    }
}
