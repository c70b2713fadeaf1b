//! The emulated security module as a virtio device (id 33) of an emulated machine, over a vhost-user socket: the kernel's
//! own driver inside the machine speaks to it as to the real one. The guest is foreign: whatever it puts into the queue,
//! it gets an answer or nothing, and no memory but its own is touched.

mod backend;
mod exchange;
mod served;

pub use served::{DeviceError, Served, serve};

/// The device's number (include/uapi/linux/virtio_ids.h, `VIRTIO_ID_NITRO_SEC_MOD`).
pub const VIRTIO_ID: u32 = 33;
