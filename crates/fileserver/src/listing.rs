//! What a folder holds, read at once, so that a position in it means the same until it is read anew.

use std::ffi::{OsStr, OsString};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::{FileType, RawDir, SeekFrom, seek};
use rustix::io::Errno;

use crate::limits::MAX_LISTING_BYTES;

/// Memory of an entry beside its name, about.
const ENTRY_BYTES: usize = size_of::<Entry>();

const READ_BYTES: usize = 64 << 10;

/// One name in a folder.
pub struct Entry {
    pub name: OsString,
    pub ino: u64,
    /// Type as in `d_type`.
    pub kind: u8,
}

/// `DT_REG`
pub const REGULAR: u8 = 8;

/// A folder's entries; gives its memory back to the share's budget when dropped.
pub struct Listing {
    pub entries: Vec<Entry>,
    bytes: usize,
    budget: Arc<AtomicUsize>,
}

impl Listing {
    /// Reads the whole folder. `budget` counts the bytes of all listings of the share.
    ///
    /// # Errors
    /// `ENOMEM` when they become too many.
    pub fn read(folder: impl AsFd, budget: &Arc<AtomicUsize>) -> Result<Self, Errno> {
        seek(&folder, SeekFrom::Start(0))?;
        let mut listing = Self {
            entries: Vec::new(),
            bytes: 0,
            budget: Arc::clone(budget),
        };
        let mut buffer = vec![MaybeUninit::uninit(); READ_BYTES];
        let mut stream = RawDir::new(folder, &mut buffer);
        while let Some(entry) = stream.next() {
            let entry = entry?;
            listing.push(Entry {
                name: OsString::from_vec(entry.file_name().to_bytes().to_vec()),
                ino: entry.ino(),
                kind: d_type(entry.file_type()),
            })?;
        }
        Ok(listing)
    }

    /// The folder of a share that shows one file.
    pub fn of_one(name: &OsStr, budget: &Arc<AtomicUsize>) -> Result<Self, Errno> {
        let mut listing = Self {
            entries: Vec::new(),
            bytes: 0,
            budget: Arc::clone(budget),
        };
        for (name, kind) in [
            (OsStr::from_bytes(b"."), 4),
            (OsStr::from_bytes(b".."), 4),
            (name, REGULAR),
        ] {
            listing.push(Entry {
                name: name.to_owned(),
                ino: 1,
                kind,
            })?;
        }
        Ok(listing)
    }

    fn push(&mut self, entry: Entry) -> Result<(), Errno> {
        let bytes = ENTRY_BYTES + entry.name.len();
        self.bytes += bytes;
        self.entries.push(entry);
        if self.budget.fetch_add(bytes, Ordering::Relaxed) + bytes > MAX_LISTING_BYTES {
            return Err(Errno::NOMEM);
        }
        Ok(())
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        self.budget.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

fn d_type(kind: FileType) -> u8 {
    match kind {
        FileType::Fifo => 1,
        FileType::CharacterDevice => 2,
        FileType::Directory => 4,
        FileType::BlockDevice => 6,
        FileType::RegularFile => REGULAR,
        FileType::Symlink => 10,
        FileType::Socket => 12,
        FileType::Unknown => 0,
    }
}
