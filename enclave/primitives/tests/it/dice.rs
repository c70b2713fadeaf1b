//! Where sample values come from: a counter, so that frozen bytes are readable and show swapped fields, or a seed.

/// A source of values.
pub struct Dice {
    mode: Mode,
    state: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    /// Counted numbers, every option present, two elements per list.
    Full,
    /// Counted numbers, no option present, every list empty.
    Bare,
    /// Anything.
    Random,
}

impl Dice {
    pub fn full() -> Dice {
        Dice { mode: Mode::Full, state: 0 }
    }

    pub fn bare() -> Dice {
        Dice { mode: Mode::Bare, state: 0 }
    }

    pub fn random(seed: u64) -> Dice {
        Dice { mode: Mode::Random, state: seed }
    }

    /// 1, 2, 3, …; or the next of SplitMix64.
    pub fn next(&mut self) -> u64 {
        if self.mode != Mode::Random {
            self.state += 1;
            return self.state;
        }
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Often near a border of CBOR's integer lengths.
    pub fn u64(&mut self) -> u64 {
        let n = self.next();
        if self.mode != Mode::Random {
            return n;
        }
        let borders = [0, 23, 24, 255, 256, 65_535, 65_536, u64::from(u32::MAX), 1 << 32, u64::MAX];
        if n.is_multiple_of(2) { borders[(n >> 1) as usize % borders.len()] } else { n >> (n % 64) }
    }

    pub fn u32(&mut self) -> u32 {
        self.u64() as u32
    }

    pub fn u16(&mut self) -> u16 {
        self.u64() as u16
    }

    pub fn u8(&mut self) -> u8 {
        self.u64() as u8
    }

    /// Counted: always 0, the first choice.
    pub fn below(&mut self, n: usize) -> usize {
        if self.mode == Mode::Random { self.next() as usize % n } else { 0 }
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    /// Counted: one byte repeated.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        if self.mode == Mode::Random { std::array::from_fn(|_| self.next() as u8) } else { [self.next() as u8; N] }
    }

    pub fn blob(&mut self) -> Vec<u8> {
        match self.mode {
            Mode::Full => vec![self.next() as u8; 3],
            Mode::Bare => vec![],
            Mode::Random => (0..self.below(40)).map(|_| self.next() as u8).collect(),
        }
    }

    pub fn text(&mut self) -> String {
        match self.mode {
            Mode::Full | Mode::Bare => format!("t{}", self.next()),
            Mode::Random => {
                (0..self.below(30)).map(|_| self.pick(&['a', 'Z', '0', ' ', '"', '\n', 'é', '語', '🪙'])).collect()
            }
        }
    }

    pub fn maybe<T>(&mut self, make: impl FnOnce(&mut Dice) -> T) -> Option<T> {
        let present = match self.mode {
            Mode::Full => true,
            Mode::Bare => false,
            Mode::Random => self.below(2) == 0,
        };
        present.then(|| make(self))
    }

    pub fn some<T, L: FromIterator<T>>(&mut self, make: impl Fn(&mut Dice) -> T) -> L {
        let len = match self.mode {
            Mode::Full => 2,
            Mode::Bare => 0,
            Mode::Random => self.below(4),
        };
        (0..len).map(|_| make(self)).collect()
    }
}
