//! Operations on paths. Errors are texts with the operation's name in front.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};

use msb_protocol::payload::{FsEntryInfo, FsOpenOptions, FsPath, FsSetAttrs};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_OMIT, futimens, utimensat};

use super::info::{entry_info, listed};
use super::reply::Prefix;

/// The real path; for a file that is not there yet, its folder's real path and its name.
pub fn real_path(path: &Path) -> Result<FsPath, String> {
    let resolve = || -> io::Result<PathBuf> {
        match fs::canonicalize(path) {
            Ok(real) => Ok(real),
            Err(error) => {
                let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
                    return Err(error);
                };
                let parent = if parent.as_os_str().is_empty() {
                    Path::new(".")
                } else {
                    parent
                };
                Ok(fs::canonicalize(parent)?.join(name))
            }
        }
    };
    Ok(resolve().prefix("realpath")?.into())
}

pub fn stat(path: &FsPath, follow: bool) -> Result<FsEntryInfo, String> {
    let metadata = if follow {
        fs::metadata(path)
    } else {
        fs::symlink_metadata(path)
    };
    Ok(entry_info(path.clone(), &metadata.prefix("stat")?))
}

pub fn set_stat(path: &Path, follow: bool, attrs: &FsSetAttrs) -> Result<(), String> {
    const WHAT: &str = "setstat";
    let link = !follow && fs::symlink_metadata(path).prefix(WHAT)?.is_symlink();
    if let Some(size) = attrs.size {
        let file = OpenOptions::new()
            .write(true)
            .custom_flags(NO_WAIT)
            .open(path);
        file.and_then(|file| file.set_len(size)).prefix(WHAT)?;
    }
    if let Some(mode) = attrs.mode {
        if link {
            return Err(format!(
                "{WHAT}: chmod on symlink without following is not supported"
            ));
        }
        fs::set_permissions(path, Permissions::from_mode(mode)).prefix(WHAT)?;
    }
    if attrs.uid.is_some() || attrs.gid.is_some() {
        let change = if follow {
            chown::<&Path>
        } else {
            lchown::<&Path>
        };
        change(path, attrs.uid, attrs.gid).prefix(WHAT)?;
    }
    if let Some(times) = timestamps(attrs) {
        let flags = if follow {
            AtFlags::empty()
        } else {
            AtFlags::SYMLINK_NOFOLLOW
        };
        utimensat(CWD, path, &times, flags)
            .map_err(io::Error::from)
            .prefix(WHAT)?;
    }
    Ok(())
}

/// The same on an open file.
pub fn set_open_stat(file: &File, attrs: &FsSetAttrs) -> Result<(), String> {
    const WHAT: &str = "fsetstat";
    if let Some(size) = attrs.size {
        file.set_len(size).prefix(WHAT)?;
    }
    if let Some(mode) = attrs.mode {
        file.set_permissions(Permissions::from_mode(mode))
            .prefix(WHAT)?;
    }
    if attrs.uid.is_some() || attrs.gid.is_some() {
        std::os::unix::fs::fchown(file, attrs.uid, attrs.gid).prefix(WHAT)?;
    }
    match timestamps(attrs) {
        Some(times) => futimens(file, &times).map_err(io::Error::from).prefix(WHAT),
        None => Ok(()),
    }
}

/// Whole seconds; the time that is not given stays.
fn timestamps(attrs: &FsSetAttrs) -> Option<Timestamps> {
    if attrs.atime.is_none() && attrs.mtime.is_none() {
        return None;
    }
    let time = |seconds: Option<i64>| match seconds {
        Some(tv_sec) => Timespec { tv_sec, tv_nsec: 0 },
        None => Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
    };
    Some(Timestamps {
        last_access: time(attrs.atime),
        last_modification: time(attrs.mtime),
    })
}

pub fn list(path: &Path) -> Result<Vec<FsEntryInfo>, String> {
    let entries = fs::read_dir(path).prefix("readdir")?;
    entries
        .map(|entry| Ok(listed(&entry.prefix("readdir")?)))
        .collect()
}

pub fn read_link(path: &Path) -> Result<FsPath, String> {
    Ok(fs::read_link(path).prefix("readlink")?.into())
}

pub fn make_symlink(target: &Path, link_path: &Path) -> Result<(), String> {
    symlink(target, link_path).prefix("symlink")
}

pub fn make_folder(path: &Path, mode: Option<u32>) -> Result<(), String> {
    fs::create_dir_all(path).prefix("mkdir")?;
    match mode {
        Some(mode) => fs::set_permissions(path, Permissions::from_mode(mode)).prefix("chmod"),
        None => Ok(()),
    }
}

pub fn remove(path: &Path) -> Result<(), String> {
    fs::remove_file(path).prefix("remove")
}

pub fn remove_folder(path: &Path, recursive: bool) -> Result<(), String> {
    let result = if recursive {
        fs::remove_dir_all(path)
    } else {
        fs::remove_dir(path)
    };
    result.prefix("remove_dir")
}

/// One regular file; anything else could keep us waiting for ever.
pub fn copy(source: &Path, target: &Path) -> Result<(), String> {
    const WHAT: &str = "copy";
    let mut files = Vec::new();
    for (path, must_exist) in [(source, true), (target, false)] {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => files.push((metadata.dev(), metadata.ino())),
            Ok(_) => return Err(format!("{WHAT}: {} is not a regular file", path.display())),
            Err(error) if must_exist => return Err(error).prefix(WHAT),
            Err(_) => {}
        }
    }
    // Under whatever name: the target is emptied before the source is read.
    if let [one, other] = files[..]
        && one == other
    {
        return Err(format!(
            "{WHAT}: {} and {} are the same file",
            source.display(),
            target.display()
        ));
    }
    fs::copy(source, target).map(drop).prefix(WHAT)
}

pub fn rename(source: &Path, target: &Path) -> Result<(), String> {
    fs::rename(source, target).prefix("rename")
}

/// A FIFO without another end, or a terminal, must not hold up everybody's file operations.
const NO_WAIT: i32 = libc::O_NONBLOCK;

pub fn open(path: &Path, options: &FsOpenOptions) -> Result<File, String> {
    OpenOptions::new()
        .read(options.read)
        .write(options.write)
        .append(options.append)
        .create(options.create)
        .truncate(options.truncate)
        .create_new(options.create_new)
        .mode(options.mode.unwrap_or(0o666))
        .custom_flags(NO_WAIT)
        .open(path)
        .prefix("open")
}
