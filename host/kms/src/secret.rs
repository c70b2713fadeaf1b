//! Bytes that nobody may see: no Debug, no Clone of the bytes, wiped when dropped.

use crate::error::Refusal;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Secret bytes, shared by reference.
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<Vec<u8>>>);

impl Secret {
    /// Takes these bytes over.
    pub fn new(bytes: Vec<u8>) -> Secret {
        Secret(Arc::new(Zeroizing::new(bytes)))
    }

    /// Fresh random bytes of the operating system.
    ///
    /// # Errors
    /// `KMSInternalException` where it has none.
    pub fn random(length: usize) -> Result<Secret, Refusal> {
        let mut bytes = Zeroizing::new(vec![0; length]);
        fill(&mut bytes)?;
        Ok(Secret(Arc::new(bytes)))
    }

    /// The bytes.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Random bytes of the operating system.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), Refusal> {
    getrandom::getrandom(bytes).map_err(|e| Refusal::internal(&e))
}

/// Random bytes that are no secret: nonces, ids.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Refusal> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(bytes)
}
