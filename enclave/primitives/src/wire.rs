//! What host and cosigner say to each other over the one inherited stream: length-prefixed deterministic CBOR.
//!
//! A frame is a 4-byte big-endian length and that many bytes of [`ToCosigner`] or [`FromCosigner`], at most
//! [`limits::FRAME_BYTES`]. The host's frames are foreign input: nothing in them is believed that is not signed.

use crate::brake::SignedBrake;
use crate::certificate::{SignedCertificate, SignedDrill};
use crate::digest::Digest;
use crate::fact::SignedFact;
use crate::id::{IntentId, OrderId};
use crate::key::PublicKey;
use crate::kit::SealedPart;
use crate::limits;
use crate::receipt::{SignedBoot, SignedVerdict};
use crate::request::FinishedSignature;
use crate::scheme::PartyIndex;
use crate::signed::Signed;
use crate::upgrade::{UpgradeStep, UpgradeWord};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use std::fmt;
use std::io::{self, Read, Write};

/// Protocol version spoken in [`ToCosigner::Start`].
pub const VERSION: u8 = 2;

/// The host's handle of one signing attempt: random, never reused. It names, it proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Tag(
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub [u8; 16],
);

/// From host to cosigner.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ToCosigner {
    /// First frame: who this is, and how many stored records follow in [`ToCosigner::Records`].
    #[n(0)]
    Start {
        /// [`VERSION`].
        #[n(0)]
        version: u8,
        /// Its number.
        #[n(1)]
        me: PartyIndex,
        /// Stored records from the newest snapshot on; 0 for a new cosigner.
        #[n(2)]
        records: u64,
        /// For an attested cosigner: what it asks the key service with. `None`: its key comes over a descriptor
        /// (development).
        #[n(3)]
        key_access: Option<KeyAccess>,
    },
    /// All versions of the genesis document, first to newest.
    #[n(1)]
    InstallGenesis {
        /// The versions.
        #[n(0)]
        versions: Vec<Signed>,
    },
    /// A policy set signed by the admin quorum.
    #[n(2)]
    InstallPolicy {
        /// The set.
        #[n(0)]
        set: Signed,
    },
    /// An order signed by the admin quorum.
    #[n(3)]
    Order {
        /// The order.
        #[n(0)]
        order: Signed,
    },
    /// Take part in signing this request with exactly these signers.
    #[n(4)]
    Sign {
        /// The host's handle; the same at all signers of the attempt.
        #[n(0)]
        tag: Tag,
        /// A [`crate::request::SigningRequest`]'s exact bytes; the same at all signers.
        #[n(1)]
        request: ByteVec,
        /// Exactly t distinct cosigners, ascending.
        #[n(2)]
        signers: Vec<PartyIndex>,
    },
    /// Give up a signing attempt.
    #[n(5)]
    Abort {
        /// Which.
        #[n(0)]
        tag: Tag,
    },
    /// A sealed frame from another cosigner.
    #[n(6)]
    Peer {
        /// Who the relay says sent it.
        #[n(0)]
        from: PartyIndex,
        /// The frame.
        #[n(1)]
        frame: ByteVec,
    },
    /// Records up to this sequence are durable. For restart only; proves nothing (rule B1).
    #[n(7)]
    Stored {
        /// The newest durable record.
        #[n(0)]
        sequence: u64,
    },
    /// Ask for [`FromCosigner::Status`].
    #[n(8)]
    Status,
    /// The relay to this peer is (again) up: say hello to it.
    #[n(9)]
    PeerUp {
        /// Which.
        #[n(0)]
        peer: PartyIndex,
    },
    /// After `Start`, or after [`FromCosigner::KeyOpen`] if it has a kept key: its stored records, oldest first, in as many
    /// frames as they need.
    #[n(10)]
    Records {
        /// Sealed records as they were handed out by [`FromCosigner::Store`].
        #[n(0)]
        records: Vec<ByteVec>,
    },
    /// Bytes of the connection that [`FromCosigner::Dial`] asked for; none when it has ended.
    #[n(11)]
    Tunnel {
        /// The bytes.
        #[n(0)]
        bytes: ByteVec,
    },
    /// Ask for [`FromCosigner::Attested`]: a fresh document that answers this nonce.
    #[n(12)]
    Attest {
        /// At most [`limits::NONCE_BYTES`].
        #[n(0)]
        nonce: ByteVec,
    },
    /// A step of an upgrade (rule E1).
    #[n(13)]
    Upgrade {
        /// Which.
        #[n(0)]
        step: UpgradeStep,
    },
    /// Ask for [`FromCosigner::RecoveryKit`], one for each key in use.
    #[n(15)]
    MakeKits,
    /// Restore shares under a recovery order (rule K3): all kits that it names, in its order.
    #[n(16)]
    Restore {
        /// A [`crate::order::OrderAction::Recovery`], or a [`crate::order::OrderAction::Drill`], which only compares.
        #[n(0)]
        order: Signed,
        /// What each kit takes.
        #[n(1)]
        shares: Vec<LostShare>,
    },
    /// Facts beside any request (rules M1, L3): remembered if they are true, at most [`limits::FACTS`].
    #[n(24)]
    Facts {
        /// They.
        #[n(0)]
        facts: Vec<SignedFact>,
    },
    /// A freeze, veto or withdrawal (rule P1).
    #[n(20)]
    Brake {
        /// With its proof.
        #[n(0)]
        brake: SignedBrake,
    },
}

/// An attested cosigner's data key as the host keeps it. All of it is the host's word: another genesis is another encryption
/// context and another PCR16, under which no key opens.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct KeptKey {
    /// All versions of genesis when the key was wrapped, first to newest; the newest names the key service's key.
    #[n(0)]
    pub genesis: Vec<Signed>,
    /// The data key as the key service wrapped it.
    #[n(1)]
    pub wrapped_key: ByteVec,
}

/// How an attested cosigner comes to its data key.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct KeyAccess {
    /// What it said with [`FromCosigner::KeepKey`]; `None` before.
    #[n(0)]
    pub kept: Option<KeptKey>,
    /// Credentials for the key service: the host's, not secret from it.
    #[n(1)]
    pub access_key: String,
    /// Likewise.
    #[n(2)]
    pub secret_key: String,
    /// Likewise, of temporary credentials.
    #[n(3)]
    pub session_token: Option<String>,
}

impl fmt::Debug for KeyAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the credentials.
        f.debug_struct("KeyAccess").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

/// From cosigner to host. Codes and public facts only, never a secret.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[allow(clippy::large_enum_variant, reason = "one frame lives at a time and none are stored: a box saves nothing")]
pub enum FromCosigner {
    /// After `Start`: the public keys that genesis names.
    #[n(0)]
    Identity {
        /// Its number.
        #[n(0)]
        me: PartyIndex,
        /// X25519 static key of the peers' channel.
        #[n(1)]
        #[cbor(with = "minicbor::bytes")]
        channel_key: [u8; 32],
        /// Ed25519 identity key.
        #[n(2)]
        identity_key: PublicKey,
        /// The workspace, if genesis is installed.
        #[n(3)]
        genesis: Option<Digest>,
    },
    /// Peers have granted this boot (rule B1): it takes part from now on.
    #[n(1)]
    Ready {
        /// Its boot certificate.
        #[n(0)]
        boot: SignedBoot,
    },
    /// Keep this sealed record and say [`ToCosigner::Stored`] when it is durable.
    #[n(2)]
    Store {
        /// Its sequence: 1, 2, 3, … without gaps; of a state that was handed over, on from its last record.
        #[n(0)]
        sequence: u64,
        /// Whether it completes a snapshot: then the records before the snapshot may be dropped once it is durable.
        #[n(1)]
        kind: RecordKind,
        /// The sealed record.
        #[n(2)]
        record: ByteVec,
    },
    /// Carry this sealed frame to another cosigner.
    #[n(3)]
    Peer {
        /// To whom.
        #[n(0)]
        to: PartyIndex,
        /// The frame.
        #[n(1)]
        frame: ByteVec,
    },
    /// All signers have merged and recorded this attempt's reservation: its limits are free for the next one (rule L1).
    #[n(4)]
    Reserved {
        /// Which attempt.
        #[n(0)]
        tag: Tag,
    },
    /// The attempt's signatures, in order of the sighashes, and this cosigner's verdict.
    #[n(5)]
    Signed {
        /// Which attempt.
        #[n(0)]
        tag: Tag,
        /// Verified signatures.
        #[n(1)]
        signatures: Vec<FinishedSignature>,
        /// The verdict chained before the last message left.
        #[n(2)]
        verdict: SignedVerdict,
    },
    /// The attempt ended without a signature from here.
    #[n(6)]
    Refused {
        /// Which attempt.
        #[n(0)]
        tag: Tag,
        /// Why.
        #[n(1)]
        refusal: Refusal,
    },
    /// Genesis is installed (or was already).
    #[n(7)]
    GenesisInstalled {
        /// The workspace.
        #[n(0)]
        root: Digest,
        /// Version in force.
        #[n(1)]
        head: Digest,
    },
    /// This policy set is in force here (rule P1: the host counts k of n).
    #[n(8)]
    PolicyInstalled {
        /// Its digest.
        #[n(0)]
        digest: Digest,
        /// Its sequence.
        #[n(1)]
        sequence: u64,
    },
    /// An order is carried out: all n have signed what it made.
    #[n(9)]
    OrderDone {
        /// Which.
        #[n(0)]
        order: OrderId,
        /// For key generation and refresh.
        #[n(1)]
        certificate: Option<SignedCertificate>,
    },
    /// A document of the host (genesis, policy set, order) was refused, or an order's ceremony failed.
    #[n(10)]
    DocumentRefused {
        /// The order, where it was one.
        #[n(0)]
        order: Option<OrderId>,
        /// Why.
        #[n(1)]
        refusal: Refusal,
    },
    /// Answer to [`ToCosigner::Status`].
    #[n(11)]
    Status {
        /// The facts.
        #[n(0)]
        status: CosignerStatus,
    },
    /// Something happened that the log should hold.
    #[n(12)]
    Event {
        /// Stable code `area.name`.
        #[n(0)]
        code: String,
        /// The peer concerned.
        #[n(1)]
        peer: Option<PartyIndex>,
        /// The intent concerned.
        #[n(2)]
        intent: Option<IntentId>,
    },
    /// Connect to the key service; a connection before this one ends.
    #[n(13)]
    Dial {
        /// Host name.
        #[n(0)]
        host: String,
        /// TCP port.
        #[n(1)]
        port: u16,
    },
    /// Bytes for that connection.
    #[n(14)]
    Tunnel {
        /// The bytes; TLS, ended in the enclave.
        #[n(0)]
        bytes: ByteVec,
    },
    /// Keep this wrapped data key, durably, before any record that follows: without it none of them opens.
    #[n(15)]
    KeepKey {
        /// What to hand back at the next start.
        #[n(0)]
        key: KeptKey,
    },
    /// The kept key is open: send the records now. Said once, by an attested cosigner that has a key.
    #[n(17)]
    KeyOpen,
    /// Answer to [`ToCosigner::Attest`].
    #[n(16)]
    Attested {
        /// The document; none from a plain process.
        #[n(0)]
        document: Option<ByteVec>,
    },
    /// The answer to a step of an upgrade (rule E1).
    #[n(18)]
    Upgrade {
        /// What it says.
        #[n(0)]
        word: UpgradeWord,
    },
    /// A verified recovery kit of this cosigner's share (rule K3): keep both, they are public.
    #[n(20)]
    RecoveryKit {
        /// A [`crate::kit::RecoveryKit`]'s bytes.
        #[n(0)]
        kit: ByteVec,
        /// The whole share, sealed under the secret that the kit gives back.
        #[n(1)]
        sealed: ByteVec,
        /// The certificate of its key and epoch.
        #[n(2)]
        certificate: SignedCertificate,
    },
    /// This brake holds here, durably (rule P1: the host counts k of n).
    #[n(24)]
    BrakeHeld {
        /// Its digest.
        #[n(0)]
        brake: Digest,
    },
    /// This brake does not hold here.
    #[n(25)]
    BrakeRefused {
        /// Its digest.
        #[n(0)]
        brake: Digest,
        /// Why.
        #[n(1)]
        refusal: Refusal,
    },
}

/// A recovery order and all that it takes: [`ToCosigner::Restore`] as it comes to a host.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Recovery {
    /// The order.
    #[n(0)]
    pub order: Signed,
    /// One for each kit that it names, in its order.
    #[n(1)]
    pub shares: Vec<LostShare>,
}

/// One share to restore.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct LostShare {
    /// Its kit's bytes.
    #[n(0)]
    pub kit: ByteVec,
    /// The sealed share that was kept beside it.
    #[n(1)]
    pub sealed: ByteVec,
    /// The certificate of its key and epoch.
    #[n(2)]
    pub certificate: SignedCertificate,
    /// What recipients opened, sealed to this cosigner.
    #[n(3)]
    pub parts: Vec<SealedPart>,
}

/// What a stored record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum RecordKind {
    /// One change.
    #[n(0)]
    Change,
    /// The last record of a snapshot, mostly its only one: the records before the snapshot are no longer needed.
    #[n(1)]
    Snapshot,
    /// A record of a snapshot that goes on in the next one. Worth nothing without all of them.
    #[n(2)]
    SnapshotPart,
}

/// Why a cosigner refuses, without secrets.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Refusal {
    /// Stable code `area.reason`.
    #[n(0)]
    pub code: String,
    /// The rule of the policy or PROTOCOL tag that decided, or the field concerned.
    #[n(1)]
    pub detail: String,
    /// Whether the same request may succeed later.
    #[n(2)]
    pub retry: Retry,
    /// Peers at fault or suspected.
    #[n(3)]
    pub peers: Vec<PartyIndex>,
}

/// Whether trying again makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Retry {
    /// Never: the request itself is refused.
    #[n(0)]
    Never,
    /// Yes, under a new tag: busy limit, lost message, peer restarting.
    #[n(1)]
    Later,
}

/// A cosigner's public state.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CosignerStatus {
    /// Its number.
    #[n(0)]
    pub me: PartyIndex,
    /// Its boot number.
    #[n(1)]
    pub boot: u64,
    /// Whether peers granted the boot.
    #[n(2)]
    pub ready: bool,
    /// Peers with an open channel in both directions.
    #[n(3)]
    pub peers: Vec<PartyIndex>,
    /// Policy set in force.
    #[n(4)]
    pub policy: Option<Digest>,
    /// Certificates of the keys it holds shares of.
    #[n(5)]
    pub certificates: Vec<SignedCertificate>,
    /// Cosigners it excludes (rule K2).
    #[n(6)]
    pub banned: Vec<PartyIndex>,
    /// Newest record.
    #[n(7)]
    pub sequence: u64,
    /// Signing sessions in progress.
    #[n(8)]
    pub sessions: u32,
    /// The receipt key of this boot: what a resume names (rule B1).
    #[n(9)]
    pub boot_key: PublicKey,
    /// Peers that have proved to run an allowed image (rule E2); empty for plain processes, which ask nobody.
    #[n(10)]
    pub proved: Vec<PartyIndex>,
    /// While it is not ready: why, as the stable code that it refuses with (rule B1).
    #[n(11)]
    pub refusal: Option<String>,
    /// Digests of the freezes that it holds in force (rule P1); `None` from an older image.
    #[n(12)]
    pub freezes: Option<Vec<Digest>>,
    /// Recovery drills that it has passed, one for each key (rule K3).
    #[n(13)]
    pub drills: Vec<SignedDrill>,
}

/// Writes one frame.
///
/// # Errors
/// The stream's; or `InvalidInput` for a frame over the bound.
pub fn write_frame<T: Encode<()>>(stream: &mut impl Write, message: &T) -> io::Result<()> {
    let body = crate::cbor::encode(message);
    let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= limits::FRAME_BYTES);
    let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "frame over its bound"))?;
    stream.write_all(&length.to_be_bytes())?;
    stream.write_all(&body)
}

/// Reads one frame; `None` at a clean end of the stream.
///
/// # Errors
/// The stream's; `InvalidData` for a frame over the bound or not canonical.
pub fn read_frame<T: for<'b> Decode<'b, ()> + Encode<()>>(stream: &mut impl Read) -> io::Result<Option<T>> {
    let mut head = [0u8; 4];
    match stream.read_exact(&mut head) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = usize::try_from(u32::from_be_bytes(head)).unwrap_or(usize::MAX);
    if length > limits::FRAME_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "frame over its bound"));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let message = crate::cbor::decode(&body, limits::FRAME_BYTES);
    message.map(Some).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}
