//! Cuts a byte stream into frames, whatever the boundaries of its pieces.

use crate::constants::{FRAME_HEADER_SIZE, LENGTH_PREFIX_SIZE, MAX_FRAME_SIZE};
use crate::frame::{Frame, FrameError};

/// Collects bytes and gives back frames.
///
/// A frame outside the limits is reported once and its bytes are stepped over, so that one bad
/// frame costs its sender that frame and nobody else anything. The buffer never holds more than
/// one largest frame plus what was pushed last.
#[derive(Debug, Default)]
pub struct FrameDecoder {
    buffer: Vec<u8>,
    /// Start of the bytes in `buffer` that were not handed out yet.
    start: usize,
    /// End of the bytes that came; what is behind it is room that was used before.
    end: usize,
    /// Bytes of a refused frame that are still to come.
    skip: usize,
}

impl FrameDecoder {
    /// An empty decoder.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.room(bytes.len()).copy_from_slice(bytes);
        self.filled(bytes.len());
    }

    /// Where the next `size` bytes of the stream may be written to; [`Self::filled`] says how many were.
    pub fn room(&mut self, size: usize) -> &mut [u8] {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let end = self.end + size;
        if self.buffer.len() < end {
            self.buffer.resize(end, 0);
        }
        &mut self.buffer[self.end..end]
    }

    /// Takes the first `count` bytes of the room.
    pub fn filled(&mut self, count: usize) {
        self.end += count;
        let skipped = self.skip.min(self.end - self.start);
        self.skip -= skipped;
        self.consume(skipped);
    }

    /// The next complete frame, or `None` until more bytes come.
    ///
    /// # Errors
    /// [`FrameError`] for a frame outside the limits; call again to go on behind it. The upper
    /// limit is checked as soon as the length is there, the lower one when the frame is complete.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        let mut frame = Frame::default();
        Ok(self.next_into(&mut frame)?.then_some(frame))
    }

    /// As [`Self::next_frame`], into the memory of an earlier frame; false until more bytes come.
    ///
    /// # Errors
    /// As [`Self::next_frame`].
    pub fn next_into(&mut self, frame: &mut Frame) -> Result<bool, FrameError> {
        let pending = &self.buffer[self.start..self.end];
        let Some((prefix, rest)) = pending.split_first_chunk::<LENGTH_PREFIX_SIZE>() else {
            return Ok(false);
        };
        let size = u32::from_be_bytes(*prefix) as usize;
        if size > MAX_FRAME_SIZE {
            let present = size.min(rest.len());
            self.skip = size - present;
            self.consume(LENGTH_PREFIX_SIZE + present);
            return Err(FrameError::TooLarge { size });
        }
        let Some(content) = rest.get(..size) else {
            return Ok(false);
        };
        let Some((header, body)) = content.split_first_chunk::<FRAME_HEADER_SIZE>() else {
            self.consume(LENGTH_PREFIX_SIZE + size);
            return Err(FrameError::TooShort { size });
        };
        let [a, b, c, d, flags] = *header;
        frame.id = u32::from_be_bytes([a, b, c, d]);
        frame.flags = flags;
        frame.body.clear();
        frame.body.extend_from_slice(body);
        self.consume(LENGTH_PREFIX_SIZE + size);
        Ok(true)
    }

    /// Bytes held back because their frame is incomplete.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.end - self.start
    }

    fn consume(&mut self, count: usize) {
        self.start += count;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            self.buffer.truncate(KEPT_CAPACITY);
            // One large frame must not pin its memory for the rest of the guest's life.
            self.buffer.shrink_to(KEPT_CAPACITY);
        }
    }
}

const KEPT_CAPACITY: usize = 128 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(id: u32, body: &[u8]) -> Frame {
        Frame {
            id,
            flags: 1,
            body: body.to_vec(),
        }
    }

    fn all(decoder: &mut FrameDecoder) -> Vec<Result<Frame, FrameError>> {
        std::iter::from_fn(|| decoder.next_frame().transpose()).collect()
    }

    #[test]
    fn a_frame_goes_into_the_memory_of_an_earlier_one() {
        let mut decoder = FrameDecoder::new();
        let (large, small) = (frame(1, &[7; 1000]), frame(2, &[8; 10]));
        decoder.push(&[large.encode().unwrap(), small.encode().unwrap()].concat());
        let mut read = Frame::default();
        assert!(decoder.next_into(&mut read).unwrap());
        assert_eq!(read, large);
        let memory = read.body.as_ptr();
        assert!(decoder.next_into(&mut read).unwrap());
        assert_eq!((&read, read.body.as_ptr()), (&small, memory));
        assert!(!decoder.next_into(&mut read).unwrap());
    }

    #[test]
    fn every_split_of_two_frames_gives_the_same_two_frames() {
        let frames = [frame(7, b"abc"), frame(8, b"")];
        let bytes: Vec<u8> = frames.iter().flat_map(|f| f.encode().unwrap()).collect();
        for cut in 0..=bytes.len() {
            let mut decoder = FrameDecoder::new();
            decoder.push(&bytes[..cut]);
            let mut got = all(&mut decoder);
            decoder.push(&bytes[cut..]);
            got.extend(all(&mut decoder));
            assert_eq!(got, frames.clone().map(Ok), "cut at {cut}");
            assert_eq!(decoder.buffered(), 0);
        }
    }

    #[test]
    fn byte_by_byte_works() {
        let bytes = frame(9, b"hello").encode().unwrap();
        let mut decoder = FrameDecoder::new();
        for byte in &bytes[..bytes.len() - 1] {
            decoder.push(&[*byte]);
            assert_eq!(decoder.next_frame(), Ok(None));
        }
        decoder.push(&bytes[bytes.len() - 1..]);
        assert_eq!(decoder.next_frame(), Ok(Some(frame(9, b"hello"))));
    }

    #[test]
    fn limits_are_5_and_4_mib() {
        for (size, ok) in [
            (5, true),
            (MAX_FRAME_SIZE, true),
            (4, false),
            (MAX_FRAME_SIZE + 1, false),
        ] {
            let mut decoder = FrameDecoder::new();
            decoder.push(&u32::try_from(size).unwrap().to_be_bytes());
            decoder.push(&vec![0; size]);
            assert_eq!(decoder.next_frame().is_ok(), ok, "{size}");
        }
    }

    #[test]
    fn too_large_is_noticed_before_the_body_comes() {
        let mut decoder = FrameDecoder::new();
        decoder.push(&[0, 64, 0, 1]);
        assert_eq!(
            decoder.next_frame(),
            Err(FrameError::TooLarge {
                size: MAX_FRAME_SIZE + 1
            })
        );
    }

    #[test]
    fn the_stream_goes_on_behind_refused_frames() {
        let mut bytes = vec![0, 0, 0, 3, 1, 2, 3];
        bytes.extend([0, 64, 0, 1]);
        bytes.extend(vec![0xaa; MAX_FRAME_SIZE + 1]);
        bytes.extend(frame(3, b"ok").encode().unwrap());
        for piece in [1, 7, 4096, bytes.len()] {
            let mut decoder = FrameDecoder::new();
            let mut got = Vec::new();
            for chunk in bytes.chunks(piece) {
                decoder.push(chunk);
                got.extend(all(&mut decoder));
            }
            assert_eq!(
                got,
                [
                    Err(FrameError::TooShort { size: 3 }),
                    Err(FrameError::TooLarge {
                        size: MAX_FRAME_SIZE + 1
                    }),
                    Ok(frame(3, b"ok"))
                ],
                "pieces of {piece}"
            );
        }
    }
}
