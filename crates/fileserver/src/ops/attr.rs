//! Attributes: reading and setting.

use std::fs::File;
use std::os::fd::AsFd;

use rustix::fs::{
    AtFlags, CWD, Mode, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, chmodat, utimensat,
};
use rustix::io::Errno;

use super::data::open_file;
use crate::abi::flags::{GETATTR_HANDLE, mode, set};
use crate::abi::{Fields, Header, Reply};
use crate::attributes::{Attributes, host_attributes};
use crate::filesystem::Filesystem;
use crate::inodes::ROOT;
use crate::overlay::{Overlay, proc_path};

pub fn getattr(
    fs: &Filesystem,
    node: u64,
    mut args: Fields<'_>,
    reply: &mut Reply,
) -> Result<(), Errno> {
    let (flags, _, handle) = (args.u32()?, args.u32()?, args.u64()?);
    let attributes = match flags & GETATTR_HANDLE != 0 {
        true => fs.attributes(&fs.handles.get(handle, node)?.file)?,
        false => fs.node_attributes(node)?,
    };
    reply.attr_out(&attributes);
    Ok(())
}

/// Arguments of SETATTR (`fuse_setattr_in`).
struct Change {
    valid: u32,
    handle: u64,
    size: u64,
    atime: Timespec,
    mtime: Timespec,
    mode: u32,
    uid: u32,
    gid: u32,
}

impl Change {
    fn parse(mut args: Fields<'_>) -> Result<Self, Errno> {
        let (valid, _, handle, size, _owner) = (
            args.u32()?,
            args.u32()?,
            args.u64()?,
            args.u64()?,
            args.u64()?,
        );
        let seconds = [args.u64()?, args.u64()?, args.u64()?];
        let nanoseconds = [args.u32()?, args.u32()?, args.u32()?];
        let time = |at: usize| Timespec {
            tv_sec: i64::from_le_bytes(seconds[at].to_le_bytes()),
            tv_nsec: nanoseconds[at].into(),
        };
        let (mode, _, uid, gid) = (args.u32()?, args.u32()?, args.u32()?, args.u32()?);
        Ok(Self {
            valid,
            handle,
            size,
            atime: time(0),
            mtime: time(1),
            mode,
            uid,
            gid,
        })
    }

    fn has(&self, flags: u32) -> bool {
        self.valid & flags != 0
    }

    fn times(&self) -> Timestamps {
        let choose = |now: u32, given: u32, value: Timespec| match () {
            () if self.has(now) => Timespec {
                tv_sec: 0,
                tv_nsec: UTIME_NOW,
            },
            () if self.has(given) => value,
            () => Timespec {
                tv_sec: 0,
                tv_nsec: UTIME_OMIT,
            },
        };
        Timestamps {
            last_access: choose(set::ATIME_NOW, set::ATIME, self.atime),
            last_modification: choose(set::MTIME_NOW, set::MTIME, self.mtime),
        }
    }
}

pub fn setattr(
    fs: &Filesystem,
    node: u64,
    args: Fields<'_>,
    reply: &mut Reply,
) -> Result<(), Errno> {
    let change = Change::parse(args)?;
    fs.assert_writable()?;
    if node == ROOT && fs.only.is_some() {
        return Err(Errno::PERM);
    }
    let fd = fs.inodes.fd(node)?;
    if change.has(set::MODE | set::UID | set::GID) {
        set_identity(fs, &*fd, &change)?;
    }
    if change.has(set::SIZE) {
        set_size(fs, node, &change)?;
    }
    if change.has(set::KILL_SUIDGID) {
        drop_special_bits(fs, &*fd)?;
    }
    if change.has(set::ATIME | set::MTIME | set::ATIME_NOW | set::MTIME_NOW) {
        set_times(&*fd, &change)?;
    }
    reply.attr_out(&fs.attributes(&*fd)?);
    Ok(())
}

fn set_identity(fs: &Filesystem, fd: impl AsFd, change: &Change) -> Result<(), Errno> {
    let (host, _) = host_attributes(&fd)?;
    if !matches!(host.kind(), mode::FILE | mode::FOLDER) {
        // Links and devices of the host cannot have an overlay, and their own attributes are not the guest's.
        return if change.has(set::MODE) {
            Err(Errno::OPNOTSUPP)
        } else {
            Err(Errno::PERM)
        };
    }
    if !fs.has_overlays() {
        if change.has(set::UID | set::GID) && fs.is_literal() {
            return Err(Errno::PERM);
        }
        return if change.has(set::MODE) {
            set_host_mode(fs, &fd, change.mode, &host)
        } else {
            Ok(())
        };
    }
    let mut attributes = fs.guest_attributes(&fd, host)?;
    if change.has(set::MODE) {
        set_host_mode(fs, &fd, change.mode, &host)?;
        attributes.mode = attributes.kind() | (change.mode & mode::PERMISSIONS);
    }
    if change.has(set::UID) {
        attributes.uid = change.uid;
    }
    if change.has(set::GID) {
        attributes.gid = change.gid;
    }
    Overlay::of(&attributes).write(fd)
}

fn set_host_mode(
    fs: &Filesystem,
    fd: impl AsFd,
    guest: u32,
    host: &Attributes,
) -> Result<(), Errno> {
    let wanted = fs.changed_host_mode(guest, host);
    if wanted.as_raw_mode() == host.mode & mode::PERMISSIONS {
        return Ok(());
    }
    chmod(fd, wanted)
}

/// Sets the mode of an open file, also by an `O_PATH` descriptor.
pub fn chmod(fd: impl AsFd, mode: Mode) -> Result<(), Errno> {
    chmodat(CWD, proc_path(fd), mode, AtFlags::empty())
}

fn set_size(fs: &Filesystem, node: u64, change: &Change) -> Result<(), Errno> {
    let by_handle = change
        .has(set::HANDLE)
        .then(|| fs.handles.get(change.handle, node))
        .transpose()?;
    match by_handle {
        Some(handle) if handle.writable => truncate(fs, &handle.file, change.size),
        Some(_) => Err(Errno::BADF),
        None => truncate(fs, &open_file(fs, node, true)?, change.size),
    }
}

/// Sets a file's size; growth counts.
pub fn truncate(fs: &Filesystem, file: &File, size: u64) -> Result<(), Errno> {
    let growth = match &fs.quota {
        Some(_) => size.saturating_sub(host_attributes(file)?.0.size),
        None => 0,
    };
    charged(fs, growth, || rustix::fs::ftruncate(file, size))
}

/// Does `grow`, which makes the share larger by `bytes` when it succeeds.
pub fn charged<T>(
    fs: &Filesystem,
    bytes: u64,
    grow: impl FnOnce() -> Result<T, Errno>,
) -> Result<T, Errno> {
    let Some(quota) = fs.quota.as_ref().filter(|_| bytes > 0) else {
        return grow();
    };
    quota.charge(&*fs.root()?, bytes)?;
    grow().inspect_err(|_| quota.refund(bytes))
}

/// Takes set-user-id and set-group-id away, as a write by somebody else does.
pub fn drop_special_bits(fs: &Filesystem, fd: impl AsFd) -> Result<(), Errno> {
    if !fs.has_overlays() {
        // No such bit ever reaches the host.
        return Ok(());
    }
    let mut attributes = fs.attributes(&fd)?;
    let before = attributes.mode;
    if attributes.kind() != mode::FILE {
        return Ok(());
    }
    attributes.mode &= !mode::SET_UID;
    if before & mode::GROUP_EXEC != 0 {
        attributes.mode &= !mode::SET_GID;
    }
    if attributes.mode == before {
        return Ok(());
    }
    Overlay::of(&attributes).write(fd)
}

fn set_times(fd: impl AsFd, change: &Change) -> Result<(), Errno> {
    let (host, _) = host_attributes(&fd)?;
    if host.kind() == mode::LINK {
        return utimensat(
            fd,
            c"",
            &change.times(),
            AtFlags::EMPTY_PATH | AtFlags::SYMLINK_NOFOLLOW,
        );
    }
    utimensat(CWD, proc_path(fd), &change.times(), AtFlags::empty())
}

/// `FUSE_ACCESS`: root may read and write everything, and execute what anybody may.
pub fn access(fs: &Filesystem, header: &Header, mut args: Fields<'_>) -> Result<(), Errno> {
    let wanted = args.u32()? & 7;
    let attributes = fs.node_attributes(header.node)?;
    let granted = match () {
        () if header.uid == 0 => {
            6 | u32::from(attributes.mode & 0o111 != 0 || attributes.kind() == mode::FOLDER)
        }
        () if header.uid == attributes.uid => attributes.mode >> 6,
        () if header.gid == attributes.gid => attributes.mode >> 3,
        () => attributes.mode,
    };
    if wanted & !granted != 0 {
        return Err(Errno::ACCESS);
    }
    if wanted & 2 != 0 {
        fs.assert_writable()
    } else {
        Ok(())
    }
}
