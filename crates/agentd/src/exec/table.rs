//! All sessions, and whose turn it is.

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::session::Session;

/// What a watched descriptor of a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceKind {
    /// Tells how the start went.
    Status,
    /// Takes input.
    Input,
    /// Output of the given number.
    Output(usize),
}

/// Sessions by correlation id.
#[derive(Debug, Default)]
pub struct Sessions {
    by_id: BTreeMap<u32, Session>,
    /// First id to be served next, so that a noisy session does not starve the others.
    turn: u32,
}

impl Sessions {
    /// Adds `session`; gives back the one that had the id before.
    pub fn insert(&mut self, id: u32, session: Session) -> Option<Session> {
        self.by_id.insert(id, session)
    }

    /// The session of `id`.
    pub fn get_mut(&mut self, id: u32) -> Option<&mut Session> {
        self.by_id.get_mut(&id)
    }

    /// Takes the session of `id` out.
    pub fn remove(&mut self, id: u32) -> Option<Session> {
        self.by_id.remove(&id)
    }

    /// Every session.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Session)> {
        self.by_id.iter().map(|(id, session)| (*id, session))
    }

    /// Every session.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut Session)> {
        self.by_id.iter_mut().map(|(id, session)| (*id, session))
    }

    /// Number of sessions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// The session whose living leader is `pid`; the number of a dead one may be in use again.
    pub fn by_pid(&mut self, pid: Pid) -> Option<&mut Session> {
        self.by_id
            .values_mut()
            .find(|session| session.pid() == pid && !session.has_ended())
    }

    /// Input that waits, in bytes over all sessions.
    #[must_use]
    pub fn waiting_input(&self) -> usize {
        self.by_id
            .values()
            .map(|session| session.input.queue().bytes())
            .sum()
    }

    /// The session with the most input among those that took none for `limit`, and how much.
    #[must_use]
    pub fn worst_stalled(&self, now: Instant, limit: Duration) -> Option<(u32, usize)> {
        let queues = self.iter().map(|(id, session)| (id, session.input.queue()));
        let stalled = queues.filter(|(_, queue)| queue.stalled_for(now) >= limit);
        stalled
            .map(|(id, queue)| (id, queue.bytes()))
            .max_by_key(|(_, bytes)| *bytes)
    }

    /// Descriptors to watch, in the order of turns. Outputs only when `read_outputs`.
    pub fn sources(&self, read_outputs: bool) -> Vec<(u32, SourceKind, BorrowedFd<'_>)> {
        let mut sources = Vec::new();
        for (&id, session) in self
            .by_id
            .range(self.turn..)
            .chain(self.by_id.range(..self.turn))
        {
            sources.extend(session.status().map(|fd| (id, SourceKind::Status, fd)));
            sources.extend(
                session
                    .writable_input()
                    .map(|fd| (id, SourceKind::Input, fd)),
            );
            if read_outputs {
                let outputs = session.outputs().enumerate();
                sources.extend(outputs.map(|(index, fd)| (id, SourceKind::Output(index), fd)));
            }
        }
        sources
    }

    /// The next round starts behind `id`.
    pub fn served(&mut self, id: u32) {
        self.turn = id.wrapping_add(1);
    }
}
