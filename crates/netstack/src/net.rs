//! smoltcp as this project uses it: the gateway's interface, open to any destination.

use crate::address::Addresses;
use crate::frame::FrameWriter;
use crate::link::Link;
use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::socket::tcp;
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpCidr, IpEndpoint, IpListenEndpoint};
use std::net::SocketAddr;

/// What a connection keeps of the guest's, in bytes. While the host side takes one part the guest can send the next:
/// with half of it both wait for each other, and throughput is a fifth less.
const RECEIVE_BUFFER: usize = 256 * 1024;
/// What it may send ahead of the guest's acknowledgements, in bytes. These take the monitor's loop and the guest's
/// interrupt each way, during which all three threads should have work.
const SEND_BUFFER: usize = 256 * 1024;

pub struct Net {
    interface: Interface,
    pub sockets: SocketSet<'static>,
    pub out: FrameWriter,
    mtu: usize,
    started: std::time::Instant,
    /// Time of this turn of the loop: a clock that is read for every frame is seen in the throughput.
    now: Instant,
}

impl Net {
    pub fn new(addresses: &Addresses, mut out: FrameWriter, seed: u64) -> Net {
        let mtu = usize::from(addresses.route_mtu);
        let mut config = Config::new(EthernetAddress(addresses.gateway_mac).into());
        config.random_seed = seed;
        let mut link = Link {
            incoming: None,
            out: &mut out,
            mtu,
        };
        let mut interface = Interface::new(config, &mut link, Instant::ZERO);
        interface.update_ip_addrs(|list| {
            // Two entries fit the smallest list that smoltcp can be built with.
            let ipv4 = addresses
                .ipv4
                .map(|f| IpCidr::new(f.gateway.into(), f.prefix_length));
            let ipv6 = addresses
                .ipv6
                .map(|f| IpCidr::new(f.gateway.into(), f.prefix_length));
            for cidr in ipv4.into_iter().chain(ipv6) {
                let _ = list.push(cidr);
            }
        });
        interface.set_any_ip(true);
        if let Some(family) = addresses.ipv4 {
            let _ = interface
                .routes_mut()
                .add_default_ipv4_route(family.gateway);
        }
        if let Some(family) = addresses.ipv6 {
            let _ = interface
                .routes_mut()
                .add_default_ipv6_route(family.gateway);
        }
        Net {
            interface,
            sockets: SocketSet::new(Vec::new()),
            out,
            mtu,
            started: std::time::Instant::now(),
            now: Instant::ZERO,
        }
    }

    /// Begins a turn of the loop.
    pub fn begin(&mut self, now: std::time::Instant) {
        self.now = self.since_start(now);
    }

    fn since_start(&self, now: std::time::Instant) -> Instant {
        let elapsed = now.saturating_duration_since(self.started);
        Instant::from_micros(elapsed.as_micros() as i64)
    }

    /// Gives one frame to the stack.
    pub fn ingest(&mut self, frame: &[u8]) {
        let mut link = Link {
            incoming: Some(frame),
            out: &mut self.out,
            mtu: self.mtu,
        };
        self.interface
            .poll_ingress_single(self.now, &mut link, &mut self.sockets);
    }

    /// Sends what the sockets have to send, as far as there is room.
    pub fn egress(&mut self) {
        let mut link = Link {
            incoming: None,
            out: &mut self.out,
            mtu: self.mtu,
        };
        while link.out.has_room()
            && self
                .interface
                .poll_egress(self.now, &mut link, &mut self.sockets)
                == PollResult::SocketStateChanged
        {}
    }

    /// How long the stack can sleep from now on.
    pub fn delay(&mut self, now: std::time::Instant) -> Option<std::time::Duration> {
        let now = self.since_start(now);
        self.interface
            .poll_delay(now, &self.sockets)
            .map(Into::into)
    }

    pub fn socket(&mut self, handle: SocketHandle) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(handle)
    }

    /// A socket that waits for the SYN that was just seen for this destination.
    pub fn listen(&mut self, destination: SocketAddr) -> Option<SocketHandle> {
        let mut socket = new_socket();
        let endpoint = IpListenEndpoint {
            addr: Some(destination.ip().into()),
            port: destination.port(),
        };
        socket.listen(endpoint).ok()?;
        Some(self.sockets.add(socket))
    }

    /// Opens a connection into the guest.
    pub fn connect(&mut self, guest: SocketAddr, local: SocketAddr) -> Option<SocketHandle> {
        let mut socket = new_socket();
        let context = self.interface.context();
        socket
            .connect(context, IpEndpoint::from(guest), IpEndpoint::from(local))
            .ok()?;
        Some(self.sockets.add(socket))
    }

    pub fn remove(&mut self, handle: SocketHandle) {
        self.sockets.remove(handle);
    }
}

fn new_socket() -> tcp::Socket<'static> {
    let buffer = |bytes| tcp::SocketBuffer::new(vec![0; bytes]);
    let mut socket = tcp::Socket::new(buffer(RECEIVE_BUFFER), buffer(SEND_BUFFER));
    socket.set_nagle_enabled(false);
    // Frames come in batches, so an immediate acknowledgement is already one for many segments.
    socket.set_ack_delay(None);
    socket
}
