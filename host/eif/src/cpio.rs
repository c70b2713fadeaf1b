//! Ramdisks: the "newc" form of cpio (kernel: Documentation/driver-api/early-userspace/buffer-format.rst). Written without
//! times, owners and compression, in the order given, so that equal input gives equal bytes. Read with bounds: no path
//! leaves the root, no device node, no bomb.

use crate::error::EifError;

/// Entries of one ramdisk at most.
pub(crate) const ENTRIES: usize = 16_384;
/// A path at most.
const PATH_BYTES: usize = 1024;
const MAGIC: &str = "070701";
const TRAILER: &str = "TRAILER!!!";
/// Bits of a mode that say what an entry is.
const KIND: u32 = 0o170_000;
const FILE: u32 = 0o100_000;
const FOLDER: u32 = 0o040_000;
const LINK: u32 = 0o120_000;

/// What stands under a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A folder.
    Folder,
    /// A file of its owner, root; executable or not is in the mode.
    File(Vec<u8>),
    /// A symbolic link to this target.
    Link(String),
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Relative to the root, without `.` and `..`.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// What it is.
    pub content: Content,
}

/// The archive of these entries, in this order. Pads to 512 bytes, as the kernel wants between archives.
pub fn write(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, entry) in (1u32..).zip(entries) {
        let (kind, data): (u32, &[u8]) = match &entry.content {
            Content::Folder => (FOLDER, &[]),
            Content::File(bytes) => (FILE, bytes),
            Content::Link(target) => (LINK, target.as_bytes()),
        };
        let links = if kind == FOLDER { 2 } else { 1 };
        write_entry(&mut out, number, kind | (entry.mode & 0o7777), links, &entry.path, data);
    }
    write_entry(&mut out, 0, 0, 1, TRAILER, &[]);
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

fn write_entry(out: &mut Vec<u8>, number: u32, mode: u32, links: u32, path: &str, data: &[u8]) {
    let name_bytes = path.len() as u32 + 1;
    out.extend_from_slice(MAGIC.as_bytes());
    // inode, mode, uid, gid, links, mtime, size, device (2), special device (2), name, checksum (unused in this form).
    for field in [number, mode, 0, 0, links, 0, data.len() as u32, 0, 0, 0, 0, name_bytes, 0] {
        out.extend_from_slice(format!("{field:08X}").as_bytes());
    }
    out.extend_from_slice(path.as_bytes());
    out.push(0);
    out.resize(out.len().next_multiple_of(4), 0);
    out.extend_from_slice(data);
    out.resize(out.len().next_multiple_of(4), 0);
}

/// Entries of an archive, or of several one behind the other, as the kernel takes them.
///
/// # Errors
/// [`EifError::PathOutside`], [`EifError::DeviceNode`], [`EifError::HardLink`], [`EifError::TooManyEntries`], and
/// [`EifError::Ramdisk`] for broken bytes.
pub fn read(bytes: &[u8]) -> Result<Vec<Entry>, EifError> {
    let mut entries = Vec::new();
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| rest.iter().any(|byte| *byte != 0)) {
        let zeros = rest.iter().take_while(|byte| **byte == 0).count();
        let (entry, end) = read_entry(bytes, at + zeros)?;
        at = end;
        if entries.len() == ENTRIES {
            return Err(EifError::TooManyEntries);
        }
        entries.extend(entry);
    }
    Ok(entries)
}

/// The entry that begins here, `None` for the end of an archive, and where the next one begins.
fn read_entry(bytes: &[u8], at: usize) -> Result<(Option<Entry>, usize), EifError> {
    let broken = || EifError::Ramdisk("it is no cpio archive of the newc form");
    let head = bytes.get(at..at + 110).and_then(|head| std::str::from_utf8(head).ok()).ok_or_else(broken)?;
    if !head.starts_with(MAGIC) || !head.is_ascii() {
        return Err(broken());
    }
    let field = |n: usize| u32::from_str_radix(&head[6 + 8 * n..14 + 8 * n], 16).map_err(|_| broken());
    let (mode, links, size, name_bytes) = (field(1)?, field(4)?, field(6)? as usize, field(11)? as usize);
    if name_bytes == 0 || name_bytes > PATH_BYTES {
        return Err(EifError::Ramdisk("a path is too long"));
    }
    let name = bytes.get(at + 110..at + 110 + name_bytes - 1).and_then(|n| std::str::from_utf8(n).ok());
    let name = name.ok_or_else(broken)?;
    let data_at = (at + 110 + name_bytes).next_multiple_of(4);
    let data = bytes.get(data_at..data_at.checked_add(size).ok_or_else(broken)?).ok_or_else(broken)?;
    let end = (data_at + size).next_multiple_of(4);
    if name == TRAILER {
        return Ok((None, end));
    }
    let content = match mode & KIND {
        FOLDER => Content::Folder,
        FILE if links <= 1 => Content::File(data.to_vec()),
        FILE => return Err(EifError::HardLink),
        LINK => Content::Link(String::from_utf8(data.to_vec()).map_err(|_| broken())?),
        _ => return Err(EifError::DeviceNode),
    };
    Ok((Some(Entry { path: inside(name)?, mode: mode & 0o7777, content }), end))
}

/// The path without a leading `./` or `/`; never one that leaves the root.
fn inside(name: &str) -> Result<String, EifError> {
    let kept: Vec<&str> = name.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if kept.contains(&"..") || name.contains('\0') {
        return Err(EifError::PathOutside);
    }
    Ok(kept.join("/"))
}
