//! The device's one queue (Linux: drivers/misc/nsm.c, `nsm_sendrecv_msg_locked`). Each call is two descriptor chains: the
//! request, then a buffer for the answer. Both come back used, in this order.

use ringi_attestation::nsm::{Answer, Fault};
use ringi_nsm::Module;
use std::io::{self, Read as _, Write as _};
use virtio_queue::{DescriptorChain, Queue, QueueOwnedT as _, QueueT as _, Reader, Writer};
use vm_memory::GuestMemoryMmap;

/// A longer request is none (`NSM_REQUEST_MAX_SIZE`).
const REQUEST_BYTES: usize = 0x1000;

/// A call that waits for its answer's buffer.
#[derive(Default)]
pub(crate) struct Pending(Option<Vec<u8>>);

/// Whether the guest is to be told that buffers were used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Used {
    Some,
    None,
}

/// Answers all that lies in the queue.
///
/// # Errors
/// If the guest's queue cannot be read or written: it is broken, and nothing more can be done for it.
pub(crate) fn serve_queue(
    queue: &mut Queue,
    memory: &GuestMemoryMmap,
    pending: &mut Pending,
    module: &mut Module,
) -> io::Result<Used> {
    let mut used = Used::None;
    let chains: Vec<_> = queue.iter(memory).map_err(io::Error::other)?.collect();
    for chain in chains {
        let head = chain.head_index();
        let length = serve_chain(chain, memory, pending, module)?;
        queue.add_used(memory, head, length).map_err(io::Error::other)?;
        used = Used::Some;
    }
    Ok(used)
}

/// Takes one chain; gives how many bytes were written into it.
fn serve_chain(
    chain: DescriptorChain<&GuestMemoryMmap>,
    memory: &GuestMemoryMmap,
    pending: &mut Pending,
    module: &mut Module,
) -> io::Result<u32> {
    let mut reader: Reader<'_> = Reader::new(memory, chain.clone()).map_err(io::Error::other)?;
    if reader.available_bytes() > 0 {
        let mut request = vec![0; reader.available_bytes().min(REQUEST_BYTES + 1)];
        reader.read_exact(&mut request)?;
        pending.0 = Some(request);
        return Ok(0);
    }
    let Some(request) = pending.0.take() else { return Ok(0) };
    let too_long = request.len() > REQUEST_BYTES;
    let answer = if too_long { Answer::Error(Fault::InputTooLarge).encode() } else { module.answer(&request) };
    let mut writer: Writer<'_> = Writer::new(memory, chain).map_err(io::Error::other)?;
    let room = writer.available_bytes();
    let fits = |answer: Vec<u8>| (answer.len() <= room).then_some(answer);
    let answer = fits(answer).or_else(|| fits(Answer::Error(Fault::BufferTooSmall).encode())).unwrap_or_default();
    writer.write_all(&answer)?;
    u32::try_from(answer.len()).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringi_attestation::nsm::{MESSAGE_BYTES, Question};
    use ringi_attestation::{Pcr, PcrIndex};
    use ringi_nsm::{Authority, Clock};
    use ringi_primitives::time::UnixMs;
    use std::sync::Arc;
    use virtio_queue::desc::{RawDescriptor, split::Descriptor};
    use virtio_queue::mock::MockSplitQueue;
    use vm_memory::{Bytes as _, GuestAddress};

    const SIZE: u16 = 16;
    const REQUEST_AT: u64 = 0x10_0000;
    const ANSWER_AT: u64 = 0x20_0000;
    /// VIRTQ_DESC_F_WRITE.
    const WRITE: u16 = 2;

    struct Still;

    impl Clock for Still {
        fn now(&self) -> UnixMs {
            UnixMs(1_790_000_000_000)
        }
    }

    fn module() -> Module {
        let authority = Arc::new(Authority::generate().unwrap());
        Module::new("i-test", &[(PcrIndex::IMAGE, Pcr([7; 48]))], authority, Arc::new(Still))
    }

    /// What the guest finds after it offered these buffers: lengths used, in order, and the answer's buffer.
    fn offered(request: &[u8], buffers: &[(u64, u32, u16)]) -> (Vec<(u32, u32)>, Vec<u8>) {
        let memory = GuestMemoryMmap::<()>::from_ranges(&[(GuestAddress(0), 0x40_0000)]).unwrap();
        memory.write_slice(request, GuestAddress(REQUEST_AT)).unwrap();
        let guest = MockSplitQueue::new(&memory, SIZE);
        let chains: Vec<_> = buffers
            .iter()
            .map(|(at, length, flags)| RawDescriptor::from(Descriptor::new(*at, *length, *flags, 0)))
            .collect();
        guest.add_desc_chains(&chains, 0).unwrap();
        let mut queue: Queue = guest.create_queue().unwrap();
        serve_queue(&mut queue, &memory, &mut Pending::default(), &mut module()).unwrap();
        let used = guest.used();
        let count = u16::from_le(used.idx().load());
        let element = |n: u16| used.ring().ref_at(usize::from(n)).unwrap().load();
        let lengths = (0..count).map(element).map(|used| (used.id(), used.len())).collect();
        let mut answer = vec![0; MESSAGE_BYTES];
        memory.read_slice(&mut answer, GuestAddress(ANSWER_AT)).unwrap();
        (lengths, answer)
    }

    fn request(bytes: &[u8]) -> (u64, u32, u16) {
        (REQUEST_AT, u32::try_from(bytes.len()).unwrap(), 0)
    }

    const BUFFER: (u64, u32, u16) = (ANSWER_AT, MESSAGE_BYTES as u32, WRITE);

    fn answered(bytes: &[u8], answer_room: u32) -> Answer {
        let (used, answer) = offered(bytes, &[request(bytes), (ANSWER_AT, answer_room, WRITE)]);
        assert_eq!((used[0], used[1].0, used.len()), ((0, 0), 1, 2));
        Answer::decode(&answer[..used[1].1 as usize]).unwrap()
    }

    #[test]
    fn a_call_is_two_chains_used_in_order() {
        let register = answered(&Question::DescribePcr(0).encode(), BUFFER.1);
        assert_eq!(register, Answer::DescribePcr { locked: true, value: Pcr([7; 48]) });
        let document = Question::Attestation { user_data: None, nonce: Some(vec![1; 32]), public_key: None };
        assert!(matches!(answered(&document.encode(), BUFFER.1), Answer::Attestation(_)));
    }

    #[test]
    fn nonsense_too_long_and_too_little_room_are_answered_with_errors() {
        assert_eq!(answered(b"nonsense", BUFFER.1), Answer::Error(Fault::InvalidOperation));
        assert_eq!(answered(&vec![0; REQUEST_BYTES + 1], BUFFER.1), Answer::Error(Fault::InputTooLarge));
        let document = Question::Attestation { user_data: None, nonce: None, public_key: None };
        assert_eq!(answered(&document.encode(), 64), Answer::Error(Fault::BufferTooSmall));
    }

    #[test]
    fn a_buffer_without_a_request_comes_back_empty() {
        assert_eq!(offered(&[], &[BUFFER]).0, [(0, 0)]);
        let describe = Question::DescribeNsm.encode();
        let (used, _) = offered(&describe, &[request(&describe), BUFFER, (ANSWER_AT, BUFFER.1, WRITE)]);
        assert_eq!((used[0], used[2]), ((0, 0), (2, 0)));
        assert!(used[1].1 > 0);
    }

    #[test]
    fn buffers_outside_of_the_guests_memory_break_the_queue_and_nothing_else() {
        let memory = GuestMemoryMmap::<()>::from_ranges(&[(GuestAddress(0), 0x1_0000)]).unwrap();
        let guest = MockSplitQueue::new(&memory, SIZE);
        let outside = RawDescriptor::from(Descriptor::new(u64::MAX - 8, 64, 0, 0));
        guest.add_desc_chains(&[outside], 0).unwrap();
        let mut queue: Queue = guest.create_queue().unwrap();
        assert!(serve_queue(&mut queue, &memory, &mut Pending::default(), &mut module()).is_err());
    }
}
