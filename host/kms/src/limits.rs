//! Every bound of the server in one place. Where AWS has one, it is AWS's (KMS API reference, "Quotas").

/// A request's body: a policy is 32 KiB, a document 16 KiB and its base64 22 KiB.
pub const BODY_BYTES: usize = 128 * 1024;
/// Headers of one request: SDKs send about fifteen.
pub const HEADERS: usize = 64;
/// Request line and headers of one request. A session token has up to 4096 bytes.
pub const HEAD_BYTES: usize = 32 * 1024;
/// What Encrypt takes.
pub const PLAINTEXT_BYTES: usize = 4096;
/// What Sign takes as a message.
pub const MESSAGE_BYTES: usize = 4096;
/// What Decrypt takes.
pub const CIPHERTEXT_BYTES: usize = 6144;
/// What GenerateRandom and GenerateDataKey give.
pub const RANDOM_BYTES: usize = 1024;
/// Keys and values of an encryption context together.
pub const CONTEXT_BYTES: usize = 8192;
/// Pairs of an encryption context.
pub const CONTEXT_PAIRS: usize = 64;
/// A key policy.
pub const POLICY_BYTES: usize = 32 * 1024;
/// Statements of a policy; more do not fit into its bytes in any useful form.
pub const STATEMENTS: usize = 256;
/// A key's description.
pub const DESCRIPTION_BYTES: usize = 8192;
/// Keys of one server: all are kept in memory.
pub const KEYS: usize = 10_000;
/// Keys in one answer of ListKeys.
pub const LISTED: usize = 1000;
/// Access keys of one server.
pub const ACCESS_KEYS: usize = 1000;
/// One key's file: policy, material, a wrapping key.
pub const KEY_FILE_BYTES: u64 = 128 * 1024;
/// The file of access keys.
pub const ACCESS_FILE_BYTES: u64 = 1024 * 1024;
/// How far a request's date may lie from the server's clock.
pub const REQUEST_SKEW_MS: u64 = 300_000;
/// The oldest attestation document.
pub const DOCUMENT_AGE_MS: u64 = 300_000;
/// RSA keys of recipients, bits.
pub const RECIPIENT_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;
/// Days until a key is deleted.
pub const DELETION_DAYS: std::ops::RangeInclusive<u64> = 7..=30;
/// Days until a key is deleted where the caller names none.
pub const DELETION_DAYS_DEFAULT: u64 = 30;
/// A wrapping key for an import is valid so long.
pub const IMPORT_MS: u64 = DAY_MS;
/// Imported material expires within a year.
pub const IMPORT_VALID_MS: u64 = 365 * DAY_MS;
/// One day.
pub const DAY_MS: u64 = 24 * 3600 * 1000;
/// Connections at the same time.
pub const CONNECTIONS: usize = 256;
/// A request's headers must have come after so many seconds, its body after as many again.
pub const READ_SECONDS: u64 = 20;
