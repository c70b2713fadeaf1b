//! `CiphertextForRecipient`: a CMS EnvelopedData (RFC 5652 §6) in BER or DER, read as far as one key service makes it.
//!
//! AWS sends indefinite lengths, and the content in one of two forms (constructed of octet strings, or primitive). Only the
//! algorithms that we asked for are read: RSAES-OAEP for the key, AES-256-CBC for the content.

/// An answer is at most 6,144 bytes (AWS KMS API reference).
const ENVELOPE_BYTES: usize = 6144;
/// Nesting of the form is 6; more is not ours.
const DEPTH: u8 = 12;

const ENVELOPED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03];
const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
const RSAES_OAEP: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x07];
const AES_256_CBC: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a];

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OBJECT_ID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// `[0]` primitive and constructed.
const CONTEXT_0: u8 = 0x80;
const CONTEXT_0_CONSTRUCTED: u8 = 0xa0;

/// What an envelope holds, still closed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Enveloped {
    /// The content's key, encrypted to the recipient.
    pub(super) key: Vec<u8>,
    /// CBC's first block.
    pub(super) iv: [u8; 16],
    /// The content, encrypted.
    pub(super) content: Vec<u8>,
}

impl Enveloped {
    /// `None` unless it is exactly this form and nothing behind it.
    pub(super) fn read(bytes: &[u8]) -> Option<Enveloped> {
        if bytes.len() > ENVELOPE_BYTES {
            return None;
        }
        let mut outer = Elements(bytes);
        let mut info = outer.enter(SEQUENCE)?;
        info.object(ENVELOPED_DATA)?;
        let mut explicit = info.enter(CONTEXT_0_CONSTRUCTED)?;
        let mut enveloped = explicit.enter(SEQUENCE)?;
        enveloped.take(INTEGER)?;
        let key = recipient(enveloped.enter(SET)?)?;
        let (iv, content) = encrypted(enveloped.enter(SEQUENCE)?)?;
        let ended = [outer, info, explicit, enveloped].iter().all(|e| e.0.is_empty());
        ended.then_some(Enveloped { key, iv, content })
    }
}

/// The one recipient's encrypted key. Its identifier says nothing to us: there is one key to open it with.
fn recipient(mut recipients: Elements<'_>) -> Option<Vec<u8>> {
    let mut info = recipients.enter(SEQUENCE)?;
    info.take(INTEGER)?;
    let (tag, _) = info.next()?;
    if !matches!(tag, SEQUENCE | CONTEXT_0 | CONTEXT_0_CONSTRUCTED) {
        return None;
    }
    info.enter(SEQUENCE)?.object(RSAES_OAEP)?;
    let key = info.take(OCTET_STRING)?.to_vec();
    (info.0.is_empty() && recipients.0.is_empty()).then_some(key)
}

fn encrypted(mut info: Elements<'_>) -> Option<([u8; 16], Vec<u8>)> {
    info.object(DATA)?;
    let mut algorithm = info.enter(SEQUENCE)?;
    algorithm.object(AES_256_CBC)?;
    let iv = algorithm.take(OCTET_STRING)?.try_into().ok()?;
    let content = match info.next()? {
        (CONTEXT_0, content) => content.to_vec(),
        (CONTEXT_0_CONSTRUCTED, pieces) => {
            let (mut pieces, mut content) = (Elements(pieces), Vec::new());
            while !pieces.0.is_empty() {
                content.extend_from_slice(pieces.take(OCTET_STRING)?);
            }
            content
        }
        _ => return None,
    };
    (info.0.is_empty() && algorithm.0.is_empty()).then_some((iv, content))
}

/// BER elements one behind the other.
#[derive(Clone, Copy)]
struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, body, rest) = element(self.0, DEPTH)?;
        self.0 = rest;
        Some((tag, body))
    }

    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, body) = self.next()?;
        (found == tag).then_some(body)
    }

    fn enter(&mut self, tag: u8) -> Option<Elements<'a>> {
        self.take(tag).map(Elements)
    }

    fn object(&mut self, id: &[u8]) -> Option<()> {
        (self.take(OBJECT_ID)? == id).then_some(())
    }
}

/// Tag, body and what is behind the first element (X.690 §8.1). Tags above 30 and lengths over 65,535 are not ours.
fn element(bytes: &[u8], depth: u8) -> Option<(u8, &[u8], &[u8])> {
    let depth = depth.checked_sub(1)?;
    let (tag, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first()?;
    if tag & 0x1f == 0x1f || *tag == 0 {
        return None;
    }
    let (length, rest) = match length {
        0x80 if tag & 0x20 != 0 => return indefinite(*tag, rest, depth),
        short @ 0..=0x7f => (usize::from(*short), rest),
        0x81 => rest.split_first().map(|(n, rest)| (usize::from(*n), rest))?,
        0x82 => rest.split_first_chunk::<2>().map(|(n, rest)| (usize::from(u16::from_be_bytes(*n)), rest))?,
        _ => return None,
    };
    let (body, rest) = rest.split_at_checked(length)?;
    Some((*tag, body, rest))
}

/// A body that goes on until an end-of-contents of its own.
fn indefinite(tag: u8, body: &[u8], depth: u8) -> Option<(u8, &[u8], &[u8])> {
    let mut at = body;
    while !at.starts_with(&[0, 0]) {
        (_, _, at) = element(at, depth)?;
    }
    let length = body.len().checked_sub(at.len())?;
    Some((tag, body.get(..length)?, at.get(2..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tlv(tag: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&[tag, 0x82][..], &length, body].concat()
    }

    fn open_ended(tag: u8, body: &[u8]) -> Vec<u8> {
        [&[tag, 0x80][..], body, &[0, 0]].concat()
    }

    type Wrap = fn(u8, &[u8]) -> Vec<u8>;

    fn envelope(wrap: Wrap, content: Vec<u8>) -> Vec<u8> {
        let oaep = wrap(SEQUENCE, &tlv(OBJECT_ID, RSAES_OAEP));
        let recipient = [tlv(INTEGER, &[2]), tlv(CONTEXT_0, &[9; 32]), oaep, tlv(OCTET_STRING, &[7; 256])].concat();
        let aes = wrap(SEQUENCE, &[tlv(OBJECT_ID, AES_256_CBC), tlv(OCTET_STRING, &[5; 16])].concat());
        let encrypted = [tlv(OBJECT_ID, DATA), aes, content].concat();
        let recipients = wrap(SET, &wrap(SEQUENCE, &recipient));
        let data = wrap(SEQUENCE, &[tlv(INTEGER, &[2]), recipients, wrap(SEQUENCE, &encrypted)].concat());
        wrap(SEQUENCE, &[tlv(OBJECT_ID, ENVELOPED_DATA), wrap(CONTEXT_0_CONSTRUCTED, &data)].concat())
    }

    #[test]
    fn definite_and_indefinite_primitive_and_constructed_read_alike() {
        let primitive = tlv(CONTEXT_0, &[3; 32]);
        let pieces = [tlv(OCTET_STRING, &[3; 16]), tlv(OCTET_STRING, &[3; 16])].concat();
        let want = Some(Enveloped { key: vec![7; 256], iv: [5; 16], content: vec![3; 32] });
        for wrap in [tlv as Wrap, open_ended] {
            assert_eq!(Enveloped::read(&envelope(wrap, primitive.clone())), want);
            assert_eq!(Enveloped::read(&envelope(wrap, wrap(CONTEXT_0_CONSTRUCTED, &pieces))), want);
        }
    }

    #[test]
    fn a_cut_or_extended_envelope_and_one_of_other_algorithms_is_none() {
        let whole = envelope(open_ended, tlv(CONTEXT_0, &[3; 32]));
        for cut in 0..whole.len() {
            assert_eq!(Enveloped::read(&whole[..cut]), None, "cut at {cut}");
        }
        assert_eq!(Enveloped::read(&[&whole[..], &[0]].concat()), None);
        assert_eq!(Enveloped::read(&vec![0x30; ENVELOPE_BYTES + 1]), None);
        // Nesting without an end is bounded.
        assert_eq!(Enveloped::read(&[0x30, 0x80].repeat(3000)), None);
        for id in [ENVELOPED_DATA, DATA, RSAES_OAEP, AES_256_CBC] {
            let at = whole.windows(id.len()).position(|w| w == id).unwrap();
            let mut other = whole.clone();
            other[at + id.len() - 1] ^= 1;
            assert_eq!(Enveloped::read(&other), None);
        }
    }
}
