//! Facts that cosigners cannot see for themselves, each signed by a witness that the policy set names (rules G3, M1, L3).
//!
//! A statement is of one workspace, one witness and one moment. What it is worth is for the policy set to say
//! ([`crate::trust`]): a signature alone proves nothing here.

use crate::amount::Amount;
use crate::asset::AssetKey;
use crate::cbor;
use crate::digest::{Digest, Domain};
use crate::effects::Slot;
use crate::id::IntentId;
use crate::key::{PublicKey, SignatureBytes};
use crate::time::UnixMs;
use crate::wallet::WalletRef;
use minicbor::{Decode, Encode};

/// Decimals of a price: it counts 10^-12 US dollars.
pub const PRICE_DECIMALS: u8 = 12;

/// What a witness saw.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Fact {
    /// What one whole unit of an asset costs (rule M1).
    #[n(0)]
    Price {
        /// The asset; a whole unit is 10^decimals of its base units.
        #[n(0)]
        asset: AssetKey,
        /// In 10^-12 US dollars; never zero.
        #[n(1)]
        price: Amount,
    },
    /// What a wallet holds.
    #[n(1)]
    Balance {
        /// The wallet.
        #[n(0)]
        wallet: WalletRef,
        /// The asset.
        #[n(1)]
        asset: AssetKey,
        /// In base units.
        #[n(2)]
        amount: Amount,
    },
    /// The place that an intent is pinned to is taken for good: its transaction is final, or can never be mined (rule L3).
    #[n(2)]
    Final {
        /// The intent, or any other of its replacement chain.
        #[n(0)]
        intent: IntentId,
        /// What is taken: of a nonce, it and all below it are used in final blocks; of outpoints, each is spent by a final
        /// transaction; of a message, it can take no effect any more.
        #[n(1)]
        slot: Slot,
    },
}

/// The kinds of facts: what a witness may be trusted with, each by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum FactKind {
    /// [`Fact::Price`].
    #[n(0)]
    Price,
    /// [`Fact::Balance`].
    #[n(1)]
    Balance,
    /// [`Fact::Final`].
    #[n(2)]
    Final,
}

impl FactKind {
    /// Every kind.
    pub const ALL: [FactKind; 3] = [FactKind::Price, FactKind::Balance, FactKind::Final];

    /// As files and the API spell it.
    pub fn name(self) -> &'static str {
        match self {
            FactKind::Price => "price",
            FactKind::Balance => "balance",
            FactKind::Final => "final",
        }
    }
}

/// What a changing fact is about: per witness, its timestamps never go back (rule M1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// The price of an asset.
    Price(AssetKey),
    /// The balance of a wallet in an asset.
    Balance(WalletRef, AssetKey),
}

impl Fact {
    /// Its kind.
    pub fn kind(&self) -> FactKind {
        match self {
            Fact::Price { .. } => FactKind::Price,
            Fact::Balance { .. } => FactKind::Balance,
            Fact::Final { .. } => FactKind::Final,
        }
    }

    /// What it is about; `None` for what never changes again.
    pub fn topic(&self) -> Option<Topic> {
        match self {
            Fact::Price { asset, .. } => Some(Topic::Price(*asset)),
            Fact::Balance { wallet, asset, .. } => Some(Topic::Balance(*wallet, *asset)),
            Fact::Final { .. } => None,
        }
    }
}

/// What a witness signs.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Statement {
    /// Always 1.
    #[n(0)]
    pub version: u8,
    /// The workspace (rule G1): a statement for another one counts for nothing.
    #[n(1)]
    pub genesis: Digest,
    /// Who says it, by the key that signs.
    #[n(2)]
    pub witness: PublicKey,
    /// What it says.
    #[n(3)]
    pub fact: Fact,
    /// When it was so, by the witness's clock.
    #[n(4)]
    pub at: UnixMs,
}

impl Statement {
    /// What is signed.
    pub fn digest(&self) -> Digest {
        Digest::of(Domain::Fact, &cbor::encode(self))
    }
}

/// A statement and its witness's signature.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SignedFact {
    /// The statement.
    #[n(0)]
    pub statement: Statement,
    /// By the key that it names, over its digest.
    #[n(1)]
    pub signature: SignatureBytes,
}

impl SignedFact {
    /// Whether the key that the statement names signed it. Says nothing of whose key that is.
    pub fn verifies(&self) -> bool {
        self.statement.witness.verifies_digest(&self.statement.digest(), &self.signature)
    }
}
