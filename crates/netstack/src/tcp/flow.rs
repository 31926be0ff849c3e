use super::dial::Dial;
use super::dns::DnsConnection;
use super::drain::Drain;
use super::peek::Peek;
use super::reopening::Reopening;
use super::splice::Splice;
use super::stream::Stream;
use mio::net::TcpStream;
use smoltcp::iface::SocketHandle;
use std::net::SocketAddr;
use std::time::Instant;

/// The two ends of a connection as the guest sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tuple {
    pub guest: SocketAddr,
    pub remote: SocketAddr,
}

/// Where a connection is in its life.
pub enum Stage {
    /// The guest's handshake runs. With `deferred` the server name decides.
    Opening {
        deferred: bool,
    },
    /// The stack's handshake into the guest runs; a host peer waits.
    Entering(TcpStream),
    Peeking(Peek),
    Dialling(Dial),
    Spliced(Splice),
    HandedUp(Stream),
    Dns(DnsConnection),
    Draining(Drain),
    /// Reset, or about to be.
    Dead,
}

pub struct Flow {
    pub id: u32,
    pub tuple: Tuple,
    pub handle: SocketHandle,
    pub stage: Stage,
    pub opened: Instant,
    /// Opened by a peer of a published port.
    pub inbound: bool,
    /// Already in the list of connections to serve.
    pub marked: bool,
    /// The guest's FIN has been seen, so its socket's end is orderly.
    pub guest_finished: bool,
    /// When its socket was first found closed, its last segment perhaps not sent.
    pub closed: Option<Instant>,
    pub reopening: Reopening,
    /// In TIME-WAIT with its work done; no longer counts as live.
    pub lingering: bool,
}

impl Flow {
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Draining(_) | Stage::Dead)
    }
}
