//! Bytes that wait until somebody takes them.

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::io::Errno;

/// Data in front of a pipe, terminal or socket that must never block its writer.
#[derive(Debug)]
pub struct WriteQueue {
    waiting: VecDeque<Vec<u8>>,
    /// Bytes of the first piece that were written already.
    written: usize,
    bytes: usize,
    last_progress: Instant,
}

impl WriteQueue {
    /// An empty queue.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            waiting: VecDeque::new(),
            written: 0,
            bytes: 0,
            last_progress: now,
        }
    }

    /// Appends `data`.
    pub fn push(&mut self, data: Vec<u8>, now: Instant) {
        if data.is_empty() {
            return;
        }
        if self.waiting.is_empty() {
            self.last_progress = now;
        }
        self.bytes += data.len();
        self.waiting.push_back(data);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.waiting.clear();
        self.written = 0;
        self.bytes = 0;
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Bytes that wait.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How long nothing was taken although something waits.
    #[must_use]
    pub fn stalled_for(&self, now: Instant) -> Duration {
        if self.is_empty() {
            return Duration::ZERO;
        }
        now.saturating_duration_since(self.last_progress)
    }

    /// Writes as much as `target`, which must not block, takes.
    ///
    /// # Errors
    /// When the target is broken; the queue is forgotten then.
    pub fn write_to(&mut self, target: impl AsFd, now: Instant) -> io::Result<()> {
        while let Some(first) = self.waiting.front() {
            match rustix::io::write(&target, &first[self.written..]) {
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
                Err(Errno::AGAIN) => break,
                Err(error) => {
                    self.clear();
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }
}
