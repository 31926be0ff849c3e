//! One connection.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use rustix::io::Errno;

use crate::write_queue::WriteQueue;

/// What one read gave.
#[derive(Debug, PartialEq, Eq)]
pub enum TcpChunk {
    /// So many bytes are in the buffer.
    Data(usize),
    /// Nothing to read just now.
    Nothing,
    /// The peer sends no more; told once.
    End,
    /// The connection is broken.
    Broken(String),
}

/// A connection, also while it is being opened.
#[derive(Debug)]
pub struct TcpSession {
    attempt: u64,
    stream: Option<TcpStream>,
    queue: WriteQueue,
    end_after: bool,
    write_closed: bool,
    read_closed: bool,
}

impl TcpSession {
    /// A connection that attempt number `attempt` is opening.
    #[must_use]
    pub fn new(attempt: u64, now: Instant) -> Self {
        Self {
            attempt,
            stream: None,
            queue: WriteQueue::new(now),
            end_after: false,
            write_closed: false,
            read_closed: false,
        }
    }

    /// Number of the attempt.
    #[must_use]
    pub fn attempt(&self) -> u64 {
        self.attempt
    }

    /// The connection is there.
    pub fn connected(&mut self, stream: TcpStream) {
        self.stream = Some(stream);
    }

    /// Appends data of the host; none is expected behind its end.
    pub fn push(&mut self, data: Vec<u8>, now: Instant) {
        if !self.end_after {
            self.queue.push(data, now);
        }
    }

    /// Ends our direction once everything before is written.
    pub fn end(&mut self) {
        self.end_after = true;
    }

    /// What waits for the peer.
    #[must_use]
    pub fn queue(&self) -> &WriteQueue {
        &self.queue
    }

    /// The socket, and whether to wait until it can be read and written. A socket with neither
    /// is not worth watching.
    #[must_use]
    pub fn interest(&self, read: bool) -> Option<(BorrowedFd<'_>, bool, bool)> {
        let read = read && !self.read_closed;
        let write = !self.queue.is_empty() || (self.end_after && !self.write_closed);
        let stream = self.stream.as_ref().filter(|_| read || write)?;
        Some((stream.as_fd(), read, write))
    }

    /// Writes what the peer takes, and the end behind it.
    ///
    /// # Errors
    /// A text, when the connection is broken.
    pub fn write(&mut self, now: Instant) -> Result<(), String> {
        let Some(stream) = &self.stream else {
            return Ok(());
        };
        self.queue
            .write_to(stream, now)
            .map_err(|error| format!("write TCP stream: {error}"))?;
        if self.end_after && !self.write_closed && self.queue.is_empty() {
            self.write_closed = true;
            stream
                .shutdown(Shutdown::Write)
                .map_err(|error| format!("shutdown TCP stream: {error}"))?;
        }
        Ok(())
    }

    /// Reads once.
    pub fn read(&mut self, buffer: &mut [u8]) -> TcpChunk {
        let Some(stream) = self.stream.as_ref().filter(|_| !self.read_closed) else {
            return TcpChunk::Nothing;
        };
        match rustix::io::read(stream, buffer) {
            Ok(0) => {
                self.read_closed = true;
                TcpChunk::End
            }
            Ok(count) => TcpChunk::Data(count),
            Err(Errno::AGAIN | Errno::INTR) => TcpChunk::Nothing,
            Err(error) => TcpChunk::Broken(format!("read TCP stream: {}", io::Error::from(error))),
        }
    }
}
