//! What a program inside the enclave's machine can reach: the security module's device, the kernel's random pool, and the
//! parent at the other end of the stream socket. Linux only; no file of this crate but `calls.rs` holds unsafe code.

mod calls;
mod device;
mod parent;
mod pool;

pub use device::{DEVICE_PATH, Device};
pub use parent::{HEARTBEAT_PORT, STREAM_PORT, connect_parent};
pub use pool::{SEED_BYTES, credit_entropy};
