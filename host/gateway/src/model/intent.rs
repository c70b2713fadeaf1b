//! The intent as the description shows it, a mirror of `ringi_primitives::intent`. The server never reads these types: the
//! verbatim bytes go to the one strict parser, and a test holds this mirror against it.
//!
//! Lengths are counted in bytes by the parser and in characters by JSON Schema: the same for ASCII.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an initiator asks for. The body's verbatim bytes are what is signed: at most 65536 of them, no key unknown or twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// Always 1.
    #[schema(minimum = 1, maximum = 1)]
    pub version: u8,
    /// Chosen by the client; a transfer has this identity for ever.
    #[schema(pattern = "^int_[0-7][0-9a-hjkmnp-tv-z]{25}$", example = "int_01k9z0000000000000000000000")]
    pub id: String,
    /// The workspace's genesis digest (rule G1), lower-case hex.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub genesis: String,
    /// Name of the vault in the policy set.
    #[schema(min_length = 1, max_length = 256, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    pub vault: String,
    /// The wallet that acts.
    #[schema(pattern = "^wal_[0-7][0-9a-hjkmnp-tv-z]{25}$", example = "wal_01k9z0000000000000000000000")]
    pub wallet: String,
    /// The chain.
    #[schema(pattern = "^(eip155:[1-9][0-9]{0,19}|bitcoin:(main|testnet|signet|regtest))$", example = "eip155:1")]
    pub network: String,
    /// What to do. EVM chains take exactly one action; Bitcoin takes transfers only.
    #[schema(min_items = 1, max_items = 100)]
    pub actions: Vec<Action>,
    /// The most that may be paid in fees, base units of the network's own coin.
    #[schema(pattern = "^(0|[1-9][0-9]{0,77})$")]
    pub max_fee: String,
    /// After this nothing is signed (rule I1). Whole seconds.
    #[schema(format = DateTime, pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")]
    pub expires_at: String,
    /// The caller's own reference; unique for ever in the workspace.
    #[schema(min_length = 1, max_length = 256, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The intent whose slot this one takes over: a speed-up or a cancel (rule I3).
    #[schema(pattern = "^int_[0-7][0-9a-hjkmnp-tv-z]{25}$")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
}

/// One action. Addresses are text in the chain's checksummed form; amounts are base units, at most 2^256 - 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Pay.
    Transfer {
        /// Asset id in the policy set.
        #[schema(min_length = 1, max_length = 256, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
        asset: String,
        /// Recipient.
        #[schema(min_length = 1, max_length = 128, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
        to: String,
        /// Not zero.
        #[schema(pattern = "^[1-9][0-9]{0,77}$")]
        amount: String,
    },
    /// ERC-20 allowance.
    Approve {
        /// Asset id of a token.
        #[schema(min_length = 1, max_length = 256, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
        asset: String,
        /// Who may take.
        #[schema(min_length = 1, max_length = 128, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
        spender: String,
        /// New allowance; zero revokes.
        #[schema(pattern = "^(0|[1-9][0-9]{0,77})$")]
        amount: String,
    },
    /// ERC-20 transfer of somebody else's allowed tokens.
    TransferFrom {
        /// Asset id of a token.
        #[schema(min_length = 1, max_length = 256, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
        asset: String,
        /// Whose tokens.
        #[schema(min_length = 1, max_length = 128, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
        owner: String,
        /// Recipient.
        #[schema(min_length = 1, max_length = 128, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
        to: String,
        /// Not zero.
        #[schema(pattern = "^[1-9][0-9]{0,77}$")]
        amount: String,
    },
    /// ERC-2612 permit, signed and not broadcast.
    Permit {
        /// Asset id of a token.
        #[schema(min_length = 1, max_length = 256, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
        asset: String,
        /// Who may take.
        #[schema(min_length = 1, max_length = 128, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
        spender: String,
        /// The allowance.
        #[schema(pattern = "^(0|[1-9][0-9]{0,77})$")]
        amount: String,
        /// Void after this. Whole seconds.
        #[schema(format = DateTime, pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")]
        deadline: String,
    },
    /// Contract call by ABI.
    Call {
        /// The contract.
        #[schema(min_length = 1, max_length = 128, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
        to: String,
        /// Native coin sent along.
        #[schema(pattern = "^(0|[1-9][0-9]{0,77})$")]
        value: String,
        /// Canonical function signature.
        #[schema(
            min_length = 1,
            max_length = 1024,
            pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$",
            example = "deposit(uint256,address)"
        )]
        function: String,
        /// Arguments in text form, one per parameter.
        arguments: Vec<String>,
    },
    /// Contract call by raw data: an `Opaque` effect.
    RawCall {
        /// The contract.
        #[schema(min_length = 1, max_length = 128, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
        to: String,
        /// Native coin sent along.
        #[schema(pattern = "^(0|[1-9][0-9]{0,77})$")]
        value: String,
        /// Call data, `0x` and lower-case hex.
        data: String,
    },
    /// EIP-7702 delegation.
    Delegate {
        /// The contract whose code the account runs.
        #[schema(min_length = 1, max_length = 128, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
        to: String,
    },
    /// Use up the nonce of the replaced intent.
    Cancel {},
    /// Ownership proof.
    Prove {
        /// One line of printable text.
        #[schema(min_length = 1, max_length = 256, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
        statement: String,
    },
    /// EIP-712 typed data of no pinned type: an `Opaque` effect.
    TypedData {
        /// The typed data document, verbatim.
        json: String,
    },
    /// EIP-191 message: an `Opaque` effect.
    Message {
        /// The message text.
        text: String,
    },
}
