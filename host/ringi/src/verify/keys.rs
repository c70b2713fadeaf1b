//! A wallet's public keys, derived from certificates that all cosigners signed.

use super::{VerifyError, ensure};
use ringi_chain::KeySource;
use ringi_mpc::hd::derive_public;
use ringi_primitives::certificate::SignedCertificate;
use ringi_primitives::genesis::GenesisChain;
use ringi_primitives::policy_set::RootIndex;
use ringi_primitives::scheme::Scheme;
use ringi_primitives::wallet::{KeyPosition, WalletRef};

/// Checks that a certificate is of this workspace and signed by all n (rule A1).
pub fn check_certificate(signed: &SignedCertificate, genesis: &GenesisChain) -> Result<(), VerifyError> {
    ensure(signed.certificate.version == 1, VerifyError::Malformed("key certificate version"))?;
    ensure(signed.certificate.genesis == genesis.root(), VerifyError::OtherGenesis("key certificate"))?;
    ensure(signed.signed_within(genesis), VerifyError::Certificate("not signed by all cosigners"))
}

/// Where a wallet's keys come from: checked certificates and its path.
pub struct CertifiedKeys<'a> {
    certificates: &'a [SignedCertificate],
    root: RootIndex,
    wallet: WalletRef,
}

impl<'a> CertifiedKeys<'a> {
    /// Checks every certificate; there is at most one per scheme, all of `root`.
    ///
    /// # Errors
    /// [`VerifyError::Certificate`], [`VerifyError::OtherGenesis`], [`VerifyError::Malformed`].
    pub fn new(
        certificates: &'a [SignedCertificate],
        genesis: &GenesisChain,
        root: RootIndex,
        wallet: WalletRef,
    ) -> Result<CertifiedKeys<'a>, VerifyError> {
        certificates.iter().try_for_each(|c| check_certificate(c, genesis))?;
        let ordered = certificates.is_sorted_by(|a, b| a.certificate.key < b.certificate.key);
        ensure(ordered, VerifyError::Certificate("repeated or out of order"))?;
        let of_root = certificates.iter().all(|c| c.certificate.key.root == root);
        ensure(of_root, VerifyError::Certificate("of another root than the vault's"))?;
        Ok(CertifiedKeys { certificates, root, wallet })
    }
}

impl KeySource for CertifiedKeys<'_> {
    fn public_key(&self, scheme: Scheme, position: KeyPosition) -> Option<Vec<u8>> {
        let of = |c: &&SignedCertificate| c.certificate.key.scheme == scheme && c.certificate.key.root == self.root;
        let certificate = &self.certificates.iter().find(of)?.certificate;
        let path = self.wallet.path(position)?;
        let child = derive_public(scheme, &certificate.public_key, &certificate.chain_code, &path).ok()?;
        Some(child.public_key.to_vec())
    }
}
