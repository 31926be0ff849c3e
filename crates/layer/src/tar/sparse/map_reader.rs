//! The map at the front of a GNU.sparse 1.0 body: decimal numbers, one a line: how many stretches, then offset and
//! length of each; NULs up to a whole record.

use super::{Stretch, invalid};
use crate::failure::Failure;
use crate::tar::RECORD_BYTES;

/// Longer numbers are longer than any file.
const MAX_NUMBER: u64 = 1 << 52;

pub struct MapReader {
    max_stretches: usize,
    numbers: Vec<u64>,
    number: u64,
    digits: usize,
    /// Bytes taken so far.
    taken: usize,
}

impl MapReader {
    pub fn new(max_stretches: usize) -> Self {
        Self {
            max_stretches,
            numbers: Vec::new(),
            number: 0,
            digits: 0,
            taken: 0,
        }
    }

    /// Takes bytes until the map is complete, and says how many.
    pub fn take(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        for (taken, byte) in bytes.iter().enumerate() {
            if self.is_complete() {
                return Ok(taken);
            }
            self.take_byte(*byte)?;
        }
        Ok(bytes.len())
    }

    /// True at the end of the map's last record.
    pub fn is_complete(&self) -> bool {
        self.has_all_numbers() && self.taken % RECORD_BYTES == 0
    }

    pub fn map(&self) -> Vec<Stretch> {
        let stretch = |pair: &[u64]| Stretch {
            offset: pair[0],
            length: pair[1],
        };
        self.numbers[1..].chunks_exact(2).map(stretch).collect()
    }

    fn has_all_numbers(&self) -> bool {
        let count = self.numbers.first();
        count.is_some_and(|count| self.numbers.len() as u64 == 1 + 2 * count)
    }

    fn take_byte(&mut self, byte: u8) -> Result<(), Failure> {
        self.taken += 1;
        if self.has_all_numbers() {
            return Ok(());
        }
        if byte == b'\n' && self.digits > 0 {
            self.numbers.push(self.number);
            (self.number, self.digits) = (0, 0);
            if self.numbers[0] > self.max_stretches as u64 {
                return Err(invalid());
            }
        } else if byte.is_ascii_digit() && self.number < MAX_NUMBER {
            self.number = self.number * 10 + u64::from(byte - b'0');
            self.digits += 1;
        } else {
            return Err(invalid());
        }
        Ok(())
    }
}
