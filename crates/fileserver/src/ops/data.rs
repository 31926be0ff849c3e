//! Open files and what is in them.

use std::fs::{File, OpenOptions};

use rustix::fs::{
    FallocateFlags, SeekFrom, fallocate as allocate, fdatasync, fsync as sync_all, seek,
};
use rustix::io::{Errno, pread, pwrite};

use super::attr::{charged, drop_special_bits, truncate};
use super::lookup::errno;
use crate::abi::flags::{FSYNC_DATA, OPEN_KILL_SUIDGID, WRITE_KILL_SUIDGID, mode, open as o};
use crate::abi::{Fields, Reply};
use crate::attributes::host_attributes;
use crate::filesystem::Filesystem;
use crate::handles::Handle;
use crate::inodes::ROOT;
use crate::limits::{MAX_COPY, MAX_DATA};
use crate::overlay::proc_path;

/// `FUSE_OPEN`
pub fn open(
    fs: &Filesystem,
    node: u64,
    mut args: Fields<'_>,
    reply: &mut Reply,
) -> Result<(), Errno> {
    let (flags, open_flags) = (args.u32()?, args.u32()?);
    let handle = open_existing(fs, node, flags, open_flags)?;
    if flags & o::TRUNCATE != 0 {
        truncate(fs, &fs.handles.get(handle, node)?.file, 0)?;
    }
    reply.open_out(handle);
    Ok(())
}

/// Opens a file that the guest knows. @returns the handle
pub fn open_existing(
    fs: &Filesystem,
    node: u64,
    flags: u32,
    open_flags: u32,
) -> Result<u64, Errno> {
    let access = flags & o::ACCESS_MODE;
    let writable = access != o::READ_ONLY;
    if writable || flags & o::TRUNCATE != 0 {
        fs.assert_writable()?;
    }
    let file = open_file(fs, node, writable)?;
    if open_flags & OPEN_KILL_SUIDGID != 0 {
        drop_special_bits(fs, &file)?;
    }
    fs.handles.insert(node, file, writable)
}

/// Opens a regular file of the host, and nothing else, through the descriptor that we have of it. Appending is left
/// to the guest, which says where each write goes.
pub fn open_file(fs: &Filesystem, node: u64, writable: bool) -> Result<File, Errno> {
    let fd = fs.inodes.fd(node)?;
    match host_attributes(&*fd)?.0.kind() {
        mode::FILE => {}
        mode::FOLDER => return Err(Errno::ISDIR),
        mode::LINK => return Err(Errno::LOOP),
        _ => return Err(Errno::NXIO),
    }
    let path = proc_path(&*fd);
    let attempt = |read: bool| OpenOptions::new().read(read).write(writable).open(&path);
    match attempt(true) {
        // What is only written may still be read, to complete pages; where that is not allowed it has to do without.
        Err(error) if writable && error.kind() == std::io::ErrorKind::PermissionDenied => {
            attempt(false)
        }
        other => other,
    }
    .map_err(|error| errno(&error))
}

/// Bytes that a `FUSE_READ` asks for.
pub fn read_size(mut args: Fields<'_>) -> Result<u32, Errno> {
    args.bytes(16)?; // handle, offset
    args.u32()
}

/// `FUSE_READ`
pub fn read(
    fs: &Filesystem,
    node: u64,
    mut args: Fields<'_>,
    reply: &mut Reply,
) -> Result<(), Errno> {
    let (handle, offset, size) = (args.u64()?, args.u64()?, args.u32()? as usize);
    let handle = fs.handles.get(handle, node)?;
    let room = reply.room(size.min(MAX_DATA));
    let count = pread(&handle.file, room, offset)?;
    reply.advance(count);
    Ok(())
}

/// `FUSE_WRITE`
pub fn write(
    fs: &Filesystem,
    node: u64,
    mut args: Fields<'_>,
    reply: &mut Reply,
) -> Result<(), Errno> {
    let (handle, offset, size, flags) =
        (args.u64()?, args.u64()?, args.u32()? as usize, args.u32()?);
    args.bytes(16)?; // lock owner, flags of the file, padding
    let data = args.rest();
    if data.len() != size {
        return Err(Errno::INVAL);
    }
    let handle = writable(fs, handle, node)?;
    if flags & WRITE_KILL_SUIDGID != 0 {
        drop_special_bits(fs, &handle.file)?;
    }
    let growth = growth(fs, &handle, offset, size as u64)?;
    let written = charged(fs, growth, || write_all(&handle.file, data, offset))?;
    reply.u32(u32::try_from(written).unwrap_or(u32::MAX));
    reply.u32(0);
    Ok(())
}

fn write_all(file: &File, data: &[u8], offset: u64) -> Result<usize, Errno> {
    let mut done = 0;
    while done < data.len() {
        match pwrite(file, &data[done..], offset.saturating_add(done as u64)) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(Errno::INTR) => {}
            // What is written is written; the guest hears of the error when it goes on.
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

fn writable(fs: &Filesystem, handle: u64, node: u64) -> Result<std::sync::Arc<Handle>, Errno> {
    fs.assert_writable()?;
    let handle = fs.handles.get(handle, node)?;
    if handle.writable {
        Ok(handle)
    } else {
        Err(Errno::BADF)
    }
}

/// Bytes by which a file grows when `len` bytes from `offset` on are used; counted only where there is a quota.
fn growth(fs: &Filesystem, handle: &Handle, offset: u64, len: u64) -> Result<u64, Errno> {
    if fs.quota.is_none() {
        return Ok(0);
    }
    let end = offset.checked_add(len).ok_or(Errno::FBIG)?;
    Ok(end.saturating_sub(host_attributes(&handle.file)?.0.size))
}

/// `FUSE_RELEASE` and `FUSE_RELEASEDIR`
pub fn release(fs: &Filesystem, node: u64, mut args: Fields<'_>) -> Result<(), Errno> {
    fs.handles.remove(args.u64()?, node)
}

/// `FUSE_FSYNC` and `FUSE_FSYNCDIR`
pub fn fsync(fs: &Filesystem, node: u64, mut args: Fields<'_>) -> Result<(), Errno> {
    let (handle, flags) = (args.u64()?, args.u32()?);
    let handle = fs.handles.get(handle, node)?;
    if fs.read_only || (node == ROOT && fs.only.is_some()) {
        return Ok(());
    }
    if flags & FSYNC_DATA != 0 {
        fdatasync(&handle.file)
    } else {
        sync_all(&handle.file)
    }
}

/// `FUSE_FALLOCATE`
pub fn fallocate(fs: &Filesystem, node: u64, mut args: Fields<'_>) -> Result<(), Errno> {
    let (handle, offset, length, flags) = (args.u64()?, args.u64()?, args.u64()?, args.u32()?);
    let handle = writable(fs, handle, node)?;
    let flags = FallocateFlags::from_bits(flags).ok_or(Errno::OPNOTSUPP)?;
    let known = FallocateFlags::KEEP_SIZE | FallocateFlags::PUNCH_HOLE | FallocateFlags::ZERO_RANGE;
    if !known.contains(flags) {
        return Err(Errno::OPNOTSUPP);
    }
    // Space beyond a file's end counts too, or a guest could fill the disk without growing anything.
    let growth = match flags.contains(FallocateFlags::PUNCH_HOLE) {
        true => 0,
        false => growth(fs, &handle, offset, length)?,
    };
    charged(fs, growth, || allocate(&handle.file, flags, offset, length))
}

/// `FUSE_LSEEK`: only the questions for data and holes come here.
pub fn lseek(
    fs: &Filesystem,
    node: u64,
    mut args: Fields<'_>,
    reply: &mut Reply,
) -> Result<(), Errno> {
    const SEEK_DATA: u32 = 3;
    const SEEK_HOLE: u32 = 4;
    let (handle, offset, whence) = (args.u64()?, args.u64()?, args.u32()?);
    let handle = fs.handles.get(handle, node)?;
    let position = match whence {
        SEEK_DATA => SeekFrom::Data(offset),
        SEEK_HOLE => SeekFrom::Hole(offset),
        _ => return Err(Errno::INVAL),
    };
    reply.u64(seek(&handle.file, position)?);
    Ok(())
}

/// `FUSE_COPY_FILE_RANGE`: the data does not leave the host.
pub fn copy_file_range(
    fs: &Filesystem,
    node: u64,
    mut args: Fields<'_>,
    reply: &mut Reply,
) -> Result<(), Errno> {
    let (from, mut from_offset) = (args.u64()?, args.u64()?);
    let (to_node, to, mut to_offset) = (args.u64()?, args.u64()?, args.u64()?);
    let (len, flags) = (args.u64()?.min(MAX_COPY), args.u64()?);
    if flags != 0 {
        return Err(Errno::INVAL);
    }
    let from = fs.handles.get(from, node)?;
    let to = writable(fs, to, to_node)?;
    drop_special_bits(fs, &to.file)?;
    let available = host_attributes(&from.file)?
        .0
        .size
        .saturating_sub(from_offset);
    let len = len.min(available);
    let growth = growth(fs, &to, to_offset, len)?;
    let wanted = usize::try_from(len).map_err(|_| Errno::INVAL)?;
    let copy = || {
        rustix::fs::copy_file_range(
            &from.file,
            Some(&mut from_offset),
            &to.file,
            Some(&mut to_offset),
            wanted,
        )
    };
    let copied = if len == 0 {
        0
    } else {
        charged(fs, growth, copy)?
    };
    reply.u32(u32::try_from(copied).unwrap_or(u32::MAX));
    reply.u32(0);
    Ok(())
}
