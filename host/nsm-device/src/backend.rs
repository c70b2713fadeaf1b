//! What the vhost-user crates ask of a device.

use crate::exchange::{Pending, Used, serve_queue};
use ringi_nsm::Module;
use std::io;
use vhost::vhost_user::VhostUserProtocolFeatures;
use vhost::vhost_user::message::VhostUserVirtioFeatures;
use vhost_user_backend::{VhostUserBackendMut, VringRwLock, VringT};
use vm_memory::{GuestAddressSpace as _, GuestMemoryAtomic, GuestMemoryMmap};
use vmm_sys_util::epoll::EventSet;
use vmm_sys_util::event::{EventConsumer, EventFlag, EventNotifier, new_event_consumer_and_notifier};

/// At least the emulator's queue size (64): a smaller one ends in an invalid-parameter error when the queue is set up.
const QUEUE_SIZE: usize = 1024;
/// VIRTIO_F_VERSION_1 and VIRTIO_F_INDIRECT_DESC (virtio 1.2, section 6).
const FEATURES: u64 = 1 << 32 | 1 << 28;

type Memory = GuestMemoryAtomic<GuestMemoryMmap>;

/// The device of one machine.
pub(crate) struct Device {
    module: Module,
    pending: Pending,
    memory: Option<Memory>,
    exit: (EventConsumer, EventNotifier),
}

impl Device {
    pub(crate) fn new(module: Module) -> io::Result<Device> {
        let exit = new_event_consumer_and_notifier(EventFlag::NONBLOCK)?;
        Ok(Device { module, pending: Pending::default(), memory: None, exit })
    }
}

impl VhostUserBackendMut for Device {
    type Bitmap = ();
    type Vring = VringRwLock;

    fn num_queues(&self) -> usize {
        1
    }

    fn max_queue_size(&self) -> usize {
        QUEUE_SIZE
    }

    fn features(&self) -> u64 {
        FEATURES | VhostUserVirtioFeatures::PROTOCOL_FEATURES.bits()
    }

    fn protocol_features(&self) -> VhostUserProtocolFeatures {
        VhostUserProtocolFeatures::REPLY_ACK
    }

    fn set_event_idx(&mut self, _enabled: bool) {}

    fn update_memory(&mut self, memory: Memory) -> io::Result<()> {
        self.memory = Some(memory);
        Ok(())
    }

    fn exit_event(&self, _thread: usize) -> Option<(EventConsumer, EventNotifier)> {
        Some((self.exit.0.try_clone().ok()?, self.exit.1.try_clone().ok()?))
    }

    fn handle_event(&mut self, _event: u16, _set: EventSet, vrings: &[VringRwLock], _thread: usize) -> io::Result<()> {
        let (Some(vring), Some(memory)) = (vrings.first(), &self.memory) else { return Ok(()) };
        let memory = memory.memory();
        let used = {
            let mut state = vring.get_mut();
            serve_queue(state.get_queue_mut(), &memory, &mut self.pending, &mut self.module)?
        };
        if used == Used::Some { vring.signal_used_queue() } else { Ok(()) }
    }
}
