use crate::core::Core;
use crate::net::Net;
use crate::packet::{Datagram, Emitter};
use crate::policy::{Outcome, Protocol, Question};
use crate::ports::EphemeralPorts;
use crate::token::Owner;
use mio::Interest;
use mio::net::UdpSocket;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// One published UDP port (spec: network 9.2).
struct Published {
    socket: UdpSocket,
    /// The guest's end.
    guest: SocketAddr,
    gateway: IpAddr,
    /// Which gateway port stands for which peer.
    peers: HashMap<SocketAddr, Peer>,
    by_port: HashMap<u16, SocketAddr>,
    readable: bool,
}

struct Peer {
    port: u16,
    last_active: Instant,
}

#[derive(Default)]
pub struct PublishedPorts {
    published: HashMap<u32, Published>,
    next: u32,
    ports: EphemeralPorts,
}

const IDLE: Duration = Duration::from_secs(60);
const BATCH: usize = 64;
const MAX_DATAGRAM: usize = 65535;

impl PublishedPorts {
    pub fn add(
        &mut self,
        socket: std::net::UdpSocket,
        guest_port: u16,
        core: &Core,
    ) -> io::Result<()> {
        let addresses = &core.settings.addresses;
        let (guest, gateway) = match socket.local_addr()? {
            SocketAddr::V4(_) => addresses
                .ipv4
                .map(|f| (IpAddr::from(f.guest), IpAddr::from(f.gateway))),
            SocketAddr::V6(_) => addresses
                .ipv6
                .map(|f| (IpAddr::from(f.guest), IpAddr::from(f.gateway))),
        }
        .ok_or(io::ErrorKind::AddrNotAvailable)?;
        let mut socket = UdpSocket::from_std(socket);
        self.next += 1;
        let token = Owner::PublishedUdp(self.next).token();
        core.registry
            .register(&mut socket, token, Interest::READABLE)?;
        let published = Published {
            socket,
            guest: SocketAddr::new(guest, guest_port),
            gateway,
            peers: HashMap::new(),
            by_port: HashMap::new(),
            readable: true,
        };
        self.published.insert(self.next, published);
        Ok(())
    }

    pub fn ready(&mut self, id: u32) {
        if let Some(published) = self.published.get_mut(&id) {
            published.readable = true;
        }
    }

    /// Sends a guest's datagram to the peer that it answers; false when it answers none.
    pub fn answer(&self, datagram: &Datagram) -> bool {
        let routes = self.published.values();
        let mut routes = routes.filter(|p| p.guest == datagram.source);
        routes.any(|published| {
            let destination = datagram.destination;
            let peer = published.by_port.get(&destination.port());
            let answers = destination.ip() == published.gateway;
            match peer.filter(|_| answers) {
                Some(peer) => {
                    let _ = published.socket.send_to(datagram.payload, *peer);
                    true
                }
                None => false,
            }
        })
    }

    /// Moves peers' datagrams to the guest; true when more may wait.
    pub fn receive(&mut self, net: &mut Net, emitter: &mut Emitter, core: &Core) -> bool {
        let mut buffer = Vec::new();
        let mut more = false;
        for published in self.published.values_mut().filter(|p| p.readable) {
            buffer.resize(MAX_DATAGRAM, 0);
            for _ in 0..BATCH {
                match published.socket.recv_from(&mut buffer) {
                    Ok((count, from)) => {
                        if let Some(port) = published.admit(from, &mut self.ports, core) {
                            let source = SocketAddr::new(published.gateway, port);
                            emitter.udp(&mut net.out, source, published.guest, &buffer[..count]);
                        }
                    }
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                        published.readable = false;
                        break;
                    }
                    Err(_) => {}
                }
            }
            more |= published.readable;
        }
        more
    }

    pub fn expire(&mut self, now: Instant) {
        for published in self.published.values_mut() {
            let idle = |peer: &Peer| now.saturating_duration_since(peer.last_active) >= IDLE;
            let by_port = &mut published.by_port;
            published.peers.retain(|_, peer| {
                let keep = !idle(peer);
                if !keep {
                    by_port.remove(&peer.port);
                }
                keep
            });
        }
    }
}

impl Published {
    /// Gateway port that stands for a peer, when the policy lets it in.
    fn admit(&mut self, from: SocketAddr, ports: &mut EphemeralPorts, core: &Core) -> Option<u16> {
        let question = Question::Ingress {
            protocol: Protocol::Udp,
            address: from.ip(),
            port: self.guest.port(),
        };
        if core.shared.judge(&question, true).verdict.outcome != Outcome::Allow {
            return None;
        }
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.last_active = core.now;
            return Some(peer.port);
        }
        if self.peers.len() >= core.settings.limits.max_published_connections.max(1) {
            let oldest = self.peers.iter().min_by_key(|(_, peer)| peer.last_active);
            let (address, port) = oldest.map(|(address, peer)| (*address, peer.port))?;
            self.peers.remove(&address);
            self.by_port.remove(&port);
        }
        let mut port = ports.next();
        while self.by_port.contains_key(&port) {
            port = ports.next();
        }
        let last_active = core.now;
        self.peers.insert(from, Peer { port, last_active });
        self.by_port.insert(port, from);
        Some(port)
    }
}
