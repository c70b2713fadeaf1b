//! SHA-256 under a purpose: the same bytes hashed for another purpose give another digest.

use minicbor::{Decode, Encode};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// What a digest or a signature is for. The strings are part of every stored or signed form: never change one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// A genesis document's body.
    Genesis,
    /// A policy set's body.
    PolicySet,
    /// An admin order's body.
    Order,
    /// An intent's verbatim body.
    Intent,
    /// The approval envelope (rule I2); also the WebAuthn challenge (rule P2).
    Approval,
    /// A whole signing request.
    Request,
    /// A signing session's id (rule S1).
    Session,
    /// The hash of all broadcasts seen in a session.
    Transcript,
    /// A cosigner's verdict, the chain of verdicts, and its receipt signature.
    Verdict,
    /// A boot certificate.
    Boot,
    /// A key certificate signed by all cosigners after key generation (rule A1).
    KeyCertificate,
    /// From a wallet's id to its path.
    WalletPath,
    /// One sealed record of a cosigner's state.
    Record,
    /// What all signers of a session record before the last message (rule L1).
    Commitment,
    /// A key generation's or refresh's bound context.
    Ceremony,
    /// An entry of the host's audit log.
    AuditLog,
    /// Both directions of a pair's channel: what a peer's attestation answers (rule E2).
    PeerChannels,
    /// What the documents of a hand-over answer, and what its sealed key is bound to (rule E1).
    HandOver,
    /// A recovery kit (rule K3).
    RecoveryKit,
    /// A sealed share beside its kit (rule K3).
    SealedShare,
    /// A witness's statement (rules G3, M1, L3).
    Fact,
    /// A freeze, veto or withdrawal (rule P1); also the WebAuthn challenge.
    Brake,
    /// The freezes that one cosigner holds in force (rule P1).
    Freezes,
    /// What a cosigner says of a recovery drill (rule K3).
    Drill,
}

impl Domain {
    /// Every domain, for the test that they are prefix-free.
    pub const ALL: [Domain; 24] = [
        Domain::Genesis,
        Domain::PolicySet,
        Domain::Order,
        Domain::Intent,
        Domain::Approval,
        Domain::Request,
        Domain::Session,
        Domain::Transcript,
        Domain::Verdict,
        Domain::Boot,
        Domain::KeyCertificate,
        Domain::WalletPath,
        Domain::Record,
        Domain::Commitment,
        Domain::Ceremony,
        Domain::AuditLog,
        Domain::PeerChannels,
        Domain::HandOver,
        Domain::RecoveryKit,
        Domain::SealedShare,
        Domain::Fact,
        Domain::Brake,
        Domain::Freezes,
        Domain::Drill,
    ];

    /// The separation string.
    pub fn tag(self) -> &'static str {
        match self {
            Domain::Genesis => "ringi/genesis/v1",
            Domain::PolicySet => "ringi/policy-set/v1",
            Domain::Order => "ringi/order/v1",
            Domain::Intent => "ringi/intent/v1",
            Domain::Approval => "ringi/approval/v1",
            Domain::Request => "ringi/request/v1",
            Domain::Session => "ringi/session/v1",
            Domain::Transcript => "ringi/transcript/v1",
            Domain::Verdict => "ringi/verdict/v1",
            Domain::Boot => "ringi/boot/v1",
            Domain::KeyCertificate => "ringi/key-certificate/v1",
            Domain::WalletPath => "ringi/wallet-path/v1",
            Domain::Record => "ringi/record/v1",
            Domain::Commitment => "ringi/commitment/v1",
            Domain::Ceremony => "ringi/ceremony/v1",
            Domain::AuditLog => "ringi/audit-log/v1",
            Domain::PeerChannels => "ringi/peer-channels/v1",
            Domain::HandOver => "ringi/hand-over/v1",
            Domain::RecoveryKit => "ringi/recovery-kit/v1",
            Domain::SealedShare => "ringi/sealed-share/v1",
            Domain::Fact => "ringi/fact/v1",
            Domain::Brake => "ringi/brake/v1",
            Domain::Freezes => "ringi/freezes/v1",
            Domain::Drill => "ringi/drill/v1",
        }
    }
}

/// A SHA-256 digest made under a [`Domain`]. Public data.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// All zero: the "previous" of a chain's first element.
    pub const ZERO: Digest = Digest([0; 32]);

    /// SHA-256(tag ‖ bytes). No tag is a prefix of another, so purposes cannot be confused.
    pub fn of(domain: Domain, bytes: &[u8]) -> Digest {
        Digest::of_parts(domain, &[bytes])
    }

    /// Like [`Digest::of`] over the concatenation; callers make the parts fixed-length or self-delimiting.
    pub fn of_parts(domain: Domain, parts: &[&[u8]]) -> Digest {
        let mut h = Sha256::new();
        h.update(domain.tag().as_bytes());
        for part in parts {
            h.update(part);
        }
        Digest(h.finalize().into())
    }

    /// Lower-case hex, 64 characters.
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }

    /// From 64 lower-case hex characters.
    pub fn from_hex(text: &str) -> Option<Digest> {
        if text.len() != 64 || text.bytes().any(|b| b.is_ascii_uppercase()) {
            return None;
        }
        let mut out = [0; 32];
        hex::decode_to_slice(text, &mut out).ok()?;
        Some(Digest(out))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

impl<C> Encode<C> for Digest {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(&self.0)?;
        Ok(())
    }
}

impl<'b, C> Decode<'b, C> for Digest {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let bytes = d.bytes()?;
        <[u8; 32]>::try_from(bytes).map(Digest).map_err(|_| minicbor::decode::Error::message("digest is not 32 bytes"))
    }
}

impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.hex())
    }
}

impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        Digest::from_hex(&text).ok_or_else(|| serde::de::Error::custom("digest is not 64 lower-case hex characters"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_prefix_free() {
        for a in Domain::ALL {
            for b in Domain::ALL {
                assert!(a == b || !b.tag().starts_with(a.tag()), "{a:?} is a prefix of {b:?}");
            }
        }
    }
}
