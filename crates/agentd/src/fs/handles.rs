//! Open files and folders, each owned by one relay client.

use std::collections::BTreeMap;
use std::fs::{File, ReadDir};
use std::rc::Rc;

use msb_protocol::constants::RELAY_ID_RANGE_STEP;
use msb_protocol::payload::FsPath;

/// Handles that one client may have open.
const MAX_HANDLES_PER_SLOT: usize = 1024;

/// The relay client that a correlation id belongs to; ids of nobody have none.
#[must_use]
pub fn slot_of(id: u32) -> Option<u32> {
    id.checked_sub(1).map(|id| id / RELAY_ID_RANGE_STEP)
}

/// An open file.
#[derive(Debug, Clone)]
pub struct OpenFile {
    /// Shared with streams, which outlive a close.
    pub file: Rc<File>,
    /// Path it was opened by.
    pub path: FsPath,
    readable: bool,
    writable: bool,
}

impl OpenFile {
    /// A file that may be used as said.
    #[must_use]
    pub fn new(file: File, path: FsPath, readable: bool, writable: bool) -> Self {
        Self {
            file: Rc::new(file),
            path,
            readable,
            writable,
        }
    }
}

/// An open folder, read up to some point.
#[derive(Debug)]
pub struct OpenFolder {
    /// What is still to be read.
    pub entries: ReadDir,
    /// Path it was opened by.
    pub path: FsPath,
}

/// What a handle stands for.
#[derive(Debug)]
pub enum Open {
    /// A file.
    File(OpenFile),
    /// A folder.
    Folder(OpenFolder),
}

/// All open handles.
#[derive(Debug, Default)]
pub struct Handles {
    open: BTreeMap<u64, (Option<u32>, Open)>,
    last: u64,
}

impl Handles {
    /// Refuses a client that has too many already.
    ///
    /// # Errors
    /// A text for the client.
    pub fn check_room(&self, id: u32) -> Result<(), String> {
        let slot = slot_of(id);
        let owned = self
            .open
            .values()
            .filter(|(owner, _)| *owner == slot)
            .count();
        if owned < MAX_HANDLES_PER_SLOT {
            return Ok(());
        }
        let slot = slot.unwrap_or_default();
        Err(format!(
            "too many open filesystem handles for relay client: {slot}"
        ))
    }

    /// Adds what the client of `id` opened.
    pub fn insert(&mut self, id: u32, open: Open) -> u64 {
        loop {
            self.last = self.last.wrapping_add(1);
            if self.last != 0 && !self.open.contains_key(&self.last) {
                self.open.insert(self.last, (slot_of(id), open));
                return self.last;
            }
        }
    }

    /// What `handle` stands for, when the client of `id` owns it.
    ///
    /// # Errors
    /// A text for the client.
    pub fn get(&mut self, id: u32, handle: u64) -> Result<&mut Open, String> {
        let Some((owner, open)) = self.open.get_mut(&handle) else {
            return Err(format!("invalid handle: {handle}"));
        };
        if *owner == slot_of(id) {
            return Ok(open);
        }
        Err(format!(
            "handle {handle} is owned by a different relay client"
        ))
    }

    /// The file behind `handle`.
    ///
    /// # Errors
    /// A text for the client.
    pub fn file(&mut self, id: u32, handle: u64) -> Result<&OpenFile, String> {
        match self.get(id, handle)? {
            Open::File(file) => Ok(file),
            Open::Folder(_) => Err(format!("handle {handle} is a directory")),
        }
    }

    /// The file behind `handle`, for reading.
    ///
    /// # Errors
    /// A text for the client.
    pub fn readable(&mut self, id: u32, handle: u64) -> Result<Rc<File>, String> {
        let file = self.file(id, handle)?;
        if file.readable {
            return Ok(Rc::clone(&file.file));
        }
        Err(format!("handle {handle} is not open for reading"))
    }

    /// The file behind `handle`, for writing.
    ///
    /// # Errors
    /// A text for the client.
    pub fn writable(&mut self, id: u32, handle: u64) -> Result<Rc<File>, String> {
        let file = self.file(id, handle)?;
        if file.writable {
            return Ok(Rc::clone(&file.file));
        }
        Err(format!("handle {handle} is not open for writing"))
    }

    /// The folder behind `handle`.
    ///
    /// # Errors
    /// A text for the client.
    pub fn folder(&mut self, id: u32, handle: u64) -> Result<&mut OpenFolder, String> {
        match self.get(id, handle)? {
            Open::Folder(folder) => Ok(folder),
            Open::File(_) => Err(format!("handle {handle} is a file")),
        }
    }

    /// Closes `handle`.
    ///
    /// # Errors
    /// A text for the client.
    pub fn close(&mut self, id: u32, handle: u64) -> Result<(), String> {
        self.get(id, handle)?;
        self.open.remove(&handle);
        Ok(())
    }

    /// Closes everything of the clients whose ids lie in the range.
    pub fn close_range(&mut self, start: u32, end: u32) {
        let slots = slot_of(start)..=slot_of(end.saturating_sub(1));
        self.open
            .retain(|_, (owner, _)| owner.is_none() || !slots.contains(owner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> Open {
        Open::Folder(OpenFolder {
            entries: std::fs::read_dir("/").unwrap(),
            path: "/".into(),
        })
    }

    #[test]
    fn slots_are_those_of_the_relay() {
        assert_eq!(slot_of(0), None);
        assert_eq!(slot_of(1), Some(0));
        assert_eq!(slot_of(RELAY_ID_RANGE_STEP), Some(0));
        assert_eq!(slot_of(RELAY_ID_RANGE_STEP + 1), Some(1));
        assert_eq!(slot_of(4_261_412_738), Some(127));
    }

    #[test]
    fn a_handle_belongs_to_its_client() {
        let mut handles = Handles::default();
        let handle = handles.insert(1, folder());
        assert_eq!(handle, 1);
        let stranger = RELAY_ID_RANGE_STEP + 1;
        assert_eq!(
            handles.close(stranger, handle).unwrap_err(),
            "handle 1 is owned by a different relay client"
        );
        assert_eq!(
            handles.file(2, handle).unwrap_err(),
            "handle 1 is a directory"
        );
        assert_eq!(handles.close(2, handle), Ok(()));
        assert_eq!(handles.close(2, handle).unwrap_err(), "invalid handle: 1");
        assert_eq!(handles.insert(1, folder()), 2);
    }

    #[test]
    fn a_client_that_leaves_takes_its_handles_along() {
        let mut handles = Handles::default();
        let first = handles.insert(5, folder());
        let second = handles.insert(RELAY_ID_RANGE_STEP + 5, folder());
        handles.close_range(1, RELAY_ID_RANGE_STEP);
        assert!(handles.folder(5, first).is_err());
        assert!(handles.folder(RELAY_ID_RANGE_STEP + 5, second).is_ok());
    }

    #[test]
    fn there_is_a_limit() {
        let mut handles = Handles::default();
        for _ in 0..MAX_HANDLES_PER_SLOT {
            handles.check_room(1).unwrap();
            handles.insert(1, folder());
        }
        assert_eq!(
            handles.check_room(1).unwrap_err(),
            "too many open filesystem handles for relay client: 0"
        );
        assert_eq!(handles.check_room(RELAY_ID_RANGE_STEP + 1), Ok(()));
    }
}
