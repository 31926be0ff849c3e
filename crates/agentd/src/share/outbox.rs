//! Messages on their way to the host.

use std::io::{self, Write};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Messages that nobody waits for are held back up to so many bytes, and so long.
const MAX_HELD: usize = 4096;
const HOLD: Duration = Duration::from_millis(50);

/// Sends messages whole and one at a time: a port takes a large one in pieces, and no other may come between them.
///
/// What nobody waits for travels with the next message. When none comes soon, [`Self::await_late`] tells so.
pub struct Outbox<P> {
    port: P,
    held: Mutex<Held>,
    first_held: Condvar,
}

#[derive(Default)]
struct Held {
    messages: Vec<u8>,
    /// How many answers they get.
    answers: usize,
    /// The thread that waits has been told that something is here.
    told: bool,
    ended: bool,
}

impl<P> Outbox<P>
where
    for<'a> &'a P: Write,
{
    /// An empty one.
    pub fn new(port: P) -> Self {
        Self {
            port,
            held: Mutex::default(),
            first_held: Condvar::new(),
        }
    }

    /// Where messages go.
    pub fn port(&self) -> &P {
        &self.port
    }

    /// Keeps a message that nobody waits for, unless there are too many.
    ///
    /// # Errors
    /// When another thread failed.
    pub fn hold(&self, message: &[u8], answers: usize) -> io::Result<bool> {
        let mut held = self.lock()?;
        if held.messages.len() + message.len() > MAX_HELD {
            return Ok(false);
        }
        held.messages.extend_from_slice(message);
        held.answers += answers;
        if !held.told {
            held.told = true;
            self.first_held.notify_one();
        }
        Ok(true)
    }

    /// Sends what is held, then `message`. `expect` is called before, with the number of answers that they get.
    ///
    /// # Errors
    /// When the port does not take them.
    pub fn send(
        &self,
        message: &[u8],
        answers: usize,
        expect: impl FnOnce(usize),
    ) -> io::Result<()> {
        let mut held = self.lock()?;
        expect(answers + std::mem::take(&mut held.answers));
        let mut port = &self.port;
        if held.messages.is_empty() {
            return port.write_all(message);
        }
        // Each write wakes the host, which costs more than copying a small message.
        let rest = if message.len() <= MAX_HELD {
            held.messages.extend_from_slice(message);
            &[]
        } else {
            message
        };
        port.write_all(&held.messages)?;
        held.messages.clear();
        port.write_all(rest)
    }

    /// Waits until something has been held back for long enough. @returns false when nothing will be any more
    ///
    /// # Errors
    /// When another thread failed.
    pub fn await_late(&self) -> io::Result<bool> {
        let mut held = self.lock()?;
        loop {
            held.told = !held.messages.is_empty();
            while !held.told && !held.ended {
                held = self.first_held.wait(held).map_err(|_| failed())?;
            }
            if held.ended {
                return Ok(false);
            }
            drop(held);
            // Nothing that comes ends this sleep: a busy share would wake its watch for every message.
            std::thread::sleep(HOLD);
            held = self.lock()?;
            if !held.messages.is_empty() {
                return Ok(!held.ended);
            }
        }
    }

    /// Lets the thread go that waits.
    pub fn end(&self) {
        self.held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .ended = true;
        self.first_held.notify_all();
    }

    fn lock(&self) -> io::Result<MutexGuard<'_, Held>> {
        self.held.lock().map_err(|_| failed())
    }
}

fn failed() -> io::Error {
    io::Error::other("a thread failed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    #[test]
    fn what_is_held_goes_first_and_its_answers_count() {
        let (port, mut host) = UnixStream::pair().unwrap();
        let outbox = Outbox::new(port);
        assert!(outbox.hold(b"close ", 1).unwrap());
        assert!(outbox.hold(b"forget ", 0).unwrap());
        let mut expected = 0;
        outbox.send(b"open", 1, |count| expected += count).unwrap();
        let mut bytes = [0; 17];
        host.read_exact(&mut bytes).unwrap();
        assert_eq!((&bytes, expected), (b"close forget open", 2));
        outbox.send(b"!", 1, |count| expected += count).unwrap();
        assert_eq!(expected, 3);
    }

    #[test]
    fn no_more_is_held_than_fits() {
        let (port, mut host) = UnixStream::pair().unwrap();
        let outbox = Outbox::new(port);
        assert!(outbox.hold(&[1; MAX_HELD], 0).unwrap());
        assert!(!outbox.hold(&[2], 0).unwrap());
        let large = vec![3; MAX_HELD + 1];
        let mut bytes = vec![0; MAX_HELD + large.len()];
        outbox.send(&large, 0, |_| {}).unwrap();
        host.read_exact(&mut bytes).unwrap();
        assert_eq!(bytes[MAX_HELD..], large);
    }

    #[test]
    fn it_is_told_when_nothing_follows() {
        let (port, _host) = UnixStream::pair().unwrap();
        let outbox = Outbox::new(port);
        std::thread::scope(|scope| {
            let late = scope.spawn(|| outbox.await_late());
            assert!(outbox.hold(b"close", 1).unwrap());
            assert!(late.join().unwrap().unwrap());
        });
        outbox.send(&[], 0, |count| assert_eq!(count, 1)).unwrap();
        std::thread::scope(|scope| {
            let late = scope.spawn(|| outbox.await_late());
            outbox.end();
            assert!(!late.join().unwrap().unwrap());
        });
    }
}
