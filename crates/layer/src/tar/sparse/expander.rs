//! Puts a sparse file together from what the archive stores of it.

use super::map_reader::MapReader;
use super::{SparseFile, Stretch, check, invalid};
use crate::failure::Failure;
use crate::spool::Spool;

pub struct Expander {
    size: u64,
    /// Set until the map at the front of the body is read.
    reader: Option<MapReader>,
    map: Vec<Stretch>,
    /// Stored bytes still to come.
    stored_left: u64,
    /// Index of the current stretch, and how much of it is there.
    stretch: usize,
    filled: u64,
    /// Bytes of the file that are there.
    position: u64,
}

impl Expander {
    pub fn new(
        file: SparseFile,
        stored_bytes: u64,
        max_stretches: usize,
        spool: &mut Spool,
    ) -> Result<Self, Failure> {
        let mut expander = Self {
            size: file.size,
            reader: None,
            map: Vec::new(),
            stored_left: stored_bytes,
            stretch: 0,
            filled: 0,
            position: 0,
        };
        match file.map {
            Some(map) => expander.begin(map, spool)?,
            None if stored_bytes == 0 => return Err(invalid()),
            None => expander.reader = Some(MapReader::new(max_stretches)),
        }
        Ok(expander)
    }

    /// Takes the next bytes of the member's body.
    pub fn append(&mut self, mut bytes: &[u8], spool: &mut Spool) -> Result<(), Failure> {
        if let Some(reader) = &mut self.reader {
            let taken = reader.take(bytes)?;
            self.stored_left -= taken as u64;
            bytes = &bytes[taken..];
            if reader.is_complete() {
                let map = reader.map();
                self.reader = None;
                self.begin(map, spool)?;
            }
        }
        self.stored_left -= bytes.len() as u64;
        while !bytes.is_empty() {
            bytes = self.fill(bytes, spool)?;
        }
        if self.stored_left == 0 && self.reader.is_some() {
            return Err(invalid());
        }
        Ok(())
    }

    fn begin(&mut self, map: Vec<Stretch>, spool: &mut Spool) -> Result<(), Failure> {
        check(&map, self.size, self.stored_left)?;
        self.map = map;
        self.skip_holes(spool)
    }

    /// Copies into the current stretch; what is left belongs to later ones.
    fn fill<'a>(&mut self, bytes: &'a [u8], spool: &mut Spool) -> Result<&'a [u8], Failure> {
        let length = self.map[self.stretch].length;
        let count =
            usize::try_from(length - self.filled).map_or(bytes.len(), |room| room.min(bytes.len()));
        let (here, rest) = bytes.split_at(count);
        spool.append(here)?;
        self.filled += count as u64;
        self.position += count as u64;
        if self.filled == length {
            self.stretch += 1;
            self.filled = 0;
            self.skip_holes(spool)?;
        }
        Ok(rest)
    }

    /// Goes on to the next stretch that is not empty, or to the file's end.
    fn skip_holes(&mut self, spool: &mut Spool) -> Result<(), Failure> {
        let is_empty = |stretch: &&Stretch| stretch.length == 0;
        self.stretch += self.map[self.stretch..].iter().take_while(is_empty).count();
        let next = self
            .map
            .get(self.stretch)
            .map_or(self.size, |stretch| stretch.offset);
        if next > self.position {
            spool.append_zeros(next - self.position)?;
        }
        self.position = next;
        Ok(())
    }
}
