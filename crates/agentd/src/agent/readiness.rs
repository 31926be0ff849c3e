//! One `poll` over everything the loop waits for.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::exec::SourceKind;

/// What is ready.
#[derive(Debug, Default)]
pub struct Readiness {
    /// The port has frames, or its other end is gone.
    pub port: bool,
    /// Children ended.
    pub children: bool,
    /// Descriptors of sessions, in the order they were given.
    pub sessions: Vec<(u32, SourceKind)>,
    /// Indexes of leftover pipes.
    pub leftovers: Vec<usize>,
}

/// Waits until something is ready or `timeout` passed.
///
/// # Errors
/// When polling fails.
pub fn wait(
    port: impl AsFd,
    listen: bool,
    write: bool,
    children: impl AsFd,
    sources: &[(u32, SourceKind, BorrowedFd<'_>)],
    leftovers: &[impl AsFd],
    timeout: Option<Duration>,
) -> io::Result<Readiness> {
    let mut interest = PollFlags::empty();
    interest.set(PollFlags::IN, listen);
    interest.set(PollFlags::OUT, write);
    let mut fds = Vec::with_capacity(2 + sources.len() + leftovers.len());
    fds.push(PollFd::new(&port, interest));
    fds.push(PollFd::new(&children, PollFlags::IN));
    for (_, kind, fd) in sources {
        let output = matches!(kind, SourceKind::Input);
        fds.push(PollFd::new(
            fd,
            if output {
                PollFlags::OUT
            } else {
                PollFlags::IN
            },
        ));
    }
    fds.extend(leftovers.iter().map(|fd| PollFd::new(fd, PollFlags::IN)));
    let timeout = timeout
        .map(Timespec::try_from)
        .transpose()
        .map_err(io::Error::other)?;
    match poll(&mut fds, timeout.as_ref()) {
        Ok(_) => {}
        Err(Errno::INTR) => return Ok(Readiness::default()),
        Err(error) => return Err(error.into()),
    }
    let ready: Vec<PollFlags> = fds.iter().map(PollFd::revents).collect();
    let any = |flags: &PollFlags| !flags.is_empty();
    let (of_sessions, of_leftovers) = ready[2..].split_at(sources.len());
    Ok(Readiness {
        port: ready[0].intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR),
        children: any(&ready[1]),
        sessions: sources
            .iter()
            .zip(of_sessions)
            .filter(|(_, flags)| any(flags))
            .map(|((id, kind, _), _)| (*id, *kind))
            .collect(),
        leftovers: (0..)
            .zip(of_leftovers)
            .filter(|(_, f)| any(f))
            .map(|(index, _)| index)
            .collect(),
    })
}
