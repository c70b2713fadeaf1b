//! Genesis, policy set, orders, cosigners, assets, events.

use ringi_primitives::digest::Digest;
use ringi_primitives::id::{IntentId, OrderId, PersonId, WalletId};
use ringi_primitives::key::PublicKey;
use ringi_primitives::network::NetworkId;
use ringi_primitives::time::UnixMs;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// That the gateway answers. Says nothing of what lies behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok`.
    pub status: String,
    /// Version of the program.
    pub version: String,
}

/// Whose key signed the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Caller {
    /// Who.
    #[schema(value_type = String)]
    pub person: PersonId,
    /// Their name.
    pub name: String,
    /// `initiate`, `approve`, `admin` or `witness`.
    pub purpose: String,
    /// What they are to the API; absent where they have no role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// What witnesses have said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Facts {
    /// The newest price or balance of each witness and topic.
    pub items: Vec<Fact>,
    /// Intents that were charged to a limit and are not proved final yet (rule L3), oldest first; at most 256.
    pub wanted: Vec<Wanted>,
}

/// A price or a balance as a witness states it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fact {
    /// The witness's name in the policy set.
    pub witness: String,
    /// `price` or `balance`.
    pub kind: String,
    /// The asset's id, if the policy set has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
    /// Of a balance: the wallet.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wallet: Option<WalletId>,
    /// US dollars of one whole unit, or base units.
    pub value: String,
    /// When it was so, by the witness's clock.
    #[schema(value_type = String, format = DateTime)]
    pub at: UnixMs,
    /// base64 of the signed fact's deterministic CBOR: what POST takes, in an array.
    pub document: String,
}

/// An intent whose finality is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Wanted {
    /// The first intent of its replacement chain.
    #[schema(value_type = String)]
    pub intent: IntentId,
    /// The place that it takes, as the host says: base64 of its CBOR.
    pub slot: String,
}

/// What became of a document of the admins: k of n.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Installation {
    /// `genesis`, `policy`, `order`, `recovery`, `freeze`, `veto` or `withdrawal`.
    pub document: String,
    /// Its digest.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// The order's id.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderId>,
    /// k: cosigners that have it.
    pub acknowledged: u32,
    /// n.
    pub cosigners: u32,
    /// Whether k is enough: n-t+1 for a policy set, brakes and what lifts them (rule P1), all for genesis and other orders.
    pub in_force: bool,
    /// Each answer.
    pub answers: Vec<PartyAnswer>,
    /// For key generation and refresh: base64 of the signed certificate's CBOR.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

/// One cosigner's answer to a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartyAnswer {
    /// Its number.
    pub cosigner: u8,
    /// `installed`, `refused` or `unreachable`.
    pub answer: String,
    /// For `refused`: the stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// For `refused`: which rule or field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// All cosigners.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cosigners {
    /// By number.
    pub items: Vec<Cosigner>,
}

/// A cosigner's attestation document. Nobody's word: verify it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attestation {
    /// Its number.
    pub cosigner: u8,
    /// The document, base64.
    pub document: String,
}

/// A cosigner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cosigner {
    /// Its number.
    pub index: u8,
    /// Its name in genesis.
    pub name: String,
    /// Whether the host reaches it.
    pub connected: bool,
    /// Whether peers have granted its boot.
    pub ready: bool,
    /// Its boot number.
    pub boot: u64,
    /// While it is connected and not ready: why, a stable code. `boot.ungranted` passes when its peers are there;
    /// `boot.rolled_back` says that its records are older than what its peers remember of it (rule B1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// The receipt key of this boot: what a resume names (rule B1).
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_key: Option<PublicKey>,
    /// X25519 key of its channel, hex, as it says itself: what genesis names. Verify it before you sign one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_key: Option<String>,
    /// Its identity, as it says itself.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_key: Option<PublicKey>,
    /// Peers it has a channel with.
    #[schema(value_type = Vec<u32>)]
    pub peers: Vec<u8>,
    /// Cosigners it excludes.
    #[schema(value_type = Vec<u32>)]
    pub banned: Vec<u8>,
    /// Policy set in force there.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Digest>,
    /// Signing sessions in progress there.
    pub sessions: u32,
    /// Keys it holds shares of: scheme, root and epoch, with a slash between.
    pub keys: Vec<String>,
}

/// Genesis in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Genesis {
    /// Names the workspace.
    #[schema(value_type = String)]
    pub root: Digest,
    /// Version in force.
    #[schema(value_type = String)]
    pub head: Digest,
    /// base64 of the deterministic CBOR of all signed versions, an array, first to newest: what POST takes.
    pub versions: String,
}

/// The policy set in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Policy {
    /// Its digest.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// Its sequence.
    pub sequence: u64,
    /// base64 of the signed document's deterministic CBOR: what POST takes.
    pub document: String,
}

/// The assets of the policy set in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Assets {
    /// In the set's order.
    pub items: Vec<Asset>,
}

/// An asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Asset {
    /// As intents spell it.
    pub id: String,
    /// The chain.
    #[schema(value_type = String)]
    pub network: NetworkId,
    /// Token contract, raw hex; absent for the network's coin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Digits after the point in human form.
    pub decimals: u8,
}

/// An event of the feed: the `data` of a server-sent event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Rises in commit order; the SSE id.
    pub sequence: u64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: UnixMs,
    /// Stable kind, e.g. `transfer.completed`, `deposit.confirmed`, `policy.installed`.
    pub kind: String,
    /// The id of what it is about.
    pub subject: String,
    /// Public fields.
    #[schema(value_type = Object)]
    pub data: serde_json::Value,
}
