//! The threads of a share carry the kernel's requests to the port and the port's answers to the kernel. They touch nothing
//! but these two descriptors, so that no mount that they serve can ever wait for itself.
//!
//! Two of them are alike. Who sent a request waits for its answer, and for all others until none is missing; the other
//! one then has the kernel's further requests. So a lone request and its answer cost one thread, woken twice. Were there
//! a thread for answers only, the port would wake it for each request as well: its driver has one queue for those who
//! wait to read and to write. The third one sleeps, until a share falls quiet that holds messages back.

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::thread::Builder;

use super::answers::Answers;
use super::foresight::{Foresight, QUESTION_BYTES};
use super::message::{MAX_MESSAGE, expects_answer, is_unhurried, known_answer};
use super::outbox::Outbox;
use super::pending::Pending;
use crate::sys::become_file_server;

const STACK_BYTES: usize = 64 << 10;

/// What the threads of a share have in common.
struct Share {
    outbox: Outbox<File>,
    fuse: File,
    foresight: Foresight,
    pending: Pending<Answers>,
}

/// What a thread does until the share ends.
type Work = fn(&Share) -> io::Result<()>;

/// Starts the threads of share `number`.
///
/// # Errors
/// When a thread cannot be made.
pub fn start(number: usize, port: File, fuse: File) -> io::Result<()> {
    let share = Arc::new(Share {
        outbox: Outbox::new(port),
        fuse,
        foresight: Foresight::default(),
        pending: Pending::new(Answers::new()),
    });
    let works: [(&str, Work); 3] = [
        ("a", Share::carry),
        ("b", Share::carry),
        ("late", Share::send_late),
    ];
    for (name, work) in works {
        let share = Arc::clone(&share);
        let run = move || {
            become_file_server();
            if let Err(error) = work(&share) {
                eprintln!("agentd: share fs.{number}: {error}");
            }
            share.outbox.end();
        };
        Builder::new()
            .name(format!("fs.{number} {name}"))
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
        let mut buffer = vec![0; MAX_MESSAGE + QUESTION_BYTES];
        loop {
            let count = match (&self.fuse).read(&mut buffer[..MAX_MESSAGE]) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                // A request that was taken back before we came.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // Unmounted.
                Err(_) => return Ok(()),
            };
            let message = &buffer[..count];
            if let Some(answer) = known_answer(message) {
                self.answer(&answer);
                continue;
            }
            if let Some(answer) = self.foresight.answer_to(message) {
                self.answer(&answer);
                continue;
            }
            let mut answers = usize::from(expects_answer(message));
            if is_unhurried(message) && self.outbox.hold(message, answers)? {
                continue;
            }
            let mut end = count;
            if let Some(question) = self.foresight.question_behind(message) {
                end += question.len();
                buffer[count..end].copy_from_slice(&question);
                answers += 1;
            }
            self.exchange(&buffer[..end], answers)?;
        }
    }

    /// Sends what was held back until the share fell quiet.
    fn send_late(&self) -> io::Result<()> {
        while self.outbox.await_late()? {
            self.exchange(&[], 0)?;
        }
        Ok(())
    }

    /// Sends a message that gets `answers` answers, and carries answers until none is missing, unless another thread
    /// does.
    ///
    /// Nobody reads while all threads send. That is safe: none came before what it awaited was answered, so the host has
    /// nothing to say until it has one of these messages whole, whose sender then reads.
    fn exchange(&self, message: &[u8], answers: usize) -> io::Result<()> {
        self.outbox
            .send(message, answers, |count| self.pending.add(count))?;
        self.pending.settle(|answers| {
            answers.carry(self.outbox.port(), |answer| {
                if !self.foresight.keep(answer) {
                    self.answer(answer);
                }
            })
        })
    }

    /// Gives the kernel an answer. One that nobody waits for any more is refused, and that is all right.
    fn answer(&self, answer: &[u8]) {
        let _ = (&self.fuse).write(answer);
    }
}
