//! Answers of the host on their way to the kernel.

use std::fs::File;
use std::io::{self, Read};

use super::message::{MAX_MESSAGE, message_length};

/// What has come of answers so far.
pub struct Answers {
    buffer: Vec<u8>,
    filled: usize,
}

impl Answers {
    pub fn new() -> Self {
        Self {
            buffer: vec![0; MAX_MESSAGE],
            filled: 0,
        }
    }

    /// Reads once from the port and delivers the answers that are complete. @returns their number
    ///
    /// # Errors
    /// When the host is gone, or sends what is no answer.
    pub fn carry(&mut self, mut port: &File, mut deliver: impl FnMut(&[u8])) -> io::Result<usize> {
        let count = port.read(&mut self.buffer[self.filled..])?;
        if count == 0 {
            return Err(io::Error::other("the host closed it"));
        }
        self.filled += count;
        let (mut start, mut complete) = (0, 0);
        while let Some(len) = message_length(&self.buffer[start..self.filled])? {
            deliver(&self.buffer[start..start + len]);
            start += len;
            complete += 1;
        }
        // Most reads bring a piece of a large answer; moving what is there each time would cost far more than it.
        if start > 0 {
            self.buffer.copy_within(start..self.filled, 0);
            self.filled -= start;
        }
        Ok(complete)
    }
}
