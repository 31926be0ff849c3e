//! Finds members in a tar archive that comes in pieces cut anywhere.

use super::RECORD_BYTES;
use super::builder::Builder;
use super::extensions::{Extensions, Member};
use super::header::{self, Header};
use super::sparse::GnuMap;
use crate::failure::Failure;
use crate::limits::Limits;
use crate::spool::Spool;
use crate::tree::Tree;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Header,
    /// In a body that is wanted.
    Body,
    Skip,
    Extension,
    Ended,
}

/// Reads an archive into a tree.
pub struct Scanner {
    builder: Builder,
    limits: Limits,
    extensions: Extensions,
    record: [u8; RECORD_BYTES],
    /// Bytes of the record that are there.
    filled: usize,
    /// Flag and body of the extension header that is being read.
    extension: Option<(u8, Vec<u8>)>,
    /// The old GNU sparse member whose map goes on in the next record.
    sparse: Option<(Header, GnuMap)>,
    step: Step,
    /// Bytes of body, and of padding after it, that are still to come.
    body_left: u64,
    padding_left: u64,
    stream_bytes: u64,
}

impl Scanner {
    /// Bodies go to the spool.
    pub fn new(spool: Spool, limits: Limits) -> Self {
        Self {
            builder: Builder::new(spool, limits),
            limits,
            extensions: Extensions::default(),
            record: [0; RECORD_BYTES],
            filled: 0,
            extension: None,
            sparse: None,
            step: Step::Header,
            body_left: 0,
            padding_left: 0,
            stream_bytes: 0,
        }
    }

    /// Takes the next bytes of the archive.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), Failure> {
        self.stream_bytes += bytes.len() as u64;
        if self.stream_bytes > self.limits.stream_bytes {
            return Err(Failure::refused("archive too large"));
        }
        while !bytes.is_empty() {
            bytes = match self.step {
                Step::Ended => return Ok(()),
                Step::Header => self.take_header(bytes)?,
                Step::Body | Step::Skip | Step::Extension => self.take_body(bytes)?,
            };
        }
        Ok(())
    }

    /// To be called when no more bytes come. An archive may end without an end marker, but not inside a member.
    pub fn finish(self) -> Result<(Tree, Spool), Failure> {
        let in_header = self.step == Step::Header && (self.filled > 0 || self.sparse.is_some());
        if in_header {
            return Err(Failure::refused("failed to read entire block"));
        }
        if self.body_left > 0 {
            return Err(Failure::refused(
                "unexpected EOF while reading archive entry data",
            ));
        }
        self.extensions.assert_none_left()?;
        self.builder.finish()
    }

    fn take_header<'a>(&mut self, mut bytes: &'a [u8]) -> Result<&'a [u8], Failure> {
        if self.filled == 0 {
            let padding = clamp(self.padding_left, bytes);
            self.padding_left -= padding as u64;
            bytes = &bytes[padding..];
        }
        let count = bytes.len().min(RECORD_BYTES - self.filled);
        let (here, rest) = bytes.split_at(count);
        self.record[self.filled..self.filled + count].copy_from_slice(here);
        self.filled += count;
        if self.filled == RECORD_BYTES {
            self.filled = 0;
            self.header_done()?;
        }
        Ok(rest)
    }

    fn take_body<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Failure> {
        let (here, rest) = bytes.split_at(clamp(self.body_left, bytes));
        if self.step == Step::Body {
            self.builder.body(here)?;
        } else if let Some((_, body)) = &mut self.extension {
            body.extend_from_slice(here);
        }
        self.body_left -= here.len() as u64;
        if self.body_left == 0 {
            self.body_done()?;
        }
        Ok(rest)
    }

    fn header_done(&mut self) -> Result<(), Failure> {
        if let Some((header, mut map)) = self.sparse.take() {
            map.add_record(&self.record)?;
            return self.sparse_header(header, map);
        }
        // One record of zeros ends the archive, as in the reference's reader; POSIX asks writers for two.
        if self.record.iter().all(|byte| *byte == 0) {
            self.step = Step::Ended;
            return self.extensions.assert_none_left();
        }
        let header = header::decode(&self.record)?;
        match header.flag {
            flag if Extensions::is_extension(flag) => self.begin_extension(flag, header.size),
            b'g' => self.begin_body(Step::Skip, header.size),
            b'S' => {
                let map = GnuMap::new(&self.record, self.limits.stretches())?;
                self.sparse_header(header, map)
            }
            _ => {
                let member = self.extensions.apply(header, None)?;
                self.begin_member(member)
            }
        }
    }

    /// The map of an old GNU sparse member may go on in the records between header and body.
    fn sparse_header(&mut self, header: Header, map: GnuMap) -> Result<(), Failure> {
        if map.is_extended {
            self.sparse = Some((header, map));
            return Ok(());
        }
        let member = self.extensions.apply(header, Some(map.into_file()))?;
        self.begin_member(member)
    }

    fn begin_member(&mut self, member: Member) -> Result<(), Failure> {
        let (flag, size) = (member.flag, member.size);
        if self.builder.member(member)? {
            return self.begin_body(Step::Body, size);
        }
        // Links, devices, directories and pipes have no body, whatever their size field says (POSIX; Go's reader).
        let has_no_body = (b'1'..=b'6').contains(&flag);
        self.begin_body(Step::Skip, if has_no_body { 0 } else { size })
    }

    fn begin_extension(&mut self, flag: u8, size: u64) -> Result<(), Failure> {
        if size > self.limits.extension_bytes {
            return Err(Failure::refused("extension header too large"));
        }
        self.extension = Some((flag, Vec::new()));
        self.begin_body(Step::Extension, size)
    }

    fn begin_body(&mut self, step: Step, size: u64) -> Result<(), Failure> {
        self.step = step;
        self.body_left = size;
        self.padding_left = size.next_multiple_of(RECORD_BYTES as u64) - size;
        if size == 0 { self.body_done() } else { Ok(()) }
    }

    fn body_done(&mut self) -> Result<(), Failure> {
        self.step = Step::Header;
        match self.extension.take() {
            Some((flag, body)) => self.extensions.add(flag, body),
            None => Ok(()),
        }
    }
}

fn clamp(left: u64, bytes: &[u8]) -> usize {
    usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()))
}
