//! Reading folders.

use std::fs::OpenOptions;
use std::os::unix::ffi::OsStrExt;
use std::sync::PoisonError;

use rustix::io::Errno;

use super::lookup::errno;
use crate::abi::flags::mode;
use crate::abi::{Fields, Reply};
use crate::attributes::{Attributes, Time, host_attributes};
use crate::filesystem::Filesystem;
use crate::inodes::{ROOT, open_path};
use crate::limits::MAX_DATA;
use crate::listing::{Entry, Listing, REGULAR};
use crate::overlay::{Overlay, proc_path};

/// `fuse_dirent` without its name, and `fuse_entry_out`.
const DIRENT_BYTES: usize = 24;
const ENTRY_BYTES: usize = 128;

/// `FUSE_OPENDIR`
pub fn opendir(fs: &Filesystem, node: u64, reply: &mut Reply) -> Result<(), Errno> {
    let fd = fs.inodes.fd(node)?;
    if host_attributes(&*fd)?.0.kind() != mode::FOLDER {
        return Err(Errno::NOTDIR);
    }
    let folder = OpenOptions::new()
        .read(true)
        .open(proc_path(&*fd))
        .map_err(|error| errno(&error))?;
    reply.open_out(fs.handles.insert(node, folder, false)?);
    Ok(())
}

/// `FUSE_READDIR`, and with `plus` `FUSE_READDIRPLUS`, which looks every name up as well. A position is the number
/// of entries before it; reading from the beginning reads the folder anew.
pub fn readdir(
    fs: &Filesystem,
    node: u64,
    mut args: Fields<'_>,
    reply: &mut Reply,
    plus: bool,
) -> Result<(), Errno> {
    let (handle, offset, size) = (args.u64()?, args.u64()?, args.u32()? as usize);
    let size = size.min(MAX_DATA);
    let handle = fs.handles.get(handle, node)?;
    let mut guard = handle
        .listing
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if offset == 0 {
        *guard = None;
    }
    let listing = match &mut *guard {
        Some(listing) => listing,
        none => none.insert(match &fs.only {
            Some(only) => Listing::of_one(only, &fs.listing_bytes)?,
            None => Listing::read(&handle.file, &fs.listing_bytes)?,
        }),
    };
    let start = usize::try_from(offset).map_err(|_| Errno::INVAL)?;
    for (index, entry) in listing.entries.iter().enumerate().skip(start) {
        let head = if plus { ENTRY_BYTES } else { 0 };
        let bytes = head + (DIRENT_BYTES + entry.name.len()).next_multiple_of(8);
        if reply.answer_len() + bytes > size {
            break;
        }
        let mut kind = entry.kind;
        if plus {
            kind = put_entry(fs, node, entry, reply);
        } else if kind == REGULAR && fs.has_overlays() {
            kind = overlay_kind(fs, node, entry);
        }
        reply.u64(entry.ino);
        reply.u64(index as u64 + 1);
        reply.u32(u32::try_from(entry.name.len()).unwrap_or(u32::MAX));
        reply.u32(kind.into());
        reply.bytes(entry.name.as_bytes());
        reply.align();
    }
    Ok(())
}

/// Appends what a lookup of the entry would say. @returns its type; one that cannot be looked up has no node and
/// keeps the type that the folder gave it
fn put_entry(fs: &Filesystem, node: u64, entry: &Entry, reply: &mut Reply) -> u8 {
    let special = matches!(entry.name.as_bytes(), b"." | b"..");
    let found = if special {
        None
    } else {
        fs.inodes.look_up(node, &entry.name).ok()
    };
    let known = found.and_then(|(fd, host, number)| {
        let attributes = fs.guest_attributes(&*fd, host);
        let attributes = attributes.inspect_err(|_| fs.forget(number, 1)).ok()?;
        Some((number, attributes))
    });
    match known {
        Some((number, attributes)) => {
            reply.entry(number, &attributes);
            d_type(attributes.mode)
        }
        None => {
            reply.entry(0, &NOTHING);
            entry.kind
        }
    }
}

/// Type of a file that may stand for something else.
fn overlay_kind(fs: &Filesystem, node: u64, entry: &Entry) -> u8 {
    if node == ROOT && fs.only.is_some() {
        return entry.kind;
    }
    let overlay = fs
        .inodes
        .fd(node)
        .and_then(|folder| open_path(&*folder, &entry.name))
        .and_then(Overlay::read);
    match overlay {
        Ok(Some(overlay)) if overlay.mode & mode::TYPE != mode::FOLDER => d_type(overlay.mode),
        _ => entry.kind,
    }
}

/// `S_IF*` as `DT_*`.
fn d_type(file_mode: u32) -> u8 {
    ((file_mode & mode::TYPE) >> 12) as u8
}

const NOTHING: Attributes = {
    let never = Time {
        seconds: 0,
        nanoseconds: 0,
    };
    Attributes {
        ino: 0,
        size: 0,
        blocks: 0,
        atime: never,
        mtime: never,
        ctime: never,
        mode: 0,
        nlink: 0,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 0,
    }
};
