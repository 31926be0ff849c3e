//! The outermost layer (protocol section 2): length, correlation id, flags, body.

use thiserror::Error;

use crate::constants::{FRAME_HEADER_SIZE, LENGTH_PREFIX_SIZE, MAX_FRAME_SIZE};

/// One frame. The relay routes on `id` and `flags` without looking into the body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    /// Correlation id; 0 for control messages that belong to nobody.
    pub id: u32,
    /// Bits `FLAG_*` of [`crate::constants`].
    pub flags: u8,
    /// One CBOR envelope.
    pub body: Vec<u8>,
}

/// A frame outside the limits of the protocol.
#[derive(Debug, Clone, Copy, Error, PartialEq, Eq)]
pub enum FrameError {
    /// Id, flags and body together exceed [`MAX_FRAME_SIZE`].
    #[error("frame too large: {size} bytes (max {max})", max = MAX_FRAME_SIZE)]
    TooLarge {
        /// The announced length.
        size: usize,
    },
    /// The length does not even cover id and flags.
    #[error("frame payload too short: {size} bytes (minimum {min})", min = FRAME_HEADER_SIZE)]
    TooShort {
        /// The announced length.
        size: usize,
    },
}

impl Frame {
    /// Bytes this frame occupies on the wire.
    #[must_use]
    pub fn wire_size(&self) -> usize {
        LENGTH_PREFIX_SIZE + FRAME_HEADER_SIZE + self.body.len()
    }

    /// The frame's bytes.
    ///
    /// # Errors
    /// [`FrameError::TooLarge`] when the body does not fit.
    pub fn encode(&self) -> Result<Vec<u8>, FrameError> {
        let mut bytes = Vec::with_capacity(self.wire_size());
        self.encode_into(&mut bytes)?;
        Ok(bytes)
    }

    /// Appends the frame's bytes to `bytes`; nothing is appended on error.
    ///
    /// # Errors
    /// [`FrameError::TooLarge`] when the body does not fit.
    pub fn encode_into(&self, bytes: &mut Vec<u8>) -> Result<(), FrameError> {
        let size = FRAME_HEADER_SIZE + self.body.len();
        let length = u32::try_from(size)
            .ok()
            .filter(|_| size <= MAX_FRAME_SIZE)
            .ok_or(FrameError::TooLarge { size })?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&self.id.to_be_bytes());
        bytes.push(self.flags);
        bytes.extend_from_slice(&self.body);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_frame_is_encoded_and_one_byte_more_is_refused() {
        let body = vec![0; MAX_FRAME_SIZE - FRAME_HEADER_SIZE];
        let mut frame = Frame {
            id: 1,
            flags: 0,
            body,
        };
        assert_eq!(
            frame.encode().unwrap().len(),
            MAX_FRAME_SIZE + LENGTH_PREFIX_SIZE
        );
        frame.body.push(0);
        assert_eq!(
            frame.encode(),
            Err(FrameError::TooLarge {
                size: MAX_FRAME_SIZE + 1
            })
        );
    }

    #[test]
    fn a_refused_frame_leaves_the_buffer_alone() {
        let frame = Frame {
            id: 1,
            flags: 0,
            body: vec![0; MAX_FRAME_SIZE],
        };
        let mut bytes = vec![9];
        assert!(frame.encode_into(&mut bytes).is_err());
        assert_eq!(bytes, [9]);
    }

    #[test]
    fn errors_read_as_users_see_them() {
        assert_eq!(
            FrameError::TooLarge { size: 4_194_305 }.to_string(),
            "frame too large: 4194305 bytes (max 4194304)"
        );
        assert_eq!(
            FrameError::TooShort { size: 4 }.to_string(),
            "frame payload too short: 4 bytes (minimum 5)"
        );
    }
}
