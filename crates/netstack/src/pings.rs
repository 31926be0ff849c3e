//! Echo requests of the guest (spec: network 7).

use crate::core::Core;
use crate::net::Net;
use crate::packet::{Echo, Emitter};
use crate::policy::{HostnameSource, Outcome, Protocol, Question};
use crate::token::Owner;
use mio::Interest;
use mio::unix::SourceFd;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{Icmpv4Packet, Icmpv4Repr, Icmpv6Packet, Icmpv6Repr};
use socket2::{Domain, Protocol as SocketProtocol, Socket, Type};
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

struct Ping {
    socket: Socket,
    guest: IpAddr,
    target: IpAddr,
    identifier: u16,
    sequence: u16,
    expires: Instant,
}

/// One unprivileged ICMP socket for each request, bounded by `maxPings`.
#[derive(Default)]
pub struct Pings {
    waiting: HashMap<u32, Ping>,
    next: u32,
}

const PATIENCE: Duration = Duration::from_secs(5);
const MAX_REPLY: usize = 65536;
const HEADER: usize = 8;

impl Pings {
    pub fn on_echo(&mut self, echo: &Echo, net: &mut Net, emitter: &Emitter, core: &Core) {
        let question = Question::Egress {
            protocol: if echo.destination.is_ipv4() {
                Protocol::Icmpv4
            } else {
                Protocol::Icmpv6
            },
            address: echo.destination,
            port: None,
            hostname: HostnameSource::Cache,
        };
        if core.shared.judge(&question, true).verdict.outcome != Outcome::Allow {
            return;
        }
        if core.shared.gateways().contain(echo.destination) {
            let numbers = (echo.identifier, echo.sequence);
            emitter.echo_reply(
                &mut net.out,
                echo.destination,
                echo.source,
                numbers,
                echo.data,
            );
        } else if self.waiting.len() >= core.settings.limits.max_pings {
            core.shared.report_limit(&question);
        } else {
            // Without permission to ping (ping_group_range) the guest sees loss.
            let _ = self.relay(echo, core);
        }
    }

    fn relay(&mut self, echo: &Echo, core: &Core) -> io::Result<()> {
        let target = echo.destination.to_canonical();
        let (domain, protocol) = match target {
            IpAddr::V4(_) => (Domain::IPV4, SocketProtocol::ICMPV4),
            IpAddr::V6(_) => (Domain::IPV6, SocketProtocol::ICMPV6),
        };
        let mut socket = Socket::new(domain, Type::DGRAM, Some(protocol))?;
        socket.set_nonblocking(true)?;
        socket.connect(&SocketAddr::new(target, 0).into())?;
        self.next = self.next.wrapping_add(1);
        let token = Owner::Ping(self.next).token();
        core.registry.register(
            &mut SourceFd(&socket.as_raw_fd()),
            token,
            Interest::READABLE,
        )?;
        socket.write_all(&request(echo, target))?;
        let ping = Ping {
            socket,
            guest: echo.source,
            target: echo.destination,
            identifier: echo.identifier,
            sequence: echo.sequence,
            expires: core.now + PATIENCE,
        };
        self.waiting.insert(self.next, ping);
        Ok(())
    }

    pub fn ready(&mut self, id: u32, net: &mut Net, emitter: &Emitter) {
        let mut buffer = vec![0; MAX_REPLY];
        while let Some(ping) = self.waiting.get_mut(&id) {
            let Ok(count) = ping.socket.read(&mut buffer) else {
                return;
            };
            let Some(data) = reply_data(&buffer[..count], ping.target, ping.sequence) else {
                continue;
            };
            let numbers = (ping.identifier, ping.sequence);
            emitter.echo_reply(&mut net.out, ping.target, ping.guest, numbers, data);
            self.waiting.remove(&id);
        }
    }

    pub fn expire(&mut self, now: Instant) {
        self.waiting.retain(|_, ping| ping.expires > now);
    }
}

/// The request as the host's socket takes it; the kernel puts its own identifier in.
fn request(echo: &Echo, target: IpAddr) -> Vec<u8> {
    let mut bytes = vec![0; HEADER + echo.data.len()];
    let checksums = ChecksumCapabilities::default();
    let (ident, seq_no, data) = (echo.identifier, echo.sequence, echo.data);
    match target {
        IpAddr::V4(_) => {
            let repr = Icmpv4Repr::EchoRequest {
                ident,
                seq_no,
                data,
            };
            repr.emit(&mut Icmpv4Packet::new_unchecked(&mut bytes[..]), &checksums);
        }
        IpAddr::V6(to) => {
            let repr = Icmpv6Repr::EchoRequest {
                ident,
                seq_no,
                data,
            };
            let mut packet = Icmpv6Packet::new_unchecked(&mut bytes[..]);
            // The kernel fills in the checksum, which depends on the source that it chooses.
            repr.emit(&Ipv6Addr::UNSPECIFIED, &to, &mut packet, &checksums);
        }
    }
    bytes
}

/// Data of the reply with this sequence number; some systems put the IP header in front.
fn reply_data(bytes: &[u8], target: IpAddr, sequence: u16) -> Option<&[u8]> {
    const REPLY_V4: u8 = 0;
    const REPLY_V6: u8 = 129;
    let (expected, bytes) = match target.to_canonical() {
        IpAddr::V4(_) if bytes.first().is_some_and(|b| b >> 4 == 4) => {
            (REPLY_V4, bytes.get(usize::from(bytes[0] & 15) * 4..)?)
        }
        IpAddr::V4(_) => (REPLY_V4, bytes),
        IpAddr::V6(_) => (REPLY_V6, bytes),
    };
    let header = bytes.first_chunk::<HEADER>()?;
    let number = u16::from_be_bytes([header[6], header[7]]);
    (header[0] == expected && number == sequence).then_some(&bytes[HEADER..])
}
