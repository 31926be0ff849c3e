//! Blocks of directories.

use super::BLOCK_BYTES;
use std::ops::Range;

const DIRENT_BYTES: usize = 12;

/// One name in a directory.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    pub name: &'a [u8],
    pub nid: u32,
    /// Type number.
    pub kind: u8,
}

/// Cuts a directory's names (sorted, `.` and `..` among them) into blocks, each as full as it gets: which names are in
/// each, and the bytes in use.
pub fn pack<'a>(names: impl Iterator<Item = &'a [u8]>) -> Vec<(Range<usize>, usize)> {
    let mut blocks = vec![(0..0, 0)];
    for (index, name) in names.enumerate() {
        let bytes = DIRENT_BYTES + name.len();
        match blocks.last_mut() {
            Some((range, used)) if *used + bytes <= BLOCK_BYTES as usize => {
                range.end = index + 1;
                *used += bytes;
            }
            _ => blocks.push((index..index + 1, bytes)),
        }
    }
    blocks
}

/// Length of a directory: whole blocks, and the last one as long as used.
pub fn length(blocks: &[(Range<usize>, usize)]) -> u64 {
    let last = blocks.last().map_or(0, |(_, used)| *used as u64);
    (blocks.len() as u64).saturating_sub(1) * BLOCK_BYTES + last
}

/// One block: the table of entries, then their names.
pub fn encode(entries: &[Entry]) -> Vec<u8> {
    let mut block = Vec::with_capacity(BLOCK_BYTES as usize);
    let mut name_at = entries.len() * DIRENT_BYTES;
    for entry in entries {
        block.extend_from_slice(&u64::from(entry.nid).to_le_bytes());
        block.extend_from_slice(&(name_at as u16).to_le_bytes());
        block.extend_from_slice(&[entry.kind, 0]);
        name_at += entry.name.len();
    }
    for entry in entries {
        block.extend_from_slice(entry.name);
    }
    block
}
