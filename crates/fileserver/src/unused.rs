//! Descriptors of removed files that the guest has no use for any more.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// They are closed when nobody waits: a removed file goes with its last descriptor, and the host's file system may give
/// its space back to the disk before it returns.
#[derive(Default)]
pub struct Unused(Mutex<Vec<Arc<OwnedFd>>>);

impl Unused {
    /// Keeps a descriptor to be closed later.
    pub fn put(&self, fd: Arc<OwnedFd>) {
        self.lock().push(fd);
    }

    /// Whether there is anything to close.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Closes them all.
    pub fn close(&self) {
        let list = std::mem::take(&mut *self.lock());
        // Not while others wait for the list.
        drop(list);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<OwnedFd>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
