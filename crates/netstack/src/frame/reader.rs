use super::{MAX_FRAME, PREFIX};
use std::io::{self, Read};

/// Collects frames from a non-blocking stream in one fixed buffer.
pub struct FrameReader {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Frames taken.
    pub frames: u64,
    /// Bytes in them.
    pub bytes: u64,
}

/// How one read ended.
#[derive(Debug, PartialEq, Eq)]
pub enum ReadOutcome {
    /// Bytes came; more may be waiting.
    Some,
    /// Nothing more for now.
    Empty,
    /// The monitor closed the stream.
    Closed,
}

const BUFFER: usize = 256 * 1024;

impl FrameReader {
    pub fn new() -> FrameReader {
        FrameReader {
            buffer: vec![0; BUFFER],
            start: 0,
            end: 0,
            frames: 0,
            bytes: 0,
        }
    }

    /// Reads once. Complete frames must have been taken before, so that there is room.
    pub fn fill(&mut self, stream: &mut impl Read) -> io::Result<ReadOutcome> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        match stream.read(&mut self.buffer[self.end..]) {
            Ok(0) => Ok(ReadOutcome::Closed),
            Ok(count) => {
                self.end += count;
                Ok(ReadOutcome::Some)
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(ReadOutcome::Empty),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(ReadOutcome::Some),
            Err(e) => Err(e),
        }
    }

    /// Length of the next complete frame. A length that no frame has is an error: the stream is out of step.
    pub fn next_length(&self) -> io::Result<Option<usize>> {
        let held = &self.buffer[self.start..self.end];
        let Some(prefix) = held.first_chunk::<PREFIX>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*prefix) as usize;
        if length > MAX_FRAME {
            let text = format!("frame of {length} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok((held.len() >= PREFIX + length).then_some(length))
    }

    /// Takes the frame whose length [`Self::next_length`] gave.
    pub fn take(&mut self, length: usize) -> &[u8] {
        let from = self.start + PREFIX;
        self.start = from + length;
        self.frames += 1;
        self.bytes += length as u64;
        &self.buffer[from..from + length]
    }
}
