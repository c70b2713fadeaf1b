//! Verdicts and receipts: what each cosigner said, signed by a key that lives for one boot (rule R1).

use crate::amount::Amount;
use crate::cbor;
use crate::certificate::SignedCertificate;
use crate::digest::{Digest, Domain};
use crate::effects::{Effect, Slot};
use crate::genesis::Assurance;
use crate::id::IntentId;
use crate::key::{PublicKey, SignatureBytes};
use crate::plan::Plan;
use crate::request::FinishedSignature;
use crate::scheme::PartyIndex;
use crate::signed::Signed;
use crate::time::UnixMs;
use minicbor::{Decode, Encode};

/// A cosigner's statement that this receipt key is its own for this boot.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct BootCertificate {
    /// Always 1.
    #[n(0)]
    pub version: u8,
    /// The workspace.
    #[n(1)]
    pub genesis: Digest,
    /// Which cosigner.
    #[n(2)]
    pub cosigner: PartyIndex,
    /// Its boot number; only rises (rule B1).
    #[n(3)]
    pub boot: u64,
    /// Key that signs this boot's verdicts; never sealed.
    #[n(4)]
    pub receipt_key: PublicKey,
    /// What it runs in.
    #[n(5)]
    pub assurance: Assurance,
    /// Attestation document over this certificate's other fields; `None` for plain processes.
    #[n(6)]
    #[cbor(with = "minicbor::bytes")]
    pub attestation: Option<Vec<u8>>,
}

/// A boot certificate signed by the cosigner's identity key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SignedBoot {
    /// The certificate.
    #[n(0)]
    pub certificate: BootCertificate,
    /// By the identity key of genesis, over its digest.
    #[n(1)]
    pub signature: SignatureBytes,
}

impl BootCertificate {
    /// What the identity key signs.
    pub fn digest(&self) -> Digest {
        Digest::of(Domain::Boot, &cbor::encode(self))
    }
}

/// What one cosigner decided about one request, chained before its last-round message left (rule S1).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Verdict {
    /// Always 1.
    #[n(0)]
    pub version: u8,
    /// The workspace.
    #[n(1)]
    pub genesis: Digest,
    /// Which cosigner.
    #[n(2)]
    pub cosigner: PartyIndex,
    /// Its boot.
    #[n(3)]
    pub boot: u64,
    /// Number of this verdict in the cosigner's life, without gaps.
    #[n(4)]
    pub sequence: u64,
    /// Digest of its verdict before; zero for the first.
    #[n(5)]
    pub previous: Digest,
    /// The session (rule S1).
    #[n(6)]
    pub session: Digest,
    /// Digest of the signing request's bytes.
    #[n(7)]
    pub request: Digest,
    /// The intent.
    #[n(8)]
    pub intent: IntentId,
    /// The slot it is pinned to.
    #[n(9)]
    pub slot: Slot,
    /// What the bytes request, as this cosigner decoded them.
    #[n(10)]
    pub effects: Vec<Effect>,
    /// The most the bytes can cost in fees.
    #[n(11)]
    pub max_fee: Amount,
    /// The rules that decided.
    #[n(12)]
    pub rules: Vec<String>,
    /// The policy set they are from.
    #[n(13)]
    pub policy: Digest,
    /// When, by this cosigner's clock.
    #[n(14)]
    pub at: UnixMs,
    /// The signers of the session.
    #[n(15)]
    pub signers: Vec<PartyIndex>,
}

impl Verdict {
    /// What the receipt key signs and the next verdict chains to.
    pub fn digest(&self) -> Digest {
        Digest::of(Domain::Verdict, &cbor::encode(self))
    }
}

/// A verdict signed by the boot's receipt key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SignedVerdict {
    /// The verdict.
    #[n(0)]
    pub verdict: Verdict,
    /// Over its digest.
    #[n(1)]
    pub signature: SignatureBytes,
}

/// Everything about one transfer that can be verified offline with a pinned genesis. Holds nothing that cannot be
/// checked: a flipped byte anywhere makes verification fail. It does not prove inclusion on chain.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Receipt {
    /// Always 1.
    #[n(0)]
    pub version: u8,
    /// The policy set in force, signed by the admin quorum.
    #[n(1)]
    pub policy: Signed,
    /// The signing request's exact bytes: intent, initiator's signature, approvals, unsigned bytes.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub request: Vec<u8>,
    /// The plan; recomputed by the verifier.
    #[n(3)]
    pub plan: Plan,
    /// One verdict per signer.
    #[n(4)]
    pub verdicts: Vec<SignedVerdict>,
    /// The boots that signed them.
    #[n(5)]
    pub boots: Vec<SignedBoot>,
    /// The distributed keys that signed.
    #[n(6)]
    pub certificates: Vec<SignedCertificate>,
    /// The signatures, in order of the sighashes.
    #[n(7)]
    pub signatures: Vec<FinishedSignature>,
    /// The broadcast bytes; recomputed by the verifier.
    #[n(8)]
    #[cbor(with = "minicbor::bytes")]
    pub transaction: Vec<u8>,
    /// The transaction's id as explorers show it; recomputed by the verifier.
    #[n(9)]
    pub transaction_id: String,
}
