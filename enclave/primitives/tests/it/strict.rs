//! One value, one encoding: what decodes encodes back to the same bytes, whatever was done to them.

use crate::dice::Dice;
use crate::samples as make;
use minicbor::{Decode, Encode};
use proptest::prelude::{ProptestConfig, any, prop, proptest};
use ringi_primitives::{cbor, fuzz::fuzz, wire};
use std::fmt::Debug;

/// Length of the one deterministic item (RFC 8949 §4.2.1) at the start, written from the RFC alone: shortest heads,
/// definite lengths. Maps, tags and floats do not occur in our documents.
fn item(bytes: &[u8]) -> Option<usize> {
    let first = *bytes.first()?;
    let (major, info) = (first >> 5, first & 31);
    let (value, mut at) = match info {
        0..=23 => (u64::from(info), 1),
        24..=27 => {
            let n = 1usize << (info - 24);
            let raw = bytes.get(1..1 + n)?;
            let value = raw.iter().fold(0u64, |v, b| (v << 8) | u64::from(*b));
            let least = [24, 1 << 8, 1 << 16, 1 << 32][usize::from(info - 24)];
            if value < least {
                return None;
            }
            (value, 1 + n)
        }
        _ => return None,
    };
    match major {
        0 => Some(at),
        2 => (bytes.len() - at >= usize::try_from(value).ok()?).then_some(at + value as usize),
        3 => std::str::from_utf8(bytes.get(at..at.checked_add(usize::try_from(value).ok()?)?)?)
            .ok()
            .map(|s| at + s.len()),
        4 => {
            for _ in 0..value {
                at += item(&bytes[at..])?;
            }
            Some(at)
        }
        7 if info < 24 && (20..=22).contains(&info) => Some(at),
        _ => None,
    }
}

fn deterministic(bytes: &[u8]) -> bool {
    item(bytes) == Some(bytes.len())
}

fn taken<T: Encode<()> + for<'b> Decode<'b, ()>>(bytes: &[u8]) -> Option<T> {
    cbor::decode(bytes, usize::MAX).ok()
}

/// What bytes changed by somebody may do: fail, or mean another value of which they are the encoding.
fn fails_or_differs<T>(changed: &[u8], original: &T)
where
    T: Encode<()> + for<'b> Decode<'b, ()> + PartialEq + Debug,
{
    if let Some(other) = taken::<T>(changed) {
        assert_ne!(&other, original, "two encodings of one value: {}", hex::encode(changed));
        assert_eq!(cbor::encode(&other), changed);
        assert!(deterministic(changed), "taken, but not deterministic: {}", hex::encode(changed));
    }
    fuzz(changed);
}

fn strict<T>(d: &mut Dice, value: T)
where
    T: Encode<()> + for<'b> Decode<'b, ()> + PartialEq + Debug,
{
    let bytes = cbor::encode(&value);
    assert!(deterministic(&bytes), "{}", hex::encode(&bytes));
    assert_eq!(taken::<T>(&bytes).as_ref(), Some(&value));
    fuzz(&bytes);
    let at = |d: &mut Dice| d.below(bytes.len());
    for _ in 0..8 {
        let mut flipped = bytes.clone();
        flipped[at(d)] ^= 1 << d.below(8);
        fails_or_differs(&flipped, &value);
        let mut replaced = bytes.clone();
        let place = at(d);
        replaced[place] = replaced[place].wrapping_add(d.next() as u8 | 1);
        fails_or_differs(&replaced, &value);
        let mut longer = bytes.clone();
        longer.insert(at(d), d.next() as u8);
        fails_or_differs(&longer, &value);
        let mut shorter = bytes.clone();
        shorter.remove(at(d));
        fails_or_differs(&shorter, &value);
    }
    assert!(taken::<T>(&bytes[..at(d)]).is_none(), "a document cut off");
    assert!(taken::<T>(&[&bytes[..], &[d.next() as u8]].concat()).is_none(), "a byte behind a document");
}

macro_rules! strict_types {
    ($($name:ident),+ $(,)?) => {
        /// How many types [`each_type`] goes through.
        const TYPES: usize = [$(stringify!($name)),+].len();

        fn each_type(seed: u64) {
            $({
                let mut d = Dice::random(seed);
                let value = make::$name(&mut d);
                strict(&mut d, value);
            })+
        }
    };
}

strict_types!(
    genesis,
    policy_set,
    signed,
    order,
    key_certificate,
    signed_certificate,
    address_statement,
    boot,
    signed_boot,
    verdict,
    signed_verdict,
    receipt,
    plan,
    envelope,
    approval,
    request_signature,
    signing_request,
    finished,
    spending,
    to_cosigner,
    from_cosigner,
    effect,
    slot,
    decision,
);

#[test]
fn every_type_is_tried() {
    assert_eq!(TYPES, 24);
}

/// The walker itself refuses what RFC 8949 §4.2.1 forbids.
#[test]
fn the_independent_walker_knows_the_rules() {
    for good in [&[0x00][..], &[0x18, 24], &[0x19, 1, 0], &[0x82, 0x41, 9, 0xf6], &[0x61, b'a'], &[0x80]] {
        assert!(deterministic(good), "{good:?}");
    }
    for bad in [&[0x18, 23][..], &[0x19, 0, 255], &[0x9f, 0xff], &[0x5f, 0xff], &[0x82, 0], &[0, 0], &[], &[0x61, 0xff]]
    {
        assert!(!deterministic(bad), "{bad:?}");
    }
}

/// Each enumerated rewriting of a document that CBOR would allow is refused.
#[test]
fn other_spellings_of_one_value_are_refused() {
    let value = make::plan(&mut Dice::full());
    let bytes = cbor::encode(&value);
    assert_eq!(bytes[0], 0x84, "an array of four");
    let body = &bytes[1..];
    let spelled: [Vec<u8>; 5] = [
        [&[0x98, 4], body].concat(),
        [&[0x99, 0, 4], body].concat(),
        [&[0x9f], body, &[0xff]].concat(),
        [&[0x85], body, &[0xf6]].concat(),
        [&[0xc1, 0x84], body].concat(),
    ];
    assert_eq!(cbor::decode(&bytes, bytes.len()), Ok(value));
    for other in spelled {
        assert!(taken::<ringi_primitives::plan::Plan>(&other).is_none(), "{}", hex::encode(other));
    }
}

#[test]
fn frames_are_bounded_and_whole() {
    let message = make::to_cosigner(&mut Dice::full());
    let mut stream = Vec::new();
    wire::write_frame(&mut stream, &message).unwrap();
    let read = |bytes: &[u8]| wire::read_frame::<wire::ToCosigner>(&mut &bytes[..]);
    assert_eq!(read(&stream).unwrap(), Some(message));
    assert!(read(&[]).unwrap().is_none(), "a clean end");
    for cut in 4..stream.len() {
        assert!(read(&stream[..cut]).is_err(), "cut at {cut}");
    }
    let most = u32::try_from(ringi_primitives::limits::FRAME_BYTES).unwrap();
    let kind = |length: u32| read(&length.to_be_bytes()).expect_err("no body follows").kind();
    assert_eq!(kind(most + 1), std::io::ErrorKind::InvalidData, "refused before anything is reserved for it");
    assert_eq!(kind(most), std::io::ErrorKind::UnexpectedEof, "the largest frame is waited for");
    let mut longer = stream.clone();
    longer[3] += 1;
    longer.push(0);
    assert!(read(&longer).is_err(), "a byte behind the message");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn every_document_has_one_encoding(seed in any::<u64>()) {
        each_type(seed);
    }

    #[test]
    fn random_bytes_are_no_trouble(data in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzz(&data);
    }

    /// Heads that promise more than follows must not be believed.
    #[test]
    fn promised_lengths_are_not_believed(head in prop::collection::vec(0x80u8..=0x9f, 1..4), n in any::<u64>()) {
        fuzz(&[&head[..], &[0x9b], &n.to_be_bytes()].concat());
        fuzz(&[&head[..], &[0x5b], &n.to_be_bytes()].concat());
    }
}
