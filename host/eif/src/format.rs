//! Header and sections: where the bytes lie.

use crate::error::EifError;

/// A whole image at most: far above ours, far below what would exhaust a host.
pub const IMAGE_BYTES: usize = 512 * 1024 * 1024;
/// The header, with places for 32 sections.
const HEADER_BYTES: usize = 548;
/// Where the checksum stands in the header.
const CHECKSUM_AT: usize = HEADER_BYTES - 4;
/// Type, flags, size.
const SECTION_HEADER_BYTES: usize = 12;
/// Places for sections in a header.
const SECTIONS: usize = 32;
const MAGIC: [u8; 4] = *b".eif";
const VERSION: u16 = 4;

/// What a section holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The kernel, bzImage.
    Kernel,
    /// The kernel's command line.
    Cmdline,
    /// An initial ramdisk.
    Ramdisk,
    /// Who signed the measurements.
    Signature,
    /// JSON about the build; not measured.
    Metadata,
}

impl Kind {
    const NUMBERS: [(Kind, u16); 5] =
        [(Kind::Kernel, 1), (Kind::Cmdline, 2), (Kind::Ramdisk, 3), (Kind::Signature, 4), (Kind::Metadata, 5)];

    fn number(self) -> u16 {
        Kind::NUMBERS.iter().find(|(kind, _)| *kind == self).map_or(0, |(_, number)| *number)
    }

    fn of_number(number: u16) -> Option<Kind> {
        Kind::NUMBERS.iter().find(|(_, known)| *known == number).map(|(kind, _)| *kind)
    }
}

/// The file of these sections, in this order. 0 as default memory and CPUs: whoever starts it says how much.
pub(crate) fn write(sections: &[(Kind, &[u8])]) -> Vec<u8> {
    let (mut offsets, mut sizes) = ([0u64; SECTIONS], [0u64; SECTIONS]);
    let mut body = Vec::new();
    for (place, (kind, bytes)) in sections.iter().enumerate().take(SECTIONS) {
        offsets[place] = (HEADER_BYTES + body.len()) as u64;
        sizes[place] = bytes.len() as u64;
        body.extend_from_slice(&kind.number().to_be_bytes());
        body.extend_from_slice(&0u16.to_be_bytes());
        body.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        body.extend_from_slice(bytes);
    }
    let mut out = Vec::with_capacity(HEADER_BYTES + body.len());
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_be_bytes());
    // Flags (bit 0 would say aarch64), default memory, default CPUs, reserved.
    out.extend_from_slice(&[0; 2 + 8 + 8 + 2]);
    out.extend_from_slice(&(sections.len().min(SECTIONS) as u16).to_be_bytes());
    offsets.iter().chain(&sizes).for_each(|number| out.extend_from_slice(&number.to_be_bytes()));
    out.extend_from_slice(&[0; 4]);
    let checksum = checksum(&out, &body);
    out.extend_from_slice(&checksum.to_be_bytes());
    out.extend_from_slice(&body);
    out
}

fn checksum(header: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header);
    hasher.update(body);
    hasher.finalize()
}

/// The sections of a file, in file order. They must fill the file without gaps, as every builder leaves them.
pub(crate) fn parse(bytes: &[u8]) -> Result<Vec<(Kind, &[u8])>, EifError> {
    if bytes.len() > IMAGE_BYTES {
        return Err(EifError::Malformed("longer than any image"));
    }
    let (header, body) = bytes.split_at_checked(HEADER_BYTES).ok_or(EifError::Malformed("shorter than a header"))?;
    let mut fields = Fields(header);
    if fields.take::<4>()? != MAGIC {
        return Err(EifError::Malformed("no .eif at its head"));
    }
    if u16::from_be_bytes(fields.take()?) != VERSION {
        return Err(EifError::Malformed("a version other than 4"));
    }
    fields.take::<20>()?;
    let count = usize::from(u16::from_be_bytes(fields.take()?));
    if count > SECTIONS {
        return Err(EifError::Malformed("more than 32 sections"));
    }
    let mut places = [0u64; 2 * SECTIONS];
    for place in &mut places {
        *place = u64::from_be_bytes(fields.take()?);
    }
    fields.take::<4>()?;
    let stated = u32::from_be_bytes(fields.take()?);
    if stated != checksum(&header[..CHECKSUM_AT], body) {
        return Err(EifError::Checksum);
    }
    let (offsets, sizes) = places.split_at(SECTIONS);
    sections(body, offsets.iter().copied().zip(sizes.iter().copied()).take(count))
}

fn sections(body: &[u8], places: impl Iterator<Item = (u64, u64)>) -> Result<Vec<(Kind, &[u8])>, EifError> {
    let mut found = Vec::new();
    let mut rest = Fields(body);
    let mut at = HEADER_BYTES as u64;
    for (offset, size) in places {
        let kind = u16::from_be_bytes(rest.take()?);
        rest.take::<2>()?;
        let stated = u64::from_be_bytes(rest.take()?);
        if offset != at || size != stated {
            return Err(EifError::Malformed("a section does not lie where the header says"));
        }
        let kind = Kind::of_number(kind).ok_or(EifError::Malformed("a section of unknown type"))?;
        found.push((kind, rest.slice(stated)?));
        at = at.saturating_add(SECTION_HEADER_BYTES as u64).saturating_add(stated);
    }
    if rest.0.is_empty() { Ok(found) } else { Err(EifError::Malformed("bytes follow the sections")) }
}

/// A reader that ends where the bytes end.
struct Fields<'b>(&'b [u8]);

impl<'b> Fields<'b> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], EifError> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(EifError::Malformed("it ends too early"))?;
        self.0 = rest;
        Ok(*taken)
    }

    fn slice(&mut self, length: u64) -> Result<&'b [u8], EifError> {
        let length = usize::try_from(length).map_err(|_| EifError::Malformed("it ends too early"))?;
        let (taken, rest) = self.0.split_at_checked(length).ok_or(EifError::Malformed("it ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }
}
