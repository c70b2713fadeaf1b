//! What cosigners say to each other inside their channel. Foreign input until every field is checked.

use crate::pins::Pin;
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use ringi_primitives::brake::SignedBrake;
use ringi_primitives::certificate::SignedCertificate;
use ringi_primitives::decision::Spending;
use ringi_primitives::digest::Digest;
use ringi_primitives::fact::SignedFact;
use ringi_primitives::id::{IntentId, OrderId};
use ringi_primitives::key::{PublicKey, SignatureBytes};
use ringi_primitives::order::KeyId;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::signed::Signed;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wire::Tag;

/// One message, whole, after decryption.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub enum PeerMessage {
    /// First message of a signing session.
    #[n(0)]
    Hello(#[n(0)] Box<Hello>),
    /// The signer has merged all hellos and recorded this reservation (rule L1).
    #[n(1)]
    Commit {
        /// The session (rule S1).
        #[n(0)]
        session: Digest,
        /// Digest of what was recorded.
        #[n(1)]
        commitment: Digest,
    },
    /// A message of a threshold machine.
    #[n(2)]
    Round(#[n(0)] Round),
    /// The sender takes no further part.
    #[n(3)]
    Refuse {
        /// The attempt.
        #[n(0)]
        tag: Tag,
        /// Its code.
        #[n(1)]
        code: String,
    },
    /// A started cosigner asks to be let in (rule B1).
    #[n(4)]
    BootAsk(#[n(0)] BootAsk),
    /// A peer lets it in and hands over what it remembers.
    #[n(5)]
    BootGrant(#[n(0)] Box<BootGrant>),
    /// A peer does not.
    #[n(6)]
    BootRefuse {
        /// The boot it asked for.
        #[n(0)]
        boot: u64,
        /// Why.
        #[n(1)]
        code: String,
    },
    /// First message of a key generation or refresh.
    #[n(7)]
    CeremonyHello {
        /// Digest of the order's bytes.
        #[n(0)]
        order: Digest,
        /// The sender's boot.
        #[n(1)]
        boot: u64,
        /// Fresh randomness.
        #[n(2)]
        #[cbor(with = "minicbor::bytes")]
        randomness: [u8; 32],
        /// The epoch it starts from; 0 for none.
        #[n(3)]
        epoch: u32,
    },
    /// The sender's new share is durable: its signature on the key certificate (rule K2).
    #[n(8)]
    Durable {
        /// The order.
        #[n(0)]
        order: OrderId,
        /// Digest of the key certificate.
        #[n(1)]
        certificate: Digest,
        /// By its identity key.
        #[n(2)]
        signature: SignatureBytes,
        /// The attempt whose share it is: attempts at one order make different shares of the same certificate.
        #[n(3)]
        session: Digest,
    },
    /// All n have signed this epoch: take it into use (rule K2, unequal epochs).
    #[n(9)]
    EpochProof(#[n(0)] Box<SignedCertificate>),
    /// These cosigners failed a check with us: exclude them (rule K2).
    #[n(10)]
    Ban {
        /// Who.
        #[n(0)]
        parties: Vec<PartyIndex>,
    },
    /// The sender's last-round message has left: it holds its journal at least up to here (rule B1).
    #[n(11)]
    Head {
        /// The sender's boot.
        #[n(0)]
        boot: u64,
        /// Its record of this reservation.
        #[n(1)]
        sequence: u64,
    },
    /// Answer to a ban: whom the sender excludes now (rule K2).
    #[n(12)]
    BanHeard {
        /// Who.
        #[n(0)]
        parties: Vec<PartyIndex>,
    },
    /// What the sender runs in, answering both directions of this channel (rule E2).
    #[n(13)]
    Proof {
        /// Attestation document.
        #[n(0)]
        document: ByteVec,
    },
    /// The sender took that proof.
    #[n(14)]
    ProofHeard {
        /// The handshakes that it answered.
        #[n(0)]
        handshakes: Digest,
    },
    /// The recovery kit of the sender's new share, which is not in use yet (rule K3).
    #[n(17)]
    Kit {
        /// The attempt whose share it is.
        #[n(0)]
        session: Digest,
        /// A [`ringi_primitives::kit::RecoveryKit`].
        #[n(1)]
        kit: ByteVec,
    },
    /// What the sender holds in force (rule P1).
    #[n(20)]
    InForce(#[n(0)] InForce),
    /// The sender's policy set, for a peer whose own is older (rule P1).
    #[n(21)]
    PolicySet(#[n(0)] Box<Signed>),
    /// Brakes that the sender holds, and orders that lifted some (rule P1).
    #[n(22)]
    Brakes {
        /// Freezes, vetoes, withdrawals.
        #[n(0)]
        brakes: Vec<SignedBrake>,
        /// Orders of the admin quorum.
        #[n(1)]
        lifts: Vec<Signed>,
    },
}

/// What a cosigner holds in force: shown to peers, who send what is missing here (rule P1).
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct InForce {
    /// Sequence of its policy set; 0 for none.
    #[n(0)]
    pub sequence: u64,
    /// Digests of the freezes.
    #[n(1)]
    pub freezes: Vec<Digest>,
    /// Whether it would hear the same of the receiver if that holds more.
    #[n(2)]
    pub answer_wanted: bool,
}

/// A signer's part of the session id, and what its memory holds that the others' may not (rules S1, L1, I3, T1).
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Hello {
    /// The host's handle of the attempt.
    #[n(0)]
    pub tag: Tag,
    /// Digest of the request's exact bytes.
    #[n(1)]
    pub request: Digest,
    /// The signers, ascending.
    #[n(2)]
    pub signers: Vec<PartyIndex>,
    /// The sender's boot.
    #[n(3)]
    pub boot: u64,
    /// Fresh randomness.
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub randomness: [u8; 32],
    /// The sender's clock.
    #[n(5)]
    pub now: UnixMs,
    /// Its policy set.
    #[n(6)]
    pub policy: Digest,
    /// Epochs of the keys this request needs.
    #[n(7)]
    pub epochs: Vec<(KeyId, u32)>,
    /// Whom it excludes (rule K2).
    #[n(8)]
    pub banned: Vec<PartyIndex>,
    /// Limit entries that not all signers are known to hold.
    #[n(9)]
    pub spending: Vec<Spending>,
    /// Pins likewise.
    #[n(10)]
    pub pins: Vec<Pin>,
    /// The sender's boot key: two copies of a cosigner may have one number, never one key.
    #[n(11)]
    pub boot_key: PublicKey,
    /// The head of the freezes it holds in force (rule P1).
    #[n(12)]
    pub freezes: Digest,
    /// Roots of intents whose entries and pins the sender may yet take back (rule L2): they count, but nobody may take them
    /// for known to the sender.
    #[n(18)]
    pub unsettled: Vec<IntentId>,
}

/// One message of one threshold machine of a session.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Round {
    /// The session or ceremony.
    #[n(0)]
    pub session: Digest,
    /// Which of the session's machines (a Bitcoin transaction may need two keys).
    #[n(1)]
    pub machine: u8,
    /// The round.
    #[n(2)]
    pub round: u8,
    /// Whether every other participant gets the same bytes.
    #[n(3)]
    pub broadcast: bool,
    /// The machine's bytes.
    #[n(4)]
    pub payload: ByteVec,
}

/// "I have started": the boot number wanted and how much of its own past it knows (rule B1).
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct BootAsk {
    /// The boot number it wants.
    #[n(0)]
    pub boot: u64,
    /// The newest record of its own that it holds.
    #[n(1)]
    pub sequence: u64,
    /// Its fresh boot key: the number is granted to this key alone.
    #[n(2)]
    pub key: PublicKey,
}

/// What a peer remembers, handed to a started cosigner, which adopts the union (rule B1). It may take several messages: the
/// boot is granted with the last one.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct BootGrant {
    /// The boot that is granted.
    #[n(0)]
    pub boot: u64,
    /// Every limit entry; of a part, some.
    #[n(1)]
    pub spending: Vec<Spending>,
    /// Every pin; of a part, some.
    #[n(2)]
    pub pins: Vec<Pin>,
    /// Whom it excludes.
    #[n(3)]
    pub banned: Vec<PartyIndex>,
    /// Orders used.
    #[n(4)]
    pub orders: Vec<OrderId>,
    /// Its policy set.
    #[n(5)]
    pub policy: Option<Signed>,
    /// Certificates of its active keys.
    #[n(6)]
    pub certificates: Vec<SignedCertificate>,
    /// The latest time it has seen (rule T1: never back).
    #[n(7)]
    pub now: UnixMs,
    /// The granter's own boot: the one that the asker takes messages of from now on.
    #[n(8)]
    pub granter: u64,
    /// The granter's boot key.
    #[n(9)]
    pub granter_key: PublicKey,
    /// Which message of the grant this is, from 0.
    #[n(10)]
    pub part: u32,
    /// How many there are.
    #[n(11)]
    pub parts: u32,
    /// Whether the granter's own boot is granted and it has a share: what it remembers it has lived through, or was told by
    /// who had.
    #[n(12)]
    pub live: bool,
    /// The newest statement of each witness about each topic (rule M1).
    #[n(17)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub facts: Vec<SignedFact>,
    /// Every brake that holds; of a part, some (rule P1).
    #[n(13)]
    pub brakes: Vec<SignedBrake>,
    /// Every order that lifted freezes; of a part, some.
    #[n(14)]
    pub lifts: Vec<Signed>,
    /// Roots of intents whose entries and pins the granter may yet take back (rule L2), as in a hello.
    #[n(18)]
    pub unsettled: Vec<IntentId>,
}
