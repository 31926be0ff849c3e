use super::wire::Wire;
use msb_netstack::address::Addresses;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpCidr, IpEndpoint, IpProtocol, Ipv4Packet, Ipv6Packet};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// The guest: its own TCP/IP stack on its end of the stream.
pub struct Guest {
    pub wire: Wire,
    pub addresses: Addresses,
    interface: Interface,
    sockets: SocketSet<'static>,
    started: std::time::Instant,
    next_port: u16,
}

impl Guest {
    /// A guest whose routes have this MTU.
    pub fn new(stream: UnixStream, addresses: &Addresses, mtu: usize) -> Guest {
        let mut wire = Wire::new(stream, mtu);
        let mut config = Config::new(EthernetAddress(addresses.guest_mac).into());
        config.random_seed = 42;
        let mut interface = Interface::new(config, &mut wire, Instant::ZERO);
        let (ipv4, ipv6) = (addresses.ipv4.unwrap(), addresses.ipv6.unwrap());
        interface.update_ip_addrs(|list| {
            list.push(IpCidr::new(ipv4.guest.into(), 30)).unwrap();
            list.push(IpCidr::new(ipv6.guest.into(), 64)).unwrap();
        });
        interface
            .routes_mut()
            .add_default_ipv4_route(ipv4.gateway)
            .unwrap();
        interface
            .routes_mut()
            .add_default_ipv6_route(ipv6.gateway)
            .unwrap();
        Guest {
            wire,
            addresses: addresses.clone(),
            interface,
            sockets: SocketSet::new(Vec::new()),
            started: std::time::Instant::now(),
            next_port: 1024,
        }
    }

    pub fn gateway(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.addresses.ipv4.unwrap().gateway.into(), port)
    }

    pub fn connect(&mut self, to: SocketAddr) -> SocketHandle {
        let from = self.next_port;
        self.next_port = self.next_port.checked_add(1).unwrap_or(1024);
        self.connect_from(from, to)
    }

    pub fn connect_from(&mut self, port: u16, to: SocketAddr) -> SocketHandle {
        let mut socket = self.new_socket();
        let context = self.interface.context();
        socket.connect(context, IpEndpoint::from(to), port).unwrap();
        self.sockets.add(socket)
    }

    /// A connection that never has room for more than one byte.
    pub fn connect_narrow(&mut self, to: SocketAddr) -> SocketHandle {
        let from = self.next_port;
        self.next_port = self.next_port.checked_add(1).unwrap_or(1024);
        let mut socket = Socket::new(
            SocketBuffer::new(vec![0; 1]),
            SocketBuffer::new(vec![0; 64]),
        );
        socket.set_ack_delay(None);
        let context = self.interface.context();
        socket.connect(context, IpEndpoint::from(to), from).unwrap();
        self.sockets.add(socket)
    }

    pub fn listen(&mut self, port: u16) -> SocketHandle {
        let mut socket = self.new_socket();
        socket.listen(port).unwrap();
        self.sockets.add(socket)
    }

    fn new_socket(&self) -> Socket<'static> {
        let buffer = || SocketBuffer::new(vec![0; 65536]);
        let mut socket = Socket::new(buffer(), buffer());
        socket.set_ack_delay(None);
        socket.set_nagle_enabled(false);
        socket
    }

    pub fn socket(&mut self, handle: SocketHandle) -> &mut Socket<'static> {
        self.sockets.get_mut(handle)
    }

    pub fn state(&mut self, handle: SocketHandle) -> State {
        self.socket(handle).state()
    }

    pub fn remove(&mut self, handle: SocketHandle) {
        self.sockets.remove(handle);
    }

    /// One turn of the guest's stack.
    pub fn turn(&mut self) {
        let came = self.wire.pump();
        let now = Instant::from_micros(self.started.elapsed().as_micros() as i64);
        self.interface.poll(now, &mut self.wire, &mut self.sockets);
        self.wire.pump();
        if !came {
            std::thread::sleep(Duration::from_micros(50));
        }
    }

    /// Turns until the condition holds; fails after 20 s.
    #[track_caller]
    pub fn until(&mut self, what: &str, mut condition: impl FnMut(&mut Guest) -> bool) {
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        while !condition(self) {
            assert!(std::time::Instant::now() < deadline, "timed out: {what}");
            self.turn();
        }
    }

    /// Turns for a while.
    pub fn idle(&mut self, time: Duration) {
        let end = std::time::Instant::now() + time;
        while std::time::Instant::now() < end {
            self.turn();
        }
    }

    #[track_caller]
    pub fn established(&mut self, to: SocketAddr) -> SocketHandle {
        let handle = self.connect(to);
        self.until("connect", |g| g.socket(handle).may_send());
        handle
    }

    #[track_caller]
    pub fn send(&mut self, handle: SocketHandle, mut data: &[u8]) {
        self.until("send", |g| {
            let sent = g.socket(handle).send_slice(data).unwrap();
            data = &data[sent..];
            data.is_empty()
        });
        // Not only into the socket: on the wire.
        self.turn();
    }

    /// Receives exactly this many bytes.
    #[track_caller]
    pub fn receive(&mut self, handle: SocketHandle, count: usize) -> Vec<u8> {
        let mut data = Vec::new();
        self.until("receive", |g| {
            let mut buffer = vec![0; count - data.len()];
            if let Ok(got) = g.socket(handle).recv_slice(&mut buffer) {
                data.extend_from_slice(&buffer[..got]);
            }
            data.len() == count
        });
        data
    }

    /// Receives to the end of the stream.
    #[track_caller]
    pub fn receive_all(&mut self, handle: SocketHandle) -> Vec<u8> {
        let mut data = Vec::new();
        self.until("end of stream", |g| {
            let mut buffer = [0; 4096];
            match g.socket(handle).recv_slice(&mut buffer) {
                Ok(got) => data.extend_from_slice(&buffer[..got]),
                Err(_) => return true,
            }
            false
        });
        data
    }
}

/// A UDP datagram that the stack sent, put together from its fragments.
#[derive(Debug, PartialEq, Eq)]
pub struct Received {
    pub source: SocketAddr,
    pub destination: SocketAddr,
    pub payload: Vec<u8>,
}

impl Guest {
    /// The next datagram from the stack, past the guest's own stack.
    #[track_caller]
    pub fn next_udp(&mut self) -> Received {
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        let mut pieces: Vec<u8> = Vec::new();
        loop {
            assert!(std::time::Instant::now() < deadline, "no datagram");
            self.wire.pump();
            while let Some(frame) = self.wire.frames.pop_front() {
                let Some((source, destination, bytes, more)) = udp_piece(&frame) else {
                    continue;
                };
                // The stack sends fragments in order.
                pieces.extend_from_slice(bytes);
                if !more {
                    let port = |at: usize| u16::from_be_bytes([pieces[at], pieces[at + 1]]);
                    return Received {
                        source: SocketAddr::new(source, port(0)),
                        destination: SocketAddr::new(destination, port(2)),
                        payload: pieces[8..].to_vec(),
                    };
                }
            }
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// Frames that the stack sends within a while.
    pub fn frames_within(&mut self, time: Duration) -> Vec<Vec<u8>> {
        let end = std::time::Instant::now() + time;
        while std::time::Instant::now() < end {
            self.wire.pump();
            std::thread::sleep(Duration::from_millis(1));
        }
        self.wire.frames.drain(..).collect()
    }
}

/// Source, destination, bytes and whether more follow, of a frame that carries (a piece of) UDP.
fn udp_piece(frame: &[u8]) -> Option<(IpAddr, IpAddr, &[u8], bool)> {
    assert!(frame.len() <= 1514);
    let packet = &frame[14..];
    match frame[12..14] {
        [8, 0] => {
            let ip = Ipv4Packet::new_checked(packet).unwrap();
            assert!(ip.verify_checksum());
            let bytes = &packet[20..ip.total_len().into()];
            let udp = ip.next_header() == IpProtocol::Udp;
            udp.then(|| {
                (
                    ip.src_addr().into(),
                    ip.dst_addr().into(),
                    bytes,
                    ip.more_frags(),
                )
            })
        }
        [0x86, 0xdd] => {
            let ip = Ipv6Packet::new_checked(packet).unwrap();
            let bytes = &packet[40..40 + usize::from(ip.payload_len())];
            let (from, to) = (ip.src_addr().into(), ip.dst_addr().into());
            match ip.next_header() {
                IpProtocol::Udp => Some((from, to, bytes, false)),
                IpProtocol::Ipv6Frag => Some((from, to, &bytes[8..], bytes[3] & 1 == 1)),
                _ => None,
            }
        }
        _ => None,
    }
}
