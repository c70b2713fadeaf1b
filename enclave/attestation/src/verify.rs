//! The one check. Order: form, chain, signature over the received bytes, then what the signed bytes say.

use crate::chain::LeafKey;
use crate::cose::{Sign1, signed_message};
use crate::document::Document;
use crate::error::AttestationError;
use crate::expect::{Expectation, Moment, Root};
use crate::pcr::{Pcr, PcrIndex};
use ringi_primitives::limits;
use ringi_primitives::time::UnixMs;

/// A document that [`verify`] accepted; nothing else makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attested {
    document: Document,
    root: Root,
}

impl Attested {
    /// What it says.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Which root vouches for it.
    pub fn root(&self) -> Root {
        self.root
    }
}

/// Accepts a document that is exactly what is expected.
///
/// The signature is checked over the bytes as received: nothing is encoded again. Registers 0 to 2 are never zero.
///
/// # Errors
/// [`AttestationError`], the first reason in the order: form, root, chain and dates, signature, age, debug mode, registers,
/// nonce, user data, public key.
pub fn verify(bytes: &[u8], expectation: &Expectation, now: UnixMs) -> Result<Attested, AttestationError> {
    let signed = Sign1::read(bytes)?;
    let document = Document::of_payload(signed.payload)?;
    let at = match expectation.moment {
        Moment::Now { .. } => now,
        Moment::Document => document.timestamp,
    };
    let key = LeafKey::of(&document, &expectation.roots, at)?;
    key.verify(&signed_message(signed.protected, signed.payload), signed.signature)?;
    check_age(&document, expectation.moment, now)?;
    check_registers(&document, expectation)?;
    check_bindings(&document, expectation)?;
    let root = document.cabundle.first().map(|der| Root::of_certificate(der)).ok_or(AttestationError::Root)?;
    Ok(Attested { document, root })
}

fn check_age(document: &Document, moment: Moment, now: UnixMs) -> Result<(), AttestationError> {
    let Moment::Now { max_age_ms } = moment else { return Ok(()) };
    if document.timestamp.0 > now.0.saturating_add(limits::CLOCK_SKEW_MS) {
        return Err(AttestationError::Future);
    }
    if now.0.saturating_sub(document.timestamp.0) > max_age_ms {
        return Err(AttestationError::TooOld);
    }
    Ok(())
}

fn check_registers(document: &Document, expectation: &Expectation) -> Result<(), AttestationError> {
    for index in [PcrIndex::IMAGE, PcrIndex::BOOT, PcrIndex::APPLICATION] {
        match document.pcrs.get(&index) {
            None => return Err(AttestationError::PcrMissing(index)),
            Some(&Pcr::ZERO) => return Err(AttestationError::Debug(index)),
            Some(_) => {}
        }
    }
    for (index, allowed) in &expectation.pcrs {
        let found = document.pcrs.get(index).ok_or(AttestationError::PcrMissing(*index))?;
        if !allowed.contains(found) {
            return Err(AttestationError::Pcr(*index));
        }
    }
    Ok(())
}

fn check_bindings(document: &Document, expectation: &Expectation) -> Result<(), AttestationError> {
    if !expectation.nonce.accepts(document.nonce.as_deref()) {
        return Err(AttestationError::Nonce);
    }
    if !expectation.user_data.accepts(document.user_data.as_deref()) {
        return Err(AttestationError::UserData);
    }
    if !expectation.public_key.accepts(document.public_key.as_deref()) {
        return Err(AttestationError::PublicKey);
    }
    Ok(())
}
