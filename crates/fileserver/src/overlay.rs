//! Owner, mode and type of a file as the guest set them, in an extended attribute beside it (spec: runtime A12).

use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{XattrFlags, getxattr, removexattr, setxattr};
use rustix::io::Errno;

use crate::abi::flags::mode;
use crate::attributes::Attributes;

/// Where it stands.
const KEY: &str = "user.msb.override_stat";

/// Written to find out whether attributes can be.
const PROBE_KEY: &str = "user.msb._probe";

const VERSION: u8 = 1;
const BYTES: usize = 20;

/// What the guest set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlay {
    pub uid: u32,
    pub gid: u32,
    /// With type bits.
    pub mode: u32,
    pub rdev: u32,
}

impl Overlay {
    /// What `attributes` already say.
    pub fn of(attributes: &Attributes) -> Self {
        Self {
            uid: attributes.uid,
            gid: attributes.gid,
            mode: attributes.mode,
            rdev: attributes.rdev,
        }
    }

    fn encode(self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[0] = VERSION;
        let fields = [self.uid, self.gid, self.mode, self.rdev];
        for (place, field) in bytes[4..].chunks_exact_mut(4).zip(fields) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self, Errno> {
        let bytes: &[u8; BYTES] = bytes.try_into().map_err(|_| Errno::IO)?;
        if bytes[0] != VERSION {
            return Err(Errno::IO);
        }
        let field = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        Ok(Self {
            uid: field(4),
            gid: field(8),
            mode: field(12),
            rdev: field(16),
        })
    }

    /// Reads the overlay of an open file or folder; none is no error.
    pub fn read(fd: impl AsFd) -> Result<Option<Self>, Errno> {
        // One byte more than fits, so that a longer value shows.
        let mut buffer = [0; BYTES + 1];
        match getxattr(proc_path(fd), KEY, &mut buffer) {
            Ok(count) => Self::decode(&buffer[..count]).map(Some),
            Err(Errno::RANGE) => Err(Errno::IO),
            Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Stores the overlay.
    pub fn write(self, fd: impl AsFd) -> Result<(), Errno> {
        setxattr(proc_path(fd), KEY, &self.encode(), XattrFlags::empty())
    }

    /// Lays the overlay over what the host says. What is a folder on the host stays one, and nothing else becomes
    /// one.
    pub fn apply(self, attributes: &mut Attributes) {
        let host = attributes.kind();
        let kind = match self.mode & mode::TYPE {
            _ if host != mode::FILE => host,
            mode::FOLDER | 0 => mode::FILE,
            kind => kind,
        };
        attributes.uid = self.uid;
        attributes.gid = self.gid;
        attributes.mode = kind | (self.mode & mode::PERMISSIONS);
        if kind == mode::CHAR || kind == mode::BLOCK {
            attributes.rdev = self.rdev;
        }
    }
}

/// Whether the guest may neither see nor touch this attribute.
pub fn is_hidden(name: &OsStr) -> bool {
    [KEY, PROBE_KEY]
        .iter()
        .any(|key| name.as_bytes() == key.as_bytes())
}

/// Whether overlays can be kept beside this file; asks without writing where nothing may be written.
pub fn is_supported(fd: impl AsFd, read_only: bool) -> bool {
    let path = proc_path(fd);
    if read_only {
        let answer = getxattr(&path, PROBE_KEY, &mut [0_u8; 1]);
        return matches!(answer, Ok(_) | Err(Errno::NODATA | Errno::RANGE));
    }
    let written = setxattr(&path, PROBE_KEY, b"1", XattrFlags::empty()).is_ok();
    if written {
        // One that stays behind is hidden from the guest.
        let _ = removexattr(&path, PROBE_KEY);
    }
    written
}

/// A path that names exactly the open file, whatever happened to its name. It works for `O_PATH` descriptors, where
/// the calls on descriptors do not.
pub fn proc_path(fd: impl AsFd) -> String {
    format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_is_the_specified_one() {
        let overlay = Overlay {
            uid: 1000,
            gid: 0x0102_0304,
            mode: 0o100_755,
            rdev: 5,
        };
        let bytes = overlay.encode();
        assert_eq!(
            bytes,
            [
                1, 0, 0, 0, 0xe8, 3, 0, 0, 4, 3, 2, 1, 0xed, 0x81, 0, 0, 5, 0, 0, 0
            ]
        );
        assert_eq!(Overlay::decode(&bytes), Ok(overlay));
    }

    #[test]
    fn other_versions_and_lengths_are_refused() {
        assert_eq!(Overlay::decode(&[1; 19]), Err(Errno::IO));
        assert_eq!(Overlay::decode(&[2; 20]), Err(Errno::IO));
    }
}
