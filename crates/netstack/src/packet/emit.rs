use crate::address::Addresses;
use crate::frame::FrameWriter;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr, Icmpv4Packet, Icmpv4Repr,
    Icmpv6Packet, Icmpv6Repr, IpAddress, IpProtocol, Ipv4Packet, Ipv4Repr, Ipv6Packet, Ipv6Repr,
    UdpPacket, UdpRepr,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const ETHERNET: usize = 14;
pub(super) const IPV4: usize = 20;
pub(super) const IPV6: usize = 40;
const FRAGMENT: usize = 8;
pub(super) const UDP: usize = 8;
const HOP_LIMIT: u8 = 64;

/// Builds packets for the guest that do not come from the TCP stack. Without room they are dropped.
pub struct Emitter {
    gateway_mac: EthernetAddress,
    guest_mac: EthernetAddress,
    mtu: usize,
    identification: u32,
}

impl Emitter {
    pub fn new(addresses: &Addresses) -> Emitter {
        Emitter {
            gateway_mac: EthernetAddress(addresses.gateway_mac),
            guest_mac: EthernetAddress(addresses.guest_mac),
            mtu: addresses.mtu.into(),
            identification: 0,
        }
    }

    /// A datagram, in fragments where it exceeds the MTU. Both addresses must be of one family.
    pub fn udp(
        &mut self,
        out: &mut FrameWriter,
        source: SocketAddr,
        destination: SocketAddr,
        payload: &[u8],
    ) {
        let mut bytes = vec![0; UDP + payload.len()];
        let repr = UdpRepr {
            src_port: source.port(),
            dst_port: destination.port(),
        };
        let mut checksums = ChecksumCapabilities::default();
        if source.is_ipv4() {
            checksums.udp = smoltcp::phy::Checksum::None;
        }
        repr.emit(
            &mut UdpPacket::new_unchecked(&mut bytes[..]),
            &IpAddress::from(source.ip()),
            &IpAddress::from(destination.ip()),
            payload.len(),
            |buffer| buffer.copy_from_slice(payload),
            &checksums,
        );
        match (source.ip(), destination.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => self.ipv4_fragments(out, from, to, &bytes),
            (IpAddr::V6(from), IpAddr::V6(to)) => self.ipv6_fragments(out, from, to, &bytes),
            _ => {}
        }
    }

    fn ipv4_fragments(
        &mut self,
        out: &mut FrameWriter,
        from: Ipv4Addr,
        to: Ipv4Addr,
        bytes: &[u8],
    ) {
        if IPV4 + bytes.len() <= self.mtu {
            self.ipv4(out, from, to, IpProtocol::Udp, bytes.len(), |b| {
                b.copy_from_slice(bytes)
            });
            return;
        }
        self.identification = self.identification.wrapping_add(1);
        let ident = self.identification as u16;
        let step = (self.mtu - IPV4) / 8 * 8;
        for (index, piece) in bytes.chunks(step).enumerate() {
            let last = (index + 1) * step >= bytes.len();
            let filled = self.ipv4(out, from, to, IpProtocol::Udp, piece.len(), |b| {
                b.copy_from_slice(piece);
            });
            let Some(frame) = filled else { return };
            let mut packet = Ipv4Packet::new_unchecked(&mut frame[ETHERNET..]);
            packet.clear_flags();
            packet.set_ident(ident);
            packet.set_more_frags(!last);
            packet.set_frag_offset((index * step) as u16);
            packet.fill_checksum();
        }
    }

    fn ipv6_fragments(
        &mut self,
        out: &mut FrameWriter,
        from: Ipv6Addr,
        to: Ipv6Addr,
        bytes: &[u8],
    ) {
        if IPV6 + bytes.len() <= self.mtu {
            self.ipv6(out, from, to, IpProtocol::Udp, bytes.len(), |b| {
                b.copy_from_slice(bytes)
            });
            return;
        }
        self.identification = self.identification.wrapping_add(1);
        let ident = self.identification.to_be_bytes();
        let step = (self.mtu - IPV6 - FRAGMENT) / 8 * 8;
        for (index, piece) in bytes.chunks(step).enumerate() {
            let last = (index + 1) * step >= bytes.len();
            let offset = ((index * step) as u16 | u16::from(!last)).to_be_bytes();
            let length = FRAGMENT + piece.len();
            self.ipv6(out, from, to, IpProtocol::Ipv6Frag, length, |b| {
                b[0] = IpProtocol::Udp.into();
                b[2..4].copy_from_slice(&offset);
                b[4..8].copy_from_slice(&ident);
                b[FRAGMENT..].copy_from_slice(piece);
            });
        }
    }

    pub fn echo_reply(
        &self,
        out: &mut FrameWriter,
        from: IpAddr,
        to: IpAddr,
        (identifier, sequence): (u16, u16),
        data: &[u8],
    ) {
        match (from, to) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let repr = Icmpv4Repr::EchoReply {
                    ident: identifier,
                    seq_no: sequence,
                    data,
                };
                self.icmpv4(out, from, to, &repr);
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let repr = Icmpv6Repr::EchoReply {
                    ident: identifier,
                    seq_no: sequence,
                    data,
                };
                self.icmpv6(out, from, to, &repr);
            }
            _ => {}
        }
    }

    fn icmpv4(&self, out: &mut FrameWriter, from: Ipv4Addr, to: Ipv4Addr, repr: &Icmpv4Repr) {
        self.ipv4(out, from, to, IpProtocol::Icmp, repr.buffer_len(), |b| {
            let mut packet = Icmpv4Packet::new_unchecked(b);
            repr.emit(&mut packet, &ChecksumCapabilities::default());
        });
    }

    pub(super) fn icmpv6(
        &self,
        out: &mut FrameWriter,
        from: Ipv6Addr,
        to: Ipv6Addr,
        repr: &Icmpv6Repr,
    ) {
        self.ipv6(out, from, to, IpProtocol::Icmpv6, repr.buffer_len(), |b| {
            let mut packet = Icmpv6Packet::new_unchecked(b);
            repr.emit(&from, &to, &mut packet, &ChecksumCapabilities::default());
        });
    }

    pub(super) fn ipv4<'o>(
        &self,
        out: &'o mut FrameWriter,
        from: Ipv4Addr,
        to: Ipv4Addr,
        protocol: IpProtocol,
        length: usize,
        fill: impl FnOnce(&mut [u8]),
    ) -> Option<&'o mut [u8]> {
        let frame = out.frame(ETHERNET + IPV4 + length)?;
        self.ethernet(frame, EthernetProtocol::Ipv4);
        fill(&mut frame[ETHERNET + IPV4..]);
        let mut packet = Ipv4Packet::new_unchecked(&mut frame[ETHERNET..]);
        ipv4_repr(from, to, protocol, length).emit(&mut packet, &ChecksumCapabilities::default());
        Some(frame)
    }

    pub(super) fn ipv6(
        &self,
        out: &mut FrameWriter,
        from: Ipv6Addr,
        to: Ipv6Addr,
        protocol: IpProtocol,
        length: usize,
        fill: impl FnOnce(&mut [u8]),
    ) {
        let Some(frame) = out.frame(ETHERNET + IPV6 + length) else {
            return;
        };
        self.ethernet(frame, EthernetProtocol::Ipv6);
        let mut packet = Ipv6Packet::new_unchecked(&mut frame[ETHERNET..]);
        ipv6_repr(from, to, protocol, length).emit(&mut packet);
        fill(&mut frame[ETHERNET + IPV6..]);
    }

    fn ethernet(&self, frame: &mut [u8], ethertype: EthernetProtocol) {
        let repr = EthernetRepr {
            src_addr: self.gateway_mac,
            dst_addr: self.guest_mac,
            ethertype,
        };
        repr.emit(&mut EthernetFrame::new_unchecked(frame));
    }
}

pub(super) fn ipv4_repr(
    from: Ipv4Addr,
    to: Ipv4Addr,
    next_header: IpProtocol,
    payload_len: usize,
) -> Ipv4Repr {
    Ipv4Repr {
        src_addr: from,
        dst_addr: to,
        next_header,
        payload_len,
        hop_limit: HOP_LIMIT,
    }
}

pub(super) fn ipv6_repr(
    from: Ipv6Addr,
    to: Ipv6Addr,
    next_header: IpProtocol,
    payload_len: usize,
) -> Ipv6Repr {
    Ipv6Repr {
        src_addr: from,
        dst_addr: to,
        next_header,
        payload_len,
        hop_limit: HOP_LIMIT,
    }
}
