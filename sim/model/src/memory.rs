//! What a cosigner records: entries of the limit with their holders, pins, its boot's number, its peers' boots.

/// Most intents of a model.
pub const INTENTS: usize = 4;
/// Cosigners.
pub const COSIGNERS: usize = 3;

/// A set of intents or of cosigners, as bits.
pub type Bits = u8;

/// The bit of one element.
pub fn bit(n: u8) -> Bits {
    1 << n
}

/// The elements of a set, ascending.
pub fn each(bits: Bits) -> impl Iterator<Item = u8> {
    (0..8).filter(move |n| bits & bit(*n) != 0)
}

/// A boot as peers know it: its number and its key, which no other start has. Zero for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Boot {
    /// Its number.
    pub number: u8,
    /// Its key.
    pub key: u8,
}

/// What a start finds again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Memory {
    /// Intents with an entry.
    pub held: Bits,
    /// Who is known to hold each entry.
    pub holders: [Bits; INTENTS],
    /// The slot of each pinned intent, plus one; zero for none.
    pub pins: [u8; INTENTS],
    /// The number of its boot.
    pub boot: u8,
    /// The newest boot of each peer.
    pub heads: [Boot; COSIGNERS],
}

impl Memory {
    /// Takes entries in that these cosigners hold.
    pub fn enter(&mut self, entries: Bits, holders: Bits) {
        for intent in each(entries) {
            self.held |= bit(intent);
            self.holders[usize::from(intent)] |= holders;
        }
    }

    /// Takes an entry back.
    pub fn put_back(&mut self, intent: u8) {
        self.held &= !bit(intent);
        self.holders[usize::from(intent)] = 0;
    }

    /// Entries that not all of these cosigners are known to hold.
    pub fn unknown_to(&self, signers: Bits) -> Bits {
        each(self.held).filter(|i| self.holders[usize::from(*i)] & signers != signers).fold(0, |set, i| set | bit(i))
    }

    /// What the limit was charged, this intent aside.
    pub fn spent_besides(&self, intent: u8) -> u32 {
        (self.held & !bit(intent)).count_ones()
    }

    /// Rule I3: no other slot for the intent, no other intent for the slot.
    pub fn may_pin(&self, intent: u8, slot: u8) -> bool {
        let own = self.pins[usize::from(intent)];
        let taken = (0..).zip(&self.pins).any(|(other, pin)| other != intent && *pin == slot + 1);
        (own == 0 || own == slot + 1) && !taken
    }

    /// Takes pins in; the first slot stays.
    pub fn adopt_pins(&mut self, pins: &[u8; INTENTS]) {
        for (mine, theirs) in self.pins.iter_mut().zip(pins).filter(|(mine, _)| **mine == 0) {
            *mine = *theirs;
        }
    }
}
