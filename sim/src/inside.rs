//! A corrupted cosigner, as far as its peers can see: somebody who holds the channel secrets of a pair sits between the two
//! and reads, changes, drops and adds messages inside their channels.
//!
//! The secrets come from the sealed records, which this world's host can open; a true host cannot.

use crate::world::{Frame, World, sealing_key};
use minicbor::bytes::ByteVec;
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};
use ringi_cosigner::channel::Channels;
use ringi_cosigner::journal::{Journal, JournalError};
use ringi_cosigner::message::PeerMessage;
use ringi_cosigner::state::Record;
use ringi_primitives::cbor;
use ringi_primitives::scheme::PartyIndex;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use zeroize::Zeroizing;

/// What becomes of a message on its way from one to the other: the messages that arrive in its place.
pub type Meddler = Box<dyn FnMut(PartyIndex, PartyIndex, PeerMessage) -> Vec<PeerMessage>>;

struct Between {
    /// Each end as the other end believes to see it.
    ends: BTreeMap<PartyIndex, Channels>,
    meddle: Meddler,
}

/// The hold over a pair's channels; changing what it does takes effect at once.
#[derive(Clone)]
pub struct Inside(Rc<RefCell<Between>>);

/// The records of a cosigner, opened with this world's sealing key.
pub fn opened(world: &World, p: PartyIndex) -> Vec<Record> {
    opened_from(p, world.blob(p).into_iter().map(|(_, _, record)| record))
}

/// The same of sealed records that lie elsewhere.
pub fn opened_from(p: PartyIndex, sealed: impl Iterator<Item = Vec<u8>>) -> Vec<Record> {
    let stored = sealed.map(ByteVec::from);
    let mut records = Vec::new();
    let keep = |record| -> Result<(), JournalError> {
        records.push(record);
        Ok(())
    };
    Journal::new(&sealing_key(p), p).restore(stored, keep).expect("a cosigner's own records open");
    records
}

impl Inside {
    /// Takes over the channels between two cosigners and carries their messages unchanged until [`Inside::meddle`].
    pub fn of(world: &mut World, a: PartyIndex, b: PartyIndex) -> Inside {
        let genesis = world.genesis();
        let channels = |p: PartyIndex| {
            let secret = opened(world, p).iter().find_map(|r| match r {
                Record::Identity { channel_secret, .. } => Some(Zeroizing::new(*channel_secret)),
                _ => None,
            });
            (p, Channels::new(&genesis, p, &secret.expect("a cosigner has an identity")))
        };
        let ends = BTreeMap::from([channels(a), channels(b)]);
        let inside = Inside(Rc::new(RefCell::new(Between { ends, meddle: Box::new(|_, _, message| vec![message]) })));
        let held = inside.clone();
        world.relay = Box::new(move |frame| match held.holds(&frame) {
            true => held.carry(&frame),
            false => vec![frame],
        });
        for (from, to) in [(a, b), (b, a)] {
            inside.greet(from, to).into_iter().for_each(|frame| world.deliver(frame));
        }
        world.run();
        inside
    }

    /// What happens to messages from now on.
    pub fn meddle(&self, meddle: impl FnMut(PartyIndex, PartyIndex, PeerMessage) -> Vec<PeerMessage> + 'static) {
        self.0.borrow_mut().meddle = Box::new(meddle);
    }

    /// Frames that say this to `to` as if `from` had.
    pub fn say(&self, from: PartyIndex, to: PartyIndex, message: &PeerMessage) -> Vec<Frame> {
        let mut between = self.0.borrow_mut();
        let sent = between.ends.get_mut(&from).map(|end| end.send(to, &cbor::encode(message)));
        sent.unwrap_or_default().into_iter().map(|bytes| Frame { from, to, bytes }).collect()
    }

    fn holds(&self, frame: &Frame) -> bool {
        let between = self.0.borrow();
        between.ends.contains_key(&frame.from) && between.ends.contains_key(&frame.to)
    }

    /// Opens the channel to `to` in the name of `from`.
    fn greet(&self, from: PartyIndex, to: PartyIndex) -> Vec<Frame> {
        let mut channel = [0; 16];
        ChaCha20Rng::seed_from_u64(u64::from(from.number())).fill_bytes(&mut channel);
        let mut between = self.0.borrow_mut();
        let opened = between.ends.get_mut(&from).map(|end| end.connect(to, channel));
        opened.unwrap_or_default().into_iter().map(|bytes| Frame { from, to, bytes }).collect()
    }

    fn carry(&self, frame: &Frame) -> Vec<Frame> {
        let Frame { from, to, .. } = *frame;
        let received = match self.0.borrow_mut().ends.get_mut(&to) {
            Some(end) => end.receive(from, &frame.bytes),
            None => return Vec::new(),
        };
        let mut out: Vec<Frame> =
            received.replies.into_iter().map(|bytes| Frame { from: to, to: from, bytes }).collect();
        if received.reopen {
            out.extend(self.greet(to, from));
        }
        for bytes in received.messages {
            let message = cbor::decode::<PeerMessage>(&bytes, usize::MAX).expect("a cosigner's own words decode");
            let instead = (self.0.borrow_mut().meddle)(from, to, message);
            instead.iter().for_each(|message| out.extend(self.say(from, to, message)));
        }
        out
    }
}
