//! Threshold signing of dkls23 (eprint 2023/765, protocol 3.6): phases 1 to 3 exchanged, phase 3's message held back,
//! phase 4 assembles, normalises to low s and verifies.

use std::collections::{BTreeMap, BTreeSet};

use dkls23_core::protocols::signing::{
    Broadcast3to4, KeepPhase1to2, KeepPhase2to3, SignData, TransmitPhase1to2, TransmitPhase2to3, UniqueKeep1to2,
    UniqueKeep2to3,
};
use dkls23_core::protocols::{Party, PartyIndex as DklsIndex};
use k256::{AffinePoint, Scalar, Secp256k1};
use ringi_primitives::scheme::PartyIndex;
use zeroize::Zeroizing;

use super::{EcdsaParty, check_route, decode, encode, index, verdict};
use crate::rounds::{Inbound, Outbound, Protocol, Step, Traffic};
use crate::transcript::Framed;
use crate::{Fault, Signature};

/// One message to sign under one derived key.
struct Task {
    data: SignData,
    key: AffinePoint,
    share: Zeroizing<Scalar>,
    chain_code: [u8; 32],
    state: State,
}

/// dkls23's kept values, used up by the next phase: none is ever run twice.
enum State {
    Sent1(UniqueKeep1to2<Secp256k1>, BTreeMap<DklsIndex, KeepPhase1to2<Secp256k1>>),
    Sent2(UniqueKeep2to3<Secp256k1>, BTreeMap<DklsIndex, KeepPhase2to3<Secp256k1>>),
    Ready3 { r: String, own: Broadcast3to4<Secp256k1> },
    Spent,
}

pub(crate) struct EcdsaSigning {
    me: PartyIndex,
    peers: BTreeSet<PartyIndex>,
    /// The share, with the pairwise state of these signers only; key, share and chain code are those of the task at work.
    party: EcdsaParty,
    tasks: Vec<Task>,
}

/// A message with the key that signs it.
pub(crate) struct EcdsaTask {
    pub(crate) digest: [u8; 32],
    pub(crate) key: AffinePoint,
    /// key = root key + shift * G.
    pub(crate) shift: Zeroizing<Scalar>,
    pub(crate) chain_code: [u8; 32],
}

impl EcdsaSigning {
    pub(crate) fn start(
        share: &EcdsaParty,
        me: PartyIndex,
        peers: BTreeSet<PartyIndex>,
        tasks: Vec<EcdsaTask>,
        parameters: &[u8; 32],
    ) -> Result<(Self, Outbound), Fault> {
        let counterparties: Vec<DklsIndex> = peers.iter().map(|p| index(*p)).collect::<Result<_, _>>()?;
        let mut party = narrowed(share, &counterparties)?;
        let mut started = Vec::with_capacity(tasks.len());
        let mut bodies: BTreeMap<PartyIndex, Vec<TransmitPhase1to2>> = BTreeMap::new();
        for (number, task) in tasks.into_iter().enumerate() {
            let sign_id =
                Framed::new("ringi/mpc/ecdsa/sign/v1").part(parameters).part(&(number as u64).to_be_bytes()).finish();
            let data = SignData {
                sign_id: sign_id.to_vec(),
                counterparties: counterparties.clone(),
                message_hash: task.digest,
            };
            let mut task = Task {
                data,
                key: task.key,
                share: Zeroizing::new(share.poly_point + *task.shift),
                chain_code: task.chain_code,
                state: State::Spent,
            };
            task.put_into(&mut party);
            let (unique, kept, sent) = party.sign_phase1(&task.data).map_err(|abort| verdict(&abort, me, &peers))?;
            task.state = State::Sent1(unique, kept);
            for message in sent {
                let to = PartyIndex::new(message.parties.receiver.as_u8()).ok_or(Fault::Bug("message to nobody"))?;
                bodies.entry(to).or_default().push(message);
            }
            started.push(task);
        }
        let directs = encode_each(&bodies)?;
        Ok((EcdsaSigning { me, peers, party, tasks: started }, Outbound { broadcast: None, directs }))
    }

    fn phase2(&mut self, inbound: Inbound) -> Result<Outbound, Fault> {
        let mut received = self.take_messages::<TransmitPhase1to2>(inbound.directs, |m| &m.parties)?;
        let mut bodies: BTreeMap<PartyIndex, Vec<TransmitPhase2to3<Secp256k1>>> = BTreeMap::new();
        for task in &mut self.tasks {
            let State::Sent1(unique, kept) = task.state.take() else { return Err(OUT_OF_ORDER) };
            task.put_into(&mut self.party);
            let messages = received.pop().ok_or(OUT_OF_ORDER)?;
            let (unique, kept, sent) = self
                .party
                .sign_phase2(&task.data, unique, kept, &messages)
                .map_err(|abort| verdict(&abort, self.me, &self.peers))?;
            task.state = State::Sent2(unique, kept);
            for message in sent {
                let to = PartyIndex::new(message.parties.receiver.as_u8()).ok_or(Fault::Bug("message to nobody"))?;
                bodies.entry(to).or_default().push(message);
            }
        }
        Ok(Outbound { broadcast: None, directs: encode_each(&bodies)? })
    }

    fn phase3(&mut self, inbound: Inbound) -> Result<(), Fault> {
        let mut received = self.take_messages::<TransmitPhase2to3<Secp256k1>>(inbound.directs, |m| &m.parties)?;
        for task in &mut self.tasks {
            let State::Sent2(unique, kept) = task.state.take() else { return Err(OUT_OF_ORDER) };
            task.put_into(&mut self.party);
            let messages = received.pop().ok_or(OUT_OF_ORDER)?;
            let (r, own) = self
                .party
                .sign_phase3(&task.data, unique, kept, &messages)
                .map_err(|abort| verdict(&abort, self.me, &self.peers))?;
            task.state = State::Ready3 { r, own };
        }
        Ok(())
    }

    fn phase4(&mut self, inbound: Inbound) -> Result<Vec<Signature>, Fault> {
        let mut lists: Vec<Vec<Broadcast3to4<Secp256k1>>> = self.tasks.iter().map(|_| Vec::new()).collect();
        for (from, body) in inbound.broadcasts {
            let messages: Vec<Broadcast3to4<Secp256k1>> = decode(from, &body)?;
            if messages.len() != lists.len() {
                return Err(Fault::peer(from, "message is not for these tasks"));
            }
            lists.iter_mut().zip(messages).for_each(|(list, message)| list.push(message));
        }
        let mut signatures = Vec::with_capacity(self.tasks.len());
        for (task, mut received) in self.tasks.iter_mut().zip(lists) {
            let State::Ready3 { r, own } = task.state.take() else { return Err(OUT_OF_ORDER) };
            received.push(own);
            task.put_into(&mut self.party);
            // `true`: low s, recovery id to match. The library verifies under the task's key before it returns.
            let (s, recovery_id) = self
                .party
                .sign_phase4(&task.data, &r, &received, true)
                .map_err(|abort| verdict(&abort, self.me, &self.peers))?;
            let r = from_hex(&r).ok_or(OUT_OF_ORDER)?;
            signatures.push(Signature::ecdsa(r, from_hex(&s).ok_or(OUT_OF_ORDER)?, recovery_id));
        }
        Ok(signatures)
    }

    /// Decodes each peer's list (one message per task) and turns it into one list per task, the last task first.
    fn take_messages<T: serde::de::DeserializeOwned>(
        &self,
        bodies: BTreeMap<PartyIndex, Vec<u8>>,
        route: fn(&T) -> &dkls23_core::protocols::PartiesMessage,
    ) -> Result<Vec<Vec<T>>, Fault> {
        let mut per_task: Vec<Vec<T>> = self.tasks.iter().map(|_| Vec::with_capacity(self.peers.len())).collect();
        for (from, body) in bodies {
            let messages: Vec<T> = decode(from, &body)?;
            if messages.len() != self.tasks.len() {
                return Err(Fault::peer(from, "message is not for these tasks"));
            }
            for (list, message) in per_task.iter_mut().rev().zip(messages) {
                check_route(from, self.me, route(&message))?;
                list.push(message);
            }
        }
        Ok(per_task)
    }
}

const OUT_OF_ORDER: Fault = Fault::Bug("signing out of order");

impl Task {
    /// dkls23 signs with whatever key stands in the party: set this task's there instead of copying the party per key.
    fn put_into(&self, party: &mut EcdsaParty) {
        party.poly_point = *self.share;
        party.pk = self.key;
        party.derivation_data.chain_code = self.chain_code;
    }
}

impl State {
    fn take(&mut self) -> State {
        std::mem::replace(self, State::Spent)
    }
}

/// The share with the pairwise state of these counterparties alone: what a signature needs, half the size in 2-of-3.
fn narrowed(share: &EcdsaParty, counterparties: &[DklsIndex]) -> Result<EcdsaParty, Fault> {
    const DAMAGED: Fault = Fault::Bug("own pairwise state is damaged");
    let (mut mul_senders, mut mul_receivers) = (BTreeMap::new(), BTreeMap::new());
    for peer in counterparties {
        mul_senders.insert(*peer, share.mul_senders.get(peer).ok_or(DAMAGED)?.clone());
        mul_receivers.insert(*peer, share.mul_receivers.get(peer).ok_or(DAMAGED)?.clone());
    }
    Ok(Party {
        parameters: share.parameters.clone(),
        party_index: share.party_index,
        session_id: share.session_id.clone(),
        poly_point: share.poly_point,
        pk: share.pk,
        zero_share: share.zero_share.clone(),
        mul_senders,
        mul_receivers,
        derivation_data: share.derivation_data.clone(),
        address: String::new(),
    })
}

fn encode_each<T: serde::Serialize>(
    lists: &BTreeMap<PartyIndex, Vec<T>>,
) -> Result<BTreeMap<PartyIndex, Vec<u8>>, Fault> {
    lists.iter().map(|(to, messages)| Ok((*to, encode(messages)?))).collect()
}

/// The library gives r and s as lower-case hex of 32 bytes.
fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

impl Protocol for EcdsaSigning {
    type Output = Vec<Signature>;
    const PLAN: &'static [Traffic] = &[Traffic::Direct, Traffic::Direct, Traffic::Broadcast];

    fn max_body(&self, round: u8) -> usize {
        let per_task = match round {
            1 => MAX_PHASE1_BYTES,
            2 => MAX_PHASE2_BYTES,
            _ => MAX_PHASE3_BYTES,
        };
        // 8 bytes for the list's length.
        self.tasks.len().saturating_mul(per_task).saturating_add(8)
    }

    fn advance(&mut self, round: u8, inbound: Inbound) -> Result<Step<Vec<Signature>>, Fault> {
        match round {
            1 => self.phase2(inbound).map(Step::Next),
            2 => self.phase3(inbound).map(|()| Step::Hold),
            3 => self.phase4(inbound).map(Step::Finish),
            _ => Err(Fault::Bug("no such round")),
        }
    }

    fn release(&mut self) -> Result<Outbound, Fault> {
        let mut own = Vec::with_capacity(self.tasks.len());
        for task in &self.tasks {
            let State::Ready3 { own: message, .. } = &task.state else { return Err(OUT_OF_ORDER) };
            own.push(message);
        }
        Ok(Outbound { broadcast: Some(encode(&own)?), directs: BTreeMap::new() })
    }
}

/// What one task may take in a peer's message of phases 1 to 3. Honest ones have about 27,000, 67,000 and 66 bytes.
const MAX_PHASE1_BYTES: usize = 40_000;
const MAX_PHASE2_BYTES: usize = 90_000;
const MAX_PHASE3_BYTES: usize = 128;
