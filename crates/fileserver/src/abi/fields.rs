//! Reading the arguments of a request.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use rustix::io::Errno;

/// Arguments of a request, read from front to back. Whatever is missing is `EINVAL`.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// Reads `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next `count` bytes.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], Errno> {
        let (head, tail) = self.0.split_at_checked(count).ok_or(Errno::INVAL)?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Errno> {
        self.bytes(N)?.try_into().map_err(|_| Errno::INVAL)
    }

    /// A 32-bit number.
    pub fn u32(&mut self) -> Result<u32, Errno> {
        self.array().map(u32::from_le_bytes)
    }

    /// A 64-bit number.
    pub fn u64(&mut self) -> Result<u64, Errno> {
        self.array().map(u64::from_le_bytes)
    }

    /// Text up to its NUL byte.
    pub fn text(&mut self) -> Result<&'a OsStr, Errno> {
        let end = self
            .0
            .iter()
            .position(|byte| *byte == 0)
            .ok_or(Errno::INVAL)?;
        let text = self.bytes(end)?;
        self.bytes(1)?;
        Ok(OsStr::from_bytes(text))
    }

    /// Everything that is left.
    pub fn rest(self) -> &'a [u8] {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_bytes_are_an_error() {
        let mut fields = Fields::new(&[1, 0, 0, 0, b'a', 0, 9]);
        assert_eq!(fields.u32(), Ok(1));
        assert_eq!(fields.text(), Ok(OsStr::new("a")));
        assert_eq!(fields.u64(), Err(Errno::INVAL));
        assert_eq!(fields.text(), Err(Errno::INVAL));
        assert_eq!(fields.rest(), [9]);
    }
}
