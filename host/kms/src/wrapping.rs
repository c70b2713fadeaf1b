//! Importing key material: an RSA key that it travels under.

use crate::error::{Code, Refusal};
use crate::secret::{Secret, fill};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use ringi_primitives::time::UnixMs;
use serde::Deserialize;

/// The size of a wrapping key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum WrappingKeySpec {
    /// 2048 bits.
    #[serde(rename = "RSA_2048")]
    Rsa2048,
    /// 3072 bits.
    #[serde(rename = "RSA_3072")]
    Rsa3072,
    /// 4096 bits.
    #[serde(rename = "RSA_4096")]
    Rsa4096,
}

/// An import that was prepared: the newest of a key counts.
#[derive(Clone)]
pub(crate) struct PendingImport {
    /// PKCS#8 of the wrapping key.
    pub(crate) wrapping: Secret,
    /// What the caller must bring back.
    pub(crate) token: Secret,
    /// When it ends.
    pub(crate) until: UnixMs,
}

/// A new wrapping key: what is kept, and the public half in DER.
pub(crate) fn prepare(spec: WrappingKeySpec, until: UnixMs) -> Result<(PendingImport, Vec<u8>), Refusal> {
    let failed = |_| Refusal::internal(&"a wrapping key");
    let size = match spec {
        WrappingKeySpec::Rsa2048 => KeySize::Rsa2048,
        WrappingKeySpec::Rsa3072 => KeySize::Rsa3072,
        WrappingKeySpec::Rsa4096 => KeySize::Rsa4096,
    };
    let key = PrivateDecryptingKey::generate(size).map_err(failed)?;
    let private: Pkcs8V1Der<'_> = key.as_der().map_err(failed)?;
    let public: PublicKeyX509Der<'_> = key.public_key().as_der().map_err(failed)?;
    let mut token = vec![0; 32];
    fill(&mut token)?;
    let wrapping = Secret::new(private.as_ref().to_vec());
    Ok((PendingImport { wrapping, token: Secret::new(token), until }, public.as_ref().to_vec()))
}

impl PendingImport {
    /// What was wrapped with RSAES_OAEP_SHA_256.
    pub(crate) fn unwrap_material(&self, wrapped: &[u8]) -> Result<Secret, Refusal> {
        let failed = |_| Refusal::internal(&"a wrapping key");
        let key = PrivateDecryptingKey::from_pkcs8(self.wrapping.expose()).map_err(|_| Refusal::internal(&"PKCS#8"))?;
        let key = OaepPrivateDecryptingKey::new(key).map_err(failed)?;
        let mut room = zeroize::Zeroizing::new(vec![0; key.min_output_size()]);
        let wrong = |_| Refusal::new(Code::InvalidCiphertext, "");
        let material = key.decrypt(&OAEP_SHA256_MGF1SHA256, wrapped, &mut room, None).map_err(wrong)?.to_vec();
        Ok(Secret::new(material))
    }
}
