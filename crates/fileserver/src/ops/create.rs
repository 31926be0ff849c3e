//! New files, folders, links and devices.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use rustix::fs::{AtFlags, Mode, OFlags, mkdirat, openat2, symlinkat, unlinkat};
use rustix::io::Errno;

use super::attr::{charged, chmod, truncate};
use super::data::open_existing;
use super::name;
use crate::abi::flags::{mode, open};
use crate::abi::{Fields, Header, Reply};
use crate::attributes::{Attributes, host_attributes};
use crate::filesystem::Filesystem;
use crate::inodes::{BENEATH, open_path};
use crate::limits::MAX_TARGET;
use crate::overlay::Overlay;

/// What a new file is to look like in the guest.
struct NewFile<'a> {
    parent: u64,
    folder: Arc<OwnedFd>,
    name: &'a OsStr,
    /// With type bits.
    mode: u32,
    uid: u32,
    gid: u32,
    rdev: u32,
}

impl<'a> NewFile<'a> {
    /// A file that `header`'s user makes. It inherits the group of a folder with set-group-id.
    fn of(fs: &Filesystem, header: &Header, name: &'a OsStr, mode: u32) -> Result<Self, Errno> {
        name::check_change(fs, header.node, name)?;
        let folder = fs.inodes.fd(header.node)?;
        let mut new = Self {
            parent: header.node,
            folder,
            name,
            mode,
            uid: header.uid,
            gid: header.gid,
            rdev: 0,
        };
        if fs.has_overlays() {
            let parent = fs.attributes(&*new.folder)?;
            if parent.mode & mode::SET_GID != 0 {
                new.gid = parent.gid;
                if new.mode & mode::TYPE == mode::FOLDER {
                    new.mode |= mode::SET_GID;
                }
            }
        }
        Ok(new)
    }

    /// An empty file on the host that nobody had before.
    fn make_file(&self, host_mode: Mode) -> Result<OwnedFd, Errno> {
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = openat2(&*self.folder, self.name, flags, host_mode, BENEATH)?;
        // Our own umask took bits away.
        if host_mode.as_raw_mode() & 0o077 != 0 {
            chmod(&fd, host_mode)?;
        }
        Ok(fd)
    }

    /// Gives what is on the host its look in the guest and makes it known; takes it away again when that fails.
    fn finish(
        &self,
        fs: &Filesystem,
        fd: impl AsFd,
        keep: Option<Arc<OwnedFd>>,
    ) -> Result<(u64, Attributes), Errno> {
        let result = (|| {
            let (host, identity) = host_attributes(&fd)?;
            let overlay = Overlay {
                uid: self.uid,
                gid: self.gid,
                mode: self.mode,
                rdev: self.rdev,
            };
            let mut attributes = host;
            if fs.has_overlays() && matches!(host.kind(), mode::FILE | mode::FOLDER) {
                overlay.write(&fd)?;
                overlay.apply(&mut attributes);
            } else {
                attributes = fs.guest_attributes(&fd, host)?;
            }
            let node = fs.inodes.enter(identity, self.parent, self.name, keep)?;
            Ok((node, attributes))
        })();
        result.inspect_err(|_| {
            let is_folder = self.mode & mode::TYPE == mode::FOLDER;
            let flags = if is_folder {
                AtFlags::REMOVEDIR
            } else {
                AtFlags::empty()
            };
            let _ = unlinkat(&*self.folder, self.name, flags);
        })
    }
}

/// `FUSE_CREATE`: makes a file, or opens the one that somebody made meanwhile.
pub fn create(
    fs: &Filesystem,
    header: &Header,
    mut args: Fields<'_>,
    reply: &mut Reply,
) -> Result<(), Errno> {
    let (flags, mode, umask, open_flags) = (args.u32()?, args.u32()?, args.u32()?, args.u32()?);
    let name = args.text()?;
    let mode = mode::FILE | (mode & mode::PERMISSIONS & !umask);
    let writable = flags & open::ACCESS_MODE != open::READ_ONLY;
    if let (Some(_), Ok(())) = (&fs.only, name::check(fs, header.node, name)) {
        return open_instead(fs, header.node, name, flags, open_flags, reply);
    }
    let new = NewFile::of(fs, header, name, mode)?;
    let file = match new.make_file(fs.host_mode(new.mode, false)) {
        Err(Errno::EXIST) if flags & open::EXCLUSIVE == 0 => {
            return open_instead(fs, header.node, name, flags, open_flags, reply);
        }
        other => other?,
    };
    let (node, attributes) = new.finish(fs, &file, None)?;
    let handle = fs.handles.insert(node, file.into(), writable);
    let handle = handle.inspect_err(|_| fs.forget(node, 1))?;
    reply.entry(node, &attributes);
    reply.open_out(handle);
    Ok(())
}

fn open_instead(
    fs: &Filesystem,
    parent: u64,
    name: &OsStr,
    flags: u32,
    open_flags: u32,
    reply: &mut Reply,
) -> Result<(), Errno> {
    let (fd, _, node) = fs.inodes.look_up(parent, name)?;
    let opened = (|| {
        let handle = open_existing(fs, node, flags, open_flags)?;
        if flags & open::TRUNCATE != 0 {
            truncate(fs, &fs.handles.get(handle, node)?.file, 0)?;
        }
        Ok((handle, fs.attributes(&*fd)?))
    })();
    let (handle, attributes) = opened.inspect_err(|_: &Errno| fs.forget(node, 1))?;
    reply.entry(node, &attributes);
    reply.open_out(handle);
    Ok(())
}

/// `FUSE_MKDIR`
pub fn mkdir(
    fs: &Filesystem,
    header: &Header,
    mut args: Fields<'_>,
    reply: &mut Reply,
) -> Result<(), Errno> {
    let (mode, umask) = (args.u32()?, args.u32()?);
    let mode = mode::FOLDER | (mode & mode::PERMISSIONS & !umask);
    let new = NewFile::of(fs, header, args.text()?, mode)?;
    let host_mode = fs.host_mode(new.mode, true);
    mkdirat(&*new.folder, new.name, host_mode)?;
    let fd = Arc::new(open_path(&*new.folder, new.name)?);
    if host_mode.as_raw_mode() & 0o077 != 0 {
        chmod(&*fd, host_mode)?;
    }
    let (node, attributes) = new.finish(fs, &*fd, Some(Arc::clone(&fd)))?;
    reply.entry(node, &attributes);
    Ok(())
}

/// `FUSE_MKNOD`: a file, or a device, pipe or socket, which on the host is a file with an overlay.
pub fn mknod(
    fs: &Filesystem,
    header: &Header,
    mut args: Fields<'_>,
    reply: &mut Reply,
) -> Result<(), Errno> {
    let (mode, rdev, umask, _) = (args.u32()?, args.u32()?, args.u32()?, args.u32()?);
    let kind = match mode & mode::TYPE {
        0 => mode::FILE,
        kind @ (mode::FILE | mode::CHAR | mode::BLOCK | mode::FIFO | mode::SOCKET) => kind,
        _ => return Err(Errno::INVAL),
    };
    if kind != mode::FILE && !fs.has_overlays() {
        return Err(Errno::OPNOTSUPP);
    }
    let mut new = NewFile::of(
        fs,
        header,
        args.text()?,
        kind | (mode & mode::PERMISSIONS & !umask),
    )?;
    new.rdev = rdev;
    let file = new.make_file(fs.host_mode(new.mode, false))?;
    let (node, attributes) = new.finish(fs, &file, None)?;
    reply.entry(node, &attributes);
    Ok(())
}

/// `FUSE_SYMLINK`: a file that holds the target, so that no link of the guest exists on the host; in relaxed shares
/// a real one, which the host's programs follow.
pub fn symlink(
    fs: &Filesystem,
    header: &Header,
    mut args: Fields<'_>,
    reply: &mut Reply,
) -> Result<(), Errno> {
    let name = args.text()?;
    let target = args.text()?;
    if target.is_empty() {
        return Err(Errno::NOENT);
    }
    if target.len() > MAX_TARGET {
        return Err(Errno::NAMETOOLONG);
    }
    let new = NewFile::of(fs, header, name, mode::LINK | 0o777)?;
    let (node, attributes) = if fs.has_virtual_links() {
        let bytes = target.as_bytes();
        let file = new.make_file(fs.host_mode(0, false))?;
        let written = charged(fs, bytes.len() as u64, || {
            rustix::io::pwrite(&file, bytes, 0)
        });
        if written != Ok(bytes.len()) {
            let _ = unlinkat(&*new.folder, name, AtFlags::empty());
            return Err(written.err().unwrap_or(Errno::NOSPC));
        }
        new.finish(fs, &file, None)?
    } else {
        symlinkat(target, &*new.folder, name)?;
        let fd = Arc::new(open_path(&*new.folder, name)?);
        new.finish(fs, &*fd, Some(Arc::clone(&fd)))?
    };
    reply.entry(node, &attributes);
    Ok(())
}
