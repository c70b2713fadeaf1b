//! Effects: what an intent asks for and what bytes request, in the same words, so that the two can be compared.
//!
//! An effect says what the bytes *request*; contracts behind them may do otherwise (PROTOCOL "Say it honestly").

use crate::address::Address;
use crate::amount::Amount;
use crate::asset::AssetKey;
use crate::digest::Digest;
use crate::network::NetworkId;
use minicbor::{Decode, Encode};

/// One thing a transaction or message does. The order of a plan's effects is the order of the intent's actions.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Effect {
    /// The wallet pays `amount` of `asset` to `to`.
    #[n(0)]
    Transfer {
        /// What moves.
        #[n(0)]
        asset: AssetKey,
        /// Exact recipient.
        #[n(1)]
        to: Address,
        /// Exact amount in base units.
        #[n(2)]
        amount: Amount,
    },
    /// The wallet lets `spender` take up to `amount` of a token (ERC-20 `approve`).
    #[n(1)]
    Approve {
        /// The token.
        #[n(0)]
        asset: AssetKey,
        /// Who may take.
        #[n(1)]
        spender: Address,
        /// The new allowance.
        #[n(2)]
        amount: Amount,
    },
    /// The wallet moves a token of somebody who allowed it (ERC-20 `transferFrom`).
    #[n(2)]
    TransferFrom {
        /// The token.
        #[n(0)]
        asset: AssetKey,
        /// Whose token.
        #[n(1)]
        owner: Address,
        /// Recipient.
        #[n(2)]
        to: Address,
        /// Exact amount.
        #[n(3)]
        amount: Amount,
    },
    /// A signed message that works like `Approve` (ERC-2612), with bounded amount and deadline (rule C2).
    #[n(3)]
    Permit {
        /// The token; its contract is the EIP-712 verifyingContract.
        #[n(0)]
        asset: AssetKey,
        /// Who may take.
        #[n(1)]
        spender: Address,
        /// The allowance.
        #[n(2)]
        amount: Amount,
        /// Unix seconds after which the permit is void.
        #[n(3)]
        deadline_s: u64,
    },
    /// A call of a contract function that the policy set names, its arguments decoded by that ABI.
    #[n(4)]
    Call {
        /// The chain.
        #[n(0)]
        network: NetworkId,
        /// The contract.
        #[n(1)]
        contract: Address,
        /// Native coin sent along.
        #[n(2)]
        value: Amount,
        /// Canonical signature, e.g. `deposit(uint256,address)`.
        #[n(3)]
        function: String,
        /// The exact ABI-encoded call data, selector included.
        #[n(4)]
        #[cbor(with = "minicbor::bytes")]
        data: Vec<u8>,
    },
    /// An EIP-7702 delegation of the wallet's own account to a contract's code; never with chain id 0 (rule C2).
    #[n(5)]
    Delegate {
        /// The chain.
        #[n(0)]
        network: NetworkId,
        /// Whose code the account will run.
        #[n(1)]
        delegate: Address,
    },
    /// A zero-value transfer to the wallet itself that uses up the replaced intent's nonce; the pin fixes which (rule I3).
    #[n(6)]
    SelfCancel {
        /// The chain.
        #[n(0)]
        network: NetworkId,
    },
    /// A statement that the wallet's owner controls it: fixed prefix, no structure of the caller's choosing (rule C2).
    #[n(7)]
    OwnershipProof {
        /// The chain whose address signs.
        #[n(0)]
        network: NetworkId,
        /// The free part of the statement.
        #[n(1)]
        statement: String,
    },
    /// A signed EIP-712 message of a type that the policy set names, field by field (rule C2).
    #[n(9)]
    TypedMessage {
        /// The chain of its domain.
        #[n(0)]
        network: NetworkId,
        /// Its domain's verifyingContract.
        #[n(1)]
        contract: Address,
        /// Its primary type's `encodeType`.
        #[n(2)]
        kind: String,
        /// Its fields in the order of the type, those of nested structs by their path.
        #[n(3)]
        fields: Vec<MessageField>,
        /// What is signed.
        #[n(4)]
        payload: Digest,
    },
    /// Bytes that are understood only as bytes. Denied unless a rule names their kind.
    #[n(8)]
    Opaque {
        /// The chain.
        #[n(0)]
        network: NetworkId,
        /// What kind of bytes: `call`, `typed-data`, `message`, `contract-creation`.
        #[n(1)]
        kind: OpaqueKind,
        /// The target contract, where there is one.
        #[n(2)]
        target: Option<Address>,
        /// Native coin sent along.
        #[n(3)]
        value: Amount,
        /// Digest of the raw bytes (call data, typed data, message).
        #[n(4)]
        payload: Digest,
    },
}

/// One field of a typed message.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct MessageField {
    /// Its path from the message, such as `order.maker`.
    #[n(0)]
    pub path: String,
    /// Its 32-byte word as it is hashed: the value of a static type, the digest of a dynamic one.
    #[n(1)]
    pub word: Amount,
    /// As text, for people.
    #[n(2)]
    pub text: String,
}

/// Which door unknown bytes came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum OpaqueKind {
    /// Call data of no function the policy set names.
    #[n(0)]
    Call,
    /// EIP-712 data that is no pinned type.
    #[n(1)]
    TypedData,
    /// An EIP-191 message that is no ownership proof.
    #[n(2)]
    Message,
    /// Contract creation.
    #[n(3)]
    Creation,
}

impl Effect {
    /// The chain on which this happens.
    pub fn network(&self) -> NetworkId {
        match self {
            Effect::Transfer { asset, .. }
            | Effect::Approve { asset, .. }
            | Effect::TransferFrom { asset, .. }
            | Effect::Permit { asset, .. } => asset.network,
            Effect::Call { network, .. }
            | Effect::Delegate { network, .. }
            | Effect::SelfCancel { network }
            | Effect::OwnershipProof { network, .. }
            | Effect::TypedMessage { network, .. }
            | Effect::Opaque { network, .. } => *network,
        }
    }

    /// The stable name of the kind of effect, as rules and receipts spell it.
    pub fn kind(&self) -> &'static str {
        match self {
            Effect::Transfer { .. } => "transfer",
            Effect::Approve { .. } => "approve",
            Effect::TransferFrom { .. } => "transfer_from",
            Effect::Permit { .. } => "permit",
            Effect::Call { .. } => "call",
            Effect::Delegate { .. } => "delegate",
            Effect::SelfCancel { .. } => "self_cancel",
            Effect::OwnershipProof { .. } => "ownership_proof",
            Effect::TypedMessage { .. } => "typed_message",
            Effect::Opaque { kind: OpaqueKind::Call, .. } => "raw_call",
            Effect::Opaque { kind: OpaqueKind::TypedData, .. } => "raw_typed_data",
            Effect::Opaque { kind: OpaqueKind::Message, .. } => "raw_message",
            Effect::Opaque { kind: OpaqueKind::Creation, .. } => "deploy",
        }
    }

    /// Value that leaves, or may be taken from, the wallet: (asset, amount) pairs to charge against limits.
    pub fn spends(&self) -> Vec<(AssetKey, Amount)> {
        match self {
            Effect::Transfer { asset, amount, .. }
            | Effect::Approve { asset, amount, .. }
            | Effect::Permit { asset, amount, .. }
            | Effect::TransferFrom { asset, amount, .. } => vec![(*asset, *amount)],
            Effect::Call { network, value, .. } | Effect::Opaque { network, value, .. } => {
                vec![(AssetKey::native(*network), *value)]
            }
            Effect::Delegate { .. }
            | Effect::SelfCancel { .. }
            | Effect::OwnershipProof { .. }
            | Effect::TypedMessage { .. } => vec![],
        }
    }

    /// Who receives value or power by this effect; what allow-lists are checked against.
    pub fn beneficiary(&self) -> Option<Address> {
        match self {
            Effect::Transfer { to, .. } | Effect::TransferFrom { to, .. } => Some(*to),
            Effect::Approve { spender, .. } | Effect::Permit { spender, .. } => Some(*spender),
            Effect::Call { contract, .. } | Effect::TypedMessage { contract, .. } => Some(*contract),
            Effect::Delegate { delegate, .. } => Some(*delegate),
            Effect::Opaque { target, .. } => *target,
            Effect::SelfCancel { .. } | Effect::OwnershipProof { .. } => None,
        }
    }
}

/// The one place in a chain's history that a transaction takes, which no other may take (rule I3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum Slot {
    /// An account's nonce.
    #[n(0)]
    Nonce {
        /// The chain.
        #[n(0)]
        network: NetworkId,
        /// The account.
        #[n(1)]
        account: Address,
        /// Its nonce.
        #[n(2)]
        nonce: u64,
    },
    /// The outpoints a Bitcoin transaction spends, in transaction order; the first one pinned is the anchor.
    #[n(1)]
    Outpoints {
        /// The chain.
        #[n(0)]
        network: NetworkId,
        /// What is spent.
        #[n(1)]
        outpoints: Vec<Outpoint>,
    },
    /// An off-chain message: its own digest.
    #[n(2)]
    Message {
        /// The chain whose key signs.
        #[n(0)]
        network: NetworkId,
        /// Digest of the exact payload.
        #[n(1)]
        payload: Digest,
    },
}

/// A Bitcoin transaction output, named by the transaction and its place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Outpoint {
    /// Transaction id in internal byte order (as hashed).
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub txid: [u8; 32],
    /// Output number.
    #[n(1)]
    pub vout: u32,
}
