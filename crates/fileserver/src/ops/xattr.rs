//! Extended attributes. Only those of users pass: others mean something to the host.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{
    XattrFlags, getxattr as get, listxattr as list, removexattr as remove, setxattr as set,
};
use rustix::io::Errno;

use crate::abi::flags::mode;
use crate::abi::{Fields, Reply};
use crate::attributes::host_attributes;
use crate::filesystem::Filesystem;
use crate::inodes::ROOT;
use crate::limits::{MAX_NAME, MAX_XATTR};
use crate::overlay::{is_hidden, proc_path};

const USER: &[u8] = b"user.";

pub fn setxattr(fs: &Filesystem, node: u64, mut args: Fields<'_>) -> Result<(), Errno> {
    let (size, flags) = (args.u32()? as usize, args.u32()?);
    let name = args.text()?;
    let value = args.bytes(size)?;
    fs.assert_writable()?;
    let path = path_for(fs, node, name, Errno::OPNOTSUPP)?;
    let known = XattrFlags::CREATE | XattrFlags::REPLACE;
    let flags = XattrFlags::from_bits(flags)
        .filter(|flags| known.contains(*flags))
        .ok_or(Errno::INVAL)?;
    if value.len() > MAX_XATTR {
        return Err(Errno::TOOBIG);
    }
    set(path.as_str(), name, value, flags)
}

pub fn getxattr(
    fs: &Filesystem,
    node: u64,
    mut args: Fields<'_>,
    reply: &mut Reply,
) -> Result<(), Errno> {
    let (size, _) = (args.u32()? as usize, args.u32()?);
    let name = args.text()?;
    let path = path_for(fs, node, name, Errno::NODATA)?;
    let mut value = vec![0; MAX_XATTR];
    let count = get(path.as_str(), name, value.as_mut_slice())?;
    answer(&value[..count], size, reply)
}

pub fn listxattr(
    fs: &Filesystem,
    node: u64,
    mut args: Fields<'_>,
    reply: &mut Reply,
) -> Result<(), Errno> {
    let (size, _) = (args.u32()? as usize, args.u32()?);
    let Ok(path) = path_for(fs, node, OsStr::new("user."), Errno::NODATA) else {
        return answer(&[], size, reply);
    };
    let mut names = vec![0; MAX_XATTR];
    let count = match list(path.as_str(), names.as_mut_slice()) {
        Err(Errno::OPNOTSUPP) => 0,
        other => other?,
    };
    let visible = names[..count]
        .split_inclusive(|byte| *byte == 0)
        .filter(|name| {
            name.starts_with(USER) && !is_hidden(OsStr::from_bytes(&name[..name.len() - 1]))
        })
        .collect::<Vec<_>>()
        .concat();
    answer(&visible, size, reply)
}

pub fn removexattr(fs: &Filesystem, node: u64, mut args: Fields<'_>) -> Result<(), Errno> {
    let name = args.text()?;
    fs.assert_writable()?;
    let path = path_for(fs, node, name, Errno::NODATA)?;
    remove(path.as_str(), name)
}

/// Path of a file that can have the attribute `name`.
///
/// # Errors
/// `EACCES` for ours, `otherwise` for those that never pass.
fn path_for(fs: &Filesystem, node: u64, name: &OsStr, otherwise: Errno) -> Result<String, Errno> {
    if is_hidden(name) {
        return Err(Errno::ACCESS);
    }
    if name.len() > MAX_NAME {
        return Err(Errno::RANGE);
    }
    let fd = fs.inodes.fd(node)?;
    let takes_any = matches!(host_attributes(&*fd)?.0.kind(), mode::FILE | mode::FOLDER);
    if !name.as_bytes().starts_with(USER) || !takes_any || (node == ROOT && fs.only.is_some()) {
        return Err(otherwise);
    }
    Ok(proc_path(&*fd))
}

/// The value, or its size when that is what was asked.
fn answer(value: &[u8], size: usize, reply: &mut Reply) -> Result<(), Errno> {
    if size == 0 {
        reply.u32(u32::try_from(value.len()).unwrap_or(u32::MAX));
        reply.u32(0);
        return Ok(());
    }
    if value.len() > size {
        return Err(Errno::RANGE);
    }
    reply.bytes(value);
    Ok(())
}
