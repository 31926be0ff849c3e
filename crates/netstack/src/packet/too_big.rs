use super::emit::{Emitter, IPV4, IPV6, UDP, ipv4_repr, ipv6_repr};
use crate::frame::FrameWriter;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{Icmpv4Packet, Icmpv6Repr, IpProtocol, Ipv4Packet, UdpPacket};
use std::net::{IpAddr, SocketAddr};

/// Type, code, checksum, and four bytes that depend on the type.
const ICMP: usize = 8;
/// Smallest MTU that an IPv6 link may have (RFC 8200, section 5).
const MIN_IPV6_MTU: u32 = 1280;
/// Destination unreachable, fragmentation needed and DF set (RFC 1191, section 4).
const FRAGMENTATION_NEEDED: (u8, u8) = (3, 4);

/// A datagram of the guest that was too big for its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooBig {
    pub source: SocketAddr,
    pub destination: SocketAddr,
    /// Bytes of its payload.
    pub length: usize,
}

impl Emitter {
    /// Tells the guest the MTU of the way to a destination, as a router there would. An MTU that no link has is not
    /// passed on.
    pub fn too_big(&self, out: &mut FrameWriter, datagram: &TooBig, mtu: u32) {
        let length = UDP + datagram.length;
        let quoted = udp_header(datagram, length);
        match (datagram.destination.ip(), datagram.source.ip()) {
            (IpAddr::V4(to), IpAddr::V4(guest)) if mtu > 0 => {
                let next_hop = u16::try_from(mtu).unwrap_or(u16::MAX);
                self.ipv4(out, to, guest, IpProtocol::Icmp, ICMP + IPV4 + UDP, |b| {
                    (b[0], b[1]) = FRAGMENTATION_NEEDED;
                    b[6..ICMP].copy_from_slice(&next_hop.to_be_bytes());
                    let header = ipv4_repr(guest, to, IpProtocol::Udp, length);
                    header.emit(
                        &mut Ipv4Packet::new_unchecked(&mut b[ICMP..]),
                        &ChecksumCapabilities::default(),
                    );
                    b[ICMP + IPV4..].copy_from_slice(&quoted);
                    Icmpv4Packet::new_unchecked(b).fill_checksum();
                });
            }
            (IpAddr::V6(to), IpAddr::V6(guest)) if mtu >= MIN_IPV6_MTU => {
                let repr = Icmpv6Repr::PktTooBig {
                    mtu,
                    header: ipv6_repr(guest, to, IpProtocol::Udp, length),
                    data: &quoted,
                };
                debug_assert_eq!(repr.buffer_len(), ICMP + IPV6 + UDP);
                self.icmpv6(out, to, guest, &repr);
            }
            _ => {}
        }
    }
}

/// The first bytes of the datagram, by which the guest finds the socket that sent it.
fn udp_header(datagram: &TooBig, length: usize) -> [u8; UDP] {
    let mut bytes = [0; UDP];
    let mut packet = UdpPacket::new_unchecked(&mut bytes[..]);
    packet.set_src_port(datagram.source.port());
    packet.set_dst_port(datagram.destination.port());
    packet.set_len(u16::try_from(length).unwrap_or(u16::MAX));
    bytes
}
