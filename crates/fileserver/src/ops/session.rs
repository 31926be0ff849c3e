//! The share as a whole.

use std::sync::atomic::Ordering;

use rustix::fs::fstatvfs;
use rustix::io::Errno;

use super::Outcome;
use crate::abi::flags::init;
use crate::abi::{Fields, Reply};
use crate::filesystem::Filesystem;
use crate::limits::{MAX_DATA, MAX_NAME, MAX_PAGES};

const MAJOR: u32 = 7;
const MINOR: u32 = 36;
/// Oldest kernel interface whose messages have the lengths that we read (Linux 4.20).
const OLDEST_MINOR: u32 = 28;

/// Requests that may wait in the guest without their caller waiting, and from when on it is busy.
const MAX_BACKGROUND: u16 = 64;
const CONGESTION: u16 = 48;

const BLOCK: u64 = 4096;

/// What we would like of the guest.
const WANTED: u32 = init::ASYNC_READ
    | init::BIG_WRITES
    | init::DONT_MASK
    | init::AUTO_INVAL_DATA
    | init::DO_READDIRPLUS
    | init::ASYNC_DIO
    | init::PARALLEL_DIROPS
    | init::MAX_PAGES
    | init::HANDLE_KILLPRIV_V2;

/// `FUSE_INIT`
pub fn init(fs: &Filesystem, mut args: Fields<'_>, reply: &mut Reply) -> Result<(), Errno> {
    let (major, minor) = (args.u32()?, args.u32()?);
    let (max_readahead, offered) = (args.u32()?, args.u32()?);
    if major != MAJOR || minor < OLDEST_MINOR {
        return Err(Errno::PROTO);
    }
    let wanted = WANTED
        | if fs.writeback {
            init::WRITEBACK_CACHE
        } else {
            0
        };
    reply.u32(MAJOR);
    reply.u32(MINOR);
    reply.u32(max_readahead.min(MAX_DATA as u32));
    reply.u32(offered & wanted);
    reply.u16(MAX_BACKGROUND);
    reply.u16(CONGESTION);
    reply.u32(MAX_DATA as u32);
    reply.u32(1); // granularity of times in nanoseconds
    reply.u16(MAX_PAGES);
    reply.bytes(&[0; 2 + 4 + 28]); // alignment of mappings, more flags, unused
    fs.started.store(true, Ordering::Release);
    Ok(())
}

/// `FUSE_FORGET`
pub fn forget(fs: &Filesystem, node: u64, mut args: Fields<'_>) -> Outcome {
    if let Ok(count) = args.u64() {
        fs.forget(node, count);
    }
    Outcome::Silence
}

/// `FUSE_BATCH_FORGET`
pub fn batch_forget(fs: &Filesystem, mut args: Fields<'_>) -> Outcome {
    let count = args.u32().unwrap_or(0);
    let _ = args.u32();
    for _ in 0..count {
        let (Ok(node), Ok(lookups)) = (args.u64(), args.u64()) else {
            break;
        };
        fs.forget(node, lookups);
    }
    Outcome::Silence
}

/// `FUSE_STATFS`; a quota is all that the guest sees of the host's disk.
pub fn statfs(fs: &Filesystem, reply: &mut Reply) -> Result<(), Errno> {
    let root = fs.root()?;
    let host = fstatvfs(&*root)?;
    let (block, total, free, available) = match &fs.quota {
        None => (host.f_frsize, host.f_blocks, host.f_bfree, host.f_bavail),
        Some(quota) => {
            let (total, free) = quota.space(&*root)?;
            (BLOCK, total.div_ceil(BLOCK), free / BLOCK, free / BLOCK)
        }
    };
    for value in [total, free, available, host.f_files, host.f_ffree] {
        reply.u64(value);
    }
    let block = u32::try_from(block).unwrap_or(BLOCK as u32);
    for value in [block, MAX_NAME as u32, block] {
        reply.u32(value);
    }
    reply.bytes(&[0; 4 + 24]);
    Ok(())
}
