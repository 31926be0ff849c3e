//! The header of every request.

use super::Fields;
use rustix::io::Errno;

/// Size of a request's header in bytes.
pub const HEADER_BYTES: usize = 40;

/// `fuse_in_header`, as far as it is used.
#[derive(Debug, Clone, Copy)]
pub struct Header {
    /// Bytes of the whole request.
    pub len: usize,
    /// What to do.
    pub opcode: u32,
    /// Names the request in its reply.
    pub unique: u64,
    /// File that it is about.
    pub node: u64,
    /// User who asks, in the guest.
    pub uid: u32,
    /// Their group.
    pub gid: u32,
}

impl Header {
    /// Reads the first [`HEADER_BYTES`] of a request.
    pub fn parse(bytes: &[u8]) -> Result<Self, Errno> {
        let mut fields = Fields::new(bytes);
        Ok(Self {
            len: fields.u32()? as usize,
            opcode: fields.u32()?,
            unique: fields.u64()?,
            node: fields.u64()?,
            uid: fields.u32()?,
            gid: fields.u32()?,
        })
    }
}
