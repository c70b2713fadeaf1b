//! Deterministic CBOR (RFC 8949 §4.2): what decodes here encodes back to the same bytes, or it is refused.

use minicbor::{Decode, Encode};

/// Why bytes were not taken as a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CborError {
    /// Longer than the bound of its kind.
    #[error("document longer than its bound")]
    TooLong,
    /// Not CBOR, or not of this shape.
    #[error("document malformed")]
    Malformed,
    /// Decodes, but its bytes are not the deterministic encoding (or bytes follow it).
    #[error("document not in deterministic form")]
    NotCanonical,
}

/// The deterministic encoding: definite lengths, shortest integers, fields in declared order.
pub fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    // Writing to a Vec cannot fail; an encoder that refuses yields bytes that decode refuses.
    let _ = minicbor::encode(value, &mut out);
    out
}

/// Decodes one document of at most `bound` bytes and proves that its bytes are the deterministic encoding.
///
/// # Errors
/// [`CborError`]; nothing is accepted in part.
pub fn decode<T: for<'b> Decode<'b, ()> + Encode<()>>(bytes: &[u8], bound: usize) -> Result<T, CborError> {
    if bytes.len() > bound {
        return Err(CborError::TooLong);
    }
    let value: T = minicbor::decode(bytes).map_err(|_| CborError::Malformed)?;
    if encode(&value) == bytes { Ok(value) } else { Err(CborError::NotCanonical) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Encode, Decode)]
    struct Pair {
        #[n(0)]
        a: u32,
        #[n(1)]
        b: Option<u32>,
    }

    #[test]
    fn only_the_shortest_form_is_taken() {
        let bytes = encode(&Pair { a: 5, b: Some(7) });
        assert_eq!(decode::<Pair>(&bytes, 100).unwrap(), Pair { a: 5, b: Some(7) });
        assert_eq!(decode::<Pair>(&[0x82, 0x18, 0x05, 0x07], 100), Err(CborError::NotCanonical));
        assert_eq!(decode::<Pair>(&[0x9f, 0x05, 0x07, 0xff], 100), Err(CborError::NotCanonical));
        assert_eq!(decode::<Pair>(&[0x82, 0x05, 0x07, 0x00], 100), Err(CborError::NotCanonical));
        assert_eq!(decode::<Pair>(&[0x83, 0x05, 0x07, 0x00], 100), Err(CborError::NotCanonical));
        assert_eq!(decode::<Pair>(&bytes, 2), Err(CborError::TooLong));
        assert_eq!(decode::<Pair>(&[0x82, 0x05], 100), Err(CborError::Malformed));
    }
}
