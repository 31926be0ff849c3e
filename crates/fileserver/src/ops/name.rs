//! Names that the guest may use.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use rustix::io::Errno;

use crate::filesystem::Filesystem;
use crate::inodes::ROOT;
use crate::limits::MAX_NAME;

/// Checks a name that is looked for in the folder `parent`.
///
/// # Errors
/// `EINVAL`, `EPERM` and `ENAMETOOLONG` for what is no name (spec: runtime A12), `ENOENT` for one that is not shared.
pub fn check(fs: &Filesystem, parent: u64, name: &OsStr) -> Result<(), Errno> {
    match name.as_bytes() {
        b"" | b"." => return Err(Errno::INVAL),
        b".." => return Err(Errno::PERM),
        bytes if bytes.contains(&b'/') => return Err(Errno::PERM),
        bytes if bytes.len() > MAX_NAME => return Err(Errno::NAMETOOLONG),
        _ => {}
    }
    match &fs.only {
        Some(only) if parent != ROOT || name != only => Err(Errno::NOENT),
        _ => Ok(()),
    }
}

/// Checks a name that is to come, go or change in the folder `parent`. The folder of a lone file does not change.
///
/// # Errors
/// As [`check`]; `EROFS` and `EACCES` where nothing may change.
pub fn check_change(fs: &Filesystem, parent: u64, name: &OsStr) -> Result<(), Errno> {
    fs.assert_writable()?;
    match check(fs, parent, name) {
        Ok(()) | Err(Errno::NOENT) if fs.only.is_some() => Err(Errno::ACCESS),
        other => other,
    }
}
