//! Requests on a byte stream: each begins with its length, so the stream frames itself.

use std::os::fd::AsFd;

use rustix::io::{Errno, read};
use thiserror::Error;

use crate::abi::{HEADER_BYTES, Header};
use crate::limits::MAX_REQUEST;

/// Small requests that come together are read together.
const AHEAD_BYTES: usize = 16 << 10;

/// Why no further request can be read.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum StreamError {
    /// The stream cannot be in step any more.
    #[error("malformed message: {0} bytes announced")]
    Length(usize),
    /// It ended within a request.
    #[error("the connection ended within a message")]
    Cut,
    /// The descriptor failed.
    #[error("{0}")]
    System(#[from] Errno),
}

/// Reads requests from a stream.
pub struct Requests {
    ahead: Vec<u8>,
    start: usize,
    end: usize,
}

impl Requests {
    pub fn new() -> Self {
        Self {
            ahead: vec![0; AHEAD_BYTES],
            start: 0,
            end: 0,
        }
    }

    /// Reads the next request's arguments into `arguments`. @returns its header, or nothing at the stream's end
    ///
    /// # Errors
    /// [`StreamError`]; nothing can be read afterwards.
    pub fn next(
        &mut self,
        fd: impl AsFd,
        arguments: &mut Vec<u8>,
    ) -> Result<Option<Header>, StreamError> {
        if !self.fill(&fd, HEADER_BYTES)? {
            return Ok(None);
        }
        let header = Header::parse(&self.ahead[self.start..self.end])?;
        if !(HEADER_BYTES..=MAX_REQUEST).contains(&header.len) {
            return Err(StreamError::Length(header.len));
        }
        self.start += HEADER_BYTES;
        let wanted = header.len - HEADER_BYTES;
        arguments.resize(wanted, 0);
        let at_hand = wanted.min(self.end - self.start);
        arguments[..at_hand].copy_from_slice(&self.ahead[self.start..self.start + at_hand]);
        self.start += at_hand;
        let mut done = at_hand;
        while done < wanted {
            match receive(&fd, &mut arguments[done..])? {
                0 => return Err(StreamError::Cut),
                count => done += count,
            }
        }
        Ok(Some(header))
    }

    /// Whether the whole next request has come already.
    pub fn has_next(&self) -> bool {
        let come = &self.ahead[self.start..self.end];
        Header::parse(come).is_ok_and(|header| header.len <= come.len())
    }

    /// Has at least `count` bytes at hand; false when the stream ended before the first.
    fn fill(&mut self, fd: impl AsFd, count: usize) -> Result<bool, StreamError> {
        if self.end - self.start >= count {
            return Ok(true);
        }
        self.ahead.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while self.end < count {
            match receive(&fd, &mut self.ahead[self.end..])? {
                0 if self.end == 0 => return Ok(false),
                0 => return Err(StreamError::Cut),
                more => self.end += more,
            }
        }
        Ok(true)
    }
}

fn receive(fd: impl AsFd, buffer: &mut [u8]) -> Result<usize, StreamError> {
    loop {
        match read(&fd, &mut *buffer) {
            Err(Errno::INTR) => {}
            // The other side was ended, not closed: all the same here.
            Err(Errno::CONNRESET) => return Ok(0),
            other => return Ok(other?),
        }
    }
}
