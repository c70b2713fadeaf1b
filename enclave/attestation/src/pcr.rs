//! Platform configuration registers: SHA-384 measurements of what was booted, and what the program extended itself.

use ringi_primitives::digest::Digest;
use sha2::{Digest as _, Sha384};
use std::fmt;

/// Registers of an NSM.
pub const PCRS: u8 = 32;

/// A register's value, 48 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pcr(pub [u8; 48]);

/// The number of a register, 0 to 31.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PcrIndex(u8);

impl PcrIndex {
    /// The whole image: kernel, command line and all ramdisks.
    pub const IMAGE: PcrIndex = PcrIndex(0);
    /// Kernel, command line and the first ramdisk: the boot.
    pub const BOOT: PcrIndex = PcrIndex(1);
    /// The ramdisks behind the first: the application.
    pub const APPLICATION: PcrIndex = PcrIndex(2);
    /// The certificate that signed the image.
    pub const SIGNER: PcrIndex = PcrIndex(8);

    /// The workspace: a cosigner extends the genesis digest into it (rule G1).
    pub const GENESIS: PcrIndex = PcrIndex(16);
    /// The static key of the peers' channel (rule E2).
    pub const CHANNEL: PcrIndex = PcrIndex(17);

    /// `None` above 31.
    pub fn new(n: u8) -> Option<PcrIndex> {
        (n < PCRS).then_some(PcrIndex(n))
    }

    /// 0 to 31.
    pub fn number(self) -> u8 {
        self.0
    }
}

impl From<PcrIndex> for u16 {
    fn from(index: PcrIndex) -> u16 {
        u16::from(index.0)
    }
}

impl fmt::Display for PcrIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PCR{}", self.0)
    }
}

impl Pcr {
    /// A register that nothing was measured into. In PCR0 to 2: an enclave in debug mode, whose memory the host reads.
    pub const ZERO: Pcr = Pcr([0; 48]);

    /// The register after ExtendPCR: SHA-384 of the old value and the data as given. Images are hashed first
    /// ([`Pcr::of_image`]).
    pub fn extend(self, data: &[u8]) -> Pcr {
        let mut hash = Sha384::new();
        hash.update(self.0);
        hash.update(data);
        Pcr(hash.finalize().into())
    }

    /// What the hypervisor measures of image bytes: SHA-384 of 48 zero bytes and the SHA-384 of the bytes.
    pub fn of_image<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Pcr {
        let mut hash = Sha384::new();
        parts.into_iter().for_each(|part| hash.update(part));
        Pcr::ZERO.extend(&hash.finalize())
    }

    /// [`PcrIndex::GENESIS`] of a workspace's cosigners (rule G1).
    pub fn of_genesis(root: &Digest) -> Pcr {
        Pcr::ZERO.extend(&root.0)
    }

    /// From lower- or upper-case hex.
    pub fn from_hex(text: &str) -> Option<Pcr> {
        let mut bytes = [0; 48];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Pcr(bytes))
    }

    /// Lower-case hex, 96 characters.
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }
}

impl fmt::Debug for Pcr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_hashed_before_it_is_extended() {
        let once = Sha384::digest(b"kernelcmdline");
        let wanted = Sha384::digest([&[0u8; 48][..], &once[..]].concat());
        assert_eq!(Pcr::of_image([&b"kernel"[..], b"cmdline"]).0, wanted[..]);
        assert_eq!(Pcr::ZERO.extend(&once).0, wanted[..]);
    }

    #[test]
    fn hex_is_48_bytes() {
        let pcr = Pcr([0xab; 48]);
        assert_eq!(Pcr::from_hex(&pcr.hex()), Some(pcr));
        assert_eq!(Pcr::from_hex(&pcr.hex().to_uppercase()), Some(pcr));
        assert_eq!(Pcr::from_hex("ab"), None);
        assert_eq!(PcrIndex::new(32), None);
    }
}
