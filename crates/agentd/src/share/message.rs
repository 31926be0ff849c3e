//! What the pump has to know of FUSE messages (`linux/fuse.h`).

use std::io;

use super::opcode as op;

/// Largest message: 1 MiB of data and what belongs to it.
pub const MAX_MESSAGE: usize = (1 << 20) + (64 << 10);

/// Lengths of the headers.
pub const REQUEST_HEADER_BYTES: usize = 40;
const ANSWER_HEADER_BYTES: usize = 16;

const ENODATA: i32 = 61;

/// What a request asks; nothing for what is too short to say.
pub fn opcode(request: &[u8]) -> Option<u32> {
    let bytes = request.get(4..8)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

/// The number that a request has in common with its answer.
pub fn unique(message: &[u8]) -> Option<u64> {
    u64_at(message, 8)
}

/// The file that a request is about.
pub fn node(request: &[u8]) -> Option<u64> {
    u64_at(request, 16)
}

fn u64_at(message: &[u8], at: usize) -> Option<u64> {
    let bytes = message.get(at..at + 8)?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

/// Whether nobody waits for what a request asks: that a file is forgotten or, after its last use, closed.
pub fn is_unhurried(request: &[u8]) -> bool {
    matches!(
        opcode(request),
        Some(op::FORGET | op::BATCH_FORGET | op::RELEASE | op::RELEASEDIR)
    )
}

/// Whether the host answers a request.
pub fn expects_answer(request: &[u8]) -> bool {
    !matches!(
        opcode(request),
        Some(op::FORGET | op::BATCH_FORGET | op::INTERRUPT)
    )
}

/// The answer that the host would give, where it is always the same: no attribute outside `user.` exists on a share. The
/// kernel asks for `security.capability` before each write.
pub fn known_answer(request: &[u8]) -> Option<[u8; ANSWER_HEADER_BYTES]> {
    const SIZE_FIELDS_BYTES: usize = 8;
    if opcode(request)? != op::GETXATTR {
        return None;
    }
    let name = request.get(REQUEST_HEADER_BYTES + SIZE_FIELDS_BYTES..)?;
    if name.starts_with(b"user.") {
        return None;
    }
    let mut answer = [0; ANSWER_HEADER_BYTES];
    answer[0] = ANSWER_HEADER_BYTES as u8;
    answer[4..8].copy_from_slice(&(-ENODATA).to_le_bytes());
    answer[8..].copy_from_slice(request.get(8..16)?);
    Some(answer)
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
    if !(ANSWER_HEADER_BYTES..=MAX_MESSAGE).contains(&len) {
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

    fn request(opcode: u8, arguments: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; REQUEST_HEADER_BYTES];
        bytes[4] = opcode;
        bytes[8] = 7;
        bytes.extend(arguments);
        bytes[0] = bytes.len() as u8;
        bytes
    }

    #[test]
    fn some_requests_have_no_answer() {
        let asks = |opcode| expects_answer(&request(opcode, &[]));
        assert!(!asks(2) && !asks(36) && !asks(42));
        assert!(asks(1) && asks(18));
    }

    #[test]
    fn nobody_waits_for_a_file_to_be_closed_or_forgotten() {
        let waits = |opcode| is_unhurried(&request(opcode, &[]));
        assert!(waits(2) && waits(18) && waits(29) && waits(42));
        assert!(!waits(1) && !waits(36) && !is_unhurried(&[]));
    }

    #[test]
    fn attributes_that_no_share_has_are_not_asked_for() {
        let getxattr = |name: &[u8]| {
            let mut arguments = vec![0; 8];
            arguments.extend(name);
            known_answer(&request(22, &arguments))
        };
        let answer = [16, 0, 0, 0, 0xc3, 0xff, 0xff, 0xff, 7, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(getxattr(b"security.capability\0"), Some(answer));
        assert_eq!(getxattr(b"user.note\0"), None);
        assert_eq!(known_answer(&request(1, b"security.capability\0")), None);
        assert_eq!(known_answer(&[]), None);
    }
}
