//! The intent: what an initiator asks for, as a strict bounded JSON document whose verbatim bytes are signed.
//!
//! Parsing refuses unknown and repeated keys, wrong types, numbers for amounts, and anything over its bound.
//! Names (vault, asset) are resolved against the signed policy set later; addresses by the chain.

use crate::amount::Amount;
use crate::digest::{Digest, Domain};
use crate::id::{IntentId, WalletId};
use crate::limits;
use crate::network::NetworkId;
use crate::time::UnixMs;
use serde::{Deserialize, Serialize};

/// An intent's content. Field order is free in JSON; the signed bytes are what counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// Always 1.
    pub version: u8,
    /// Chosen by the client; a transfer has this identity for ever.
    pub id: IntentId,
    /// The workspace's genesis digest (rule G1).
    pub genesis: Digest,
    /// Name of the vault in the policy set.
    pub vault: String,
    /// The wallet that acts.
    pub wallet: WalletId,
    /// The chain.
    pub network: NetworkId,
    /// What to do. EVM chains take exactly one action; Bitcoin takes transfers only.
    pub actions: Vec<Action>,
    /// The most that may be paid in fees, base units of the network's own coin.
    pub max_fee: Amount,
    /// After this nothing is signed (rule I1).
    pub expires_at: UnixMs,
    /// The caller's own reference; unique for ever in the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The intent whose slot this one takes over: a speed-up or a cancel (rule I3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<IntentId>,
}

/// One action of an intent. Addresses are text in the chain's checksummed form; amounts are base units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Action {
    /// Pay.
    Transfer(Transfer),
    /// ERC-20 allowance.
    Approve(Approve),
    /// ERC-20 transfer of somebody else's allowed tokens.
    TransferFrom(TransferFrom),
    /// ERC-2612 permit, signed and not broadcast.
    Permit(Permit),
    /// Contract call by ABI.
    Call(Call),
    /// Contract call by raw data: an `Opaque` effect.
    RawCall(RawCall),
    /// EIP-7702 delegation.
    Delegate(Delegate),
    /// Use up the nonce of the replaced intent.
    Cancel(Cancel),
    /// Ownership proof.
    Prove(Prove),
    /// EIP-712 typed data of no pinned type: an `Opaque` effect.
    TypedData(TypedData),
    /// EIP-191 message: an `Opaque` effect.
    Message(Message),
}

/// Pay `amount` of `asset` to `to`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// Asset id in the policy set.
    pub asset: String,
    /// Recipient.
    pub to: String,
    /// Base units; not zero.
    pub amount: Amount,
}

/// Let `spender` take up to `amount`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    /// Asset id of a token.
    pub asset: String,
    /// Who may take.
    pub spender: String,
    /// New allowance; zero revokes.
    pub amount: Amount,
}

/// Move `amount` of `owner`'s tokens to `to`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransferFrom {
    /// Asset id of a token.
    pub asset: String,
    /// Whose tokens.
    pub owner: String,
    /// Recipient.
    pub to: String,
    /// Base units; not zero.
    pub amount: Amount,
}

/// An ERC-2612 permit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permit {
    /// Asset id of a token.
    pub asset: String,
    /// Who may take.
    pub spender: String,
    /// The allowance.
    pub amount: Amount,
    /// Void after this.
    pub deadline: UnixMs,
}

/// A contract call whose function the policy set names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The contract.
    pub to: String,
    /// Native coin sent along, base units.
    pub value: Amount,
    /// Canonical function signature, e.g. `deposit(uint256,address)`.
    pub function: String,
    /// Arguments in text form, one per parameter.
    pub arguments: Vec<String>,
}

/// A contract call by raw data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawCall {
    /// The contract.
    pub to: String,
    /// Native coin sent along, base units.
    pub value: Amount,
    /// Call data, `0x` and lower-case hex.
    pub data: String,
}

/// An EIP-7702 delegation of the wallet's own account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delegate {
    /// The contract whose code the account runs.
    pub to: String,
}

/// A zero-value self-transfer at the replaced intent's nonce.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cancel {}

/// A statement of ownership.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prove {
    /// One line of printable text.
    pub statement: String,
}

/// EIP-712 typed data as a JSON text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypedData {
    /// The typed data document, verbatim.
    pub json: String,
}

/// An EIP-191 version 0x45 message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// The message text.
    pub text: String,
}

/// Why bytes are no intent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntentError {
    /// Over [`limits::INTENT_BYTES`].
    #[error("intent is longer than {} bytes", limits::INTENT_BYTES)]
    TooLong,
    /// Not strict JSON of this shape; says where.
    #[error("intent is malformed: {0}")]
    Malformed(String),
    /// Another version than 1.
    #[error("intent version is not 1")]
    Version,
    /// No action, or more than [`limits::INTENT_ACTIONS`].
    #[error("intent has no action or too many")]
    Actions,
    /// A text field over its bound or with control characters.
    #[error("intent field {0} is empty, too long or has control characters")]
    Text(&'static str),
    /// A transfer of nothing.
    #[error("amount is zero")]
    ZeroAmount,
}

impl Intent {
    /// Parses and bounds an intent's verbatim bytes.
    ///
    /// Not checked here: signature, genesis, names, addresses, expiry against a clock.
    ///
    /// # Errors
    /// [`IntentError`].
    pub fn parse(body: &[u8]) -> Result<Intent, IntentError> {
        if body.len() > limits::INTENT_BYTES {
            return Err(IntentError::TooLong);
        }
        let malformed = |e: serde_json::Error| IntentError::Malformed(e.to_string());
        if !is_made_of_objects(&serde_json::from_slice(body).map_err(malformed)?) {
            return Err(IntentError::Malformed("an intent and its actions are JSON objects".into()));
        }
        let intent: Intent = serde_json::from_slice(body).map_err(malformed)?;
        if intent.version != 1 {
            return Err(IntentError::Version);
        }
        if intent.actions.is_empty() || intent.actions.len() > limits::INTENT_ACTIONS {
            return Err(IntentError::Actions);
        }
        text("vault", &intent.vault, limits::TEXT_BYTES)?;
        if let Some(reference) = &intent.reference {
            text("reference", reference, limits::TEXT_BYTES)?;
        }
        intent.actions.iter().try_for_each(check_action)?;
        Ok(intent)
    }

    /// The digest of an intent's verbatim bytes: what approvals and receipts name it by.
    pub fn digest(body: &[u8]) -> Digest {
        Digest::of(Domain::Intent, body)
    }
}

/// Serde takes a list of a type's fields for the type, so that one intent had two spellings: only objects are taken.
fn is_made_of_objects(body: &serde_json::Value) -> bool {
    let actions = body.get("actions").and_then(serde_json::Value::as_array);
    body.is_object() && actions.is_none_or(|actions| actions.iter().all(serde_json::Value::is_object))
}

fn text(field: &'static str, value: &str, bound: usize) -> Result<(), IntentError> {
    if value.is_empty() || value.len() > bound || value.chars().any(char::is_control) {
        return Err(IntentError::Text(field));
    }
    Ok(())
}

fn nonzero(amount: Amount) -> Result<(), IntentError> {
    if amount.is_zero() { Err(IntentError::ZeroAmount) } else { Ok(()) }
}

fn check_action(action: &Action) -> Result<(), IntentError> {
    let address = |s: &str| text("address", s, limits::ADDRESS_TEXT_BYTES);
    let name = |s: &str| text("asset", s, limits::TEXT_BYTES);
    match action {
        Action::Transfer(a) => name(&a.asset).and_then(|()| address(&a.to)).and_then(|()| nonzero(a.amount)),
        Action::Approve(a) => name(&a.asset).and_then(|()| address(&a.spender)),
        Action::TransferFrom(a) => name(&a.asset)
            .and_then(|()| address(&a.owner))
            .and_then(|()| address(&a.to))
            .and_then(|()| nonzero(a.amount)),
        Action::Permit(a) => name(&a.asset).and_then(|()| address(&a.spender)),
        Action::Call(a) => address(&a.to).and_then(|()| text("function", &a.function, limits::HEADER_BYTES)),
        Action::RawCall(a) => address(&a.to),
        Action::Delegate(a) => address(&a.to),
        Action::Prove(a) => text("statement", &a.statement, limits::TEXT_BYTES),
        Action::Cancel(_) | Action::TypedData(_) | Action::Message(_) => Ok(()),
    }
}

/// Feeds foreign bytes to the parser; what it accepts it accepts again after writing it out.
pub fn fuzz(data: &[u8]) {
    if let Ok(intent) = Intent::parse(data) {
        let again = serde_json::to_vec(&intent).map(|bytes| Intent::parse(&bytes));
        assert!(matches!(again, Ok(Ok(i)) if i == intent));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"version":1,"id":"int_01arz3ndektsv4rrffq69g5fav",
      "genesis":"0000000000000000000000000000000000000000000000000000000000000001","vault":"treasury",
      "wallet":"wal_01arz3ndektsv4rrffq69g5fav","network":"eip155:31337",
      "actions":[{"type":"transfer","asset":"eth","to":"0x00000000000000000000000000000000000000AA","amount":"1000"}],
      "max_fee":"21000","expires_at":"2026-11-24T00:00:00Z"}"#;

    fn parse(text: &str) -> Result<Intent, IntentError> {
        Intent::parse(text.as_bytes())
    }

    #[test]
    fn good_intent_round_trips() {
        let intent = parse(GOOD).unwrap();
        assert_eq!(Intent::parse(&serde_json::to_vec(&intent).unwrap()).unwrap(), intent);
    }

    #[test]
    fn i1_unknown_repeated_and_missing_keys_are_refused() {
        let good: serde_json::Value = serde_json::from_str(GOOD).unwrap();
        let names = ["version", "id", "genesis", "vault", "wallet", "network", "actions", "max_fee", "expires_at"];
        let mut listed: Vec<serde_json::Value> = names.iter().map(|name| good[name].clone()).collect();
        listed.extend([serde_json::Value::Null, serde_json::Value::Null]);
        let listed = serde_json::Value::Array(listed);
        let acting = |action: serde_json::Value| {
            let mut changed = good.clone();
            changed["actions"] = serde_json::Value::Array(vec![action]);
            changed
        };
        let cases = [
            GOOD.replacen("\"version\":1", "\"version\":1,\"version\":1", 1),
            GOOD.replacen("\"version\":1", "\"version\":1,\"memo\":\"x\"", 1),
            GOOD.replacen("\"type\":\"transfer\"", "\"type\":\"transfer\",\"type\":\"transfer\"", 1),
            GOOD.replacen("\"asset\":\"eth\"", "\"asset\":\"eth\",\"asset\":\"btc\"", 1),
            GOOD.replacen("\"asset\":\"eth\"", "\"asset\":\"eth\",\"gas\":\"1\"", 1),
            GOOD.replacen("\"max_fee\":\"21000\",", "", 1),
            GOOD.replacen("\"max_fee\":\"21000\"", "\"max_fee\":21000", 1),
            GOOD.replacen("\"amount\":\"1000\"", "\"amount\":1000", 1),
            GOOD.replacen("\"amount\":\"1000\"", "\"amount\":\"-1000\"", 1),
            GOOD.replacen("\"amount\":\"1000\"", "\"amount\":\"1.5\"", 1),
            GOOD.replacen("eip155:31337", "eip155:0", 1),
            GOOD.replacen("\"type\":\"transfer\"", "\"type\":\"steal\"", 1),
            format!("{GOOD} x"),
            String::new(),
            listed.to_string(),
            acting(serde_json::json!(["transfer", good["actions"][0]])).to_string(),
            acting(serde_json::json!(["transfer", "eth", "0x00000000000000000000000000000000000000AA", "1000"]))
                .to_string(),
        ];
        for (i, case) in cases.iter().enumerate() {
            assert!(matches!(parse(case), Err(IntentError::Malformed(_))), "case {i}");
        }
        assert_eq!(parse(&GOOD.replacen("\"version\":1", "\"version\":2", 1)), Err(IntentError::Version));
        assert_eq!(parse(&GOOD.replacen("\"amount\":\"1000\"", "\"amount\":\"0\"", 1)), Err(IntentError::ZeroAmount));
        assert_eq!(parse(&GOOD.replacen("treasury", "tre\\u0000", 1)), Err(IntentError::Text("vault")));
        assert_eq!(parse(&" ".repeat(limits::INTENT_BYTES + 1)), Err(IntentError::TooLong));
    }
}
