//! Bodies of writes. Unknown fields are refused.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ringi_primitives::approval::Evidence;
use ringi_primitives::id::{PersonId, WalletId};
use ringi_primitives::key::{PublicKey, SignatureBytes};
use ringi_primitives::network::NetworkId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A wallet to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWallet {
    /// The caller's choice, so that it is safe to repeat for ever; the server chooses where absent.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<WalletId>,
    /// Name of the vault in the policy set.
    pub vault: String,
    /// Unique in the vault.
    pub name: String,
}

/// Which new address to issue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAddress {
    /// The chain.
    #[schema(value_type = String)]
    pub network: NetworkId,
    /// `account` on EVM; `p2tr` or `p2wpkh` on Bitcoin.
    pub kind: String,
}

/// An approval of a transfer's envelope (rule I2): by a key and its signature, or by a passkey.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApproval {
    /// Who approves.
    #[schema(value_type = String)]
    pub person: PersonId,
    /// Their approving key, `ed25519:<hex>` or `p256:<hex>`.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PublicKey>,
    /// base64 of the key's 64-byte signature over the envelope digest's 32 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// In the place of key and signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passkey: Option<PasskeyAssertion>,
}

/// What `navigator.credentials.get` gave with the envelope's digest as its challenge (rule P2); each part base64url without
/// padding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasskeyAssertion {
    /// `id` of the credential.
    pub credential: String,
    /// `response.authenticatorData`.
    pub authenticator_data: String,
    /// `response.clientDataJSON`.
    pub client_data: String,
    /// `response.signature`.
    pub signature: String,
}

impl NewApproval {
    /// What it proves, still to be verified; `None` unless it is exactly one of the two, in the right encoding.
    pub fn evidence(&self) -> Option<Evidence> {
        match (&self.key, &self.signature, &self.passkey) {
            (Some(key), Some(signature), None) => {
                let signature = <[u8; 64]>::try_from(STANDARD.decode(signature).ok()?).ok()?;
                Some(Evidence::Signature { key: *key, signature: SignatureBytes(signature) })
            }
            (None, None, Some(passkey)) => {
                let bytes = |text: &String| URL_SAFE_NO_PAD.decode(text).ok();
                Some(Evidence::WebAuthn {
                    credential: bytes(&passkey.credential)?,
                    authenticator_data: bytes(&passkey.authenticator_data)?,
                    client_data: bytes(&passkey.client_data)?,
                    signature: bytes(&passkey.signature)?,
                })
            }
            _ => None,
        }
    }
}
