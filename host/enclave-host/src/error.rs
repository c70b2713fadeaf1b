//! What can go wrong around an enclave, whose fault it is, and the stable code of each.

use std::io;

/// Who must act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Disk, memory or operating system of this host: try again when it has recovered.
    Host,
    /// The stored bytes: restore the folder from a copy, or let the peers re-admit the cosigner.
    Storage,
    /// The cosigner program broke the wire protocol.
    Cosigner,
    /// Whoever configured or called this: wrong path, second instance.
    Caller,
}

/// Why records cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Another process holds the folder.
    #[error("another instance uses this cosigner's records")]
    Locked,
    /// Bytes that were acknowledged as durable are damaged.
    #[error("records are damaged at byte {offset}: {what}")]
    Corrupt {
        /// Where in the file.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// An object of a bucket is damaged, or one that must be there is not.
    #[error("records are damaged at the object of record {first}: {what}")]
    Object {
        /// The record that it begins with.
        first: u64,
        /// What is wrong.
        what: String,
    },
    /// Written by a program that this one does not know.
    #[error("records are in format {found}, this program knows {}", crate::record_format::VERSION)]
    Version {
        /// The file's format.
        found: u32,
    },
    /// The cosigner skipped or repeated a sequence, or a record is over its bound.
    #[error("record {found} came where {expected} was due")]
    Sequence {
        /// The next sequence.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// A snapshot is not whole: it stands for nothing.
    #[error("the snapshot that ends with record {last} is not whole")]
    Cut {
        /// The last record that came.
        last: u64,
    },
    /// No space left: nothing was acknowledged, nothing earlier is lost.
    #[error("disk full")]
    Full,
    /// The disk refused; the file is again as it was before.
    #[error("disk: {0}")]
    Disk(io::Error),
    /// The bucket does not answer, or not now. Nothing was acknowledged; the same append may be tried again.
    #[error("bucket: {0}")]
    Bucket(String),
    /// The bucket is not there, or these credentials may not use it.
    #[error("bucket refused: {0}")]
    BucketRefused(String),
    /// The disk did not confirm: what the file holds beyond the acknowledged part is unknown. Reopen it.
    #[error("disk did not confirm a write: {0}")]
    Unconfirmed(io::Error),
}

impl RecordError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            RecordError::Locked => "records.locked",
            RecordError::Corrupt { .. } | RecordError::Object { .. } => "records.corrupt",
            RecordError::Bucket(_) => "records.bucket",
            RecordError::BucketRefused(_) => "records.bucket_refused",
            RecordError::Version { .. } => "records.version",
            RecordError::Sequence { .. } => "records.sequence",
            RecordError::Cut { .. } => "records.cut",
            RecordError::Full => "records.disk_full",
            RecordError::Disk(_) => "records.disk",
            RecordError::Unconfirmed(_) => "records.unconfirmed",
        }
    }

    /// Who must act.
    pub fn fault(&self) -> Fault {
        match self {
            RecordError::Locked | RecordError::BucketRefused(_) => Fault::Caller,
            RecordError::Corrupt { .. } | RecordError::Object { .. } | RecordError::Version { .. } => Fault::Storage,
            RecordError::Sequence { .. } | RecordError::Cut { .. } => Fault::Cosigner,
            RecordError::Full | RecordError::Disk(_) | RecordError::Bucket(_) | RecordError::Unconfirmed(_) => {
                Fault::Host
            }
        }
    }

    /// Whether the same append may succeed later on the same open store.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            RecordError::Full
            | RecordError::Disk(_)
            | RecordError::Bucket(_)
            // Credentials are renewed, and rights come back, while the cosigner waits.
            | RecordError::BucketRefused(_) => true,
            RecordError::Locked
            | RecordError::Corrupt { .. }
            | RecordError::Object { .. }
            | RecordError::Version { .. }
            | RecordError::Sequence { .. }
            | RecordError::Cut { .. }
            | RecordError::Unconfirmed(_) => false,
        }
    }

    pub(crate) fn of_io(error: io::Error) -> RecordError {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => RecordError::Full,
            _ => RecordError::Disk(error),
        }
    }
}

/// Why an enclave did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its records.
    #[error(transparent)]
    Records(#[from] RecordError),
    /// A record is longer than a frame: this host's cosigners write none such.
    #[error("a record of {bytes} bytes does not fit a frame")]
    RecordTooLong {
        /// Its size.
        bytes: usize,
    },
    /// The program cannot be run.
    #[error("cannot run the cosigner program: {0}")]
    Program(io::Error),
    /// The child could not confine itself: it runs in no other way.
    #[error("the cosigner's process cannot be confined: {0}")]
    Confine(io::Error),
    /// Folder, pipe or socket cannot be made.
    #[error("cannot prepare the cosigner's start: {0}")]
    Prepare(io::Error),
    /// The development sealing key is gone although records exist that it seals.
    #[error("the development sealing key is missing although there are records")]
    SealingKeyMissing,
    /// The development sealing key's file is not 32 bytes, or others may read it.
    #[error("the development sealing key's file is unusable: {0}")]
    SealingKeyUnusable(&'static str),
    /// The image file cannot be read or is none.
    #[error("the enclave's image: {0}")]
    Image(String),
    /// The emulated machine does not start, or ends before the enclave has presented itself.
    #[error("the enclave's machine: {0}")]
    Machine(String),
    /// This machine has no driver of Nitro enclaves, or this user may not use it.
    #[error(
        "/dev/nitro_enclaves: {0}: run on an EC2 instance with EnclaveOptions enabled, install aws-nitro-enclaves-cli, start \
         nitro-enclaves-allocator, and be in the group `ne`"
    )]
    NoNitro(io::Error),
    /// The driver of Nitro enclaves refused a request.
    #[error("{request}: {error}: {what}")]
    Nitro {
        /// The request's name in the kernel's header.
        request: &'static str,
        /// The driver's error.
        error: io::Error,
        /// What to do.
        what: &'static str,
    },
    /// What the image says of itself at its start is not what was started.
    #[error("the enclave is not the image that was started: {0}")]
    Presentation(#[from] ringi_attestation::AttestationError),
}

impl StartError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            StartError::Records(e) => e.code(),
            StartError::RecordTooLong { .. } => "enclave.record_too_long",
            StartError::Program(_) => "enclave.program",
            StartError::Confine(_) => "enclave.confine",
            StartError::Prepare(_) => "enclave.prepare",
            StartError::SealingKeyMissing => "enclave.sealing_key_missing",
            StartError::SealingKeyUnusable(_) => "enclave.sealing_key_unusable",
            StartError::Image(_) => "enclave.image",
            StartError::Machine(_) => "enclave.machine",
            StartError::NoNitro(_) => "enclave.nitro_missing",
            StartError::Nitro { .. } => "enclave.nitro",
            StartError::Presentation(_) => "enclave.presentation",
        }
    }

    /// Who must act.
    pub fn fault(&self) -> Fault {
        match self {
            StartError::Records(e) => e.fault(),
            StartError::RecordTooLong { .. } => Fault::Storage,
            StartError::Program(_) | StartError::Image(_) | StartError::NoNitro(_) => Fault::Caller,
            StartError::Confine(_) | StartError::Prepare(_) | StartError::Machine(_) | StartError::Nitro { .. } => {
                Fault::Host
            }
            StartError::Presentation(_) => Fault::Cosigner,
            StartError::SealingKeyMissing | StartError::SealingKeyUnusable(_) => Fault::Storage,
        }
    }
}

/// Why a frame was not handed to the cosigner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The cosigner is not running.
    #[error("cosigner is down")]
    Down,
    /// Its queue is full and the caller did not want to wait.
    #[error("cosigner's queue is full")]
    Full,
}

impl SendError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            SendError::Down => "enclave.down",
            SendError::Full => "enclave.queue_full",
        }
    }
}
