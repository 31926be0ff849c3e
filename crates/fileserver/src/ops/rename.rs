//! Names that come, go and move.

use rustix::fs::{AtFlags, CWD, RenameFlags, linkat, renameat_with, unlinkat};
use rustix::io::Errno;

use super::name;
use crate::abi::{Fields, Reply};
use crate::attributes::host_attributes;
use crate::filesystem::Filesystem;
use crate::inodes::open_path;
use crate::overlay::proc_path;

/// `FUSE_UNLINK` and `FUSE_RMDIR`
pub fn unlink(
    fs: &Filesystem,
    parent: u64,
    mut args: Fields<'_>,
    is_folder: bool,
) -> Result<(), Errno> {
    let name = args.text()?;
    name::check_change(fs, parent, name)?;
    let folder = fs.inodes.fd(parent)?;
    fs.inodes.pin(&*folder, name);
    unlinkat(
        &*folder,
        name,
        if is_folder {
            AtFlags::REMOVEDIR
        } else {
            AtFlags::empty()
        },
    )
}

/// `FUSE_RENAME`, and `FUSE_RENAME2` `with_flags`
pub fn rename(
    fs: &Filesystem,
    parent: u64,
    mut args: Fields<'_>,
    with_flags: bool,
) -> Result<(), Errno> {
    let new_parent = args.u64()?;
    let flags = if with_flags {
        args.u64()? & u64::from(u32::MAX)
    } else {
        0
    };
    let (name, new_name) = (args.text()?, args.text()?);
    name::check_change(fs, parent, name)?;
    name::check_change(fs, new_parent, new_name)?;
    let known = RenameFlags::NOREPLACE | RenameFlags::EXCHANGE;
    let flags = u32::try_from(flags)
        .ok()
        .and_then(RenameFlags::from_bits)
        .filter(|flags| known.contains(*flags));
    let flags = flags.ok_or(Errno::INVAL)?;
    let (from, to) = (fs.inodes.fd(parent)?, fs.inodes.fd(new_parent)?);
    let (_, moved) = host_attributes(open_path(&*from, name)?)?;
    let other =
        open_path(&*to, new_name).and_then(|fd| host_attributes(fd).map(|(_, identity)| identity));
    if !flags.contains(RenameFlags::EXCHANGE) {
        fs.inodes.pin(&*to, new_name);
    }
    renameat_with(&*from, name, &*to, new_name, flags)?;
    if let (true, Ok(other)) = (flags.contains(RenameFlags::EXCHANGE), other) {
        fs.inodes.moved(other, parent, name);
    }
    fs.inodes.moved(moved, new_parent, new_name);
    Ok(())
}

/// `FUSE_LINK`
pub fn link(
    fs: &Filesystem,
    new_parent: u64,
    mut args: Fields<'_>,
    reply: &mut Reply,
) -> Result<(), Errno> {
    let node = args.u64()?;
    let name = args.text()?;
    name::check_change(fs, new_parent, name)?;
    let (fd, folder) = (fs.inodes.fd(node)?, fs.inodes.fd(new_parent)?);
    // Follows the link in /proc, which leads to the file itself, and nothing beyond it.
    linkat(
        CWD,
        proc_path(&*fd),
        &*folder,
        name,
        AtFlags::SYMLINK_FOLLOW,
    )?;
    let (host, identity) = host_attributes(&*fd)?;
    let attributes = fs.guest_attributes(&*fd, host)?;
    let node = fs.inodes.enter(identity, new_parent, name, None)?;
    reply.entry(node, &attributes);
    Ok(())
}
