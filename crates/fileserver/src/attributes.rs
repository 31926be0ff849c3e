//! What is known about a file, on the host and as the guest sees it.

use std::os::fd::AsFd;

use rustix::fs::{AtFlags, Statx, StatxFlags, StatxTimestamp, makedev, statx};
use rustix::io::Errno;

use crate::abi::flags::mode;

/// A point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Time {
    pub seconds: i64,
    pub nanoseconds: u32,
}

/// Attributes in the protocol's terms; `mode` has the type bits.
#[derive(Debug, Clone, Copy)]
pub struct Attributes {
    pub ino: u64,
    pub size: u64,
    pub blocks: u64,
    pub atime: Time,
    pub mtime: Time,
    pub ctime: Time,
    pub mode: u32,
    pub nlink: u32,
    pub uid: u32,
    pub gid: u32,
    pub rdev: u32,
    pub blksize: u32,
}

impl Attributes {
    /// Type bits of the mode.
    pub fn kind(&self) -> u32 {
        self.mode & mode::TYPE
    }
}

/// Tells files of the host apart, also where an inode number was used before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity {
    device: u64,
    inode: u64,
    born: (i64, u32),
}

/// Attributes of an open file on the host, and which file it is. An `O_PATH` descriptor will do.
pub fn host_attributes(fd: impl AsFd) -> Result<(Attributes, Identity), Errno> {
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
    let stat = statx(fd, c"", AtFlags::EMPTY_PATH | AtFlags::NO_AUTOMOUNT, wanted)?;
    let identity = Identity {
        device: makedev(stat.stx_dev_major, stat.stx_dev_minor),
        inode: stat.stx_ino,
        born: (stat.stx_btime.tv_sec, stat.stx_btime.tv_nsec),
    };
    Ok((attributes_of(&stat), identity))
}

fn attributes_of(stat: &Statx) -> Attributes {
    // The protocol has the kernel's 32-bit form of device numbers; larger ones are cut.
    let rdev = (stat.stx_rdev_minor & 0xff)
        | ((stat.stx_rdev_major & 0xfff) << 8)
        | ((stat.stx_rdev_minor & 0xf_ff00) << 12);
    Attributes {
        ino: stat.stx_ino,
        size: stat.stx_size,
        blocks: stat.stx_blocks,
        atime: time_of(stat.stx_atime),
        mtime: time_of(stat.stx_mtime),
        ctime: time_of(stat.stx_ctime),
        mode: u32::from(stat.stx_mode),
        nlink: stat.stx_nlink,
        uid: stat.stx_uid,
        gid: stat.stx_gid,
        rdev,
        blksize: stat.stx_blksize,
    }
}

fn time_of(stamp: StatxTimestamp) -> Time {
    Time {
        seconds: stamp.tv_sec,
        nanoseconds: stamp.tv_nsec,
    }
}
