//! A ramdisk as the kernel unpacks it: archives one behind the other, each compressed with gzip or not at all.

use crate::cpio::{self, Entry};
use crate::error::EifError;
use crate::format::IMAGE_BYTES;
use flate2::bufread::GzDecoder;
use std::io::Read as _;

/// What the ramdisks of an image unpack to at most, together.
pub const UNPACKED_BYTES: usize = IMAGE_BYTES;
const GZIP: &[u8] = &[0x1f, 0x8b];

/// The entries of a ramdisk, in their order.
///
/// # Errors
/// As [`cpio::read`], and [`EifError::TooLarge`] for one that unpacks to more than [`UNPACKED_BYTES`].
pub fn contents(ramdisk: &[u8]) -> Result<Vec<Entry>, EifError> {
    contents_within(ramdisk, UNPACKED_BYTES)
}

pub(crate) fn contents_within(ramdisk: &[u8], most: usize) -> Result<Vec<Entry>, EifError> {
    cpio::read(&unpacked(ramdisk, most)?)
}

/// Uncompressed. What is not compressed stands before what is: the rest of a plain archive is taken as it is, because
/// only its own reader knows where it ends.
fn unpacked(ramdisk: &[u8], most: usize) -> Result<Vec<u8>, EifError> {
    let mut out = Vec::new();
    let mut rest = ramdisk;
    while !rest.is_empty() {
        let zeros = rest.iter().take_while(|byte| **byte == 0).count();
        let (gap, from) = rest.split_at(zeros);
        if !from.starts_with(GZIP) {
            out.extend_from_slice(rest);
            break;
        }
        out.extend_from_slice(gap);
        let room = most.saturating_sub(out.len()) as u64;
        let mut decoder = GzDecoder::new(from);
        let wrong = |_| EifError::Ramdisk("its compression is broken");
        // One byte more than there is room for tells a bomb from what just fits.
        decoder.by_ref().take(room + 1).read_to_end(&mut out).map_err(wrong)?;
        if out.len() > most {
            return Err(EifError::TooLarge);
        }
        rest = decoder.into_inner();
    }
    if out.len() > most { Err(EifError::TooLarge) } else { Ok(out) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpio::Content;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write as _;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn archive(path: &str, length: usize) -> Vec<u8> {
        cpio::write(&[Entry { path: path.into(), mode: 0o644, content: Content::File(vec![0; length]) }])
    }

    fn paths(ramdisk: &[u8]) -> Result<Vec<String>, EifError> {
        Ok(contents(ramdisk)?.into_iter().map(|entry| entry.path).collect())
    }

    #[test]
    fn plain_compressed_and_joined_ramdisks_are_read() {
        let (a, b) = (archive("a", 10), archive("b", 20));
        assert_eq!(paths(&a).unwrap(), ["a"]);
        assert_eq!(paths(&gzip(&a)).unwrap(), ["a"]);
        assert_eq!(paths(&[gzip(&a), gzip(&b)].concat()).unwrap(), ["a", "b"]);
        assert_eq!(paths(&[gzip(&a), vec![0; 8], b.clone()].concat()).unwrap(), ["a", "b"]);
        assert_eq!(paths(&[a, b].concat()).unwrap(), ["a", "b"]);
        assert_eq!(paths(&[]).unwrap(), [""; 0]);
    }

    #[test]
    fn a_size_bomb_is_refused_before_it_goes_off() {
        let bomb = gzip(&archive("a", 4 << 20));
        assert!(bomb.len() < 8192, "no bomb: {} bytes", bomb.len());
        assert_eq!(contents_within(&bomb, 1 << 20), Err(EifError::TooLarge));
        assert!(contents_within(&bomb, 5 << 20).is_ok());
        let many = [gzip(&archive("a", 700 << 10)), gzip(&archive("b", 700 << 10))].concat();
        assert_eq!(contents_within(&many, 1 << 20), Err(EifError::TooLarge));
        assert_eq!(contents_within(&archive("a", 2 << 20), 1 << 20), Err(EifError::TooLarge));
    }

    #[test]
    fn broken_compression_is_refused() {
        let mut cut = gzip(&archive("a", 1000));
        cut.truncate(cut.len() - 9);
        assert_eq!(contents(&cut), Err(EifError::Ramdisk("its compression is broken")));
    }
}
