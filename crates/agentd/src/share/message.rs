//! What the pump has to know of FUSE messages (`linux/fuse.h`).

use std::io;

/// Largest message: 1 MiB of data and what belongs to it.
pub const MAX_MESSAGE: usize = (1 << 20) + (64 << 10);

/// Length of an answer's header.
const HEADER_BYTES: usize = 16;

const FORGET: u8 = 2;
const INTERRUPT: u8 = 36;
const BATCH_FORGET: u8 = 42;

/// `FUSE_FORGET` and `FUSE_BATCH_FORGET`, by the opcode at its place in the header.
pub fn is_forget(request: &[u8]) -> bool {
    matches!(request.get(4..8), Some([FORGET | BATCH_FORGET, 0, 0, 0]))
}

/// Whether the host answers a request.
pub fn expects_answer(request: &[u8]) -> bool {
    !is_forget(request) && !matches!(request.get(4..8), Some([INTERRUPT, 0, 0, 0]))
}

/// Length of the first message, when all of it is there.
///
/// # Errors
/// When it cannot be one.
pub fn message_length(bytes: &[u8]) -> io::Result<Option<usize>> {
    let Some(&[a, b, c, d]) = bytes.get(..4) else {
        return Ok(None);
    };
    let len = u32::from_le_bytes([a, b, c, d]) as usize;
    if !(HEADER_BYTES..=MAX_MESSAGE).contains(&len) {
        return Err(io::Error::other(format!("message of {len} bytes")));
    }
    Ok((bytes.len() >= len).then_some(len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_taken_when_all_of_it_is_there() {
        let mut bytes = vec![0; 40];
        bytes[0] = 20;
        assert_eq!(message_length(&bytes[..3]).unwrap(), None);
        assert_eq!(message_length(&bytes[..19]).unwrap(), None);
        assert_eq!(message_length(&bytes).unwrap(), Some(20));
        bytes[0] = 3;
        assert!(message_length(&bytes).is_err());
        bytes[3] = 0x7f;
        assert!(message_length(&bytes).is_err());
    }

    #[test]
    fn some_requests_have_no_answer() {
        let request = |opcode: u8| [40, 0, 0, 0, opcode, 0, 0, 0];
        for opcode in [FORGET, INTERRUPT, BATCH_FORGET] {
            assert!(!expects_answer(&request(opcode)));
        }
        assert!(expects_answer(&request(1)));
        assert!(is_forget(&request(FORGET)) && !is_forget(&request(INTERRUPT)));
    }
}
