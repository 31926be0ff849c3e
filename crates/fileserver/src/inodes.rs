//! The files that the guest knows, by number. Each is one file of the host (device, inode, birth), opened with
//! `O_PATH`. Descriptors are bounded: those longest unused are closed, and opened again by the name under which the
//! file was last seen, which must then still be the same file.

use std::collections::{HashMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

use crate::attributes::{Attributes, Identity, host_attributes};
use crate::limits::{MAX_DEPTH, MAX_INODES};

/// Number of the share's own folder.
pub const ROOT: u64 = 1;

/// First number of other files; 2 is kept free for a file that some hosts inject.
const FIRST: u64 = 3;

/// How names are opened: never out of the folder, never through a link.
pub const BENEATH: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS);

struct Record {
    identity: Identity,
    /// Times the guest was told of the file and did not forget it.
    lookups: u64,
    parent: u64,
    name: OsString,
    fd: Option<Arc<OwnedFd>>,
    /// Its name is gone, so the descriptor is the only way to it.
    pinned: bool,
    used: bool,
}

#[derive(Default)]
struct State {
    records: HashMap<u64, Record>,
    numbers: HashMap<Identity, u64>,
    next: u64,
    /// Numbers with a descriptor, in the order in which they are asked whether they are in use.
    clock: VecDeque<u64>,
}

/// All files that the guest knows.
pub struct Inodes {
    root: Arc<OwnedFd>,
    max_descriptors: usize,
    state: Mutex<State>,
}

/// Opens one component of a path without following anything.
pub fn open_path(folder: impl AsFd, name: &OsStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat2(folder, name, flags, Mode::empty(), BENEATH)
}

impl Inodes {
    pub fn new(root: OwnedFd, max_descriptors: usize) -> Self {
        Self {
            root: Arc::new(root),
            max_descriptors,
            state: Mutex::default(),
        }
    }

    /// Finds a name in a folder. @returns the file's descriptor, attributes on the host, and number; the guest then
    /// knows the file once more.
    pub fn look_up(
        &self,
        parent: u64,
        name: &OsStr,
    ) -> Result<(Arc<OwnedFd>, Attributes, u64), Errno> {
        let folder = self.fd(parent)?;
        let fd = open_path(&folder, name)?;
        let (attributes, identity) = host_attributes(&fd)?;
        let fd = Arc::new(fd);
        let number = self.enter(identity, parent, name, Some(Arc::clone(&fd)))?;
        Ok((fd, attributes, number))
    }

    /// Tells the table of a file that the guest is about to hear of. @returns its number
    pub fn enter(
        &self,
        identity: Identity,
        parent: u64,
        name: &OsStr,
        fd: Option<Arc<OwnedFd>>,
    ) -> Result<u64, Errno> {
        let mut state = self.lock();
        let number = match state.numbers.get(&identity) {
            Some(number) => *number,
            None if state.records.len() >= MAX_INODES => return Err(Errno::NOMEM),
            None => {
                state.next = state.next.max(FIRST) + 1;
                let number = state.next - 1;
                state.numbers.insert(identity, number);
                let record = Record {
                    identity,
                    lookups: 0,
                    parent,
                    name: name.to_owned(),
                    fd: None,
                    pinned: false,
                    used: false,
                };
                state.records.insert(number, record);
                number
            }
        };
        let record = state.records.get_mut(&number).ok_or(Errno::IO)?;
        record.lookups = record.lookups.saturating_add(1);
        if record.parent != parent || record.name != name {
            record.parent = parent;
            record.name = name.to_owned();
        }
        if let Some(fd) = fd.filter(|_| record.fd.is_none()) {
            record.fd = Some(fd);
            state.clock.push_back(number);
            self.close_unused(&mut state);
        }
        Ok(number)
    }

    /// The guest forgot a file `count` times. @returns the descriptor of one that has no name any more
    /// either, and so goes with it
    pub fn forget(&self, number: u64, count: u64) -> Option<Arc<OwnedFd>> {
        let mut state = self.lock();
        let record = state.records.get_mut(&number)?;
        record.lookups = record.lookups.saturating_sub(count);
        if record.lookups > 0 {
            return None;
        }
        let record = state.records.remove(&number)?;
        state.numbers.remove(&record.identity);
        // Its place on the clock is dropped when its turn comes; many of them at once when they are the most.
        if state.clock.len() > 64 + 2 * state.records.len() {
            let State { clock, records, .. } = &mut *state;
            clock.retain(|number| {
                records
                    .get(number)
                    .is_some_and(|record| record.fd.is_some())
            });
        }
        record.fd.filter(|_| record.pinned)
    }

    /// An `O_PATH` descriptor of a file that the guest knows.
    ///
    /// # Errors
    /// `ESTALE` when the guest does not know it, or when it is no longer where it was.
    pub fn fd(&self, number: u64) -> Result<Arc<OwnedFd>, Errno> {
        if number == ROOT {
            return Ok(Arc::clone(&self.root));
        }
        let (mut fd, missing) = self.nearest_open(number)?;
        for (number, name, identity) in missing.into_iter().rev() {
            let opened = open_path(&fd, &name).map_err(|_| Errno::STALE)?;
            if host_attributes(&opened)?.1 != identity {
                return Err(Errno::STALE);
            }
            fd = Arc::new(opened);
            let mut state = self.lock();
            if let Some(record) = state
                .records
                .get_mut(&number)
                .filter(|record| record.fd.is_none())
            {
                record.fd = Some(Arc::clone(&fd));
                state.clock.push_back(number);
                self.close_unused(&mut state);
            }
        }
        Ok(fd)
    }

    /// The nearest folder upwards (or the file itself) that is open, and what lies between, nearest last.
    #[allow(clippy::type_complexity)]
    fn nearest_open(
        &self,
        number: u64,
    ) -> Result<(Arc<OwnedFd>, Vec<(u64, OsString, Identity)>), Errno> {
        let mut state = self.lock();
        let mut missing = Vec::new();
        let mut at = number;
        while at != ROOT {
            let record = state.records.get_mut(&at).ok_or(Errno::STALE)?;
            if let Some(fd) = &record.fd {
                record.used = true;
                return Ok((Arc::clone(fd), missing));
            }
            missing.push((at, record.name.clone(), record.identity));
            if missing.len() > MAX_DEPTH {
                return Err(Errno::LOOP);
            }
            at = record.parent;
        }
        Ok((Arc::clone(&self.root), missing))
    }

    /// A name is about to go: when the guest knows the file, its descriptor is kept until it forgets it.
    pub fn pin(&self, folder: impl AsFd, name: &OsStr) {
        let Ok(fd) = open_path(folder, name) else {
            return;
        };
        let Ok((_, identity)) = host_attributes(&fd) else {
            return;
        };
        let mut state = self.lock();
        let Some(number) = state.numbers.get(&identity).copied() else {
            return;
        };
        let Some(record) = state.records.get_mut(&number) else {
            return;
        };
        record.pinned = true;
        if record.fd.is_none() {
            record.fd = Some(Arc::new(fd));
            state.clock.push_back(number);
            self.close_unused(&mut state);
        }
    }

    /// A file has a new name.
    pub fn moved(&self, identity: Identity, parent: u64, name: &OsStr) {
        let mut state = self.lock();
        let Some(number) = state.numbers.get(&identity).copied() else {
            return;
        };
        if let Some(record) = state.records.get_mut(&number) {
            record.parent = parent;
            record.name = name.to_owned();
            record.pinned = false;
        }
    }

    /// Closes descriptors while there are too many. Those in use since their last turn get another one.
    fn close_unused(&self, state: &mut State) {
        let mut turns = 2 * state.clock.len();
        while state.clock.len() > self.max_descriptors && turns > 0 {
            turns -= 1;
            let Some(number) = state.clock.pop_front() else {
                return;
            };
            let Some(record) = state.records.get_mut(&number) else {
                continue;
            };
            // When all are pinned, even those go.
            let keep = record.used || (record.pinned && turns > state.clock.len() / 2);
            record.used = false;
            if keep {
                state.clock.push_back(number);
            } else {
                record.fd = None;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
