//! The registers and what may be done to them.

use ringi_attestation::nsm::Fault;
use ringi_attestation::{PCRS, Pcr, PcrIndex};
use std::collections::{BTreeMap, BTreeSet};

/// 32 registers, of which the first 16 are locked from the start, as on a machine with an NSM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bank {
    values: BTreeMap<PcrIndex, Pcr>,
    locked: BTreeSet<PcrIndex>,
}

impl Bank {
    /// As the hypervisor leaves it: these measurements, zeros elsewhere, 0 to 15 locked.
    pub fn measured(measurements: &[(PcrIndex, Pcr)]) -> Bank {
        let all = || (0..PCRS).filter_map(PcrIndex::new);
        let mut values: BTreeMap<_, _> = all().map(|index| (index, Pcr::ZERO)).collect();
        values.extend(measurements.iter().copied());
        Bank { values, locked: all().filter(|index| index.number() < 16).collect() }
    }

    /// A register and whether it is locked.
    ///
    /// # Errors
    /// [`Fault::InvalidIndex`].
    pub fn read(&self, index: u16) -> Result<(Pcr, bool), Fault> {
        let index = known(index)?;
        let value = self.values.get(&index).copied().ok_or(Fault::InvalidIndex)?;
        Ok((value, self.locked.contains(&index)))
    }

    /// Measures data into a register.
    ///
    /// # Errors
    /// [`Fault::InvalidIndex`], [`Fault::ReadOnlyIndex`].
    pub fn extend(&mut self, index: u16, data: &[u8]) -> Result<Pcr, Fault> {
        let (value, locked) = self.read(index)?;
        if locked {
            return Err(Fault::ReadOnlyIndex);
        }
        let value = value.extend(data);
        self.values.insert(known(index)?, value);
        Ok(value)
    }

    /// Locks one register.
    ///
    /// # Errors
    /// [`Fault::InvalidIndex`], [`Fault::ReadOnlyIndex`] for one of the first 16.
    pub fn lock(&mut self, index: u16) -> Result<(), Fault> {
        let index = known(index)?;
        if index.number() < 16 {
            return Err(Fault::ReadOnlyIndex);
        }
        self.locked.insert(index);
        Ok(())
    }

    /// Locks every register below this number.
    ///
    /// # Errors
    /// [`Fault::InvalidIndex`] above 32.
    pub fn lock_below(&mut self, range: u16) -> Result<(), Fault> {
        if range > u16::from(PCRS) {
            return Err(Fault::InvalidIndex);
        }
        self.locked.extend(self.values.keys().filter(|index| u16::from(index.number()) < range));
        Ok(())
    }

    /// The locked registers: what a document holds.
    pub fn attested(&self) -> impl Iterator<Item = (PcrIndex, Pcr)> + '_ {
        self.values.iter().filter(|(index, _)| self.locked.contains(index)).map(|(index, value)| (*index, *value))
    }

    /// Numbers of the locked registers.
    pub fn locked(&self) -> BTreeSet<u16> {
        self.locked.iter().map(|index| u16::from(index.number())).collect()
    }
}

fn known(index: u16) -> Result<PcrIndex, Fault> {
    u8::try_from(index).ok().and_then(PcrIndex::new).ok_or(Fault::InvalidIndex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locked_register_never_changes() {
        let mut bank = Bank::measured(&[(PcrIndex::IMAGE, Pcr([1; 48]))]);
        assert_eq!(bank.extend(0, b"x"), Err(Fault::ReadOnlyIndex));
        assert_eq!(bank.read(0), Ok((Pcr([1; 48]), true)));
        let extended = bank.extend(16, b"genesis").unwrap();
        assert_eq!(extended, Pcr::ZERO.extend(b"genesis"));
        bank.lock_below(32).unwrap();
        assert_eq!(bank.extend(16, b"again"), Err(Fault::ReadOnlyIndex));
        assert_eq!(bank.read(16), Ok((extended, true)));
        assert_eq!(bank.attested().count(), 32);
    }

    #[test]
    fn registers_end_at_31() {
        let mut bank = Bank::measured(&[]);
        assert_eq!(bank.read(32), Err(Fault::InvalidIndex));
        assert_eq!(bank.extend(300, b"x"), Err(Fault::InvalidIndex));
        assert_eq!(bank.lock(32), Err(Fault::InvalidIndex));
        assert_eq!(bank.lock(3), Err(Fault::ReadOnlyIndex));
        assert_eq!(bank.lock_below(33), Err(Fault::InvalidIndex));
        bank.lock(20).unwrap();
        assert_eq!(bank.locked().len(), 17);
    }
}
