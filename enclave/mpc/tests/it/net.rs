//! All parties of a ceremony in one process, with a wire that a test may tamper with.

use std::collections::{BTreeMap, VecDeque};
use std::sync::OnceLock;

use dkls23_core::protocols::Parameters;
use dkls23_core::protocols::re_key::re_key;
use k256::{Scalar, Secp256k1};
use rand_core::OsRng;
use ringi_mpc::{
    Ceremony, Envelope, Fault, KeyShare, Keygen, KeygenParams, Progress, Refresh, RefreshParams, SessionId, SignTask,
    Signature, Signing,
};
use ringi_primitives::scheme::{PartyIndex, Scheme};

pub fn party(n: u8) -> PartyIndex {
    PartyIndex::new(n).unwrap()
}

/// What the wire does with one delivery: the envelopes that arrive instead.
pub type Wire<'a> = dyn FnMut(PartyIndex, Envelope) -> Vec<Envelope> + 'a;

/// How one party ended, and the verdicts before that did not end its machine.
pub struct Ending<T> {
    pub result: Result<T, Fault>,
    pub notes: Vec<Fault>,
}

/// Runs a ceremony until nothing moves. A machine that is still waiting ends with its time-out verdict.
pub fn run<C: Ceremony>(
    started: Vec<(PartyIndex, C, Vec<Envelope>)>,
    wire: &mut Wire<'_>,
) -> BTreeMap<PartyIndex, Ending<C::Output>> {
    let everyone: Vec<PartyIndex> = started.iter().map(|(p, ..)| *p).collect();
    let mut queue: VecDeque<(PartyIndex, Envelope)> = VecDeque::new();
    let mut machines = BTreeMap::new();
    let mut endings: BTreeMap<PartyIndex, Result<C::Output, Fault>> = BTreeMap::new();
    let mut notes: BTreeMap<PartyIndex, Vec<Fault>> = BTreeMap::new();
    let mut post = |queue: &mut VecDeque<_>, sent: Vec<Envelope>| {
        for envelope in sent {
            for to in everyone.iter().filter(|p| **p != envelope.from) {
                if envelope.to.is_none_or(|t| t == *to) {
                    queue.extend(wire(*to, envelope.clone()).into_iter().map(|e| (*to, e)));
                }
            }
        }
    };
    for (party, machine, sent) in started {
        post(&mut queue, sent);
        machines.insert(party, machine);
    }
    while let Some((to, envelope)) = queue.pop_front() {
        if endings.contains_key(&to) {
            continue;
        }
        let machine = machines.get_mut(&to).unwrap();
        let mut progress = machine.receive(envelope);
        if matches!(progress, Ok(Progress::Hold)) {
            progress = machine.release();
        }
        match progress {
            Ok(Progress::Waiting) => {}
            Ok(Progress::Hold) => unreachable!(),
            Ok(Progress::Send(sent)) => post(&mut queue, sent),
            Ok(Progress::Done(sent, output)) => {
                post(&mut queue, sent);
                endings.insert(to, Ok(output));
            }
            Err(fault) if fault.is_final() => {
                endings.insert(to, Err(fault));
            }
            Err(fault) => notes.entry(to).or_default().push(fault),
        }
    }
    let end = |(party, machine): (PartyIndex, C)| {
        let result = endings.remove(&party).unwrap_or_else(|| Err(machine.blame_missing()));
        (party, Ending { result, notes: notes.remove(&party).unwrap_or_default() })
    };
    machines.into_iter().map(end).collect()
}

pub fn honest(_: PartyIndex, envelope: Envelope) -> Vec<Envelope> {
    vec![envelope]
}

pub fn start_keygen(scheme: Scheme, t: u8, n: u8, session: u8) -> Vec<(PartyIndex, Keygen, Vec<Envelope>)> {
    (1..=n)
        .map(|i| {
            let params = KeygenParams {
                scheme,
                session: SessionId([session; 32]),
                threshold: t,
                parties: n,
                me: party(i),
                transcript: [9; 32],
            };
            let (machine, sent) = Keygen::start(params, &mut OsRng).unwrap();
            (party(i), machine, sent)
        })
        .collect()
}

pub fn keygen(scheme: Scheme, t: u8, n: u8) -> Vec<KeyShare> {
    run(start_keygen(scheme, t, n, 1), &mut honest).into_values().map(|e| e.result.unwrap()).collect()
}

pub fn start_refresh(shares: &[KeyShare], session: u8) -> Vec<(PartyIndex, Refresh, Vec<Envelope>)> {
    let params = RefreshParams { session: SessionId([session; 32]), transcript: [8; 32] };
    shares
        .iter()
        .map(|share| {
            let (machine, sent) = Refresh::start(share, params, &mut OsRng).unwrap();
            (share.index(), machine, sent)
        })
        .collect()
}

pub fn refresh(shares: &[KeyShare]) -> Vec<KeyShare> {
    run(start_refresh(shares, 2), &mut honest).into_values().map(|e| e.result.unwrap()).collect()
}

pub fn start_signing(
    shares: &[KeyShare],
    signers: &[u8],
    tasks: &[SignTask<'_>],
    session: u8,
) -> Vec<(PartyIndex, Signing, Vec<Envelope>)> {
    let signers: Vec<PartyIndex> = signers.iter().map(|n| party(*n)).collect();
    signers
        .iter()
        .map(|me| {
            let share = shares.iter().find(|s| s.index() == *me).unwrap();
            let (machine, sent) =
                Signing::start(share, SessionId([session; 32]), &signers, tasks.to_vec(), &mut OsRng).unwrap();
            (*me, machine, sent)
        })
        .collect()
}

pub fn sign(shares: &[KeyShare], signers: &[u8], tasks: &[SignTask<'_>]) -> Vec<Signature> {
    let mut endings =
        run(start_signing(shares, signers, tasks, 3), &mut honest).into_values().map(|e| e.result.unwrap());
    let first = endings.next().unwrap();
    assert!(endings.all(|other| other == first), "signers disagree");
    first
}

/// One 2-of-3 key per scheme for all tests that do not care which.
pub fn cached(scheme: Scheme) -> &'static [KeyShare] {
    static KEYS: [OnceLock<Vec<KeyShare>>; 3] = [OnceLock::new(), OnceLock::new(), OnceLock::new()];
    let slot = Scheme::ALL.iter().position(|s| *s == scheme).unwrap();
    KEYS[slot].get_or_init(|| if scheme == Scheme::EcdsaSecp256k1 { dealt(2, 3) } else { keygen(scheme, 2, 3) })
}

/// An ECDSA key from dkls23's dealer, put into the form of sealed shares: milliseconds instead of seconds.
pub fn dealt(t: u8, n: u8) -> Vec<KeyShare> {
    let sizes = Parameters::new(t, n).unwrap();
    let (parties, _) = re_key::<Secp256k1>(&sizes, &[7; 32], &Scalar::from(0x5eed_u64), None, |_| String::new());
    (1..)
        .zip(&parties)
        .map(|(i, party)| {
            let header = [2, 0, t, n, i, 0, 0, 0, 0];
            let body = postcard::to_allocvec(party).unwrap();
            KeyShare::unseal_bytes(&[&header, party.chain_code().as_slice(), &body].concat()).unwrap()
        })
        .collect()
}
