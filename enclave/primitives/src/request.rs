//! The signing request: everything a cosigner needs to judge one transaction, the same bytes to every cosigner.
//!
//! Rule I4: every field is listed in [`FIELDS`] as fixed by a signer, pinned at first use, or the host's choice within
//! a bound. The mutation suite is generated from that table; a field missing from it fails the suite.

use crate::approval::Approval;
use crate::digest::{Digest, Domain};
use crate::fact::SignedFact;
use crate::httpsig::RequestSignature;
use minicbor::{Decode, Encode};

/// What enters the enclave for one signature (or several, of one Bitcoin transaction).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SigningRequest {
    /// Always 1.
    #[n(0)]
    pub version: u8,
    /// The workspace (rule G1); must equal the intent's.
    #[n(1)]
    pub genesis: Digest,
    /// The intent's verbatim JSON bytes.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub intent: Vec<u8>,
    /// The initiator's signature over the HTTP request that carried it (rule I1).
    #[n(3)]
    pub initiator: RequestSignature,
    /// Approvals of the envelope (rule I2).
    #[n(4)]
    pub approvals: Vec<Approval>,
    /// Digest of the policy set the host believes in force; must be the cosigner's own.
    #[n(5)]
    pub policy: Digest,
    /// The bytes to sign.
    #[n(6)]
    pub unsigned: Unsigned,
    /// Facts that the policy needs, each signed by a witness that it names (rules G3, M1, L3).
    #[n(7)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub facts: Vec<SignedFact>,
}

impl SigningRequest {
    /// The digest of the request's exact bytes, part of the session id (rule S1).
    pub fn digest(bytes: &[u8]) -> Digest {
        Digest::of(Domain::Request, bytes)
    }
}

/// Unsigned bytes and which of the chain's doors they go through.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Unsigned {
    /// Transaction, typed data, message, authorization.
    #[n(0)]
    pub kind: PayloadKind,
    /// EVM: the signing payload (type byte and RLP); Bitcoin: a PSBT v0; typed data: JSON; message: text.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
}

/// The kinds of signed payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum PayloadKind {
    /// A transaction.
    #[n(0)]
    Transaction,
    /// EIP-712 typed data.
    #[n(1)]
    TypedData,
    /// An EIP-191 version 0x45 message.
    #[n(2)]
    Message,
    /// An EIP-7702 authorization.
    #[n(3)]
    Authorization,
}

/// A finished signature as the chain takes it: r ‖ s for ECDSA, the 64 bytes of BIP-340 or Ed25519.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct FinishedSignature {
    /// The 64 bytes.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub bytes: [u8; 64],
    /// ECDSA only: which of the curve points R was, 0 or 1 after low-s.
    #[n(1)]
    pub recovery_id: Option<u8>,
}

/// Who decides a field of the signing request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// A signer fixed it: any change is refused.
    Fixed,
    /// Fixed at first use; another value is refused afterwards (rule I3).
    Pinned,
    /// The host may choose, within what the named check allows; inside that no approved effect changes.
    Bounded(&'static str),
}

/// Rule I4: every field, outermost first. Paths into `unsigned` are chain fields.
pub const FIELDS: &[(&str, Binding)] = &[
    ("version", Binding::Fixed),
    ("genesis", Binding::Fixed),
    ("intent", Binding::Fixed),
    ("initiator.method", Binding::Fixed),
    ("initiator.path", Binding::Fixed),
    ("initiator.idempotency_key", Binding::Fixed),
    ("initiator.key", Binding::Fixed),
    ("initiator.created_s", Binding::Fixed),
    ("initiator.expires_s", Binding::Fixed),
    ("initiator.nonce", Binding::Fixed),
    ("initiator.signature", Binding::Fixed),
    ("approvals.person", Binding::Fixed),
    ("approvals.evidence", Binding::Fixed),
    ("approvals", Binding::Bounded("any set of true approvals that meets the policy's quorum")),
    ("policy", Binding::Fixed),
    ("facts.statement", Binding::Fixed),
    ("facts.signature", Binding::Fixed),
    (
        "facts",
        Binding::Bounded("any true statements of named witnesses, in their time, none older than one seen before (M1)"),
    ),
    ("unsigned.kind", Binding::Fixed),
    ("unsigned.evm.type", Binding::Bounded("legacy with EIP-155, 2930, 1559: the same effects in another envelope")),
    ("unsigned.evm.chain_id", Binding::Fixed),
    ("unsigned.evm.nonce", Binding::Pinned),
    ("unsigned.evm.gas_limit", Binding::Bounded("gas limit x fee per gas <= max_fee")),
    ("unsigned.evm.max_fee_per_gas", Binding::Bounded("gas limit x fee per gas <= max_fee")),
    ("unsigned.evm.max_priority_fee_per_gas", Binding::Bounded("<= max_fee_per_gas")),
    ("unsigned.evm.to", Binding::Fixed),
    ("unsigned.evm.value", Binding::Fixed),
    ("unsigned.evm.data", Binding::Fixed),
    ("unsigned.evm.access_list", Binding::Bounded("changes gas only, which max_fee bounds")),
    ("unsigned.evm.authorization", Binding::Fixed),
    ("unsigned.bitcoin.version", Binding::Bounded("1 or 2")),
    ("unsigned.bitcoin.lock_time", Binding::Bounded("zero or a block height: delays, never redirects")),
    ("unsigned.bitcoin.input.outpoint", Binding::Pinned),
    ("unsigned.bitcoin.input.sequence", Binding::Bounded("delays or allows replacement, never redirects")),
    ("unsigned.bitcoin.input.previous", Binding::Fixed),
    ("unsigned.bitcoin.input.spent", Binding::Fixed),
    ("unsigned.bitcoin.input.hint", Binding::Fixed),
    ("unsigned.bitcoin.input.sighash_type", Binding::Fixed),
    ("unsigned.bitcoin.output.script", Binding::Fixed),
    ("unsigned.bitcoin.output.value", Binding::Fixed),
    (
        "unsigned.bitcoin.change.script",
        Binding::Bounded("the same wallet's change branch within the index gap (rule C1)"),
    ),
    ("unsigned.bitcoin.change.hint", Binding::Bounded("an index of the change branch whose key the script pays")),
    ("unsigned.bitcoin.change.value", Binding::Bounded("inputs - payments - change <= max_fee")),
    ("unsigned.bitcoin.other", Binding::Fixed),
];
