//! How much a share may grow: the sum of its files' sizes, against what it was at the first write.

use std::collections::HashSet;
use std::ffi::{CString, OsStr};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{FileType, Mode, OFlags, RawDir, openat2};
use rustix::io::Errno;

use crate::attributes::{Identity, host_attributes};
use crate::inodes::{BENEATH, open_path};

/// Deeper folders than these count as a full share.
const MAX_DEPTH: usize = 1024;

/// Counting anew takes at most this part of the time of a guest that stands at its limit.
const COUNTING_SHARE: u32 = 10;

#[derive(Debug, Default)]
struct State {
    /// Sum when the guest first wrote.
    baseline: Option<u64>,
    /// Growth since, too high rather than too low.
    used: u64,
    /// Nothing is counted anew before.
    next_count: Option<Instant>,
}

/// A limit and what is used of it.
#[derive(Debug)]
pub struct Quota {
    limit: u64,
    state: Mutex<State>,
}

impl Quota {
    pub fn new(limit: u64) -> Self {
        Self {
            limit,
            state: Mutex::default(),
        }
    }

    /// Takes `bytes` of what is left.
    ///
    /// # Errors
    /// `ENOSPC` when that is less, also after counting anew.
    pub fn charge(&self, root: impl AsFd, bytes: u64) -> Result<(), Errno> {
        if bytes == 0 {
            return Ok(());
        }
        let mut state = self.lock();
        let baseline = match state.baseline {
            Some(baseline) => baseline,
            None => {
                let sum = sum_of_sizes(&root)?;
                state.baseline = Some(sum);
                sum
            }
        };
        if state.used.saturating_add(bytes) > self.limit {
            self.recount(&mut state, &root, baseline)?;
        }
        if state.used.saturating_add(bytes) > self.limit {
            return Err(Errno::NOSPC);
        }
        state.used += bytes;
        Ok(())
    }

    /// Gives back what was charged and not used.
    pub fn refund(&self, bytes: u64) {
        let mut state = self.lock();
        state.used = state.used.saturating_sub(bytes);
    }

    /// `(total, free)` bytes of the share's file system as the guest sees it.
    pub fn space(&self, root: impl AsFd) -> Result<(u64, u64), Errno> {
        let mut state = self.lock();
        let baseline = match state.baseline {
            Some(baseline) => baseline,
            None => *state.baseline.insert(sum_of_sizes(&root)?),
        };
        Ok((baseline + self.limit, self.limit.saturating_sub(state.used)))
    }

    fn recount(&self, state: &mut State, root: impl AsFd, baseline: u64) -> Result<(), Errno> {
        let start = Instant::now();
        if state.next_count.is_some_and(|at| start < at) {
            return Ok(());
        }
        state.used = sum_of_sizes(root)?.saturating_sub(baseline);
        let pause = (start.elapsed() * COUNTING_SHARE).max(Duration::from_millis(20));
        state.next_count = Some(Instant::now() + pause);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sizes of all files below `root`, each counted once whatever its names are.
fn sum_of_sizes(root: impl AsFd) -> Result<u64, Errno> {
    let mut sum = Sum::default();
    let top = open_folder(root, ".")?;
    let names = sum.add_files(&top)?;
    let mut path = vec![(top, names)];
    while let Some((folder, names)) = path.last_mut() {
        let Some(name) = names.pop() else {
            path.pop();
            continue;
        };
        // A folder that vanished meanwhile holds nothing.
        let Ok(child) = open_folder(&*folder, &*name) else {
            continue;
        };
        if path.len() >= MAX_DEPTH {
            return Err(Errno::NOSPC);
        }
        let names = sum.add_files(&child)?;
        path.push((child, names));
    }
    Ok(sum.bytes)
}

#[derive(Default)]
struct Sum {
    bytes: u64,
    /// Files with several names.
    seen: HashSet<Identity>,
}

impl Sum {
    /// Adds the files of one folder. @returns the folders in it
    fn add_files(&mut self, folder: &OwnedFd) -> Result<Vec<CString>, Errno> {
        let mut folders = Vec::new();
        let mut buffer = Vec::with_capacity(64 << 10);
        let mut stream = RawDir::new(folder, buffer.spare_capacity_mut());
        while let Some(entry) = stream.next() {
            let entry = entry?;
            let name = entry.file_name();
            match entry.file_type() {
                _ if name == c"." || name == c".." => {}
                FileType::Directory => folders.push(name.to_owned()),
                FileType::RegularFile | FileType::Unknown => {
                    let Ok(file) = open_path(folder, OsStr::from_bytes(name.to_bytes())) else {
                        continue;
                    };
                    let (attributes, identity) = host_attributes(&file)?;
                    if attributes.nlink < 2 || self.seen.insert(identity) {
                        self.bytes = self.bytes.saturating_add(attributes.size);
                    }
                }
                _ => {}
            }
        }
        Ok(folders)
    }
}

fn open_folder(at: impl AsFd, name: impl rustix::path::Arg) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat2(at, name, flags, Mode::empty(), BENEATH)
}
