//! Map of an old GNU sparse member (flag `S`): four stretches in its header, and more in records that follow it (GNU
//! tar manual, "Old GNU Format").

use super::{SparseFile, Stretch, invalid};
use crate::failure::Failure;
use crate::tar::number::number;
use crate::tar::{MAX_NUMBER, RECORD_BYTES};

const ENTRY_BYTES: usize = 24;
const REAL_SIZE: usize = 483;

/// Where a record has its part of the map.
struct Layout {
    offset: usize,
    entries: usize,
    is_extended: usize,
}

const FIRST: Layout = Layout {
    offset: 386,
    entries: 4,
    is_extended: 482,
};
const FURTHER: Layout = Layout {
    offset: 0,
    entries: 21,
    is_extended: 504,
};

pub struct GnuMap {
    size: u64,
    map: Vec<Stretch>,
    max_stretches: usize,
    /// Whether another record of the map follows.
    pub is_extended: bool,
}

impl GnuMap {
    pub fn new(header: &[u8; RECORD_BYTES], max_stretches: usize) -> Result<Self, Failure> {
        let mut map = Self {
            size: exact(&header[REAL_SIZE..REAL_SIZE + 12])?,
            map: Vec::new(),
            max_stretches,
            is_extended: false,
        };
        map.take(header, &FIRST)?;
        Ok(map)
    }

    pub fn add_record(&mut self, record: &[u8; RECORD_BYTES]) -> Result<(), Failure> {
        self.take(record, &FURTHER)
    }

    pub fn into_file(self) -> SparseFile {
        SparseFile {
            size: self.size,
            map: Some(self.map),
        }
    }

    fn take(&mut self, record: &[u8; RECORD_BYTES], layout: &Layout) -> Result<(), Failure> {
        let entries = &record[layout.offset..][..layout.entries * ENTRY_BYTES];
        for entry in entries.chunks_exact(ENTRY_BYTES) {
            if entry[0] == 0 {
                break;
            }
            self.map.push(Stretch {
                offset: exact(&entry[..12])?,
                length: exact(&entry[12..])?,
            });
        }
        if self.map.len() > self.max_stretches {
            return Err(invalid());
        }
        self.is_extended = record[layout.is_extended] != 0;
        Ok(())
    }
}

fn exact(field: &[u8]) -> Result<u64, Failure> {
    number(field)
        .and_then(|value| u64::try_from(value).ok())
        .filter(|value| *value <= MAX_NUMBER)
        .ok_or_else(invalid)
}
