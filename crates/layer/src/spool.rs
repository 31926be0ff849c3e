//! The file that bodies go to, each at the start of a block: the layout in which they are needed, so that neighbours
//! can later be copied together.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const BLOCK_BYTES: u64 = 4096;
/// Bytes a write.
const BATCH_BYTES: usize = 512 * 1024;
/// Linux: O_NOFOLLOW.
const NO_FOLLOW: i32 = 0o400_000;

pub struct Spool {
    path: PathBuf,
    /// Made with the first batch.
    file: Option<File>,
    batch: Vec<u8>,
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

    /// Begins a body and says where it will be.
    pub fn begin(&mut self) -> u64 {
        let position = self.written + self.batch.len() as u64;
        let start = position.next_multiple_of(BLOCK_BYTES);
        self.batch
            .resize(self.batch.len() + (start - position) as usize, 0);
        start
    }

    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.batch.len() + bytes.len() > BATCH_BYTES {
            self.flush()?;
        }
        if bytes.len() >= BATCH_BYTES {
            self.written += bytes.len() as u64;
            return self.open()?.write_all(bytes);
        }
        self.batch.extend_from_slice(bytes);
        Ok(())
    }

    /// Writes what waits.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.batch);
        self.open()?.write_all(&batch)?;
        self.written += batch.len() as u64;
        self.batch = batch;
        self.batch.clear();
        Ok(())
    }

    fn open(&mut self) -> io::Result<&mut File> {
        if self.file.is_none() {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true);
            options.mode(0o600).custom_flags(NO_FOLLOW);
            self.file = Some(options.open(&self.path)?);
        }
        self.file
            .as_mut()
            .ok_or_else(|| io::Error::other("the spool file is closed"))
    }
}
