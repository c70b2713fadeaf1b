//! The peers' channel: Noise KK (revision 34) with the static keys of genesis, one channel per direction.
//!
//! The relay can drop, delay and reorder; what it alters, replays or injects does not open. A gap breaks the channel,
//! which is then made anew; sessions that used it end as a broken link. Long messages are cut into pieces.
//!
//! A first message says whether its sender hears the other side. Only one who hears nothing is answered with a channel made
//! anew: an answer hears, so two cosigners never make each other's channels anew in turn for ever.

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use ringi_primitives::cbor;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::genesis::GenesisChain;
use ringi_primitives::limits;
use ringi_primitives::scheme::PartyIndex;
use snow::{Builder, HandshakeState, TransportState};
use std::collections::{BTreeMap, VecDeque};
use zeroize::Zeroizing;

const PATTERN: &str = "Noise_KK_25519_ChaChaPoly_SHA256";
/// Noise messages are at most 65,535 bytes; 16 of them are the tag, one is our flag.
const PIECE_BYTES: usize = 65_535 - 16 - 1;
const NOISE_BYTES: usize = 65_535;
/// Messages that wait for a channel; more than this and the oldest goes, as if the relay had dropped it.
const WAITING: usize = 256;
/// A whole message: a boot grant is the largest.
const MESSAGE_BYTES: usize = limits::FRAME_BYTES / 2;

/// One frame as the relay carries it.
#[derive(Encode, Decode)]
enum Frame {
    #[n(0)]
    Init {
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        channel: [u8; 16],
        #[n(1)]
        noise: ByteVec,
    },
    #[n(1)]
    Accept {
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        channel: [u8; 16],
        #[n(1)]
        noise: ByteVec,
    },
    #[n(2)]
    Data {
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        channel: [u8; 16],
        #[n(1)]
        noise: ByteVec,
    },
    /// "I do not know that channel": a hint to make a new one. Not authenticated: it can only cost time.
    #[n(3)]
    Unknown {
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        channel: [u8; 16],
    },
}

enum Outgoing {
    Closed,
    Opening { channel: [u8; 16], state: Box<HandshakeState> },
    Open { channel: [u8; 16], state: Box<TransportState>, handshake: [u8; 32] },
}

struct Incoming {
    channel: [u8; 16],
    state: Box<TransportState>,
    handshake: [u8; 32],
    partial: Vec<u8>,
    /// What the peer said of the other direction when it opened this one.
    hearing: Hearing,
}

/// Whether a peer had a live channel from us.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hearing {
    Nothing,
    Us,
}

struct Link {
    remote: [u8; 32],
    outgoing: Outgoing,
    waiting: VecDeque<Vec<u8>>,
    incoming: Option<Incoming>,
    /// Accepted, but not yet proved live by a first message: a replayed Init ends here.
    candidate: Option<Incoming>,
}

impl Link {
    fn to(remote: [u8; 32]) -> Link {
        Link { remote, outgoing: Outgoing::Closed, waiting: VecDeque::new(), incoming: None, candidate: None }
    }
}

#[derive(Clone, Copy)]
enum Role {
    Initiator,
    Responder,
}

/// What a frame led to.
#[derive(Default)]
pub struct Received {
    /// Frames to carry back to the same peer.
    pub replies: Vec<Vec<u8>>,
    /// Whole messages, authenticated as the peer's, in order.
    pub messages: Vec<Vec<u8>>,
    /// Whether a channel that was in use broke: sessions with this peer end (verdict Link).
    pub broke: bool,
    /// Whether the channel to this peer is to be made anew.
    pub reopen: bool,
}

/// All channels of a cosigner.
pub struct Channels {
    me: PartyIndex,
    root: Digest,
    secret: Zeroizing<[u8; 32]>,
    links: BTreeMap<PartyIndex, Link>,
}

/// A fresh X25519 static key pair: (secret, public).
pub fn generate_static() -> Option<(Zeroizing<[u8; 32]>, [u8; 32])> {
    let pair = Builder::new(PATTERN.parse().ok()?).generate_keypair().ok()?;
    let secret = Zeroizing::new(<[u8; 32]>::try_from(pair.private).ok()?);
    Some((secret, pair.public.try_into().ok()?))
}

impl Channels {
    /// Channels of `me` to every other cosigner of this genesis.
    pub fn new(genesis: &GenesisChain, me: PartyIndex, secret: &Zeroizing<[u8; 32]>) -> Channels {
        let others = genesis.head().cosigners.iter().filter(|c| c.index != me);
        let links = others.map(|c| (c.index, Link::to(c.channel_key))).collect();
        Channels { me, root: genesis.root(), secret: secret.clone(), links }
    }

    /// From now on this peer is whoever has the new key (rule K3). What waited for the old one is gone.
    pub fn replace(&mut self, peer: PartyIndex, remote: [u8; 32]) {
        if let Some(link) = self.links.get_mut(&peer) {
            *link = Link::to(remote);
        }
    }

    /// Peers with an open channel in both directions.
    pub fn open_peers(&self) -> Vec<PartyIndex> {
        let open = |l: &Link| matches!(l.outgoing, Outgoing::Open { .. }) && l.incoming.is_some();
        self.links.iter().filter(|(_, l)| open(l)).map(|(p, _)| *p).collect()
    }

    /// E2: one digest of both directions' handshakes, the same at both ends; `None` while one is not open.
    pub fn handshakes(&self, peer: PartyIndex) -> Option<Digest> {
        let link = self.links.get(&peer)?;
        let Outgoing::Open { handshake: outgoing, .. } = &link.outgoing else { return None };
        let incoming = &link.incoming.as_ref()?.handshake;
        let (low, high) = if self.me < peer { (outgoing, incoming) } else { (incoming, outgoing) };
        Some(Digest::of(Domain::PeerChannels, &[low.as_slice(), high].concat()))
    }

    /// All peers.
    pub fn peers(&self) -> Vec<PartyIndex> {
        self.links.keys().copied().collect()
    }

    /// Starts a new outgoing channel; the old one, if any, is dropped.
    pub fn connect(&mut self, peer: PartyIndex, channel: [u8; 16]) -> Vec<Vec<u8>> {
        let mut noise = vec![0; NOISE_BYTES];
        let state = self.handshake(peer, Role::Initiator);
        let hears = [u8::from(self.links.get(&peer).is_some_and(|l| l.incoming.is_some()))];
        let written = state.and_then(|mut s| s.write_message(&hears, &mut noise).ok().map(|n| (s, n)));
        let (Some((state, n)), Some(link)) = (written, self.links.get_mut(&peer)) else { return Vec::new() };
        noise.truncate(n);
        link.outgoing = Outgoing::Opening { channel, state: Box::new(state) };
        vec![cbor::encode(&Frame::Init { channel, noise: noise.into() })]
    }

    /// Sends a message: frames to carry now, or none while the channel opens (it then follows).
    pub fn send(&mut self, peer: PartyIndex, message: &[u8]) -> Vec<Vec<u8>> {
        let Some(link) = self.links.get_mut(&peer) else { return Vec::new() };
        match &mut link.outgoing {
            Outgoing::Open { channel, state, .. } => seal(*channel, state, message),
            _ => {
                if link.waiting.len() >= WAITING {
                    link.waiting.pop_front();
                }
                link.waiting.push_back(message.to_vec());
                Vec::new()
            }
        }
    }

    /// Whether the outgoing channel to the peer is open.
    pub fn is_open(&self, peer: PartyIndex) -> bool {
        self.links.get(&peer).is_some_and(|l| matches!(l.outgoing, Outgoing::Open { .. }))
    }

    /// Takes in a frame that the relay says came from `peer`.
    pub fn receive(&mut self, peer: PartyIndex, frame: &[u8]) -> Received {
        match cbor::decode::<Frame>(frame, limits::FRAME_BYTES) {
            Ok(Frame::Init { channel, noise }) => self.accept(peer, channel, &noise),
            Ok(Frame::Accept { channel, noise }) => self.finish(peer, channel, &noise),
            Ok(Frame::Data { channel, noise }) => self.open(peer, channel, &noise),
            Ok(Frame::Unknown { channel }) => self.unknown(peer, channel),
            Err(_) => Received::default(),
        }
    }

    /// A handshake for the direction in which `self` has this role. The prologue binds workspace and direction.
    fn handshake(&self, peer: PartyIndex, role: Role) -> Option<HandshakeState> {
        let remote = self.links.get(&peer)?.remote;
        let (from, to) = match role {
            Role::Initiator => (self.me, peer),
            Role::Responder => (peer, self.me),
        };
        let prologue = [b"ringi/channel/v1".as_slice(), &self.root.0, &[from.number(), to.number()]].concat();
        let builder = Builder::new(PATTERN.parse().ok()?)
            .local_private_key(self.secret.as_slice())
            .and_then(|b| b.remote_public_key(&remote))
            .and_then(|b| b.prologue(&prologue))
            .ok()?;
        match role {
            Role::Initiator => builder.build_initiator().ok(),
            Role::Responder => builder.build_responder().ok(),
        }
    }

    fn accept(&mut self, peer: PartyIndex, channel: [u8; 16], noise: &[u8]) -> Received {
        let state = self.handshake(peer, Role::Responder);
        let mut buffer = vec![0; NOISE_BYTES];
        let answered = state.and_then(|mut s| {
            let n = s.read_message(noise, &mut buffer).ok()?;
            let hearing = match buffer.get(..n)? {
                [0] => Hearing::Nothing,
                [1] => Hearing::Us,
                _ => return None,
            };
            let n = s.write_message(&[], &mut buffer).ok()?;
            let handshake = handshake_hash(&s)?;
            Some((s.into_transport_mode().ok()?, handshake, hearing, n))
        });
        let (Some((state, handshake, hearing, n)), Some(link)) = (answered, self.links.get_mut(&peer)) else {
            return Received::default();
        };
        link.candidate = Some(Incoming { channel, state: Box::new(state), handshake, partial: Vec::new(), hearing });
        buffer.truncate(n);
        let reply = Frame::Accept { channel, noise: buffer.into() };
        Received { replies: vec![cbor::encode(&reply)], ..Received::default() }
    }

    fn finish(&mut self, peer: PartyIndex, channel: [u8; 16], noise: &[u8]) -> Received {
        let Some(link) = self.links.get_mut(&peer) else { return Received::default() };
        let opening = std::mem::replace(&mut link.outgoing, Outgoing::Closed);
        let Outgoing::Opening { channel: ours, mut state } = opening else {
            link.outgoing = opening;
            return Received::default();
        };
        let mut buffer = vec![0; NOISE_BYTES];
        if ours != channel || state.read_message(noise, &mut buffer).is_err() {
            link.outgoing = Outgoing::Opening { channel: ours, state };
            return Received::default();
        }
        let Some(handshake) = handshake_hash(&state) else { return Received::default() };
        let Ok(mut state) = state.into_transport_mode() else { return Received::default() };
        // An empty message proves the channel live at once, so that both sides see it open.
        let mut replies = seal(channel, &mut state, &[]);
        for message in link.waiting.drain(..) {
            replies.extend(seal(channel, &mut state, &message));
        }
        link.outgoing = Outgoing::Open { channel, state: Box::new(state), handshake };
        Received { replies, ..Received::default() }
    }

    fn open(&mut self, peer: PartyIndex, channel: [u8; 16], noise: &[u8]) -> Received {
        let Some(link) = self.links.get_mut(&peer) else { return Received::default() };
        let mut received = Received::default();
        if link.candidate.as_ref().is_some_and(|c| c.channel == channel) {
            // A first message that does not open ends the candidate: only the live peer can make it current.
            if let Some(mut candidate) = link.candidate.take()
                && let Some(message) = open_piece(&mut candidate, noise)
            {
                received.broke = link.incoming.is_some();
                received.reopen = received.broke && candidate.hearing == Hearing::Nothing;
                link.incoming = Some(candidate);
                received.messages.extend(message);
            }
            return received;
        }
        match &mut link.incoming {
            Some(incoming) if incoming.channel == channel => match open_piece(incoming, noise) {
                Some(message) => received.messages.extend(message),
                None => {
                    // A gap or an altered frame: this channel is over, the peer is told to make a new one.
                    link.incoming = None;
                    received.broke = true;
                    received.reopen = true;
                    received.replies.push(cbor::encode(&Frame::Unknown { channel }));
                }
            },
            _ => received.replies.push(cbor::encode(&Frame::Unknown { channel })),
        }
        received
    }

    fn unknown(&mut self, peer: PartyIndex, channel: [u8; 16]) -> Received {
        let Some(link) = self.links.get_mut(&peer) else { return Received::default() };
        let ours = matches!(&link.outgoing, Outgoing::Open { channel: c, .. } if *c == channel);
        if ours {
            link.outgoing = Outgoing::Closed;
        }
        Received { broke: ours, reopen: ours, ..Received::default() }
    }
}

/// What both ends of a finished handshake know and nobody else can make again (Noise, revision 34, section 11.2).
fn handshake_hash(state: &HandshakeState) -> Option<[u8; 32]> {
    state.get_handshake_hash().try_into().ok()
}

fn seal(channel: [u8; 16], state: &mut TransportState, message: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut pieces = message.chunks(PIECE_BYTES).peekable();
    let empty: &[u8] = &[];
    let mut next = Some(pieces.next().unwrap_or(empty));
    while let Some(piece) = next {
        next = pieces.next();
        let flag = u8::from(next.is_none());
        let plain = Zeroizing::new([&[flag], piece].concat());
        let mut noise = vec![0; plain.len().saturating_add(16)];
        let Ok(n) = state.write_message(&plain, &mut noise) else { return frames };
        noise.truncate(n);
        frames.push(cbor::encode(&Frame::Data { channel, noise: noise.into() }));
    }
    frames
}

/// `None`: the channel is broken. `Some(None)`: a piece, more to come, or the empty opening message.
fn open_piece(incoming: &mut Incoming, noise: &[u8]) -> Option<Option<Vec<u8>>> {
    let mut plain = Zeroizing::new(vec![0; noise.len()]);
    let n = incoming.state.read_message(noise, &mut plain).ok()?;
    let (flag, piece) = plain.get(..n)?.split_first()?;
    if incoming.partial.len().saturating_add(piece.len()) > MESSAGE_BYTES {
        return None;
    }
    incoming.partial.extend_from_slice(piece);
    match flag {
        0 => Some(None),
        1 => Some(Some(std::mem::take(&mut incoming.partial)).filter(|m| !m.is_empty())),
        _ => None,
    }
}
