//! The file that bodies go to, each at the start of a block: the layout in which they are needed, so that neighbours
//! can later be copied together.

use crate::copy::Named;
use crate::failure::Failure;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const BLOCK_BYTES: u64 = 4096;
/// Bytes a write.
const BATCH_BYTES: usize = 512 * 1024;
/// Runs of zeros from this length on are left out of the file.
const MIN_HOLE_BYTES: u64 = 64 * 1024;

pub struct Spool {
    path: PathBuf,
    /// Made with the first batch. It has no name, so that it goes with whoever has it open, however they end.
    file: Option<File>,
    batch: Vec<u8>,
    /// Bytes before the batch.
    written: u64,
}

impl Spool {
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            file: None,
            batch: Vec::new(),
            written: 0,
        }
    }

    /// The file; None when nothing came.
    pub fn named(&self) -> Option<Named<'_>> {
        let file = self.file.as_ref()?;
        let path = &self.path;
        Some(Named { file, path })
    }

    /// Begins a body and says where it will be.
    pub fn begin(&mut self) -> u64 {
        let position = self.written + self.batch.len() as u64;
        let start = position.next_multiple_of(BLOCK_BYTES);
        self.batch
            .resize(self.batch.len() + (start - position) as usize, 0);
        start
    }

    pub fn append(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.batch.len() + bytes.len() > BATCH_BYTES {
            self.flush()?;
        }
        if bytes.len() >= BATCH_BYTES {
            return self.write(bytes);
        }
        self.batch.extend_from_slice(bytes);
        Ok(())
    }

    /// Appends zeros; many of them become a hole in the file, which takes neither memory nor disk.
    pub fn append_zeros(&mut self, bytes: u64) -> Result<(), Failure> {
        if bytes >= MIN_HOLE_BYTES {
            self.flush()?;
            self.written += bytes;
        } else {
            self.batch.resize(self.batch.len() + bytes as usize, 0);
        }
        Ok(())
    }

    /// Writes what waits; nothing can be appended any more.
    pub fn finish(&mut self) -> Result<(), Failure> {
        self.flush()?;
        self.batch = Vec::new();
        let written = self.written;
        if written == 0 {
            return Ok(());
        }
        let result = self.open().and_then(|file| file.set_len(written));
        result.map_err(Failure::writing(&self.path))
    }

    fn flush(&mut self) -> Result<(), Failure> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let mut batch = std::mem::take(&mut self.batch);
        self.write(&batch)?;
        batch.clear();
        self.batch = batch;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let at = self.written;
        let result = self.open().and_then(|file| file.write_all_at(bytes, at));
        self.written += bytes.len() as u64;
        result.map_err(Failure::writing(&self.path))
    }

    fn open(&mut self) -> io::Result<&File> {
        if self.file.is_none() {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(true);
            options.mode(0o600).custom_flags(libc::O_NOFOLLOW);
            self.file = Some(options.open(&self.path)?);
            fs::remove_file(&self.path)?;
        }
        let closed = || io::Error::other("the spool file is closed");
        self.file.as_ref().ok_or_else(closed)
    }
}
