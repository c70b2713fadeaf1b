//! Keys of people: made here, kept in a file that only the owner reads, never printed.

use crate::failure::Failure;
use ed25519_dalek::Signer as _;
use p256::ecdsa::signature::Signer as _;
use ringi_primitives::digest::Digest;
use ringi_primitives::key::{PublicKey, SignatureBytes};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use zeroize::Zeroizing;

/// The first line of a key file.
const HEAD: &str = "ringi-secret-key-v1";

/// The kinds of key a person may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum KeyKind {
    /// Ed25519.
    Ed25519,
    /// ECDSA P-256.
    P256,
}

/// A person's or program's signing key.
pub enum SecretKey {
    /// Ed25519.
    Ed25519(ed25519_dalek::SigningKey),
    /// ECDSA P-256.
    P256(p256::ecdsa::SigningKey),
}

impl SecretKey {
    /// A fresh key from the operating system's randomness.
    ///
    /// # Errors
    /// If there is no randomness.
    pub fn generate(kind: KeyKind) -> Result<SecretKey, Failure> {
        loop {
            let mut seed = Zeroizing::new([0u8; 32]);
            getrandom::getrandom(seed.as_mut_slice())
                .map_err(|e| Failure::new("cli.randomness", e, "check the operating system's random source"))?;
            // A P-256 candidate may lie outside the group order (probability 2^-32): take another.
            if let Some(key) = SecretKey::from_bytes(kind, &seed) {
                return Ok(key);
            }
        }
    }

    fn from_bytes(kind: KeyKind, seed: &[u8; 32]) -> Option<SecretKey> {
        match kind {
            KeyKind::Ed25519 => Some(SecretKey::Ed25519(ed25519_dalek::SigningKey::from_bytes(seed))),
            KeyKind::P256 => p256::ecdsa::SigningKey::from_slice(seed).ok().map(SecretKey::P256),
        }
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        match self {
            SecretKey::Ed25519(key) => PublicKey::Ed25519(key.verifying_key().to_bytes()),
            SecretKey::P256(key) => {
                let point = key.verifying_key().to_sec1_point(true);
                let mut raw = [0; 33];
                raw.copy_from_slice(point.as_bytes());
                PublicKey::P256(raw)
            }
        }
    }

    /// Signs bytes: Ed25519, or ECDSA P-256 over their SHA-256.
    pub fn sign(&self, message: &[u8]) -> SignatureBytes {
        match self {
            SecretKey::Ed25519(key) => SignatureBytes(key.sign(message).to_bytes()),
            SecretKey::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                SignatureBytes(signature.to_bytes().into())
            }
        }
    }

    /// Signs a digest of ours, as every document is signed.
    pub fn sign_digest(&self, digest: &Digest) -> SignatureBytes {
        self.sign(&digest.0)
    }

    /// Writes a new file with mode 0600.
    ///
    /// # Errors
    /// If the file exists or cannot be written.
    pub fn store(&self, path: &Path) -> Result<(), Failure> {
        let (kind, seed) = match self {
            SecretKey::Ed25519(key) => ("ed25519", Zeroizing::new(key.to_bytes())),
            SecretKey::P256(key) => ("p256", Zeroizing::new(key.to_bytes().into())),
        };
        let text = Zeroizing::new(format!("{HEAD}\n{kind}:{}\n", *Zeroizing::new(hex::encode(seed.as_slice()))));
        write_private(path, &text)
    }

    /// Reads a file that [`SecretKey::store`] wrote.
    ///
    /// # Errors
    /// If it cannot be read, is readable by others, or is no key.
    pub fn load(path: &Path) -> Result<SecretKey, Failure> {
        let text = read_private(path)?;
        SecretKey::parse(&text).ok_or_else(|| {
            let next = "make one with: ringi keygen --out FILE";
            Failure::new("cli.key_malformed", format!("{} is no key file", path.display()), next)
        })
    }

    fn parse(text: &str) -> Option<SecretKey> {
        let (kind, digits) = text.strip_prefix(HEAD)?.strip_prefix('\n')?.strip_suffix('\n')?.split_once(':')?;
        let mut seed = Zeroizing::new([0u8; 32]);
        hex::decode_to_slice(digits, seed.as_mut_slice()).ok()?;
        match kind {
            "ed25519" => SecretKey::from_bytes(KeyKind::Ed25519, &seed),
            "p256" => SecretKey::from_bytes(KeyKind::P256, &seed),
            _ => None,
        }
    }
}

/// Writes a secret to a new file with mode 0600.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = opened.map_err(|e| Failure::file(path, &e))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|e| Failure::file(path, &e))
}

/// Reads a secret from a file that only its owner can read.
pub(crate) fn read_private(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let mode = fs::metadata(path).map_err(|e| Failure::file(path, &e))?.permissions().mode();
    if mode & 0o077 != 0 {
        let next = format!("chmod 600 {} and consider the key known to others", path.display());
        return Err(Failure::new("cli.key_mode", format!("{} is open to others", path.display()), next));
    }
    fs::read_to_string(path).map(Zeroizing::new).map_err(|e| Failure::file(path, &e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_sign_and_survive_their_file() {
        let folder = tempfile::tempdir().unwrap();
        for kind in [KeyKind::Ed25519, KeyKind::P256] {
            let path = folder.path().join(format!("{kind:?}"));
            let key = SecretKey::generate(kind).unwrap();
            key.store(&path).unwrap();
            let again = SecretKey::load(&path).unwrap();
            assert_eq!(again.public(), key.public());
            assert!(key.public().verifies(b"text", &again.sign(b"text")));
            assert!(!key.public().verifies(b"other", &again.sign(b"text")));
            assert_eq!(PublicKey::from_text(&key.public().text()), Some(key.public()));
        }
    }

    #[test]
    fn a_key_file_is_private_new_and_well_formed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let key = SecretKey::generate(KeyKind::Ed25519).unwrap();
        key.store(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(key.store(&path).unwrap_err().code, "cli.file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(SecretKey::load(&path).err().unwrap().code, "cli.key_mode");
        for bad in ["", "x", "ringi-secret-key-v1\nrsa:00\n", "ringi-secret-key-v1\ned25519:00\n"] {
            assert!(SecretKey::parse(bad).is_none(), "{bad}");
        }
    }
}
