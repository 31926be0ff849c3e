//! Input waiting for a process. Writing never blocks the agent: what a process does not read yet
//! stays here, and the agent's loop bounds the sum over all processes.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::io::Errno;

/// Queue in front of a pipe or terminal.
#[derive(Debug)]
pub struct Input {
    /// Absent once closed.
    target: Option<OwnedFd>,
    waiting: VecDeque<Vec<u8>>,
    /// Bytes of the first piece that were written already.
    written: usize,
    bytes: usize,
    end_after: bool,
    last_progress: Instant,
}

impl Input {
    /// An empty queue in front of `target`.
    #[must_use]
    pub fn new(target: OwnedFd, now: Instant) -> Self {
        Self {
            target: Some(target),
            waiting: VecDeque::new(),
            written: 0,
            bytes: 0,
            end_after: false,
            last_progress: now,
        }
    }

    /// Appends `data`; dropped silently behind the end.
    pub fn push(&mut self, data: Vec<u8>, now: Instant) {
        if self.target.is_none() || self.end_after || data.is_empty() {
            return;
        }
        if self.waiting.is_empty() {
            self.last_progress = now;
        }
        self.bytes += data.len();
        self.waiting.push_back(data);
    }

    /// Closes the target once everything before is written.
    pub fn end(&mut self) {
        self.end_after = true;
        self.close_when_done();
    }

    /// Forgets what waits and closes the target.
    pub fn abandon(&mut self) {
        self.target = None;
        self.waiting.clear();
        self.bytes = 0;
        self.written = 0;
    }

    /// The descriptor to watch for writing, when something waits.
    #[must_use]
    pub fn wants_to_write(&self) -> Option<BorrowedFd<'_>> {
        self.target
            .as_ref()
            .filter(|_| !self.waiting.is_empty())
            .map(AsFd::as_fd)
    }

    /// The target, while it is open.
    #[must_use]
    pub fn target(&self) -> Option<BorrowedFd<'_>> {
        self.target.as_ref().map(AsFd::as_fd)
    }

    /// Bytes that wait.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        self.bytes
    }

    /// How long nothing was taken although something waits.
    #[must_use]
    pub fn stalled_for(&self, now: Instant) -> Duration {
        if self.waiting.is_empty() {
            return Duration::ZERO;
        }
        now.saturating_duration_since(self.last_progress)
    }

    /// Writes as much as the target takes.
    ///
    /// # Errors
    /// When the target is broken; the queue is given up then.
    pub fn write(&mut self, now: Instant) -> io::Result<()> {
        while let (Some(target), Some(first)) = (&self.target, self.waiting.front()) {
            match rustix::io::write(target, &first[self.written..]) {
                Ok(count) => {
                    self.last_progress = now;
                    self.written += count;
                    self.bytes -= count;
                    if self.written == first.len() {
                        self.waiting.pop_front();
                        self.written = 0;
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => {
                    self.abandon();
                    return Err(error.into());
                }
            }
        }
        self.close_when_done();
        Ok(())
    }

    fn close_when_done(&mut self) {
        if self.end_after && self.waiting.is_empty() {
            self.target = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::pipe::{PipeFlags, pipe_with};

    fn pipe() -> (OwnedFd, OwnedFd) {
        pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).unwrap()
    }

    #[test]
    fn the_end_comes_behind_the_data() {
        let (reader, writer) = pipe();
        let now = Instant::now();
        let mut input = Input::new(writer, now);
        input.push(vec![7; 100_000], now);
        input.end();
        input.push(vec![8], now);
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
        assert_eq!(input.waiting_bytes(), 0);
    }

    #[test]
    fn a_reader_that_is_gone_is_an_error_once() {
        let (reader, writer) = pipe();
        drop(reader);
        let now = Instant::now();
        let mut input = Input::new(writer, now);
        input.push(vec![1], now);
        assert_eq!(
            input.write(now).unwrap_err().raw_os_error(),
            Some(libc::EPIPE)
        );
        input.push(vec![1], now);
        assert!(input.write(now).is_ok());
        assert_eq!(input.waiting_bytes(), 0);
    }

    #[test]
    fn a_full_pipe_counts_as_stalled() {
        let (_reader, writer) = pipe();
        let start = Instant::now();
        let mut input = Input::new(writer, start);
        input.push(vec![1; 1 << 20], start);
        input.write(start).unwrap();
        let later = start + Duration::from_secs(3);
        input.write(later).unwrap();
        assert_eq!(input.stalled_for(later), Duration::from_secs(3));
        assert!(input.waiting_bytes() > 0);
    }
}
