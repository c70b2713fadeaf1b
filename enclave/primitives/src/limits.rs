//! Every bound on foreign input, in one place, with its reason. Sizes are bytes unless the name says otherwise.

/// An intent's JSON body: a few actions with generous call data.
pub const INTENT_BYTES: usize = 64 * 1024;
/// Actions in one intent: a Bitcoin batch pays at most this many recipients.
pub const INTENT_ACTIONS: usize = 100;
/// An intent lives at most 30 days: approvers go on holiday, signatures must not live for ever.
pub const INTENT_LIFE_MS: u64 = 30 * 24 * 3600 * 1000;
/// A request signature (RFC 9421) lives at most five minutes at the gateway.
pub const REQUEST_LIFE_S: u64 = 300;
/// Any header value or signature parameter we look at.
pub const HEADER_BYTES: usize = 1024;
/// Text fields such as names, labels and references.
pub const TEXT_BYTES: usize = 256;
/// An address in text form (bech32m is at most 90 characters).
pub const ADDRESS_TEXT_BYTES: usize = 128;
/// A raw address: a Bitcoin script is at most 42 bytes for every witness program (BIP-141).
pub const ADDRESS_BYTES: usize = 42;
/// Contract call data inside an effect.
pub const CALL_DATA_BYTES: usize = 32 * 1024;
/// Unsigned bytes of one transaction: a PSBT carries whole previous transactions (rule C1).
pub const UNSIGNED_BYTES: usize = 1024 * 1024;
/// Inputs of one Bitcoin transaction: bounds the number of signatures in one session.
pub const SIGHASHES: usize = 64;
/// Approvals attached to one request.
pub const APPROVALS: usize = 32;
/// Facts attached to one request, or sent at once: a few witnesses of a few assets.
pub const FACTS: usize = 64;
/// Witnesses in one policy set.
pub const WITNESSES: usize = 64;
/// No price or balance is worth anything after a day, whatever a policy set says.
pub const FACT_AGE_S: u64 = 24 * 3600;
/// Prices that lie further apart than the lower one again do not agree, whatever a policy set says.
pub const SPREAD_BPS: u32 = 10_000;
/// Witnesses times assets of which the newest statement is remembered (rule M1).
pub const FACT_TOPICS: usize = 4096;
/// Proofs of finality kept for intents that are not pinned here yet (rule L3).
pub const EARLY_FINALS: usize = 4096;
/// A whole signing request.
pub const REQUEST_BYTES: usize = UNSIGNED_BYTES + 256 * 1024;
/// A signed policy set: 1,000 rules and some thousand allow-list entries.
pub const POLICY_BYTES: usize = 4 * 1024 * 1024;
/// Rules in one vault.
pub const RULES: usize = 4096;
/// People, groups, assets, networks, vaults: each list of a policy set.
pub const LIST: usize = 4096;
/// Allow-list entries in one list.
pub const ALLOW_ENTRIES: usize = 65_536;
/// Keys of one person: a few devices, each to initiate or to approve.
pub const PERSON_KEYS: usize = 64;
/// Bytes of a WebAuthn credential id (WebAuthn Level 2, section 4: at most 1023).
pub const CREDENTIAL_BYTES: usize = 1023;
/// Bytes of WebAuthn client data: an origin, a challenge, and what a client adds.
pub const CLIENT_DATA_BYTES: usize = 2048;
/// Bytes of authenticator data in an assertion: 37 and extensions.
pub const AUTHENTICATOR_DATA_BYTES: usize = 1024;
/// Signature counters remembered of one passkey.
pub const PASSKEY_COUNTERS: usize = 64;
/// Each list of a rule's `when`, and the lists of an allow-list rule: looked through for every effect.
pub const MATCH_LIST: usize = 256;
/// Ways to fill a quorum, and groups in one way: a tree of AND and OR in its flat form.
pub const QUORUM_WAYS: usize = 32;
/// An EIP-712 `encodeType` string: real ones stay below 500.
pub const MESSAGE_KIND_BYTES: usize = 4096;
/// Fields of one decoded typed message, nested ones included.
pub const MESSAGE_FIELDS: usize = 256;
/// A signed genesis document.
pub const GENESIS_BYTES: usize = 256 * 1024;
/// Admins of one workspace.
pub const ADMINS: usize = 32;
/// One frame on the stream between host and cosigner.
pub const FRAME_BYTES: usize = 16 * 1024 * 1024;
/// Records of a state that is handed over, each a mebibyte and more: no cosigner has memory for so many.
pub const HAND_OVER_RECORDS: u32 = 1024;
/// Nonce of an attestation: a hash of any kind.
pub const NONCE_BYTES: usize = 64;
/// The first rolling window never reaches further back than 366 days.
pub const WINDOW_S: u64 = 366 * 24 * 3600;
/// Signers' clocks may differ by a minute (rule T1).
pub const CLOCK_SKEW_MS: u64 = 60_000;
/// Longest time that a policy set is announced before it may come in force.
pub const CHANGE_DELAY_S: u64 = 30 * 24 * 3600;
/// An order is used within a day of being issued (rule G2).
pub const ORDER_LIFE_MS: u64 = 24 * 3600 * 1000;
/// Who one cosigner's kit is encrypted to: each costs 18 kB of the kit and some 50 ms of every peer (rule K3).
pub const KIT_RECIPIENTS: usize = 15;
/// A recovery kit: its recipients, 18 kB each.
pub const KIT_BYTES: usize = 512 * 1024;
/// A sealed share: a share of dkls23 holds pairwise state for each of up to eight peers.
pub const SEALED_SHARE_BYTES: usize = 8 * 1024 * 1024;
/// Kits in one recovery order: the keys of one cosigner.
pub const KITS: usize = 64;
/// Indices beyond the last used one at which own change is still recognised (rule C1; BIP-44 gap limit).
pub const CHANGE_GAP: u32 = 20;
/// A brake's document and its evidence: ids, a target, and an assertion of a passkey (rule P1).
pub const BRAKE_BYTES: usize = 8 * 1024;
/// A brake is handed in within a month of being signed: as long as an intent lives, so that a cosigner that was away still
/// takes it (rule P1).
pub const BRAKE_LIFE_MS: u64 = INTENT_LIFE_MS;
/// Freezes that one person holds in force, and vetoes and withdrawals of one person that are remembered: nobody fills a
/// cosigner's memory by themselves (rule P1).
pub const BRAKES_PER_PERSON: usize = 256;
/// Freezes that one order lifts (rule P1).
pub const LIFTED: usize = 256;
