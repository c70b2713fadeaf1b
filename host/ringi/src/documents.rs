//! Documents of the admins as files: deterministic CBOR with signatures, written whole or not at all.

use crate::failure::Failure;
use crate::keys::SecretKey;
use minicbor::{Decode, Encode};
use ringi_primitives::cbor;
use ringi_primitives::digest::Domain;
use ringi_primitives::genesis::{Genesis, GenesisChain};
use ringi_primitives::limits;
use ringi_primitives::signed::{PersonSignature, Signed};
use std::fs;
use std::io::Write;
use std::path::Path;

/// All versions of a genesis document: what `--genesis FILE` names.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct GenesisFile(#[n(0)] pub Vec<Signed>);

/// The most versions one genesis file may hold, times a version's bound.
const GENESIS_FILE_BYTES: usize = 64 * limits::GENESIS_BYTES;

/// Reads one document, bounded and canonical.
///
/// # Errors
/// If it cannot be read or is none.
pub fn read<T: for<'b> Decode<'b, ()> + Encode<()>>(path: &Path, bound: usize) -> Result<T, Failure> {
    let bytes = fs::read(path).map_err(|e| Failure::file(path, &e))?;
    cbor::decode(&bytes, bound).map_err(|e| {
        let what = format!("{}: {e}", path.display());
        Failure::new("cli.document", what, "check that it is the file you mean and was copied whole")
    })
}

/// Writes a document through a new file beside it, so that a crash leaves the old one or the new one.
///
/// # Errors
/// If it cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let written = fs::File::create(&beside)
        .and_then(|mut f| f.write_all(bytes).and_then(|()| f.sync_all()))
        .and_then(|()| fs::rename(&beside, path));
    written.map_err(|e| Failure::file(path, &e))
}

/// Writes a document to a path where nothing is yet.
///
/// # Errors
/// If something is there or it cannot be written.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if path.exists() {
        return Err(Failure::file(path, &std::io::Error::from(std::io::ErrorKind::AlreadyExists)));
    }
    write(path, bytes)
}

/// Reads a genesis file without checking signatures: for drafts on their way from admin to admin.
///
/// # Errors
/// If it cannot be read or holds no version.
pub fn read_genesis_unverified(path: &Path) -> Result<GenesisFile, Failure> {
    let file: GenesisFile = read(path, GENESIS_FILE_BYTES)?;
    if file.0.is_empty() {
        return Err(Failure::new("cli.document", "genesis file holds no version", "make one with: ringi genesis new"));
    }
    Ok(file)
}

/// Reads and verifies a genesis file (rule G1).
///
/// # Errors
/// If it cannot be read or does not verify.
pub fn read_genesis(path: &Path) -> Result<(GenesisFile, GenesisChain), Failure> {
    let file = read_genesis_unverified(path)?;
    let chain = GenesisChain::verify(&file.0).map_err(|e| {
        let what = format!("{}: {e}", path.display());
        Failure::new("cli.genesis", what, "every admin signs the first version: ringi genesis sign FILE --key KEY")
    })?;
    Ok((file, chain))
}

/// Adds an admin's signature to a document; a second one of the same admin replaces the first.
///
/// # Errors
/// If the key is no admin's.
pub fn add_signature(signed: &mut Signed, domain: Domain, key: &SecretKey, admins: &Genesis) -> Result<(), Failure> {
    let public = key.public();
    let admin = admins.admins.iter().find(|a| a.key == public).ok_or_else(|| {
        let what = format!("{} is no admin's key in this genesis", public.text());
        Failure::new("cli.not_admin", what, "use the key that genesis names: ringi genesis show FILE")
    })?;
    let signature = key.sign_digest(&signed.digest(domain));
    signed.signatures.retain(|s| s.person != admin.id);
    signed.signatures.push(PersonSignature { person: admin.id, key: public, signature });
    signed.signatures.sort_by_key(|s| s.person);
    Ok(())
}
