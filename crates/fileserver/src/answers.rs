//! Answers on their way to the guest.

use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use rustix::io::Errno;
use rustix::net::{SendFlags, send};

/// Answers that are sent together, in bytes.
const MAX_UNSENT: usize = 16 << 10;

/// Sends answers whole and one at a time. Those to requests that came together are sent together: each message wakes the
/// guest.
#[derive(Default)]
pub struct Answers(Mutex<Vec<u8>>);

impl Answers {
    /// Sends an answer, or keeps it when there is `more` to come that it can be sent with.
    ///
    /// # Errors
    /// Those of the socket, `EPIPE` when the guest is gone.
    pub fn put(&self, socket: impl AsFd, answer: &[u8], more: bool) -> Result<(), Errno> {
        let mut unsent = self.lock();
        if unsent.len() + answer.len() > MAX_UNSENT {
            send_all(&socket, &std::mem::take(&mut *unsent))?;
            return send_all(&socket, answer);
        }
        if unsent.is_empty() && !more {
            return send_all(socket, answer);
        }
        unsent.extend_from_slice(answer);
        match more {
            true => Ok(()),
            false => flush(socket, &mut unsent),
        }
    }

    /// Sends what was kept.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub fn flush(&self, socket: impl AsFd) -> Result<(), Errno> {
        flush(socket, &mut self.lock())
    }

    /// Sends what was kept, unless a thread is sending. @returns whether none was
    pub fn flush_if_free(&self, socket: impl AsFd) -> bool {
        let mut unsent = match self.0.try_lock() {
            Ok(unsent) => unsent,
            Err(TryLockError::Poisoned(error)) => error.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        // The next thread that sends will learn of an error.
        let _ = flush(socket, &mut unsent);
        true
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn flush(socket: impl AsFd, unsent: &mut Vec<u8>) -> Result<(), Errno> {
    let sent = send_all(socket, unsent);
    unsent.clear();
    sent
}

fn send_all(socket: impl AsFd, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match send(&socket, bytes, SendFlags::NOSIGNAL) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    #[test]
    fn they_come_in_order_whether_together_or_alone() {
        let (host, mut guest) = UnixStream::pair().unwrap();
        let answers = Answers::default();
        let large = vec![b'x'; MAX_UNSENT];
        answers.put(&host, b"a", true).unwrap();
        answers.put(&host, b"b", false).unwrap();
        answers.put(&host, b"c", true).unwrap();
        answers.put(&host, &large, true).unwrap();
        answers.put(&host, b"d", true).unwrap();
        assert!(answers.flush_if_free(&host));
        answers.put(&host, b"e", true).unwrap();
        answers.flush(&host).unwrap();
        drop(host);
        let mut come = Vec::new();
        guest.read_to_end(&mut come).unwrap();
        assert_eq!(come, [b"abc", &large[..], b"de"].concat());
    }
}
