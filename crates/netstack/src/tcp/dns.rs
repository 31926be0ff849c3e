use crate::core::Core;
use crate::queries::Asker;
use smoltcp::socket::tcp::Socket;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// DNS over TCP: messages after their length as 2 bytes, big-endian (RFC 1035, 4.2.2), answered in any order.
pub struct DnsConnection {
    flow: u32,
    resolver: SocketAddr,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    waiting: usize,
    last_active: Instant,
    ended: bool,
}

const MAX_WAITING: usize = 32;
/// A guest that does not read its answers gets no more of them.
const MAX_UNREAD: usize = 64 * 1024;
const IDLE: Duration = Duration::from_secs(30);
const LENGTH: usize = 2;

impl DnsConnection {
    pub fn new(flow: u32, resolver: SocketAddr, now: Instant) -> DnsConnection {
        DnsConnection {
            flow,
            resolver,
            incoming: Vec::new(),
            outgoing: Vec::new(),
            waiting: 0,
            last_active: now,
            ended: false,
        }
    }

    /// An answer; none ends the connection.
    pub fn respond(&mut self, response: Option<&[u8]>, now: Instant) {
        self.waiting = self.waiting.saturating_sub(1);
        self.last_active = now;
        match response.map(|r| (u16::try_from(r.len()), r)) {
            Some((Ok(length), response)) => {
                self.outgoing.extend_from_slice(&length.to_be_bytes());
                self.outgoing.extend_from_slice(response);
            }
            _ => self.ended = true,
        }
    }

    /// Reads queries and writes answers; true when the connection is over.
    pub fn pump(&mut self, guest: &mut Socket, core: &mut Core) -> bool {
        while !self.ended && self.may_ask() && core.queries.has_room() {
            if !self.ask_next(core) && !self.receive(guest, core.now) {
                break;
            }
        }
        if let Ok(count) = guest.send_slice(&self.outgoing) {
            self.outgoing.drain(..count);
        }
        let idle = core.now.duration_since(self.last_active) >= IDLE;
        let done = !guest.may_recv() && self.waiting == 0;
        self.outgoing.is_empty() && (self.ended || idle || done)
    }

    fn may_ask(&self) -> bool {
        self.waiting < MAX_WAITING && self.outgoing.len() < MAX_UNREAD
    }

    fn receive(&mut self, guest: &mut Socket, now: Instant) -> bool {
        if !guest.can_recv() {
            return false;
        }
        let wanted = self.missing();
        let incoming = &mut self.incoming;
        let taken = guest.recv(|bytes| {
            let count = bytes.len().min(wanted);
            incoming.extend_from_slice(&bytes[..count]);
            (count, count)
        });
        self.last_active = now;
        taken.is_ok_and(|count| count > 0)
    }

    /// Bytes until the next complete step: the length, then the message.
    fn missing(&self) -> usize {
        match self.incoming.first_chunk::<LENGTH>() {
            None => LENGTH - self.incoming.len(),
            Some(prefix) => {
                (LENGTH + usize::from(u16::from_be_bytes(*prefix))) - self.incoming.len()
            }
        }
    }

    fn ask_next(&mut self, core: &mut Core) -> bool {
        if self.incoming.len() < LENGTH || self.missing() > 0 {
            return false;
        }
        let message = self.incoming.split_off(LENGTH);
        self.incoming.clear();
        let asker = Asker::Flow(self.flow);
        if !message.is_empty() {
            let (shared, now) = (core.shared.clone(), core.now);
            let asked = core
                .queries
                .ask(asker, self.resolver, message, &shared, now);
            self.waiting += usize::from(asked);
        }
        true
    }
}
