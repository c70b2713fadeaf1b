//! The machine every protocol runs in: collects a round's messages, rejects what does not belong, keeps the transcript
//! and runs the echo rounds (PROTOCOL.md S1). Protocols see only complete, agreed rounds.

use std::collections::{BTreeMap, BTreeSet};

use ringi_primitives::scheme::PartyIndex;
use sha2::{Digest, Sha256};

use crate::transcript::Transcript;
use crate::{Ceremony, Envelope, Fault, Progress, SessionId};

/// What every participant sends in one round.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// One body to each other participant.
    Direct,
    /// One body to all.
    Broadcast,
    /// Both.
    Mixed,
    /// A broadcast of nothing but the transcript hash; the round before is handed over only when all are equal.
    Echo,
}

/// The bodies of one complete round, of the peers only.
#[derive(Default)]
pub(crate) struct Inbound {
    pub(crate) broadcasts: BTreeMap<PartyIndex, Vec<u8>>,
    pub(crate) directs: BTreeMap<PartyIndex, Vec<u8>>,
}

/// The bodies we send in one round.
#[derive(Default)]
pub(crate) struct Outbound {
    pub(crate) broadcast: Option<Vec<u8>>,
    pub(crate) directs: BTreeMap<PartyIndex, Vec<u8>>,
}

/// What a protocol does with a complete round.
pub(crate) enum Step<T> {
    Next(Outbound),
    /// Ready for the next round, which `Protocol::release` makes.
    Hold,
    Finish(T),
}

/// A protocol: pure steps between complete rounds.
pub(crate) trait Protocol {
    type Output;
    const PLAN: &'static [Traffic];

    /// The largest acceptable body of a round, from 1.
    fn max_body(&self, round: u8) -> usize;

    /// All bodies of `round` are here and agreed. Never called for an echo round.
    fn advance(&mut self, round: u8, inbound: Inbound) -> Result<Step<Self::Output>, Fault>;

    /// Makes the held round.
    fn release(&mut self) -> Result<Outbound, Fault> {
        Err(Fault::Misuse("this protocol holds nothing back"))
    }
}

/// The messages of one round that are here, transcript hash included.
#[derive(Default)]
struct Slot {
    broadcasts: BTreeMap<PartyIndex, Vec<u8>>,
    directs: BTreeMap<PartyIndex, Vec<u8>>,
}

/// Whether a message goes to all or to one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    Broadcast,
    Direct,
}

enum State<P> {
    Running(P),
    Held(P),
    Ended,
}

pub(crate) struct Machine<P> {
    session: SessionId,
    me: PartyIndex,
    peers: BTreeSet<PartyIndex>,
    transcript: Transcript,
    /// The round of our latest messages.
    round: u8,
    own_broadcast: Option<Vec<u8>>,
    /// Messages of this round and of the next: no honest peer can be further ahead.
    current: Slot,
    next: Slot,
    /// Digests of the messages of rounds that are over: (round, sender, whether to all).
    past: BTreeMap<(u8, PartyIndex, Form), [u8; 32]>,
    /// A round whose echo is running.
    unconfirmed: Option<(u8, Inbound)>,
    state: State<P>,
}

/// What a machine is started with.
pub(crate) struct Start {
    pub(crate) session: SessionId,
    pub(crate) me: PartyIndex,
    pub(crate) peers: BTreeSet<PartyIndex>,
    /// Hash of all that must be equal among the participants; the first value of the transcript.
    pub(crate) parameters: [u8; 32],
}

impl<P: Protocol> Ceremony for Machine<P> {
    type Output = P::Output;

    fn receive(&mut self, envelope: Envelope) -> Result<Progress<P::Output>, Fault> {
        let outcome = self.take_in(envelope).and_then(|()| self.run());
        self.end_on_final(outcome)
    }

    fn release(&mut self) -> Result<Progress<P::Output>, Fault> {
        let outbound = match std::mem::replace(&mut self.state, State::Ended) {
            State::Held(mut protocol) => {
                let outbound = protocol.release()?;
                self.state = State::Running(protocol);
                outbound
            }
            other => {
                self.state = other;
                return Err(Fault::Misuse("nothing is held"));
            }
        };
        let sent = self.send(outbound);
        let outcome = self.run().map(|progress| prepend(sent, progress));
        self.end_on_final(outcome)
    }

    fn missing(&self) -> BTreeSet<PartyIndex> {
        match (&self.state, self.traffic(self.round)) {
            (State::Running(_), Some(traffic)) => {
                self.peers.iter().copied().filter(|p| !self.current.has_all_of(*p, traffic)).collect()
            }
            _ => BTreeSet::new(),
        }
    }
}

/// A running machine, whichever its scheme.
pub(crate) type Running<T> = Box<dyn Ceremony<Output = T> + Send>;

/// A machine and what is made of its output.
struct Made<P: Protocol, T> {
    machine: Machine<P>,
    make: fn(P::Output) -> T,
}

impl<P: Protocol, T> Ceremony for Made<P, T> {
    type Output = T;

    fn receive(&mut self, envelope: Envelope) -> Result<Progress<T>, Fault> {
        self.machine.receive(envelope)?.try_map(|output| Ok((self.make)(output)))
    }

    fn release(&mut self) -> Result<Progress<T>, Fault> {
        self.machine.release()?.try_map(|output| Ok((self.make)(output)))
    }

    fn missing(&self) -> BTreeSet<PartyIndex> {
        self.machine.missing()
    }
}

/// Starts a protocol's machine; send the envelopes. `make` turns what it yields into what all schemes have in common.
pub(crate) fn started<P: Protocol + Send + 'static, T: 'static>(
    start: Start,
    (protocol, first): (P, Outbound),
    make: fn(P::Output) -> T,
) -> (Running<T>, Vec<Envelope>) {
    let (machine, sent) = Machine::start(start, protocol, first);
    (Box::new(Made { machine, make }), sent)
}

impl<P: Protocol> Machine<P> {
    pub(crate) fn start(start: Start, protocol: P, first: Outbound) -> (Machine<P>, Vec<Envelope>) {
        let mut machine = Machine {
            session: start.session,
            me: start.me,
            peers: start.peers,
            transcript: Transcript::new(start.parameters),
            round: 0,
            own_broadcast: None,
            current: Slot::default(),
            next: Slot::default(),
            past: BTreeMap::new(),
            unconfirmed: None,
            state: State::Running(protocol),
        };
        let sent = machine.send(first);
        (machine, sent)
    }

    fn end_on_final<T>(&mut self, outcome: Result<T, Fault>) -> Result<T, Fault> {
        if outcome.as_ref().is_err_and(Fault::is_final) {
            self.state = State::Ended;
        }
        outcome
    }

    fn traffic(&self, round: u8) -> Option<Traffic> {
        P::PLAN.get(usize::from(round.checked_sub(1)?)).copied()
    }

    /// Checks one message and puts it into its slot.
    fn take_in(&mut self, envelope: Envelope) -> Result<(), Fault> {
        let from = envelope.from;
        let protocol = match &self.state {
            State::Running(protocol) | State::Held(protocol) => protocol,
            State::Ended => return Err(Fault::Misuse("the ceremony is over")),
        };
        if !self.peers.contains(&from) {
            return Err(Fault::link(from, "sender takes no part"));
        }
        if envelope.session != self.session {
            return Err(Fault::link(from, "other session"));
        }
        if envelope.to.is_some_and(|to| to != self.me) {
            return Err(Fault::link(from, "addressed to another"));
        }
        let held = matches!(self.state, State::Held(_));
        if envelope.round < self.round || (held && envelope.round == self.round) {
            return self.compare_with_past(&envelope);
        }
        let Some(traffic) = self.traffic(envelope.round).filter(|_| envelope.round.saturating_sub(self.round) <= 1)
        else {
            return Err(Fault::link(from, "round has not come"));
        };
        let fits = match traffic {
            Traffic::Direct => envelope.to.is_some(),
            Traffic::Broadcast | Traffic::Echo => envelope.to.is_none(),
            Traffic::Mixed => true,
        };
        if !fits {
            return Err(Fault::peer(from, "message form is not of this round"));
        }
        let max_body = if traffic == Traffic::Echo { 0 } else { protocol.max_body(envelope.round) };
        match envelope.payload.len().checked_sub(Transcript::LEN) {
            None => return Err(Fault::peer(from, "message is too short")),
            Some(body) if body > max_body => return Err(Fault::peer(from, "message is too long")),
            Some(_) => {}
        }
        let slot = if envelope.round == self.round { &mut self.current } else { &mut self.next };
        slot.put(envelope)
    }

    /// A message of a round that is over: the same bytes again are nothing, others are equivocation.
    fn compare_with_past(&self, envelope: &Envelope) -> Result<(), Fault> {
        let from = envelope.from;
        if envelope.round == 0 {
            return Err(Fault::link(from, "no such round"));
        }
        let form = if envelope.to.is_none() { Form::Broadcast } else { Form::Direct };
        match self.past.get(&(envelope.round, from, form)) {
            Some(known) if *known == digest(&envelope.payload) => Ok(()),
            Some(_) => Err(Fault::peer(from, "two different messages in one place")),
            None => Err(Fault::peer(from, "message form is not of this round")),
        }
    }

    fn remember(&mut self, slot: &Slot) {
        for (messages, form) in [(&slot.broadcasts, Form::Broadcast), (&slot.directs, Form::Direct)] {
            for (from, payload) in messages {
                self.past.insert((self.round, *from, form), digest(payload));
            }
        }
    }

    /// Goes on as far as the messages that are here allow.
    fn run(&mut self) -> Result<Progress<P::Output>, Fault> {
        let mut sent = Vec::new();
        loop {
            let waiting = matches!(self.state, State::Held(_) | State::Ended) || !self.missing().is_empty();
            if waiting {
                return Ok(if sent.is_empty() { Progress::Waiting } else { Progress::Send(sent) });
            }
            let complete = std::mem::take(&mut self.current);
            self.remember(&complete);
            let inbound = self.agree(complete)?;
            let Some((round, inbound)) = inbound else {
                sent.extend(self.send(Outbound { broadcast: Some(Vec::new()), directs: BTreeMap::new() }));
                continue;
            };
            match self.advance(round, inbound)? {
                Step::Next(outbound) => sent.extend(self.send(outbound)),
                Step::Hold if sent.is_empty() => return Ok(Progress::Hold),
                Step::Hold => return Err(Fault::Bug("a protocol held back right after a send")),
                Step::Finish(output) => return Ok(Progress::Done(sent, output)),
            }
        }
    }

    /// S1: compares the transcript hashes of a complete round and takes its broadcasts into the transcript. Gives the
    /// round to hand to the protocol, or `None` if an echo round must come first.
    fn agree(&mut self, slot: Slot) -> Result<Option<(u8, Inbound)>, Fault> {
        let directs = self.strip(slot.directs)?;
        let mut broadcasts = self.strip(slot.broadcasts)?;
        let traffic = self.traffic(self.round).ok_or(Fault::Bug("round outside the plan"))?;
        if traffic == Traffic::Echo {
            return self.unconfirmed.take().map(Some).ok_or(Fault::Bug("an echo of nothing"));
        }
        if matches!(traffic, Traffic::Broadcast | Traffic::Mixed) {
            let own = self.own_broadcast.take().ok_or(Fault::Bug("own broadcast is missing"))?;
            broadcasts.insert(self.me, own);
            self.transcript.absorb(self.round, &broadcasts);
            broadcasts.remove(&self.me);
        }
        let inbound = Inbound { broadcasts, directs };
        if self.round.checked_add(1).and_then(|next| self.traffic(next)) == Some(Traffic::Echo) {
            self.unconfirmed = Some((self.round, inbound));
            return Ok(None);
        }
        Ok(Some((self.round, inbound)))
    }

    /// Takes the transcript hash off every message, after comparing it with ours.
    fn strip(&self, messages: BTreeMap<PartyIndex, Vec<u8>>) -> Result<BTreeMap<PartyIndex, Vec<u8>>, Fault> {
        let mut bodies = BTreeMap::new();
        for (from, mut payload) in messages {
            let Some((body, hash)) = payload.split_last_chunk::<{ Transcript::LEN }>() else {
                return Err(Fault::Bug("a short message was let in"));
            };
            if hash != self.transcript.bytes() {
                return Err(if self.round == 1 {
                    Fault::Suspects { set: BTreeSet::from([from]), reason: "other parameters" }
                } else {
                    // The teller may lie, or a third party told each of us something else.
                    Fault::suspects(&self.peers, "broadcasts differ")
                });
            }
            let body_len = body.len();
            payload.truncate(body_len);
            bodies.insert(from, payload);
        }
        Ok(bodies)
    }

    fn advance(&mut self, round: u8, inbound: Inbound) -> Result<Step<P::Output>, Fault> {
        let State::Running(mut protocol) = std::mem::replace(&mut self.state, State::Ended) else {
            return Err(Fault::Bug("advance without a running protocol"));
        };
        let step = protocol.advance(round, inbound)?;
        self.state = match &step {
            Step::Next(_) => State::Running(protocol),
            Step::Hold => State::Held(protocol),
            Step::Finish(_) => State::Ended,
        };
        Ok(step)
    }

    /// Enters the next round and wraps our bodies.
    fn send(&mut self, outbound: Outbound) -> Vec<Envelope> {
        self.round = self.round.saturating_add(1);
        self.current = std::mem::take(&mut self.next);
        let (session, round, from) = (self.session, self.round, self.me);
        // The hash goes last so that a body of 67 kB is neither moved nor copied.
        let wrap = |to, mut payload: Vec<u8>| {
            payload.extend(self.transcript.bytes());
            Envelope { session, round, from, to, payload }
        };
        let mut sent: Vec<Envelope> = outbound.broadcast.iter().map(|body| wrap(None, body.clone())).collect();
        sent.extend(outbound.directs.into_iter().map(|(to, body)| wrap(Some(to), body)));
        self.own_broadcast = outbound.broadcast;
        sent
    }
}

impl Slot {
    fn has_all_of(&self, peer: PartyIndex, traffic: Traffic) -> bool {
        let direct = self.directs.contains_key(&peer);
        let broadcast = self.broadcasts.contains_key(&peer);
        match traffic {
            Traffic::Direct => direct,
            Traffic::Broadcast | Traffic::Echo => broadcast,
            Traffic::Mixed => direct && broadcast,
        }
    }

    /// A repeat of the same bytes is nothing; other bytes in the same place are equivocation.
    fn put(&mut self, envelope: Envelope) -> Result<(), Fault> {
        let map = if envelope.to.is_none() { &mut self.broadcasts } else { &mut self.directs };
        match map.get(&envelope.from) {
            Some(known) if *known == envelope.payload => Ok(()),
            Some(_) => Err(Fault::peer(envelope.from, "two different messages in one place")),
            None => {
                map.insert(envelope.from, envelope.payload);
                Ok(())
            }
        }
    }
}

fn digest(payload: &[u8]) -> [u8; 32] {
    Sha256::digest(payload).into()
}

fn prepend<T>(mut first: Vec<Envelope>, progress: Progress<T>) -> Progress<T> {
    match progress {
        Progress::Waiting | Progress::Hold => Progress::Send(first),
        Progress::Send(more) => {
            first.extend(more);
            Progress::Send(first)
        }
        Progress::Done(more, output) => {
            first.extend(more);
            Progress::Done(first, output)
        }
    }
}
