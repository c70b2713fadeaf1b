//! A recovery recipient's key: X25519, made on their own machine, kept in a file that only they read.

use crate::failure::Failure;
use crate::fresh;
use crate::keys::{read_private, write_private};
use ringi_mpc::kit;
use std::path::Path;
use zeroize::Zeroizing;

/// The first line of a key file.
const HEAD: &str = "ringi-recovery-key-v1";
/// What a public key begins with in text.
const KIND: &str = "x25519:";

/// The secret.
pub struct RecoveryKey(Zeroizing<[u8; 32]>);

impl RecoveryKey {
    /// A fresh key from the operating system's randomness.
    ///
    /// # Errors
    /// If there is no randomness.
    pub fn generate() -> Result<RecoveryKey, Failure> {
        fresh::random().map(|seed| RecoveryKey(Zeroizing::new(seed)))
    }

    /// The secret bytes, for opening a kit.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The public half, as genesis names it.
    pub fn public(&self) -> [u8; 32] {
        kit::public(&self.0)
    }

    /// Writes a new file with mode 0600.
    ///
    /// # Errors
    /// If the file exists or cannot be written.
    pub fn store(&self, path: &Path) -> Result<(), Failure> {
        let digits = Zeroizing::new(hex::encode(self.0.as_slice()));
        write_private(path, &Zeroizing::new(format!("{HEAD}\n{KIND}{}\n", *digits)))
    }

    /// Reads a file that [`RecoveryKey::store`] wrote.
    ///
    /// # Errors
    /// If it cannot be read, is readable by others, or is no key.
    pub fn load(path: &Path) -> Result<RecoveryKey, Failure> {
        let text = read_private(path)?;
        let line = text.strip_prefix(HEAD).and_then(|t| t.strip_prefix('\n')).and_then(|t| t.strip_suffix('\n'));
        line.and_then(public_from).map(|bytes| RecoveryKey(Zeroizing::new(bytes))).ok_or_else(|| {
            let next = "make one with: ringi recovery keygen --out FILE";
            Failure::new("cli.key_malformed", format!("{} is no recovery key file", path.display()), next)
        })
    }
}

/// The text form of a public key.
pub fn public_text(key: &[u8; 32]) -> String {
    format!("{KIND}{}", hex::encode(key))
}

/// A key from its text form.
pub fn public_from(text: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    hex::decode_to_slice(text.strip_prefix(KIND)?, &mut key).ok()?;
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recovery_key_survives_its_file_and_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let key = RecoveryKey::generate().unwrap();
        key.store(&path).unwrap();
        assert_eq!(RecoveryKey::load(&path).unwrap().public(), key.public());
        assert_eq!(public_from(&public_text(&key.public())), Some(key.public()));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(RecoveryKey::load(&path).err().unwrap().code, "cli.key_mode");
        crate::keys::SecretKey::generate(crate::keys::KeyKind::Ed25519)
            .unwrap()
            .store(&folder.path().join("other"))
            .unwrap();
        assert_eq!(RecoveryKey::load(&folder.path().join("other")).err().unwrap().code, "cli.key_malformed");
    }
}
