use super::path_mtu::{is_too_big, keep_whole, path_mtu};
use crate::core::Core;
use crate::net::Net;
use crate::packet::{Datagram, Emitter, TooBig};
use crate::token::Owner;
use mio::Interest;
use mio::net::UdpSocket;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

struct Session {
    socket: UdpSocket,
    key: Key,
    last_active: Instant,
    /// Its datagrams are not cut up on their way.
    whole: bool,
    /// Payload of the last datagram that was sent, in bytes.
    length: usize,
    readable: bool,
}

/// Guest's address, and the one that it dialled.
type Key = (SocketAddr, SocketAddr);

/// One connected host socket for each pair of guest address and destination (spec: network 6.2), so that only that
/// peer's datagrams come back. The kernel's socket buffers are the queues.
#[derive(Default)]
pub struct Relay {
    sessions: HashMap<u32, Session>,
    keys: HashMap<Key, u32>,
    ready: Vec<u32>,
    next: u32,
    buffer: Vec<u8>,
}

const IDLE: Duration = Duration::from_secs(60);
const BATCH: usize = 64;
const MAX_DATAGRAM: usize = 65535;

impl Session {
    fn send(&mut self, datagram: &Datagram, net: &mut Net, emitter: &Emitter) {
        if self.whole != datagram.whole && keep_whole(&self.socket, datagram.whole).is_ok() {
            self.whole = datagram.whole;
        }
        self.length = datagram.payload.len();
        // The first error may be of a datagram before (port unreachable); it is reported instead of sending.
        for _ in 0..2 {
            match self.socket.send(datagram.payload) {
                Err(e) if is_too_big(&e) => {
                    self.tell_mtu(net, emitter);
                    return;
                }
                // A full socket buffer looks like loss to the guest.
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => {}
                Ok(_) => return,
            }
        }
    }

    fn tell_mtu(&self, net: &mut Net, emitter: &Emitter) {
        let (source, destination) = self.key;
        let datagram = TooBig {
            source,
            destination,
            length: self.length,
        };
        if let Ok(mtu) = path_mtu(&self.socket) {
            emitter.too_big(&mut net.out, &datagram, mtu);
        }
    }
}

impl Relay {
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    pub fn send(&mut self, datagram: &Datagram, net: &mut Net, emitter: &Emitter, core: &Core) {
        let key = (datagram.source, datagram.destination);
        let id = match self.keys.get(&key) {
            Some(id) => *id,
            None => match self.open(key, core) {
                Ok(id) => id,
                Err(_) => return,
            },
        };
        if let Some(session) = self.sessions.get_mut(&id) {
            session.last_active = core.now;
            session.send(datagram, net, emitter);
        }
    }

    fn open(&mut self, key: Key, core: &Core) -> io::Result<u32> {
        while self.sessions.len() >= core.settings.limits.max_udp_sessions.max(1) {
            let oldest = self.sessions.iter().min_by_key(|(_, s)| s.last_active);
            let Some(id) = oldest.map(|(id, _)| *id) else {
                break;
            };
            self.remove(id);
        }
        let target = match core.host_targets(key.1).first() {
            Some(target) => *target,
            None => return Err(io::ErrorKind::AddrNotAvailable.into()),
        };
        let any = match target.ip() {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let mut socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
        socket.connect(target)?;
        self.next = self.next.wrapping_add(1);
        let id = self.next;
        core.registry
            .register(&mut socket, Owner::Session(id).token(), Interest::READABLE)?;
        let session = Session {
            socket,
            key,
            last_active: core.now,
            whole: false,
            length: 0,
            readable: false,
        };
        self.sessions.insert(id, session);
        self.keys.insert(key, id);
        Ok(id)
    }

    pub fn ready(&mut self, id: u32) {
        if let Some(session) = self.sessions.get_mut(&id)
            && !session.readable
        {
            session.readable = true;
            self.ready.push(id);
        }
    }

    /// Moves replies to the guest; true when more may wait.
    pub fn receive(&mut self, net: &mut Net, emitter: &mut Emitter) -> bool {
        self.buffer.resize(MAX_DATAGRAM, 0);
        for id in std::mem::take(&mut self.ready) {
            let Some(session) = self.sessions.get_mut(&id) else {
                continue;
            };
            for _ in 0..BATCH {
                match session.socket.recv(&mut self.buffer) {
                    Ok(count) => {
                        let (guest, dialled) = session.key;
                        emitter.udp(&mut net.out, dialled, guest, &self.buffer[..count]);
                    }
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                        session.readable = false;
                        break;
                    }
                    // What routers and the peer report is told once; only sizes are the guest's business.
                    Err(e) if is_too_big(&e) => session.tell_mtu(net, emitter),
                    Err(_) => {}
                }
            }
            if session.readable {
                self.ready.push(id);
            }
        }
        !self.ready.is_empty()
    }

    pub fn expire(&mut self, now: Instant) {
        let idle = |s: &Session| now.saturating_duration_since(s.last_active) >= IDLE;
        let gone: Vec<u32> = self
            .sessions
            .iter()
            .filter(|(_, s)| idle(s))
            .map(|(id, _)| *id)
            .collect();
        gone.into_iter().for_each(|id| self.remove(id));
    }

    fn remove(&mut self, id: u32) {
        if let Some(session) = self.sessions.remove(&id) {
            self.keys.remove(&session.key);
        }
    }
}
