use super::flows::Flows;
use super::host_socket::HostSocket;
use crate::core::Core;
use crate::net::Net;
use crate::policy::{Outcome, Protocol, Question};
use crate::ports::EphemeralPorts;
use crate::token::Owner;
use mio::Interest;
use mio::net::{TcpListener, TcpStream};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};

struct Listener {
    socket: TcpListener,
    guest_port: u16,
    accepting: bool,
}

/// Host listeners of published TCP ports (spec: network 9.1).
#[derive(Default)]
pub struct Listeners {
    listeners: HashMap<u32, Listener>,
    next: u32,
    ports: EphemeralPorts,
}

/// Peers taken from one listener in one turn.
const BATCH: usize = 64;

impl Listeners {
    pub fn add(
        &mut self,
        socket: std::net::TcpListener,
        guest_port: u16,
        core: &Core,
    ) -> io::Result<()> {
        let mut socket = TcpListener::from_std(socket);
        self.next += 1;
        let token = Owner::Listener(self.next).token();
        core.registry
            .register(&mut socket, token, Interest::READABLE)?;
        let listener = Listener {
            socket,
            guest_port,
            accepting: true,
        };
        self.listeners.insert(self.next, listener);
        Ok(())
    }

    pub fn ready(&mut self, id: u32) {
        if let Some(listener) = self.listeners.get_mut(&id) {
            listener.accepting = true;
        }
    }

    /// Takes waiting peers; true when more may wait.
    pub fn accept(&mut self, flows: &mut Flows, net: &mut Net, core: &Core) -> bool {
        let Some((guest, gateway)) = inside(core) else {
            return false;
        };
        let mut more = false;
        for listener in self.listeners.values_mut().filter(|l| l.accepting) {
            for _ in 0..BATCH {
                match listener.socket.accept() {
                    Ok((peer, from)) => {
                        let guest = SocketAddr::new(guest, listener.guest_port);
                        let local = SocketAddr::new(gateway, self.ports.next());
                        admit(peer, from, guest, local, flows, net, core);
                    }
                    Err(e) => {
                        listener.accepting = e.kind() == io::ErrorKind::Interrupted;
                        break;
                    }
                }
            }
            more |= listener.accepting;
        }
        more
    }
}

fn admit(
    peer: TcpStream,
    from: SocketAddr,
    guest: SocketAddr,
    local: SocketAddr,
    flows: &mut Flows,
    net: &mut Net,
    core: &Core,
) {
    let question = Question::Ingress {
        protocol: Protocol::Tcp,
        address: from.ip(),
        port: guest.port(),
    };
    if core.shared.judge(&question, true).verdict.outcome != Outcome::Allow {
        HostSocket::new(peer).reset();
        return;
    }
    let id = match flows.enter(peer, guest, local, net, core) {
        Ok(id) => id,
        Err(peer) => {
            core.shared.report_limit(&question);
            HostSocket::new(peer).reset();
            return;
        }
    };
    flows.watch_peer(id, core);
}

/// The guest's address and the gateway's, IPv4 first, whatever family the peer has.
fn inside(core: &Core) -> Option<(IpAddr, IpAddr)> {
    let addresses = &core.settings.addresses;
    let ipv4 = addresses
        .ipv4
        .map(|f| (IpAddr::from(f.guest), IpAddr::from(f.gateway)));
    ipv4.or_else(|| {
        addresses
            .ipv6
            .map(|f| (IpAddr::from(f.guest), IpAddr::from(f.gateway)))
    })
}
