//! One `poll` over everything the loop waits for.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::exec::SourceKind;

/// What a watched descriptor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The port: frames, or its other end is gone.
    Port,
    /// Children ended.
    Children,
    /// A thread has something.
    Threads,
    /// A descriptor of the process with this id.
    Exec(u32, SourceKind),
    /// The socket with this id.
    Tcp(u32),
    /// A pipe that is read for nobody.
    Leftover(usize),
}

/// A descriptor, and what of it is waited for. Nothing still reports a broken one.
pub type Watch<'a> = (Source, BorrowedFd<'a>, PollFlags);

/// Waits until something is ready or `timeout` passed; says what, in the order of `watches`.
///
/// # Errors
/// When polling fails.
pub fn wait(watches: &[Watch<'_>], timeout: Option<Duration>) -> io::Result<Vec<Source>> {
    let mut fds: Vec<_> = watches
        .iter()
        .map(|(_, fd, events)| PollFd::from_borrowed_fd(*fd, *events))
        .collect();
    let timeout = timeout
        .map(Timespec::try_from)
        .transpose()
        .map_err(io::Error::other)?;
    match poll(&mut fds, timeout.as_ref()) {
        Ok(_) => {}
        Err(Errno::INTR) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    }
    let ready = |fd: &PollFd<'_>| !fd.revents().is_empty();
    let sources = watches.iter().zip(&fds).filter(|(_, fd)| ready(fd));
    Ok(sources.map(|((source, ..), _)| *source).collect())
}
