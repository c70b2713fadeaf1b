//! Rules: to what a rule applies, and what it then demands.
//!
//! A block that matches any effect denies, wherever it stands. Otherwise each effect belongs to the first rule that matches
//! it, and the terms of all these rules hold together. An effect that none matches is denied.

use crate::address::Address;
use crate::amount::Amount;
use crate::asset::AssetKey;
use crate::id::{PersonId, WalletId};
use crate::network::NetworkId;
use crate::policy_set::AllowEntry;
use crate::scheme::PartyIndex;
use crate::time::UnixMs;
use minicbor::{Decode, Encode};
use std::collections::BTreeSet;

/// Digits after the point of amounts in US dollars: a unit is 10^-12 of a dollar.
pub const USD_DECIMALS: u8 = 12;

/// One rule: to what it applies, and what it demands there.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Rule {
    /// Unique name in the vault, not [`super::DEFAULT_RULE`]; decisions and receipts name it.
    #[n(0)]
    pub name: String,
    /// Where it applies.
    #[n(1)]
    pub when: Conditions,
    /// What then.
    #[n(2)]
    pub then: Ruling,
}

/// What a rule says of an effect that it matches.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Ruling {
    /// Denied, whatever other rules say and wherever they stand.
    #[n(0)]
    Block,
    /// Allowed on these terms, where no earlier rule matches.
    #[n(1)]
    Allow(#[n(0)] Terms),
}

/// Where a rule applies: every condition that is there must hold. An empty list is no condition, except that an allowing
/// rule matches dangerous kinds (`opaque`, `delegate`) only where it names them.
#[derive(Clone, Debug, PartialEq, Eq, Default, Encode, Decode)]
pub struct Conditions {
    /// Effect kinds, as [`crate::effects::Effect::kind`] spells them.
    #[n(0)]
    pub kinds: Vec<String>,
    /// Chains.
    #[n(1)]
    pub networks: Vec<NetworkId>,
    /// Assets moved.
    #[n(2)]
    pub assets: Vec<AssetKey>,
    /// Who asks: one of these.
    #[n(3)]
    pub initiators: Vec<Initiator>,
    /// The wallet that acts: one of these.
    #[n(4)]
    pub sources: Vec<Source>,
    /// Who gains: one of these. An effect by which nobody but the wallet gains passes.
    #[n(5)]
    pub destinations: Vec<Destination>,
    /// What the whole intent takes: within all of these.
    #[n(6)]
    pub amounts: Vec<Band>,
    /// When it is signed: in one of these.
    #[n(7)]
    pub hours: Vec<Hours>,
    /// The rule applies from then on.
    #[n(8)]
    pub from: Option<UnixMs>,
    /// The rule applies before then.
    #[n(9)]
    pub until: Option<UnixMs>,
    /// Functions called: one of these, which only `call` effects meet.
    #[n(10)]
    pub calls: Vec<CallCondition>,
    /// Typed data signed: one of these, which only `typed_message` effects meet.
    #[n(11)]
    pub messages: Vec<MessageCondition>,
    /// Bitcoin: bounds on the transaction's coins.
    #[n(12)]
    pub coins: Option<CoinCondition>,
    /// Limits of the vault that the intent must still fit into for the rule to apply; it is charged to them.
    #[n(13)]
    pub within: Vec<String>,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Initiator {
    /// Any member of the group of this name.
    #[n(0)]
    Group(#[n(0)] String),
    /// This person or program.
    #[n(1)]
    Person(#[n(0)] PersonId),
}

/// Which wallet acts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Source {
    /// This one.
    #[n(0)]
    Wallet(#[n(0)] WalletId),
    /// Any that the policy set gives this tag.
    #[n(1)]
    Tag(#[n(0)] String),
}

/// Who gains value or power by an effect, by what the policy set knows of the address (rule G3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Destination {
    /// On the allow-list of this name.
    #[n(0)]
    List(#[n(0)] String),
    /// On an allow-list, or of a wallet, with this tag.
    #[n(1)]
    Tag(#[n(0)] String),
    /// An address of a wallet that the policy set knows.
    #[n(2)]
    Internal,
    /// On no allow-list and of no known wallet: a one-time address. Bytes with an unknown beneficiary are here.
    #[n(3)]
    Unlisted,
    /// A contract that is called, that is approved or whose code is delegated to.
    #[n(4)]
    Contract(#[n(0)] AllowEntry),
}

/// What an amount counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum Measure {
    /// Base units of an asset.
    #[n(0)]
    Asset(#[n(0)] AssetKey),
    /// 10^-12 US dollars, over every asset, at prices signed by witnesses (rule M1).
    #[n(1)]
    Usd,
    /// Intents.
    #[n(2)]
    Count,
}

/// The range that what an intent takes must lie in: more than `above`, and not more than `at_most`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Band {
    /// What is counted; not [`Measure::Count`].
    #[n(0)]
    pub measure: Measure,
    /// More than this.
    #[n(1)]
    pub above: Option<Amount>,
    /// At most this.
    #[n(2)]
    pub at_most: Option<Amount>,
}

/// Hours of the week in a named zone.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Hours {
    /// IANA name, such as `Europe/Zurich`.
    #[n(0)]
    pub zone: String,
    /// Days of the week, 1 Monday to 7 Sunday.
    #[n(1)]
    pub days: BTreeSet<u8>,
    /// First minute of the day that is inside, 0 to 1439.
    #[n(2)]
    pub from_minute: u16,
    /// First minute that is outside again, `from_minute` + 1 to 1440.
    #[n(3)]
    pub to_minute: u16,
}

/// A call of a contract function, with conditions on its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CallCondition {
    /// The chain.
    #[n(0)]
    pub network: NetworkId,
    /// The contract.
    #[n(1)]
    pub contract: Address,
    /// Canonical signature; one of the policy set's functions.
    #[n(2)]
    pub function: String,
    /// All hold.
    #[n(3)]
    pub arguments: Vec<ArgumentCondition>,
}

/// A condition on one 32-byte word of the head of ABI-encoded arguments: a value of a static type lies in its own words,
/// and call data is decoded only in the one exact encoding.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ArgumentCondition {
    /// Number of the word, from 0, after the selector.
    #[n(0)]
    pub word: u16,
    /// What holds of it.
    #[n(1)]
    pub test: WordTest,
}

/// A condition on one field of signed typed data.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct FieldCondition {
    /// Path of the field from the message, such as `order.maker`.
    #[n(0)]
    pub field: String,
    /// What holds of it.
    #[n(1)]
    pub test: WordTest,
}

/// What holds of a 32-byte word.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum WordTest {
    /// It is one of these.
    #[n(0)]
    OneOf(#[n(0)] BTreeSet<Amount>),
    /// As an unsigned integer it lies between both, these included.
    #[n(1)]
    Between {
        /// Least.
        #[n(0)]
        least: Amount,
        /// Most.
        #[n(1)]
        most: Amount,
    },
    /// As an address it is one of these destinations; not [`Destination::Contract`].
    #[n(2)]
    Destination(#[n(0)] Vec<Destination>),
}

/// A signed EIP-712 message of a type that the policy set names.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct MessageCondition {
    /// The chain of its domain.
    #[n(0)]
    pub network: NetworkId,
    /// Its domain's verifyingContract.
    #[n(1)]
    pub contract: Address,
    /// Its primary type's `encodeType`; one of the policy set's messages.
    #[n(2)]
    pub kind: String,
    /// All hold.
    #[n(3)]
    pub fields: Vec<FieldCondition>,
}

/// Bounds on the coins of a Bitcoin transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CoinCondition {
    /// Most inputs.
    #[n(0)]
    pub max_inputs: Option<u32>,
    /// Most outputs, change included.
    #[n(1)]
    pub max_outputs: Option<u32>,
    /// Most that all inputs hold together, satoshi: how much lies bare while it is unconfirmed.
    #[n(2)]
    pub max_input_value: Option<Amount>,
}

/// What an allowing rule demands of the intent.
#[derive(Clone, Debug, PartialEq, Eq, Default, Encode, Decode)]
pub struct Terms {
    /// The most that one intent takes: each holds.
    #[n(0)]
    pub caps: Vec<Cap>,
    /// Limits of the vault, by name, that the intent is charged to and must fit into.
    #[n(1)]
    pub limits: Vec<String>,
    /// The most in fees per transaction.
    #[n(2)]
    pub max_fees: Vec<FeeCap>,
    /// Who must approve.
    #[n(3)]
    pub approvals: Option<Approvals>,
    /// Cosigners that must all be among the signers.
    #[n(4)]
    pub signers: BTreeSet<PartyIndex>,
}

/// The most that one intent takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Cap {
    /// At most so much, fees included where the measure counts them.
    #[n(0)]
    Amount {
        /// What is counted; not [`Measure::Count`].
        #[n(0)]
        measure: Measure,
        /// Most.
        #[n(1)]
        most: Amount,
    },
    /// At most this share of the wallet's balance, as witnesses that the policy names have signed it (rule G3).
    #[n(1)]
    ShareOfBalance {
        /// Counted asset.
        #[n(0)]
        asset: AssetKey,
        /// Hundredths of a percent, 1 to 10,000.
        #[n(1)]
        basis_points: u16,
    },
}

/// The most in fees per transaction on a network, base units of its coin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct FeeCap {
    /// The chain.
    #[n(0)]
    pub network: NetworkId,
    /// Most per transaction.
    #[n(1)]
    pub most: Amount,
}

/// Who must approve, and whose approval counts: a tree of AND and OR in its flat form, one of several lists of seats.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Approvals {
    /// All seats of one of these lists are taken.
    #[n(0)]
    pub any_of: Vec<Vec<Seats>>,
    /// Whether the initiator's own approval counts.
    #[n(1)]
    pub initiator: OwnApproval,
    /// With which display the approvers see what they sign.
    #[n(2)]
    pub display: Display,
}

/// So many distinct members of a group (rule I1). A person in two groups counts in both.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Seats {
    /// Whose approvals count.
    #[n(0)]
    pub group: String,
    /// How many distinct people.
    #[n(1)]
    pub count: u32,
}

/// Whether an initiator's own approval counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum OwnApproval {
    /// It does.
    #[n(0)]
    Counts,
    /// It does not.
    #[n(1)]
    DoesNotCount,
}

/// With which display approvers see what they sign (rule P2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Display {
    /// Any, a page that the host served too.
    #[n(0)]
    Any,
    /// At least one that counts is given by a key of its own and not by a passkey: by the command line, a device or a
    /// callback service, which decode in code that the host did not serve.
    #[n(1)]
    Independent,
}

/// A named limit of a vault: rules charge intents to it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Limit {
    /// Unique name in the vault; its memory is kept under it.
    #[n(0)]
    pub name: String,
    /// What is counted.
    #[n(1)]
    pub measure: Measure,
    /// Most per window.
    #[n(2)]
    pub most: Amount,
    /// Over which time.
    #[n(3)]
    pub window: Window,
    /// What is counted together.
    #[n(4)]
    pub per: Scope,
}

/// The time over which a limit counts.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Window {
    /// Any window of this length, in seconds, 1 to [`crate::limits::WINDOW_S`].
    #[n(0)]
    Rolling(#[n(0)] u64),
    /// From the start of the day, week or month in a zone.
    #[n(1)]
    Calendar {
        /// Its length.
        #[n(0)]
        period: Period,
        /// IANA name.
        #[n(1)]
        zone: String,
    },
    /// Until witnesses that the policy names have proved it final (rule L3).
    #[n(2)]
    UntilFinal,
}

/// A period of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Period {
    /// From midnight.
    #[n(0)]
    Day,
    /// From Monday's midnight.
    #[n(1)]
    Week,
    /// From the first's midnight.
    #[n(2)]
    Month,
}

/// What a limit counts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Scope {
    /// All wallets of the vault.
    #[n(0)]
    Vault,
    /// Each wallet by itself.
    #[n(1)]
    Wallet,
    /// Each initiator by themselves.
    #[n(2)]
    Initiator,
    /// Each destination by itself; the fee counts for each.
    #[n(3)]
    Destination,
}
