//! What the stack tells its owner, and the queue in which it waits.

use crate::policy::{DecidedBy, Protocol};
use mio::net::UnixStream;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Why the owner gets a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamKind {
    Tls,
    Dot,
    Plain,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VerdictDirection {
    Egress,
    Ingress,
    Dns,
}

/// A verdict and how often it came since it was last told.
#[derive(Debug, Clone)]
pub struct VerdictSeen {
    pub allowed: bool,
    pub direction: VerdictDirection,
    pub protocol: Protocol,
    pub address: Option<IpAddr>,
    pub port: Option<u16>,
    pub hostname: Option<String>,
    pub decided_by: DecidedBy,
    pub allow_rule: Option<String>,
    pub count: u64,
    pub first: bool,
}

#[derive(Debug)]
pub enum Event {
    Stream {
        stream: u32,
        /// The owner's end of the stream: bytes and ends of either direction. Resets are told and asked for.
        end: OwnedFd,
        kind: StreamKind,
        source: SocketAddr,
        destination: SocketAddr,
        server_name: Option<String>,
    },
    Closed {
        stream: u32,
        reset: bool,
        /// The stack's end of a stream that was reset. It closes with the event, when the owner knows: before that, the
        /// reset would look like an orderly end.
        held: Option<UnixStream>,
    },
    DnsQuery {
        query: u32,
        tcp: bool,
        destination: SocketAddr,
        message: Vec<u8>,
    },
    Verdict(VerdictSeen),
    Warning(String),
    Stopped(Option<String>),
}

/// Events that wait for the owner. Bounded by the limits of the tables that produce them.
pub struct EventQueue {
    events: Mutex<Vec<Event>>,
    /// The owner was told and has not taken the events yet.
    told: AtomicBool,
    tell: Box<dyn Fn() + Send + Sync>,
}

impl EventQueue {
    /// `tell` is called from any thread when events wait; it must not block.
    pub fn new(tell: impl Fn() + Send + Sync + 'static) -> EventQueue {
        EventQueue {
            events: Mutex::new(Vec::new()),
            told: AtomicBool::new(false),
            tell: Box::new(tell),
        }
    }

    pub fn push(&self, event: Event) {
        self.lock().push(event);
    }

    /// Tells the owner, once per batch.
    pub fn announce(&self) {
        let waiting = !self.lock().is_empty();
        if waiting && !self.told.swap(true, Ordering::AcqRel) {
            (self.tell)();
        }
    }

    pub fn take(&self) -> Vec<Event> {
        self.told.store(false, Ordering::Release);
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
