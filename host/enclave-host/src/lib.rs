//! Starts a cosigner's enclave, speaks the one inherited stream with it and keeps its sealed records.
//!
//! The host side of [`ringi_primitives::wire`]: it carries frames and stores bytes, it never understands a sealed one and
//! decides nothing about safety. Restarting from lost or old records can stop a cosigner, never make it sign (rule B1).
//! A back end is an [`Enclave`]: [`Process`] runs the cosigner as a confined child, [`Qemu`] boots the real image
//! under an emulator, [`Nitro`] in an AWS Nitro enclave.

mod backend;
mod bucket;
mod bucket_connection;
mod bucket_store;
mod calls;
mod committer;
mod confine;
mod console;
mod error;
mod event;
mod handle;
mod home;
mod key_service;
mod nitro;
mod nitro_device;
mod presentation;
mod process;
mod qemu;
mod record_format;
mod record_store;
mod sealing_key;
mod stream;
mod supervise;
mod upgrade;

pub use backend::{Enclave, Launched, Lifeline, Records};
pub use bucket::{Access, Bucket};
pub use error::{Fault, RecordError, SendError, StartError};
pub use event::{Ending, Event};
pub use handle::{EnclaveHandle, Events};
pub use home::{Home, RecordLog};
pub use key_service::KeyService;
pub use nitro::{Nitro, NitroSettings};
pub use nitro_device::{ImageLoadInfo, NitroDevice, NitroPage, NitroParent, StartInfo};
pub use process::{Emulation, Process};
pub use qemu::{Booted, Qemu, QemuSettings};
pub use record_format::StoredRecord;
pub use record_store::RecordStore;
pub use supervise::{Backoff, Supervised, supervise};
pub use upgrade::{HandOverError, HandedOver, Image, Side, hand_over, kept_genesis};
