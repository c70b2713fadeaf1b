//! Which of some values are meant, one bit each.

/// A choice among the values of a list that does not change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    /// Those of these values for which it holds.
    pub fn of<T>(values: &[T], holds: impl Fn(&T) -> bool) -> Bits {
        let word = |values: &[T]| values.iter().rev().fold(0, |word, value| word << 1 | u64::from(holds(value)));
        Bits(values.chunks(64).map(word).collect())
    }

    /// Those of both.
    pub fn and(&self, other: &Bits) -> Bits {
        Bits(self.0.iter().zip(&other.0).map(|(a, b)| a & b).collect())
    }

    /// Those that the other has not.
    pub fn without(&self, other: &Bits) -> Bits {
        Bits(self.0.iter().zip(&other.0).map(|(a, b)| a & !b).collect())
    }

    /// Whether both have none in common.
    pub fn misses(&self, other: &Bits) -> bool {
        self.0.iter().zip(&other.0).all(|(a, b)| a & b == 0)
    }

    /// Whether it is none.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Those values of the list that it was made of.
    pub fn among<'a, T>(&'a self, values: &'a [T]) -> impl Iterator<Item = &'a T> {
        let has = |at: usize| self.0.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1);
        values.iter().enumerate().filter(move |(at, _)| has(*at)).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_sets_of_places() {
        let values: Vec<u32> = (0..130).collect();
        let threes = Bits::of(&values, |v| v % 3 == 0);
        let late = Bits::of(&values, |v| *v > 120);
        let chosen = |bits: &Bits| bits.among(&values).copied().collect::<Vec<_>>();
        assert_eq!(chosen(&threes.and(&late)), [123, 126, 129]);
        assert_eq!(chosen(&late.without(&threes)), [121, 122, 124, 125, 127, 128]);
        assert!(!threes.misses(&late) && threes.misses(&late.without(&threes)));
        assert!(threes.without(&threes).is_empty() && !threes.is_empty());
        assert_eq!(chosen(&Bits::of(&values, |_| true)), values);
    }
}
