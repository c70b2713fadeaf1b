//! Bounded reading of CBOR that others wrote: definite or indefinite, but never twice the same key and nothing behind it.

use crate::error::AttestationError;
use minicbor::Decoder;
use minicbor::data::Type;

type Read<T> = Result<T, AttestationError>;

/// Any CBOR error as "malformed".
pub(crate) fn malformed<T>(what: &'static str, result: Result<T, minicbor::decode::Error>) -> Read<T> {
    result.map_err(|_| AttestationError::Malformed(what))
}

/// A map of text keys, definite or indefinite, whose values `value` reads. Keys must differ.
pub(crate) fn text_map<'b>(
    decoder: &mut Decoder<'b>,
    most: usize,
    mut value: impl FnMut(&'b str, &mut Decoder<'b>) -> Read<()>,
) -> Read<()> {
    let mut seen: Vec<&str> = Vec::new();
    entries(decoder, most, |decoder| {
        let key = malformed("a key of the payload", decoder.str())?;
        if seen.contains(&key) {
            return Err(AttestationError::Malformed("a key stands twice"));
        }
        seen.push(key);
        value(key, decoder)
    })
}

/// Calls `entry` for each entry of a map; at most `most`.
pub(crate) fn entries<'b>(
    decoder: &mut Decoder<'b>,
    most: usize,
    mut entry: impl FnMut(&mut Decoder<'b>) -> Read<()>,
) -> Read<()> {
    let length = malformed("a map", decoder.map())?;
    items(decoder, length, most, &mut entry)
}

/// Calls `item` for each item of an array; at most `most`.
pub(crate) fn array<'b>(
    decoder: &mut Decoder<'b>,
    most: usize,
    mut item: impl FnMut(&mut Decoder<'b>) -> Read<()>,
) -> Read<()> {
    let length = malformed("an array", decoder.array())?;
    items(decoder, length, most, &mut item)
}

fn items<'b>(
    decoder: &mut Decoder<'b>,
    length: Option<u64>,
    most: usize,
    item: &mut dyn FnMut(&mut Decoder<'b>) -> Read<()>,
) -> Read<()> {
    let most = most as u64;
    if length.is_some_and(|n| n > most) {
        return Err(AttestationError::Malformed("too many entries"));
    }
    let mut count = 0;
    while length.is_none_or(|n| count < n) {
        if length.is_none() && malformed("an entry", decoder.datatype())? == Type::Break {
            decoder.set_position(decoder.position().saturating_add(1));
            break;
        }
        if count == most {
            return Err(AttestationError::Malformed("too many entries"));
        }
        item(decoder)?;
        count = count.saturating_add(1);
    }
    Ok(())
}

/// A byte string of `1..=most` bytes.
pub(crate) fn bytes(decoder: &mut Decoder<'_>, most: usize, what: &'static str) -> Read<Vec<u8>> {
    let read = malformed(what, decoder.bytes())?;
    if read.is_empty() || read.len() > most {
        return Err(AttestationError::Malformed(what));
    }
    Ok(read.to_vec())
}

/// A byte string of at most `most` bytes, or null. Genuine documents hold null where AWS's text forbids it.
pub(crate) fn optional_bytes(decoder: &mut Decoder<'_>, most: usize, what: &'static str) -> Read<Option<Vec<u8>>> {
    if malformed(what, decoder.datatype())? == Type::Null {
        malformed(what, decoder.null())?;
        return Ok(None);
    }
    let read = malformed(what, decoder.bytes())?;
    if read.len() > most {
        return Err(AttestationError::Malformed(what));
    }
    Ok(Some(read.to_vec()))
}

/// Nothing may follow.
pub(crate) fn end(decoder: &Decoder<'_>) -> Read<()> {
    if decoder.position() == decoder.input().len() {
        return Ok(());
    }
    Err(AttestationError::Malformed("bytes follow"))
}
