//! The list of crates that cargo-auditable writes into a program: section `.dep-v0`, JSON compressed with zlib
//! (rust-secure-code/cargo-auditable, PARSING.md). Only 64-bit little-endian ELF is read: that is what enclaves run.

use crate::error::EifError;
use flate2::read::ZlibDecoder;
use std::io::Read as _;

const SECTION: &[u8] = b".dep-v0";
/// The list unpacked, at most: thousands of crates.
const LIST_BYTES: u64 = 8 << 20;
const SECTION_HEADER_BYTES: usize = 64;

/// The list in a program, as JSON; `None` where it holds none or is no program.
///
/// # Errors
/// [`EifError::Crates`] if there is such a section and it holds no list.
pub fn crates_of_program(program: &[u8]) -> Result<Option<serde_json::Value>, EifError> {
    let Some(packed) = section(program) else { return Ok(None) };
    let mut list = Vec::new();
    let wrong = |_| EifError::Crates("its compression is broken");
    ZlibDecoder::new(packed).take(LIST_BYTES + 1).read_to_end(&mut list).map_err(wrong)?;
    if list.len() as u64 > LIST_BYTES {
        return Err(EifError::Crates("it is too long"));
    }
    serde_json::from_slice(&list).map(Some).map_err(|_| EifError::Crates("it is no JSON"))
}

/// The section's bytes, by name.
fn section(elf: &[u8]) -> Option<&[u8]> {
    // Class 64 bit, little endian.
    elf.starts_with(b"\x7fELF\x02\x01").then_some(())?;
    let table = number::<8>(elf, 0x28)?;
    let (size, count, names) = (number::<2>(elf, 0x3A)?, number::<2>(elf, 0x3C)?, number::<2>(elf, 0x3E)?);
    if size != SECTION_HEADER_BYTES {
        return None;
    }
    let header = |n: usize| elf.get(table.checked_add(n.checked_mul(size)?)?..)?.get(..size);
    let body = |header: &[u8]| {
        let (at, length) = (number::<8>(header, 0x18)?, number::<8>(header, 0x20)?);
        elf.get(at..at.checked_add(length)?)
    };
    let names = body(header(names)?)?;
    let named = |header: &[u8]| {
        let name = number::<4>(header, 0).and_then(|at| names.get(at..));
        name.and_then(|name| name.split(|byte| *byte == 0).next()) == Some(SECTION)
    };
    (0..count).filter_map(header).find(|header| named(header)).and_then(body)
}

/// A little-endian number of N bytes.
fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<usize> {
    let field = bytes.get(at..)?.first_chunk::<N>()?;
    let number = field.iter().rev().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    usize::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use std::io::Write as _;

    /// Header, names, the section, and a table of three.
    fn elf(name: &[u8], body: &[u8]) -> Vec<u8> {
        let names = [b"\0".as_slice(), name, b"\0"].concat();
        let (names_at, body_at) = (64, 64 + names.len());
        let table_at = body_at + body.len();
        let mut out = vec![0; 64];
        out[..6].copy_from_slice(b"\x7fELF\x02\x01");
        out[0x28..0x30].copy_from_slice(&(table_at as u64).to_le_bytes());
        out[0x3A..0x40].copy_from_slice(&[64, 0, 3, 0, 1, 0]);
        out.extend_from_slice(&names);
        out.extend_from_slice(body);
        for (name, at, length) in [(0u32, 0, 0), (0, names_at, names.len()), (1, body_at, body.len())] {
            let mut header = [0; 64];
            header[..4].copy_from_slice(&name.to_le_bytes());
            header[0x18..0x20].copy_from_slice(&(at as u64).to_le_bytes());
            header[0x20..0x28].copy_from_slice(&(length as u64).to_le_bytes());
            out.extend_from_slice(&header);
        }
        out
    }

    fn packed(json: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(json).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn the_list_is_found_by_its_sections_name() {
        let list = packed(br#"{"packages":[]}"#);
        let found = crates_of_program(&elf(SECTION, &list)).unwrap().unwrap();
        assert_eq!(found, serde_json::json!({"packages": []}));
        assert_eq!(crates_of_program(&elf(b".dep-v1", &list)), Ok(None));
        assert_eq!(crates_of_program(b"#!/bin/sh"), Ok(None));
    }

    #[test]
    fn a_list_that_is_none_is_an_error_and_not_silence() {
        let wrong = |body: &[u8]| crates_of_program(&elf(SECTION, body)).unwrap_err();
        assert_eq!(wrong(b"no zlib"), EifError::Crates("its compression is broken"));
        assert_eq!(wrong(&packed(b"no json")), EifError::Crates("it is no JSON"));
        assert_eq!(wrong(&packed(&vec![b' '; (LIST_BYTES + 1) as usize])), EifError::Crates("it is too long"));
    }

    #[test]
    fn no_cut_or_flipped_program_panics() {
        let whole = elf(SECTION, &packed(br#"{"packages":[]}"#));
        for at in 0..whole.len() {
            let _ = crates_of_program(&whole[..at]);
            let mut flipped = whole.clone();
            flipped[at] ^= 0xff;
            let _ = crates_of_program(&flipped);
        }
    }
}
