use super::PREFIX;
use crate::rate::Limiter;
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Frames on their way to the guest, bounded.
pub struct FrameWriter {
    buffer: Vec<u8>,
    /// First byte that is not written yet.
    start: usize,
    /// End of the frames that the limiter has let through.
    admitted: usize,
    limiter: Limiter,
    pub frames: u64,
    pub bytes: u64,
}

/// Beyond it no frame is taken; data then stays in socket buffers, datagrams are dropped.
const CAPACITY: usize = 1024 * 1024;

/// How a flush ended.
#[derive(Debug, PartialEq, Eq)]
pub enum FlushOutcome {
    Done,
    /// The stream is full; wait until it is writable.
    Full,
    /// The rate limit holds the next frame back.
    Limited(Duration),
}

impl FrameWriter {
    pub fn new(limiter: Limiter) -> FrameWriter {
        FrameWriter {
            buffer: Vec::with_capacity(64 * 1024),
            start: 0,
            admitted: 0,
            limiter,
            frames: 0,
            bytes: 0,
        }
    }

    pub fn has_room(&self) -> bool {
        self.buffer.len() - self.start < CAPACITY
    }

    /// Room for a frame of this length, zeroed; none when the queue is full.
    pub fn frame(&mut self, length: usize) -> Option<&mut [u8]> {
        if !self.has_room() {
            return None;
        }
        self.buffer
            .extend_from_slice(&(length as u32).to_be_bytes());
        let at = self.buffer.len();
        self.buffer.resize(at + length, 0);
        self.frames += 1;
        self.bytes += length as u64;
        Some(&mut self.buffer[at..])
    }

    /// Writes what the stream and the rate limit take.
    pub fn flush(&mut self, stream: &mut impl Write, now: Instant) -> io::Result<FlushOutcome> {
        let wait = self.admit(now);
        let outcome = loop {
            if self.start == self.admitted {
                break wait.map_or(FlushOutcome::Done, FlushOutcome::Limited);
            }
            match stream.write(&self.buffer[self.start..self.admitted]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.start += count,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break FlushOutcome::Full,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        };
        self.compact();
        Ok(outcome)
    }

    /// Lets whole frames through; how long the next one must wait, if any.
    fn admit(&mut self, now: Instant) -> Option<Duration> {
        if self.limiter.is_unlimited() {
            self.admitted = self.buffer.len();
            return None;
        }
        while let Some(prefix) = self.buffer[self.admitted..].first_chunk::<PREFIX>() {
            let length = u32::from_be_bytes(*prefix) as usize;
            if let Err(wait) = self.limiter.admit(length, now) {
                return Some(wait);
            }
            self.admitted += PREFIX + length;
        }
        None
    }

    fn compact(&mut self) {
        if self.start == self.buffer.len() {
            self.buffer.clear();
            (self.start, self.admitted) = (0, 0);
        } else if self.start >= CAPACITY / 4 {
            self.buffer.drain(..self.start);
            self.admitted -= self.start;
            self.start = 0;
        }
    }
}
