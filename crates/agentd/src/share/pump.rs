//! Two threads a share: requests of the kernel to the port, answers of the port to the kernel. They touch nothing
//! but these two descriptors, so that no mount that they serve can ever wait for itself.

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::thread::Builder;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::sys::become_file_server;

const STACK_BYTES: usize = 64 << 10;

/// Largest message: 1 MiB of data and what belongs to it.
const MAX_MESSAGE: usize = (1 << 20) + (64 << 10);

/// Messages without an answer are held back up to so many bytes, and so long.
const MAX_HELD: usize = 4096;
const HOLD: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 20_000_000,
};

/// Length of an answer's header.
const HEADER_BYTES: usize = 16;

/// Starts the threads of share `number`.
///
/// # Errors
/// When a thread cannot be made.
pub fn start(number: usize, port: File, fuse: File) -> io::Result<()> {
    let (port, fuse) = (Arc::new(port), Arc::new(fuse));
    let (answers, kernel) = (Arc::clone(&port), Arc::clone(&fuse));
    spawn(format!("fs.{number} out"), move || {
        carry_requests(&fuse, &port)
    })?;
    spawn(format!("fs.{number} in"), move || {
        if let Err(error) = carry_answers(&answers, &kernel) {
            eprintln!("agentd: share fs.{number}: {error}");
        }
    })
}

fn spawn(name: String, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let run = move || {
        become_file_server();
        work();
    };
    Builder::new()
        .name(name)
        .stack_size(STACK_BYTES)
        .spawn(run)
        .map(drop)
}

/// Ends when the file system is unmounted, or when the host is gone and the next request finds out. Letting go of
/// the kernel's descriptor then fails everything that waits.
///
/// Nobody waits for the kernel's word that it forgot a file, so it travels with the next request, or alone when none
/// comes soon.
fn carry_requests(mut fuse: &File, mut port: &File) {
    let mut messages = vec![0; MAX_HELD + MAX_MESSAGE];
    let mut held = 0;
    loop {
        if held > 0 && !has_more(fuse) {
            if port.write_all(&messages[..held]).is_err() {
                return;
            }
            held = 0;
        }
        match fuse.read(&mut messages[held..held + MAX_MESSAGE]) {
            Ok(0) => return,
            Ok(count) if is_forget(&messages[held..held + count]) && held + count <= MAX_HELD => {
                held += count;
            }
            Ok(count) => {
                if port.write_all(&messages[..held + count]).is_err() {
                    return;
                }
                held = 0;
            }
            // A request that was taken back before we came.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// Whether a request comes soon; true as well when reading is what tells why not.
fn has_more(fuse: &File) -> bool {
    !matches!(
        poll(&mut [PollFd::new(fuse, PollFlags::IN)], Some(&HOLD)),
        Ok(0)
    )
}

/// `FUSE_FORGET` and `FUSE_BATCH_FORGET`, by the opcode at its place in the header.
fn is_forget(message: &[u8]) -> bool {
    matches!(message.get(4..8), Some([2 | 42, 0, 0, 0]))
}

fn carry_answers(mut port: &File, mut fuse: &File) -> io::Result<()> {
    let mut buffer = vec![0; MAX_MESSAGE];
    let mut filled = 0;
    loop {
        let count = port.read(&mut buffer[filled..])?;
        if count == 0 {
            return Err(io::Error::other("the host closed it"));
        }
        filled += count;
        let mut start = 0;
        while let Some(len) = message_length(&buffer[start..filled])? {
            // An answer that nobody waits for any more is refused, and that is all right.
            let _ = fuse.write(&buffer[start..start + len]);
            start += len;
        }
        // Most reads bring a piece of a large answer; moving what is there each time would cost far more than it.
        if start > 0 {
            buffer.copy_within(start..filled, 0);
            filled -= start;
        }
    }
}

/// Length of the first message, when all of it is there.
fn message_length(bytes: &[u8]) -> io::Result<Option<usize>> {
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
}
