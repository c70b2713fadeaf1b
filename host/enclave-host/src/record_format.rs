//! The records file's bytes: a header, then one block per commit.
//!
//! Header: `RINGIREC`, format as u32. Block: `RBLK`, body length u32, CRC-32 of the body u32, body. Body: records, each
//! sequence u64, kind u8, length u32, bytes. All numbers big-endian. A block is written only after the one before it was
//! confirmed durable, so a damaged block with a whole one behind it was acknowledged (an error), and a damaged block with
//! nothing whole behind it is the last, torn commit, which nobody was told of (dropped). The CRC finds accidents; forgery
//! and rollback are the cosigner's business (sealing, rule B1).

use crate::RecordError;
use ringi_primitives::wire::RecordKind;

/// The format written.
pub(crate) const VERSION: u32 = 2;
const FILE_MAGIC: &[u8; 8] = b"RINGIREC";
const BLOCK_MAGIC: &[u8; 4] = b"RBLK";
pub(crate) const HEADER_BYTES: usize = 12;
const BLOCK_HEAD_BYTES: usize = 12;

/// One sealed record as the cosigner handed it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// 1, 2, 3, … without gaps.
    pub sequence: u64,
    /// A change or a snapshot.
    pub kind: RecordKind,
    /// Sealed bytes.
    pub record: Vec<u8>,
}

/// What a file holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) records: Vec<StoredRecord>,
    /// Bytes that are whole.
    pub(crate) whole_bytes: usize,
    /// Bytes of a torn last commit after them.
    pub(crate) torn_bytes: usize,
}

pub(crate) fn header() -> Vec<u8> {
    [&FILE_MAGIC[..], &VERSION.to_be_bytes()].concat()
}

/// One commit's bytes.
///
/// # Errors
/// [`RecordError::Sequence`] if a record or the block is longer than a u32 counts; frames are far shorter.
pub(crate) fn block(records: &[StoredRecord]) -> Result<Vec<u8>, RecordError> {
    let mut body = Vec::new();
    for r in records {
        let too_long = RecordError::Sequence { expected: r.sequence, found: r.sequence };
        let length = u32::try_from(r.record.len()).map_err(|_| too_long)?;
        body.extend(r.sequence.to_be_bytes());
        body.push(kind_byte(r.kind));
        body.extend(length.to_be_bytes());
        body.extend(&r.record);
    }
    let length = u32::try_from(body.len()).map_err(|_| RecordError::Sequence { expected: 0, found: 0 })?;
    let crc = crc32fast::hash(&body);
    Ok([&BLOCK_MAGIC[..], &length.to_be_bytes(), &crc.to_be_bytes(), &body].concat())
}

/// One commit as an object of a bucket: a file of one block, and behind the header who wrote it.
///
/// # Errors
/// As [`block`].
pub(crate) fn object(writer: &Writer, records: &[StoredRecord]) -> Result<Vec<u8>, RecordError> {
    Ok([header(), writer.to_vec(), block(records)?].concat())
}

/// Reads an object: a bucket gives whole ones, so a torn one is a damaged one.
///
/// # Errors
/// What is wrong with it, or [`RecordError::Version`].
pub(crate) fn parse_object(object: &[u8]) -> Result<Vec<StoredRecord>, RecordError> {
    let damaged = || corrupt(HEADER_BYTES, "the object is not one whole commit");
    parse_header(object)?;
    let block = object.get(HEADER_BYTES + size_of::<Writer>()..).ok_or_else(damaged)?;
    let (body, _) = whole_block(block).filter(|(_, length)| *length == block.len()).ok_or_else(damaged)?;
    let mut contents = Contents { records: Vec::new(), whole_bytes: HEADER_BYTES, torn_bytes: 0 };
    parse_body(body, &mut contents)?;
    Ok(contents.records)
}

/// Tells one opening of a bucket from every other.
pub(crate) type Writer = [u8; 16];

/// Reads a whole file.
///
/// # Errors
/// [`RecordError::Corrupt`] or [`RecordError::Version`].
pub(crate) fn parse(file: &[u8]) -> Result<Contents, RecordError> {
    parse_header(file)?;
    let mut contents = Contents { records: Vec::new(), whole_bytes: HEADER_BYTES, torn_bytes: 0 };
    while let Some(rest) = file.get(contents.whole_bytes..).filter(|rest| !rest.is_empty()) {
        let Some((body, block_bytes)) = whole_block(rest) else {
            if (1..rest.len()).any(|at| whole_block(&rest[at..]).is_some()) {
                return Err(corrupt(contents.whole_bytes, "a commit does not match its checksum"));
            }
            contents.torn_bytes = rest.len();
            break;
        };
        parse_body(body, &mut contents)?;
        contents.whole_bytes += block_bytes;
    }
    check_start(&contents.records)?;
    Ok(contents)
}

fn parse_header(file: &[u8]) -> Result<(), RecordError> {
    let Some((magic, rest)) = file.split_first_chunk::<8>() else { return Err(corrupt(0, "no header")) };
    let Some((version, _)) = rest.split_first_chunk::<4>() else { return Err(corrupt(8, "no header")) };
    if magic != FILE_MAGIC {
        return Err(corrupt(0, "not a records file"));
    }
    match u32::from_be_bytes(*version) {
        VERSION => Ok(()),
        found => Err(RecordError::Version { found }),
    }
}

/// The body and the length of the block that begins here, if it is whole.
fn whole_block(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let rest = bytes.strip_prefix(BLOCK_MAGIC)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let body = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    (crc32fast::hash(body) == u32::from_be_bytes(*crc)).then_some((body, BLOCK_HEAD_BYTES + body.len()))
}

fn parse_body(mut body: &[u8], contents: &mut Contents) -> Result<(), RecordError> {
    let at = contents.whole_bytes;
    let bad = || corrupt(at, "a commit with a good checksum does not parse");
    while !body.is_empty() {
        let (sequence, rest) = body.split_first_chunk::<8>().ok_or_else(bad)?;
        let (kind, rest) = rest.split_first().ok_or_else(bad)?;
        let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(bad)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| bad())?;
        let (record, rest) = rest.split_at_checked(length).ok_or_else(bad)?;
        let sequence = u64::from_be_bytes(*sequence);
        if contents.records.last().is_some_and(|last| last.sequence.checked_add(1) != Some(sequence)) {
            return Err(corrupt(at, "a record is missing"));
        }
        let kind = kind_of(*kind).ok_or_else(bad)?;
        contents.records.push(StoredRecord { sequence, kind, record: record.to_vec() });
        body = rest;
    }
    Ok(())
}

/// The first record is the cosigner's first one or a snapshot: otherwise earlier ones are gone.
pub(crate) fn check_start(records: &[StoredRecord]) -> Result<(), RecordError> {
    match records.first() {
        Some(r) if r.sequence != 1 && r.kind == RecordKind::Change => {
            Err(corrupt(HEADER_BYTES, "the start is missing"))
        }
        _ => Ok(()),
    }
}

fn corrupt(offset: usize, what: &'static str) -> RecordError {
    RecordError::Corrupt { offset: offset as u64, what }
}

fn kind_byte(kind: RecordKind) -> u8 {
    match kind {
        RecordKind::Change => 0,
        RecordKind::Snapshot => 1,
        RecordKind::SnapshotPart => 2,
    }
}

fn kind_of(byte: u8) -> Option<RecordKind> {
    match byte {
        0 => Some(RecordKind::Change),
        1 => Some(RecordKind::Snapshot),
        2 => Some(RecordKind::SnapshotPart),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(sequence: u64) -> StoredRecord {
        StoredRecord { sequence, kind: RecordKind::Change, record: vec![sequence as u8; 40] }
    }

    fn file() -> (Vec<u8>, [usize; 3]) {
        let first = block(&[record(1), record(2)]).unwrap();
        let second = block(&[record(3)]).unwrap();
        let ends = [HEADER_BYTES, HEADER_BYTES + first.len(), HEADER_BYTES + first.len() + second.len()];
        ([header(), first, second].concat(), ends)
    }

    #[test]
    fn every_truncation_keeps_exactly_the_whole_commits() {
        let (file, ends) = file();
        for cut in HEADER_BYTES..=file.len() {
            let contents = parse(&file[..cut]).unwrap();
            let whole = ends.iter().filter(|end| **end <= cut).max().unwrap();
            assert_eq!((contents.whole_bytes, contents.torn_bytes), (*whole, cut - whole), "cut at {cut}");
            let expected = if *whole == ends[2] {
                3
            } else if *whole == ends[1] {
                2
            } else {
                0
            };
            assert_eq!(contents.records.len(), expected);
        }
    }

    #[test]
    fn a_flipped_byte_before_the_last_commit_is_an_error_and_in_it_a_torn_commit() {
        let (file, ends) = file();
        for at in 0..file.len() {
            let mut bad = file.clone();
            bad[at] ^= 0x10;
            match parse(&bad) {
                Err(RecordError::Corrupt { .. }) => assert!(at < ends[1], "byte {at}"),
                Err(RecordError::Version { .. }) => assert!((8..HEADER_BYTES).contains(&at), "byte {at}"),
                Ok(c) => assert!(at >= ends[1] && c.records.len() == 2, "byte {at}"),
                Err(e) => panic!("{e}"),
            }
        }
    }

    #[test]
    fn zeros_behind_the_end_are_a_torn_commit() {
        let (mut file, ends) = file();
        file.extend([0; 4096]);
        let contents = parse(&file).unwrap();
        assert_eq!((contents.records.len(), contents.whole_bytes, contents.torn_bytes), (3, ends[2], 4096));
    }

    #[test]
    fn missing_records_are_seen() {
        let gap = [header(), block(&[record(1)]).unwrap(), block(&[record(3)]).unwrap()].concat();
        assert!(matches!(parse(&gap), Err(RecordError::Corrupt { what: "a record is missing", .. })));
        let headless = [header(), block(&[record(2)]).unwrap()].concat();
        assert!(matches!(parse(&headless), Err(RecordError::Corrupt { what: "the start is missing", .. })));
    }
}
