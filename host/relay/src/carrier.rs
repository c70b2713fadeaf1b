//! What happens to a letter on its way. The seam for networks and for hostile relays.

use ringi_primitives::scheme::PartyIndex;

/// A sealed frame and its envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Who posted it, as far as the relay knows.
    pub from: PartyIndex,
    /// To whom.
    pub to: PartyIndex,
    /// Sealed bytes.
    pub frame: Vec<u8>,
}

/// A letter and how long it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The letter.
    pub letter: Letter,
    /// Time on the way. Letters of one pair behind it wait too.
    pub delay_ms: u64,
}

impl Due {
    /// Without delay.
    pub fn now(letter: Letter) -> Due {
        Due { letter, delay_ms: 0 }
    }
}

/// Decides what becomes of each posted letter: none, one or several, other bytes, another envelope, later.
/// Called in the order of posting; must not block.
pub trait Carrier: Send + Sync + 'static {
    /// The letters that go on their way because this one was posted.
    fn carry(&self, letter: Letter) -> Vec<Due>;
}

/// Carries every letter once, unchanged, at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faithful;

impl Carrier for Faithful {
    fn carry(&self, letter: Letter) -> Vec<Due> {
        vec![Due::now(letter)]
    }
}
