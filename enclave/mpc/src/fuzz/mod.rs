//! Feeds arbitrary bytes to every parser of foreign bytes, through the machines that own them.

use rand_core::{CryptoRng, RngCore};
use ringi_primitives::scheme::{PartyIndex, Scheme};

use crate::{
    Ceremony, Envelope, KeyShare, Keygen, KeygenParams, Refresh, RefreshParams, SessionId, SignTask, Signing, Tweak,
};

/// One run: the first bytes choose the target, the others are messages to it. Must return for every input.
pub fn fuzz(data: &[u8]) {
    fuzz_shares(data, &[]);
}

/// The same with refresh and signing of these shares (any keys, one party each) as further targets.
pub fn fuzz_shares(data: &[u8], shares: &[KeyShare]) {
    let _ = KeyShare::unseal_bytes(data);
    let [kind, who, rest @ ..] = data else { return };
    let rng = &mut Counter(u64::from(*who));
    let Some(share) = shares.get(usize::from(*who).checked_rem(shares.len()).unwrap_or(0)) else {
        return fuzz_keygen(*kind, rest, rng);
    };
    match kind % 3 {
        0 => fuzz_keygen(*who, rest, rng),
        1 => {
            let params = RefreshParams { session: SESSION, transcript: [0; 32] };
            if let Ok((machine, sent)) = Refresh::start(share, params, rng) {
                feed(machine, &sent, rest);
            }
        }
        _ => {
            let signers: Vec<PartyIndex> =
                share.quorum.all().into_iter().take(usize::from(share.threshold())).collect();
            let task = SignTask { path: &[1], tweak: Tweak::None, message: vec![0; 32] };
            if let Ok((machine, sent)) = Signing::start(share, SESSION, &signers, vec![task], rng) {
                feed(machine, &sent, rest);
            }
        }
    }
}

const SESSION: SessionId = SessionId([0; 32]);

fn fuzz_keygen(scheme: u8, data: &[u8], rng: &mut Counter) {
    let scheme = Scheme::ALL.into_iter().cycle().nth(usize::from(scheme)).unwrap_or(Scheme::Bip340);
    let Some(me) = PartyIndex::new(1) else { return };
    let params = KeygenParams { scheme, session: SESSION, threshold: 2, parties: 2, me, transcript: [0; 32] };
    if let Ok((machine, sent)) = Keygen::start(params, rng) {
        feed(machine, &sent, data);
    }
}

/// Cuts the data into messages: round, sender, form, length (2 bytes), body. The right transcript hash is appended, so
/// that bodies reach their parsers.
fn feed<C: Ceremony>(mut machine: C, sent: &[Envelope], mut data: &[u8]) {
    let hash = sent.first().and_then(|e| e.payload.last_chunk::<32>()).copied().unwrap_or_default();
    while let Some(([round, from, form, high, low], rest)) = data.split_first_chunk::<5>() {
        let len = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        let (body, next) = rest.split_at(len);
        data = next;
        let Some(from) = PartyIndex::new(*from) else { continue };
        let to = if form % 2 == 0 { None } else { machine_owner(sent) };
        let payload = [body, hash.as_slice()].concat();
        let _ = machine.receive(Envelope { session: SESSION, round: *round, from, to, payload });
        let _ = machine.release();
    }
}

fn machine_owner(sent: &[Envelope]) -> Option<PartyIndex> {
    sent.first().map(|e| e.from)
}

/// Not random: a fuzz run must repeat.
struct Counter(u64);

impl RngCore for Counter {
    fn next_u32(&mut self) -> u32 {
        self.next_u64() as u32
    }

    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        self.0 ^ (self.0 >> 29)
    }

    fn fill_bytes(&mut self, dest: &mut [u8]) {
        dest.iter_mut().for_each(|byte| *byte = self.next_u64() as u8);
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(dest);
        Ok(())
    }
}

impl CryptoRng for Counter {}
