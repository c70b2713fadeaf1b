//! ERC-2612 permits: the one typed data that is understood, pinned to its exact types and spelling (rule C2).

use super::document::{Document, Types, malformed, read_account};
use super::json::Json;
use crate::ChainError;
use crate::evm::account::{address, format_address};
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::effects::Effect;
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::{PermitDomain, PolicySet};

/// The exact types, as the standard orders their fields.
const TYPES: &str = concat!(
    r#"{"EIP712Domain":[{"name":"name","type":"string"},{"name":"version","type":"string"},"#,
    r#"{"name":"chainId","type":"uint256"},{"name":"verifyingContract","type":"address"}],"#,
    r#""Permit":[{"name":"owner","type":"address"},{"name":"spender","type":"address"},"#,
    r#"{"name":"value","type":"uint256"},{"name":"nonce","type":"uint256"},{"name":"deadline","type":"uint256"}]}"#
);

/// A permit of a token whose domain the policy set names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::evm) struct Permit {
    pub(in crate::evm) asset: AssetKey,
    pub(in crate::evm) owner: Address,
    pub(in crate::evm) spender: Address,
    pub(in crate::evm) amount: Amount,
    /// The owner's permit nonce in the token: the host's choice, fixed by the digest's slot (rule I3).
    pub(in crate::evm) nonce: Amount,
    pub(in crate::evm) deadline_s: u64,
}

impl Permit {
    /// The permit in a document for this network; `None` if the document is no permit of any kind.
    ///
    /// # Errors
    /// [`ChainError::Forbidden`] for every permit that is not exactly the pinned one (rule C2): other fields, another
    /// domain, an unlimited amount, or the permit types of other standards.
    pub(in crate::evm) fn read(
        policy: &PolicySet,
        network: NetworkId,
        document: &Document,
    ) -> Result<Option<Permit>, ChainError> {
        if !document.primary.starts_with("Permit") {
            return Ok(None);
        }
        let asset = AssetKey::token(network, address(document.contract)?);
        let domain = permit_domain(policy, asset)?;
        let named = |key: &str, text: &String| document.domain.object().and_then(|d| d.get(key)?.text()) == Some(text);
        if !has_pinned_types(&document.types)
            || document.primary != "Permit"
            || !named("name", &domain.name)
            || !named("version", &domain.version)
        {
            return Err(ChainError::Forbidden("a permit that is not the pinned ERC-2612 type"));
        }
        let permit = read_message(asset, &document.message)?;
        check_amount(permit.amount)?;
        Ok(Some(permit))
    }

    /// The effect.
    pub(in crate::evm) fn effect(&self) -> Effect {
        let Permit { asset, spender, amount, deadline_s, .. } = *self;
        Effect::Permit { asset, spender, amount, deadline_s }
    }

    /// The one spelling that is signed.
    ///
    /// # Errors
    /// [`ChainError::Unknown`] if the policy set names no permit domain for the token.
    pub(in crate::evm) fn document(&self, policy: &PolicySet) -> Result<Vec<u8>, ChainError> {
        let PermitDomain { name, version, .. } = permit_domain(policy, self.asset)?;
        let text = |value: &str| serde_json::to_string(value).map_err(|_| malformed("text"));
        let (NetworkId::Evm(chain_id), Some(contract)) = (self.asset.network, self.asset.token) else {
            return Err(ChainError::WrongChain);
        };
        let [contract, owner, spender] = [contract, self.owner, self.spender].map(|a| format_address(&a));
        let Permit { amount, nonce, deadline_s, .. } = self;
        Ok([
            format!(r#"{{"types":{TYPES},"primaryType":"Permit","domain":{{"name":{},"#, text(name)?),
            format!(r#""version":{},"chainId":{chain_id},"verifyingContract":"{contract}"}},"#, text(version)?),
            format!(r#""message":{{"owner":"{owner}","spender":"{spender}","value":"{amount}","#),
            format!(r#""nonce":"{nonce}","deadline":"{deadline_s}"}}}}"#),
        ]
        .concat()
        .into_bytes())
    }
}

/// The token's EIP-712 domain in the policy set.
pub(in crate::evm) fn permit_domain(policy: &PolicySet, asset: AssetKey) -> Result<&PermitDomain, ChainError> {
    policy.permits.iter().find(|p| p.asset == asset).ok_or(ChainError::Unknown("permit domain of the token"))
}

/// C2: "unlimited" is no bound.
pub(in crate::evm) fn check_amount(amount: Amount) -> Result<(), ChainError> {
    if amount == Amount::MAX { Err(ChainError::Forbidden("a permit of an unlimited amount")) } else { Ok(()) }
}

fn has_pinned_types(types: &Types) -> bool {
    let spelled = |name: &str| -> Option<Vec<String>> {
        Some(types.get(name)?.iter().map(|f| format!("{} {}", f.kind, f.name)).collect())
    };
    let domain = ["string name", "string version", "uint256 chainId", "address verifyingContract"];
    let permit = ["address owner", "address spender", "uint256 value", "uint256 nonce", "uint256 deadline"];
    types.len() == 2
        && spelled("EIP712Domain").is_some_and(|fields| fields == domain)
        && spelled("Permit").is_some_and(|fields| fields == permit)
}

fn read_message(asset: AssetKey, message: &Json) -> Result<Permit, ChainError> {
    let member = |key| message.object().and_then(|m| m.get(key)).ok_or(malformed("permit lacks a field"));
    let account = |key| address(read_account(member(key)?.text().unwrap_or_default())?);
    let number = |key| match member(key)? {
        Json::Number(digits) | Json::Text(digits) => {
            Amount::parse_base_units(digits).map_err(|_| malformed("permit with a malformed number"))
        }
        _ => Err(malformed("permit with a malformed number")),
    };
    // C2: a deadline beyond 64 bits is none.
    let deadline_s = number("deadline")?.to_u64().ok_or(ChainError::Forbidden("a permit without a real deadline"))?;
    Ok(Permit {
        asset,
        owner: account("owner")?,
        spender: account("spender")?,
        amount: number("value")?,
        nonce: number("nonce")?,
        deadline_s,
    })
}
