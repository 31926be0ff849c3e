//! All connections, and whose turn it is.

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use super::connect::{Connected, connect};
use super::session::TcpSession;
use crate::waker::Waker;

/// Each takes a thread while it is being opened.
const MAX_CONNECTIONS: usize = 1024;

/// Connections by correlation id.
pub struct TcpSessions {
    by_id: BTreeMap<u32, TcpSession>,
    attempts: u64,
    results: (Sender<Connected>, Receiver<Connected>),
    waker: Waker,
    /// First id to be served next.
    turn: u32,
}

impl TcpSessions {
    /// None yet; `waker` tells about connections that were opened.
    #[must_use]
    pub fn new(waker: Waker) -> Self {
        Self {
            by_id: BTreeMap::new(),
            attempts: 0,
            results: channel(),
            waker,
            turn: 0,
        }
    }

    /// Starts to open a connection; an older one of the same id is dropped.
    ///
    /// # Errors
    /// A text, when not even that works.
    pub fn open(&mut self, id: u32, host: String, port: u16, now: Instant) -> Result<(), String> {
        if self.by_id.len() >= MAX_CONNECTIONS {
            return Err(format!("connect {host}:{port}: too many connections"));
        }
        self.attempts += 1;
        let label = format!("connect {host}:{port}");
        connect(
            id,
            self.attempts,
            host,
            port,
            self.results.0.clone(),
            self.waker.clone(),
        )
        .map_err(|error| format!("{label}: {error}"))?;
        self.by_id.insert(id, TcpSession::new(self.attempts, now));
        Ok(())
    }

    /// The next connection that was opened, or was not: true when it is of use, a text when it
    /// failed. Those whose session is gone are dropped.
    pub fn next_result(&mut self) -> Option<(u32, Result<(), String>)> {
        while let Ok(Connected {
            id,
            attempt,
            result,
        }) = self.results.1.try_recv()
        {
            let Some(session) = self.by_id.get_mut(&id).filter(|s| s.attempt() == attempt) else {
                continue;
            };
            return Some(match result {
                Ok(stream) => {
                    session.connected(stream);
                    (id, Ok(()))
                }
                Err(text) => {
                    self.by_id.remove(&id);
                    (id, Err(text))
                }
            });
        }
        None
    }

    /// The connection of `id`.
    pub fn get_mut(&mut self, id: u32) -> Option<&mut TcpSession> {
        self.by_id.get_mut(&id)
    }

    /// Drops the connection of `id`.
    pub fn close(&mut self, id: u32) {
        self.by_id.remove(&id);
    }

    /// Drops the connections of the ids in the range.
    pub fn close_range(&mut self, start: u32, end: u32) {
        self.by_id.retain(|id, _| !(start..end).contains(id));
    }

    /// Number of connections.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Bytes that wait for peers.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        self.by_id
            .values()
            .map(|session| session.queue().bytes())
            .sum()
    }

    /// The connection with the most waiting among those whose peer took nothing for `limit`.
    #[must_use]
    pub fn worst_stalled(&self, now: Instant, limit: Duration) -> Option<(u32, usize)> {
        let stalled = self
            .by_id
            .iter()
            .filter(|(_, s)| s.queue().stalled_for(now) >= limit);
        stalled
            .map(|(id, session)| (*id, session.queue().bytes()))
            .max_by_key(|(_, bytes)| *bytes)
    }

    /// Sockets to watch, in the order of turns: whether for reading, whether for writing. Reading
    /// only when `read`.
    pub fn sources(&self, read: bool) -> impl Iterator<Item = (u32, BorrowedFd<'_>, bool, bool)> {
        let behind = self.by_id.range(self.turn..);
        behind
            .chain(self.by_id.range(..self.turn))
            .filter_map(move |(id, session)| {
                let (fd, read, write) = session.interest(read)?;
                Some((*id, fd, read, write))
            })
    }

    /// The next round starts behind `id`.
    pub fn served(&mut self, id: u32) {
        self.turn = id.wrapping_add(1);
    }
}
