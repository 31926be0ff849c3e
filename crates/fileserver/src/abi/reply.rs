//! Building a reply in a buffer that is used again and again.

use crate::attributes::Attributes;
use crate::limits::CACHE_SECONDS;

const HEADER_BYTES: usize = 16;

/// One reply: a header of 16 bytes, then the answer.
#[derive(Debug)]
pub struct Reply {
    buffer: Vec<u8>,
    len: usize,
}

impl Reply {
    /// An empty reply.
    pub fn new() -> Self {
        Self {
            buffer: vec![0; 4096],
            len: HEADER_BYTES,
        }
    }

    /// Forgets the answer.
    pub fn clear(&mut self) {
        self.len = HEADER_BYTES;
    }

    /// Bytes of the answer so far.
    pub fn answer_len(&self) -> usize {
        self.len - HEADER_BYTES
    }

    /// Room for `count` more bytes, whose content is whatever was there. [`Self::advance`] makes them part of the
    /// answer.
    pub fn room(&mut self, count: usize) -> &mut [u8] {
        let end = self.len + count;
        if self.buffer.len() < end {
            self.buffer.resize(end, 0);
        }
        &mut self.buffer[self.len..end]
    }

    /// Takes `count` bytes of the room into the answer.
    pub fn advance(&mut self, count: usize) {
        self.len = (self.len + count).min(self.buffer.len());
    }

    /// Appends bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.room(bytes.len()).copy_from_slice(bytes);
        self.advance(bytes.len());
    }

    /// Appends a 16-bit number.
    pub fn u16(&mut self, value: u16) {
        self.bytes(&value.to_le_bytes());
    }

    /// Appends a 32-bit number.
    pub fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    /// Appends a 64-bit number.
    pub fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    /// Appends zero bytes up to a multiple of eight.
    pub fn align(&mut self) {
        let padding = self.answer_len().next_multiple_of(8) - self.answer_len();
        self.bytes(&[0; 8][..padding]);
    }

    /// Appends `fuse_entry_out`.
    pub fn entry(&mut self, node: u64, attributes: &Attributes) {
        self.u64(node);
        self.u64(0); // generation: node ids are never used twice
        self.u64(CACHE_SECONDS);
        self.u64(CACHE_SECONDS);
        self.u64(0); // nanoseconds of both
        self.attr(attributes);
    }

    /// Appends `fuse_attr_out`.
    pub fn attr_out(&mut self, attributes: &Attributes) {
        self.u64(CACHE_SECONDS);
        self.u64(0);
        self.attr(attributes);
    }

    /// Appends `fuse_open_out`.
    pub fn open_out(&mut self, handle: u64) {
        self.u64(handle);
        self.u64(0);
    }

    fn attr(&mut self, attributes: &Attributes) {
        let times = [attributes.atime, attributes.mtime, attributes.ctime];
        self.u64(attributes.ino);
        self.u64(attributes.size);
        self.u64(attributes.blocks);
        for time in times {
            self.bytes(&time.seconds.to_le_bytes());
        }
        for time in times {
            self.u32(time.nanoseconds);
        }
        self.u32(attributes.mode);
        self.u32(attributes.nlink);
        self.u32(attributes.uid);
        self.u32(attributes.gid);
        self.u32(attributes.rdev);
        self.u32(attributes.blksize);
        self.u32(0); // flags
    }

    /// The whole reply; `errno` is 0 or a positive error number, which leaves the answer out.
    pub fn finish(&mut self, unique: u64, errno: i32) -> &[u8] {
        if errno != 0 {
            self.clear();
        }
        let len = u32::try_from(self.len).unwrap_or(u32::MAX);
        self.buffer[..4].copy_from_slice(&len.to_le_bytes());
        self.buffer[4..8].copy_from_slice(&(-errno).to_le_bytes());
        self.buffer[8..16].copy_from_slice(&unique.to_le_bytes());
        &self.buffer[..self.len]
    }
}
