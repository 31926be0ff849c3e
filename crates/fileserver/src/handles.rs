//! Open files and folders of the guest, by number.

use std::collections::HashMap;
use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::io::Errno;

use crate::listing::Listing;

/// One open file or folder.
pub struct Handle {
    /// File that it belongs to.
    pub node: u64,
    pub file: File,
    /// Whether the guest may write through it.
    pub writable: bool,
    /// What a folder held when it was read from its beginning.
    pub listing: Mutex<Option<Listing>>,
}

/// All open files and folders.
pub struct Handles {
    open: Mutex<HashMap<u64, Arc<Handle>>>,
    next: AtomicU64,
    max: usize,
}

impl Handles {
    pub fn new(max: usize) -> Self {
        Self {
            open: Mutex::default(),
            next: AtomicU64::new(1),
            max,
        }
    }

    /// Keeps an open file. @returns its number
    ///
    /// # Errors
    /// `ENFILE` when too many are open.
    pub fn insert(&self, node: u64, file: File, writable: bool) -> Result<u64, Errno> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= self.max {
            return Err(Errno::NFILE);
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let handle = Handle {
            node,
            file,
            writable,
            listing: Mutex::default(),
        };
        open.insert(number, Arc::new(handle));
        Ok(number)
    }

    /// The open file `number` of the file `node`.
    ///
    /// # Errors
    /// `EBADF` when there is none, or when it belongs to another file.
    pub fn get(&self, number: u64, node: u64) -> Result<Arc<Handle>, Errno> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let handle = open.get(&number).filter(|handle| handle.node == node);
        handle.cloned().ok_or(Errno::BADF)
    }

    /// Closes it.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn remove(&self, number: u64, node: u64) -> Result<(), Errno> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.get(&number).is_none_or(|handle| handle.node != node) {
            return Err(Errno::BADF);
        }
        let closed = open.remove(&number);
        drop(open);
        // Nobody has to wait for what closing takes.
        drop(closed);
        Ok(())
    }
}
