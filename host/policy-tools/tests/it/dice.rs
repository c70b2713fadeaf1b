//! Chance from a seed (SplitMix64).

use ringi_primitives::amount::Amount;

/// A source of choices; the same seed, the same choices.
pub struct Dice(u64);

impl Dice {
    /// The choices of one batch of one run.
    pub fn of(seed: u64, batch: u64) -> Dice {
        let mut dice = Dice(seed ^ batch.wrapping_mul(0xd134_2543_de82_ef95));
        dice.next();
        dice
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 to `n` - 1.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// From the first to the last, both included.
    pub fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last - first + 1)
    }

    /// True in so many of a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize].clone()
    }

    /// One to three of these, distinct.
    pub fn some<T: Clone + PartialEq>(&mut self, from: &[T]) -> Vec<T> {
        let mut some = Vec::new();
        for _ in 0..self.between(1, 3) {
            let one = self.pick(from);
            if !some.contains(&one) {
                some.push(one);
            }
        }
        some
    }

    /// A small number; now and then one at the end of 256 bits, or in between, where products overflow.
    pub fn amount(&mut self) -> Amount {
        match self.below(60) {
            0 => Amount::MAX,
            1 => Amount::MAX.checked_sub(Amount::from_u64(self.below(30))).unwrap(),
            2 => Amount::power_of_ten(self.between(60, 77) as u8).unwrap(),
            3..=6 => Amount::ZERO,
            _ => Amount::from_u64(self.below(24)),
        }
    }
}
