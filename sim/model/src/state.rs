//! The state of the whole: running copies of cosigners, attempts, what the host keeps, and what was signed.

use crate::memory::{Bits, Boot, COSIGNERS, INTENTS, Memory};

/// A check that is left out, to see that the checker finds what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Flaw {
    /// L1: what peers remember is taken in and not held against the limit again.
    NoCheckAfterMerge,
    /// L1: what peers remember is not taken in.
    OwnCountersOnly,
    /// L1: sessions of one limit run side by side.
    NoLock,
    /// L1: a signer takes its peer for a holder as soon as it has recorded.
    PeerHoldsFromReservation,
    /// L1: what a hello says its sender may take back is taken for held by it.
    HelloIsKept,
    /// L2: a signer gives back after its last message has left.
    GivesBackAfterRelease,
    /// I3: any slot is signed.
    NoPins,
    /// B1: a hello of any boot is taken.
    NoFence,
    /// B1: a started cosigner waits for no grant.
    NoGrant,
    /// B1: one peer's grant is enough.
    OneGrant,
    /// B1: a grant's memory is not taken over.
    NoAdoption,
}

/// A running copy of a cosigner.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Copy {
    /// Which cosigner.
    pub who: u8,
    /// Its start's key; zero for a copy that does not run.
    pub key: u8,
    /// What it has recorded.
    pub memory: Memory,
    /// Which boots of its peers it takes messages of.
    pub fenced: [Boot; COSIGNERS],
    /// Which peers have granted its boot.
    pub granted: Bits,
    /// Whether it signs.
    pub ready: bool,
}

impl Copy {
    /// Its boot.
    pub fn boot(&self) -> Boot {
        Boot { number: self.memory.boot, key: self.key }
    }
}

/// How far a signer has come in an attempt. What it has sent stays sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Stage {
    /// It has not heard of it.
    #[default]
    Unasked,
    /// Its hello is out.
    Greeting,
    /// It has merged, recorded and sent its commitment.
    Committing,
    /// All have committed: the limit is free.
    Signing,
    /// Its last message is out.
    Released,
}

/// One signer's part of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Half {
    /// Which copy.
    pub copy: u8,
    /// How far it came.
    pub stage: Stage,
    /// Whether it has ended.
    pub over: bool,
    /// The boot its hello says.
    pub boot: Boot,
    /// The entries its hello tells.
    pub told: Bits,
    /// Which of them it may yet take back.
    pub unsettled: Bits,
    /// Whether its reservation made the entry.
    pub new_entry: bool,
    /// Whether it made the pin.
    pub new_pin: bool,
}

impl Half {
    /// Whether it runs at its copy.
    pub fn is_live(&self) -> bool {
        self.stage != Stage::Unasked && !self.over
    }

    /// Whether it holds the limit's lock.
    pub fn holds_limit(&self) -> bool {
        self.is_live() && self.stage < Stage::Signing
    }

    /// Whether its reservation may yet be taken back.
    pub fn is_unsettled(&self) -> bool {
        self.is_live() && matches!(self.stage, Stage::Committing | Stage::Signing)
    }
}

/// An attempt at an intent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attempt {
    /// The host's name for it.
    pub number: u8,
    /// The intent.
    pub intent: u8,
    /// The slot that the host chose.
    pub slot: u8,
    /// Its signers.
    pub halves: [Half; 2],
}

/// A grant that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Grant {
    /// Who sent it.
    pub from: u8,
    /// To whom.
    pub to: u8,
    /// The number it is for.
    pub number: u8,
    /// The granter's boot.
    pub granter: Boot,
    /// Its entries.
    pub held: Bits,
    /// Which of them it may yet take back.
    pub unsettled: Bits,
    /// Its pins.
    pub pins: [u8; INTENTS],
}

/// What the host may still do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Attempts.
    pub attempts: u8,
    /// Starts of cosigners.
    pub starts: u8,
    /// Blobs that it keeps for later.
    pub saves: u8,
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The first copy of each cosigner, and a second copy of one.
    pub copies: [Copy; COSIGNERS + 1],
    /// Attempts that are not over at all their signers.
    pub attempts: Vec<Attempt>,
    /// Grants on their way, the newest of each pair.
    pub grants: Vec<Grant>,
    /// An old blob, and whose.
    pub saved: Option<(u8, Memory)>,
    /// The slots each intent was signed for.
    pub signed: [Bits; INTENTS],
    /// Whose later boots took part in a signature.
    pub again: Bits,
    /// The newest start's key.
    pub keys: u8,
    /// Intents that the host has asked for, which are the first ones.
    pub asked: u8,
    /// What it may still do.
    pub budget: Budget,
}

/// From which blob a cosigner starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blob {
    /// All it has recorded.
    Newest,
    /// What the host kept for later.
    Saved,
}

/// How an attempt that both signers have recorded ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It is signed, and both hear of it.
    Signed,
    /// It is signed, and the host ends it before a signer hears.
    Unheard,
    /// The first signer's last message leaves, the other gives back.
    FirstReleased,
    /// The second's.
    SecondReleased,
    /// Both give back.
    GivenBack,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Outcome; 5] =
        [Outcome::Signed, Outcome::Unheard, Outcome::FirstReleased, Outcome::SecondReleased, Outcome::GivenBack];
}

/// What the host does next. `side` is the place of a signer in its attempt, 0 or 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Begins an attempt at two copies and asks the first.
    Begin {
        /// The intent.
        intent: u8,
        /// The slot.
        slot: u8,
        /// The copies.
        copies: [u8; 2],
    },
    /// Asks the second.
    Open {
        /// The attempt.
        attempt: u8,
        /// The signer.
        side: u8,
    },
    /// Delivers the peer's hello.
    Merge {
        /// The attempt.
        attempt: u8,
        /// The signer.
        side: u8,
    },
    /// Delivers the peer's commitment.
    Commit {
        /// The attempt.
        attempt: u8,
        /// The signer.
        side: u8,
    },
    /// Delivers the rounds and says that the record is durable.
    Release {
        /// The attempt.
        attempt: u8,
        /// The signer.
        side: u8,
    },
    /// Delivers the peer's last message.
    Finish {
        /// The attempt.
        attempt: u8,
        /// The signer.
        side: u8,
    },
    /// Ends the signer's part.
    Abort {
        /// The attempt.
        attempt: u8,
        /// The signer.
        side: u8,
    },
    /// Keeps a cosigner's blob for later.
    Save {
        /// The cosigner.
        who: u8,
    },
    /// Kills a cosigner and starts it.
    Restart {
        /// The cosigner.
        who: u8,
        /// From what.
        blob: Blob,
    },
    /// Starts a second copy beside the first.
    Double {
        /// The cosigner.
        who: u8,
        /// From what.
        blob: Blob,
    },
    /// Carries a started copy's question to a peer.
    Ask {
        /// The started copy.
        copy: u8,
        /// The peer's copy.
        granter: u8,
    },
    /// Carries a grant to a copy of the cosigner it is for.
    Take {
        /// The copy.
        copy: u8,
        /// Who granted.
        from: u8,
    },
    /// Takes an attempt from its beginning until both signers have recorded it and the limit is free, or one refused.
    Reserve {
        /// The intent.
        intent: u8,
        /// The slot.
        slot: u8,
        /// The copies.
        copies: [u8; 2],
    },
    /// Ends it.
    End {
        /// The attempt.
        attempt: u8,
        /// How.
        outcome: Outcome,
    },
    /// Carries a started copy's question to a peer, and the grant back.
    Admit {
        /// The started copy.
        copy: u8,
        /// The peer's copy.
        granter: u8,
    },
}
