//! The first frames of a host: `Start` and the stored records it announces.

use crate::core::Fatal;
use minicbor::bytes::ByteVec;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::wire::{ToCosigner, VERSION};

/// The stored records of a start as their frames come. Ends early if a frame of another kind comes or none.
pub(crate) struct StoredRecords<I> {
    left: u64,
    frames: I,
    frame: std::vec::IntoIter<ByteVec>,
}

impl<I: Iterator<Item = ToCosigner>> StoredRecords<I> {
    /// Whose start it is, and its records.
    ///
    /// # Errors
    /// [`Fatal::Start`] unless the first frame is `Start` of this version.
    pub(crate) fn announced(mut frames: I) -> Result<(PartyIndex, StoredRecords<I>), Fatal> {
        match frames.next() {
            Some(ToCosigner::Start { version: VERSION, me, records, .. }) => {
                Ok((me, StoredRecords { left: records, frames, frame: Vec::new().into_iter() }))
            }
            _ => Err(Fatal::Start),
        }
    }

    /// Whether exactly the announced number came.
    pub(crate) fn all_came(&self) -> bool {
        self.left == 0 && self.frame.len() == 0
    }
}

impl<I: Iterator<Item = ToCosigner>> Iterator for StoredRecords<I> {
    type Item = ByteVec;

    fn next(&mut self) -> Option<ByteVec> {
        let left = self.left.checked_sub(1)?;
        while self.frame.len() == 0 {
            match self.frames.next()? {
                ToCosigner::Records { records } => self.frame = records.into_iter(),
                // The end of a connection to the key service comes when it comes.
                ToCosigner::Tunnel { .. } => {}
                _ => return None,
            }
        }
        self.left = left;
        self.frame.next()
    }
}
