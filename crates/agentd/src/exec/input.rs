//! Input waiting for a process. Writing never blocks the agent: what a process does not read yet
//! stays here, and the agent's loop bounds the sum over all sessions.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use super::pipe;
use crate::write_queue::WriteQueue;

/// Queue in front of a pipe or terminal.
#[derive(Debug)]
pub struct Input {
    /// Absent once closed.
    target: Option<OwnedFd>,
    queue: WriteQueue,
    end_after: bool,
    /// Whether the target was found full.
    is_bulk: bool,
}

impl Input {
    /// An empty queue in front of `target`.
    #[must_use]
    pub fn new(target: OwnedFd, now: Instant) -> Self {
        Self {
            target: Some(target),
            queue: WriteQueue::new(now),
            end_after: false,
            is_bulk: false,
        }
    }

    /// Appends `data`; dropped silently behind the end.
    pub fn push(&mut self, data: &[u8], now: Instant) {
        if self.target.is_some() && !self.end_after {
            self.queue.push(data.to_vec(), now);
        }
    }

    /// Writes as much as the target takes, and keeps the rest; only that is copied.
    ///
    /// # Errors
    /// When the target is broken; it is closed then.
    pub fn push_through(&mut self, mut data: &[u8], now: Instant) -> io::Result<()> {
        let target = self.target.as_ref();
        if let Some(target) = target.filter(|_| self.queue.is_empty() && !self.end_after) {
            // A failure is met again by the queue.
            let count = rustix::io::write(target, data).unwrap_or(0);
            data = &data[count..];
            if !data.is_empty() && !self.is_bulk {
                self.is_bulk = true;
                // A terminal stays as it is.
                let _ = pipe::enlarge(target);
            }
        }
        if !data.is_empty() {
            self.push(data, now);
            self.write(now)?;
        }
        Ok(())
    }

    /// Closes the target once everything before is written.
    pub fn end(&mut self) {
        self.end_after = true;
        self.close_when_done();
    }

    /// Forgets what waits and closes the target.
    pub fn abandon(&mut self) {
        self.target = None;
        self.queue.clear();
    }

    /// The descriptor to watch for writing, when something waits.
    #[must_use]
    pub fn wants_to_write(&self) -> Option<BorrowedFd<'_>> {
        self.target().filter(|_| !self.queue.is_empty())
    }

    /// The target, while it is open.
    #[must_use]
    pub fn target(&self) -> Option<BorrowedFd<'_>> {
        self.target.as_ref().map(AsFd::as_fd)
    }

    /// What waits.
    #[must_use]
    pub fn queue(&self) -> &WriteQueue {
        &self.queue
    }

    /// Writes as much as the target takes.
    ///
    /// # Errors
    /// When the target is broken; it is closed then.
    pub fn write(&mut self, now: Instant) -> io::Result<()> {
        let Some(target) = &self.target else {
            return Ok(());
        };
        let result = self.queue.write_to(target, now);
        if result.is_err() {
            self.abandon();
        } else {
            self.close_when_done();
        }
        result
    }

    fn close_when_done(&mut self) {
        if self.end_after && self.queue.is_empty() {
            self.target = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use rustix::pipe::{PipeFlags, pipe_with};

    fn pipe() -> (OwnedFd, OwnedFd) {
        pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).unwrap()
    }

    #[test]
    fn the_end_comes_behind_the_data() {
        let (reader, writer) = pipe();
        let now = Instant::now();
        let mut input = Input::new(writer, now);
        input.push(&[7; 100_000], now);
        input.end();
        input.push(&[8], now);
        let mut got = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            input.write(now).unwrap();
            match rustix::io::read(&reader, &mut buffer) {
                Ok(0) => break,
                Ok(count) => got.extend_from_slice(&buffer[..count]),
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(got, vec![7; 100_000]);
        assert_eq!(input.queue().bytes(), 0);
    }

    #[test]
    fn a_reader_that_is_gone_is_an_error_once() {
        let (reader, writer) = pipe();
        drop(reader);
        let now = Instant::now();
        let mut input = Input::new(writer, now);
        input.push(&[1], now);
        assert_eq!(
            input.write(now).unwrap_err().raw_os_error(),
            Some(libc::EPIPE)
        );
        input.push(&[1], now);
        assert!(input.write(now).is_ok());
        assert_eq!(input.queue().bytes(), 0);
    }

    #[test]
    fn a_full_pipe_counts_as_stalled() {
        let (_reader, writer) = pipe();
        let start = Instant::now();
        let mut input = Input::new(writer, start);
        input.push(&vec![1; 1 << 20], start);
        input.write(start).unwrap();
        let later = start + Duration::from_secs(3);
        input.write(later).unwrap();
        assert_eq!(input.queue().stalled_for(later), Duration::from_secs(3));
        assert!(input.queue().bytes() > 0);
    }
}
