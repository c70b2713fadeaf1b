//! `ringi eif` as clap reads it.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `ringi eif`.
#[derive(Subcommand)]
pub enum EifCommand {
    /// Make an image of a kernel and the two programs; equal input gives equal bytes.
    Build(EifBuildArgs),
    /// Say what an image measures and holds.
    Describe {
        /// The image.
        file: PathBuf,
    },
    /// Sign an image into a new file; PCR0 to 2 stay, PCR8 becomes the certificate.
    Sign(EifSignArgs),
    /// Fail unless the certificate inside signed what the image measures, and it is what is asked for.
    Verify {
        /// The image.
        file: PathBuf,
        /// A register's value, such as 8=HEX for a publisher's certificate.
        #[arg(long, value_name = "N=HEX")]
        pcr: Vec<String>,
    },
    /// Take an image apart into an OCI layout, which scanners read; images that could hurt are refused.
    Extract {
        /// The image.
        file: PathBuf,
        /// A new folder: oci/ (the layout), crates.json, kernel-version, metadata.json.
        #[arg(long)]
        out: PathBuf,
        /// Also the layout as one new tar file.
        #[arg(long)]
        tar: Option<PathBuf>,
    },
}

/// `ringi eif build`.
#[derive(Args)]
pub struct EifBuildArgs {
    /// The kernel, bzImage.
    #[arg(long)]
    pub kernel: PathBuf,
    /// A text file with the kernel's command line.
    #[arg(long)]
    pub cmdline: PathBuf,
    /// The first program, static; with the folders that it mounts upon it is the first ramdisk.
    #[arg(long)]
    pub init: PathBuf,
    /// The cosigner, static; it alone is the second ramdisk.
    #[arg(long)]
    pub cosigner: PathBuf,
    /// The new image.
    #[arg(long)]
    pub out: PathBuf,
    /// The image's name; not measured.
    #[arg(long, default_value = "ringi-cosigner")]
    pub name: String,
    /// The image's version; not measured.
    #[arg(long, default_value = env!("CARGO_PKG_VERSION"))]
    pub image_version: String,
    /// Sign it with this P-384 key, PKCS#8.
    #[arg(long, requires = "sign_certificate")]
    pub sign_key: Option<PathBuf>,
    /// The key's certificate, PEM.
    #[arg(long, requires = "sign_key")]
    pub sign_certificate: Option<PathBuf>,
}

/// `ringi eif sign`.
#[derive(Args)]
pub struct EifSignArgs {
    /// The image.
    pub file: PathBuf,
    /// The P-384 key, PKCS#8.
    #[arg(long)]
    pub sign_key: PathBuf,
    /// The key's certificate, PEM.
    #[arg(long)]
    pub sign_certificate: PathBuf,
    /// The new, signed image.
    #[arg(long)]
    pub out: PathBuf,
}
