//! Extended attributes behind an inode.

use crate::tree::Xattrs;

const HEADER_BYTES: usize = 12;
const ENTRY_BYTES: usize = 4;
/// Start of names that are stored as a number.
const PREFIXES: [(&[u8], u8); 3] = [(b"user.", 1), (b"trusted.", 4), (b"security.", 6)];

/// The bytes behind an inode; empty when there are no attributes. Names and values are within Linux's limits.
pub fn encode(xattrs: &Xattrs) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in xattrs {
        let (suffix, index) = split(name);
        body.resize(body.len().max(HEADER_BYTES), 0);
        body.extend_from_slice(&[suffix.len() as u8, index]);
        body.extend_from_slice(&(value.len() as u16).to_le_bytes());
        body.extend_from_slice(suffix);
        body.extend_from_slice(value);
        body.resize(body.len().next_multiple_of(ENTRY_BYTES), 0);
    }
    body
}

/// `i_xattr_icount` of an inode whose extended attributes take that many bytes.
pub fn count(body_bytes: u64) -> u16 {
    match body_bytes.checked_sub(HEADER_BYTES as u64) {
        Some(entries) => (entries / ENTRY_BYTES as u64 + 1) as u16,
        None => 0,
    }
}

/// The reader of archives keeps only names that have one of the prefixes.
fn split(name: &[u8]) -> (&[u8], u8) {
    PREFIXES
        .iter()
        .find_map(|(prefix, index)| Some((name.strip_prefix(*prefix)?, *index)))
        .unwrap_or((name, 0))
}
