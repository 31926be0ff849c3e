//! Two threads a share carry the kernel's requests to the port and the port's answers to the kernel. They touch nothing
//! but these two descriptors, so that no mount that they serve can ever wait for itself.
//!
//! The threads are alike. Who sent a request waits for its answer, and for all others until none is missing; the other
//! one then has the kernel's further requests. So a lone request and its answer cost one thread, woken twice. Were there
//! a thread for answers only, the port would wake it for each request as well: its driver has one queue for those who
//! wait to read and to write.

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};
use std::thread::Builder;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::answers::Answers;
use super::message::{MAX_MESSAGE, expects_answer, is_unhurried, known_answer};
use super::pending::Pending;
use crate::sys::become_file_server;

const STACK_BYTES: usize = 64 << 10;

/// Messages that nobody waits for are held back up to so many bytes, and so long.
const MAX_HELD: usize = 4096;
const HOLD: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 20_000_000,
};

/// What the threads of a share have in common.
struct Share {
    port: File,
    /// Held while a message is sent: the port takes a large one in pieces, and no other may come between them.
    sending: Mutex<()>,
    fuse: File,
    pending: Pending<Answers>,
}

/// Starts the threads of share `number`.
///
/// # Errors
/// When a thread cannot be made.
pub fn start(number: usize, port: File, fuse: File) -> io::Result<()> {
    let share = Arc::new(Share {
        port,
        sending: Mutex::new(()),
        fuse,
        pending: Pending::new(Answers::new()),
    });
    for side in ["a", "b"] {
        let share = Arc::clone(&share);
        let run = move || {
            become_file_server();
            if let Err(error) = share.carry() {
                eprintln!("agentd: share fs.{number}: {error}");
            }
        };
        Builder::new()
            .name(format!("fs.{number} {side}"))
            .stack_size(STACK_BYTES)
            .spawn(run)?;
    }
    Ok(())
}

impl Share {
    /// Ends when the file system is unmounted, or when the host is gone and the next request finds out. Letting go of
    /// the kernel's descriptor then fails everything that waits.
    ///
    /// Nobody waits for the kernel's word that it forgot or closed a file, so it travels with the next request, or alone
    /// when none comes soon.
    fn carry(&self) -> io::Result<()> {
        let mut messages = vec![0; MAX_HELD + MAX_MESSAGE];
        let (mut held, mut answers) = (0, 0);
        loop {
            if held > 0 && !self.has_more() {
                self.exchange(&messages[..held], answers)?;
                (held, answers) = (0, 0);
            }
            let count = match (&self.fuse).read(&mut messages[held..held + MAX_MESSAGE]) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                // A request that was taken back before we came.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // Unmounted.
                Err(_) => return Ok(()),
            };
            let message = &messages[held..held + count];
            if let Some(answer) = known_answer(message) {
                // Refused when nobody waits for it any more.
                let _ = (&self.fuse).write(&answer);
                continue;
            }
            answers += usize::from(expects_answer(message));
            let waits = is_unhurried(message) && held + count <= MAX_HELD;
            held += count;
            if !waits {
                self.exchange(&messages[..held], answers)?;
                (held, answers) = (0, 0);
            }
        }
    }

    /// Sends messages that get `answers` answers, and carries answers until none is missing, unless the other thread does.
    fn exchange(&self, messages: &[u8], answers: usize) -> io::Result<()> {
        self.pending.add(answers);
        self.send(messages)?;
        self.pending
            .settle(|answers| answers.carry(&self.port, &self.fuse))
    }

    /// Nobody reads while both threads are here. That is safe: neither came before what it awaited was answered, so the
    /// host has nothing to say until it has one of these messages whole, whose sender then reads.
    fn send(&self, messages: &[u8]) -> io::Result<()> {
        let _turn = self
            .sending
            .lock()
            .map_err(|_| io::Error::other("a thread failed"))?;
        (&self.port).write_all(messages)
    }

    /// Whether a request comes soon; true as well when reading is what tells why not.
    fn has_more(&self) -> bool {
        !matches!(
            poll(&mut [PollFd::new(&self.fuse, PollFlags::IN)], Some(&HOLD)),
            Ok(0)
        )
    }
}
