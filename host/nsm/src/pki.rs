//! The certificates that vouch for documents: root, one intermediate, and a leaf of three hours as AWS's live.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P384_SHA384,
};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
use ringi_attestation::Root;
use ringi_primitives::time::UnixMs;
use rustls_pki_types::PrivatePkcs8KeyDer;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use time::{Duration, OffsetDateTime};

/// A leaf lives three hours.
const LEAF_LIFE: Duration = Duration::hours(3);
/// Clocks of machines that verify may be behind.
const BACKDATED: Duration = Duration::minutes(5);
/// The file of an authority.
const FILE: &str = "nsm-simulation-root.key";

/// Why the emulation's PKI does not work.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// Certificates or keys.
    #[error("the simulation's certificates: {0}")]
    Certificates(#[from] rcgen::Error),
    /// The file.
    #[error("the simulation's root cannot be kept: {0}")]
    File(#[from] std::io::Error),
    /// Signing.
    #[error("the simulation cannot sign")]
    Signing,
}

/// A simulation root and what it issues. The secret never leaves the machine that simulates; it protects nothing: root on
/// that machine can do anything.
pub struct Authority {
    root_der: Vec<u8>,
    root: Issuer<'static, KeyPair>,
}

/// A leaf that signs documents, and its chain from the root down.
pub(crate) struct Leaf {
    pub(crate) certificate: Vec<u8>,
    pub(crate) cabundle: Vec<Vec<u8>>,
    key: EcdsaKeyPair,
    random: SystemRandom,
}

impl Authority {
    /// A fresh one.
    ///
    /// # Errors
    /// [`PkiError`].
    pub fn generate() -> Result<Authority, PkiError> {
        Ok(Authority::fresh()?.0)
    }

    /// The one of this folder, made where there is none: the root stays the same over restarts.
    ///
    /// # Errors
    /// [`PkiError`].
    pub fn of_folder(folder: &Path) -> Result<Authority, PkiError> {
        let path = folder.join(FILE);
        if path.exists() {
            return Authority::of_bytes(&fs::read(&path)?);
        }
        let (authority, secret) = Authority::fresh()?;
        let mut kept = u32::try_from(secret.len()).unwrap_or(u32::MAX).to_be_bytes().to_vec();
        kept.extend_from_slice(&secret);
        kept.extend_from_slice(&authority.root_der);
        let beside = path.with_extension(format!("{}", std::process::id()));
        let mut file = fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&beside)?;
        file.write_all(&kept)?;
        file.sync_all()?;
        // Whoever is first makes it; the others take that one.
        let placed = fs::hard_link(&beside, &path);
        fs::remove_file(&beside)?;
        match placed {
            Ok(()) => Ok(authority),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Authority::of_bytes(&fs::read(&path)?),
            Err(e) => Err(e.into()),
        }
    }

    /// With the secret, PKCS#8.
    fn fresh() -> Result<(Authority, Vec<u8>), PkiError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)?;
        let params = root_params();
        let root_der = params.self_signed(&key)?.der().to_vec();
        let secret = key.serialize_der();
        Ok((Authority { root_der, root: Issuer::new(params, key) }, secret))
    }

    fn of_bytes(kept: &[u8]) -> Result<Authority, PkiError> {
        let broken = || PkiError::File(std::io::Error::from(std::io::ErrorKind::InvalidData));
        let (length, rest) = kept.split_first_chunk::<4>().ok_or_else(broken)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| broken())?;
        let (secret, certificate) = rest.split_at_checked(length).ok_or_else(broken)?;
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(secret), &PKCS_ECDSA_P384_SHA384)?;
        Ok(Authority { root_der: certificate.to_vec(), root: Issuer::new(root_params(), key) })
    }

    /// The root certificate, DER: for people who verify. Public.
    pub fn certificate(&self) -> &[u8] {
        &self.root_der
    }

    /// What verifiers of this simulation must name.
    pub fn root(&self) -> Root {
        Root::of_certificate(&self.root_der)
    }

    /// A leaf for an enclave that starts at this time.
    pub(crate) fn leaf(&self, module_id: &str, at: UnixMs) -> Result<Leaf, PkiError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)?;
        let params = authority_params("Ringi simulated NSM");
        let between = params.signed_by(&key, &self.root)?;
        let issuer = Issuer::new(params, key);
        let secret = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)?;
        let certificate = leaf_params(module_id, at)?.signed_by(&secret, &issuer)?;
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &secret.serialize_der(), &random)
            .map_err(|_| PkiError::Signing)?;
        let cabundle = vec![self.root_der.clone(), between.der().to_vec()];
        Ok(Leaf { certificate: certificate.der().to_vec(), cabundle, key, random })
    }
}

impl Leaf {
    /// r ‖ s over these bytes.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, PkiError> {
        let signature = self.key.sign(&self.random, message).map_err(|_| PkiError::Signing)?;
        Ok(signature.as_ref().to_vec())
    }
}

fn root_params() -> CertificateParams {
    authority_params("Ringi simulated NSM root")
}

/// Of the root or of what stands between: valid as long as AWS's own root.
fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2049, 12, 31);
    params
}

fn leaf_params(module_id: &str, at: UnixMs) -> Result<CertificateParams, PkiError> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, module_id);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let at = OffsetDateTime::from_unix_timestamp(i64::try_from(at.0 / 1000).unwrap_or(i64::MAX))
        .map_err(|_| PkiError::Signing)?;
    params.not_before = at.saturating_sub(BACKDATED);
    params.not_after = at.saturating_add(LEAF_LIFE);
    Ok(params)
}
