//! Frames that carry bytes and nothing else, such as output: most of what passes an agent. They are written straight into
//! the sender's buffer and read where they lie, while a general encoder takes each layer, and each byte, by itself.

use crate::constants::{FRAME_HEADER_SIZE, MAX_FRAME_SIZE, PROTOCOL_VERSION};
use crate::frame::FrameError;
use crate::message_type::MessageType;

/// The one field of such a payload.
const FIELD: &str = "data";

const MAP: u8 = 0xa0;
const TEXT: u8 = 0x60;
const BYTES: u8 = 0x40;

/// What stands in front of the data in the frame of a message whose payload is `{"data": data}`.
#[derive(Debug)]
pub struct DataFrameHead {
    bytes: [u8; Self::MAX_SIZE],
    count: usize,
}

impl DataFrameHead {
    /// What stands around the type takes less than half of it.
    const MAX_SIZE: usize = 96;

    /// The head for so many bytes of data.
    ///
    /// # Errors
    /// [`FrameError::TooLarge`] when the data does not fit.
    pub fn new(id: u32, kind: MessageType, data_size: usize) -> Result<Self, FrameError> {
        let data = Head::new(BYTES, data_size);
        let payload_size = 2 + FIELD.len() + data.len() + data_size;
        let payload = Head::new(BYTES, payload_size);
        let wire = kind.wire();
        let wire_head = Head::new(TEXT, wire.len());
        let generation = Head::new(0, usize::from(PROTOCOL_VERSION));
        // Map, "v", generation, "t", type, "p", payload.
        let body_size = 1
            + (2 + generation.len())
            + (2 + wire_head.len() + wire.len())
            + (2 + payload.len() + payload_size);
        let size = FRAME_HEADER_SIZE + body_size;
        let length = u32::try_from(size)
            .ok()
            .filter(|_| size <= MAX_FRAME_SIZE)
            .ok_or(FrameError::TooLarge { size })?;
        let mut head = Self {
            bytes: [0; Self::MAX_SIZE],
            count: 0,
        };
        for part in [
            &length.to_be_bytes()[..],
            &id.to_be_bytes(),
            &[kind.flags(), MAP | 3, TEXT | 1, b'v'],
            generation.bytes(),
            &[TEXT | 1, b't'],
            wire_head.bytes(),
            wire.as_bytes(),
            &[TEXT | 1, b'p'],
            payload.bytes(),
            &[MAP | 1, TEXT | 4],
            FIELD.as_bytes(),
            data.bytes(),
        ] {
            let end = head.count + part.len();
            head.bytes[head.count..end].copy_from_slice(part);
            head.count = end;
        }
        Ok(head)
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.count]
    }
}

/// The type and the data of a frame's body, if it is one that [`DataFrameHead`] could have begun in whatever
/// generation. `None` for anything else, sound or not: that is for [`crate::Envelope`] to say.
#[must_use]
pub fn decode_data_frame(body: &[u8]) -> Option<(MessageType, &[u8])> {
    let rest = body.strip_prefix(&[MAP | 3, TEXT | 1, b'v'])?;
    let (generation, rest) = take_head(0, rest)?;
    u8::try_from(generation).ok()?;
    let rest = rest.strip_prefix(&[TEXT | 1, b't'])?;
    let (wire_size, rest) = take_head(TEXT, rest)?;
    let (wire, rest) = rest.split_at_checked(wire_size)?;
    let kind = std::str::from_utf8(wire).ok()?.parse().ok()?;
    let rest = rest.strip_prefix(&[TEXT | 1, b'p'])?;
    let (payload_size, payload) = take_head(BYTES, rest)?;
    let rest = payload.strip_prefix(&[MAP | 1, TEXT | 4])?;
    let rest = rest.strip_prefix(FIELD.as_bytes())?;
    let (data_size, data) = take_head(BYTES, rest)?;
    (payload.len() == payload_size && data.len() == data_size).then_some((kind, data))
}

/// The size that stands at the start of `bytes`, of an item of `kind`, and what comes behind it.
fn take_head(kind: u8, bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let width = match first.checked_sub(kind)? {
        size @ 0..24 => return Some((usize::from(size), rest)),
        24 => 1,
        25 => 2,
        26 => 4,
        _ => return None,
    };
    let (size, rest) = rest.split_at_checked(width)?;
    let size = size
        .iter()
        .fold(0, |size, byte| (size << 8) | usize::from(*byte));
    Some((size, rest))
}

/// How a CBOR item begins: its kind and its size, in as few bytes as it takes (RFC 8949, section 3).
struct Head {
    bytes: [u8; 5],
    count: usize,
}

impl Head {
    /// `size` is below 2^32: a frame is.
    fn new(kind: u8, size: usize) -> Self {
        let [a, b, c, d] = u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes();
        let (bytes, count) = match size {
            0..24 => ([kind | d, 0, 0, 0, 0], 1),
            24..0x100 => ([kind | 24, d, 0, 0, 0], 2),
            0x100..0x1_0000 => ([kind | 25, c, d, 0, 0], 3),
            _ => ([kind | 26, a, b, c, d], 5),
        };
        Self { bytes, count }
    }

    fn len(&self) -> usize {
        self.count
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.count]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;
    use crate::constants::LENGTH_PREFIX_SIZE;
    use crate::payload::{ExecStderr, ExecStdin, ExecStdout};
    use serde_bytes::ByteBuf;

    #[test]
    fn the_bytes_are_those_of_a_message() {
        for size in [
            0, 1, 15, 16, 17, 23, 24, 240, 247, 255, 256, 65_520, 65_535, 65_536, 200_000,
        ] {
            let data = vec![7; size];
            let stdout_bytes = encode(9, MessageType::ExecStdout, &data);
            let stderr_bytes = encode(10, MessageType::ExecStderr, &data);
            let data = ByteBuf::from(data);
            let stdout = Message::new(9, &ExecStdout { data: data.clone() }).unwrap();
            let stderr = Message::new(10, &ExecStderr { data: data.clone() }).unwrap();
            assert!(
                stdout_bytes == stdout.to_frame().encode().unwrap(),
                "{size}"
            );
            assert!(
                stderr_bytes == stderr.to_frame().encode().unwrap(),
                "{size}"
            );
            let body = stdout.to_frame().body;
            let (kind, found) = decode_data_frame(&body).unwrap();
            assert_eq!((kind, found), (MessageType::ExecStdout, &data[..]));
        }
    }

    #[test]
    fn whatever_is_altered_reads_as_a_general_decoder_reads_it_or_not_at_all() {
        let mut bytes = encode(9, MessageType::ExecStdin, &[7; 30]);
        let body = bytes.split_off(FRAME_HEADER_SIZE + LENGTH_PREFIX_SIZE);
        for end in 0..body.len() {
            assert_eq!(decode_data_frame(&body[..end]), None);
        }
        for position in 0..body.len() {
            for value in 0..=u8::MAX {
                let mut body = body.clone();
                body[position] = value;
                let Some((kind, data)) = decode_data_frame(&body) else {
                    continue;
                };
                let envelope = crate::Envelope::decode(&body).unwrap();
                assert_eq!(envelope.message_type().unwrap(), kind);
                let payload: ExecStdin = crate::cbor::from_slice(&envelope.p).unwrap();
                assert_eq!(payload.data, data);
            }
        }
        assert_eq!(decode_data_frame(&[body, vec![0]].concat()), None);
    }

    #[test]
    fn the_longest_type_fits_and_too_much_data_is_refused() {
        for kind in MessageType::ALL {
            assert!(DataFrameHead::new(u32::MAX, *kind, 1 << 20).is_ok());
        }
        assert!(DataFrameHead::new(9, MessageType::ExecStdout, MAX_FRAME_SIZE).is_err());
    }

    fn encode(id: u32, kind: MessageType, data: &[u8]) -> Vec<u8> {
        let head = DataFrameHead::new(id, kind, data.len()).unwrap();
        [head.bytes(), data].concat()
    }
}
