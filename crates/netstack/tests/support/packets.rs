use msb_netstack::address::Addresses;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr, Icmpv4Packet, Icmpv4Repr,
    IpAddress, IpProtocol, Ipv4Packet, Ipv4Repr, Ipv6Packet, Ipv6Repr, TcpControl, TcpPacket,
    TcpRepr, TcpSeqNumber, UdpPacket, UdpRepr,
};
use std::net::{IpAddr, SocketAddr};

const ETHERNET: usize = 14;

/// An Ethernet frame from the guest to the gateway with this IP payload.
pub fn ip_frame(
    who: &Addresses,
    source: IpAddr,
    to: IpAddr,
    protocol: IpProtocol,
    payload: &[u8],
) -> Vec<u8> {
    let header = if source.is_ipv4() { 20 } else { 40 };
    let mut frame = vec![0; ETHERNET + header + payload.len()];
    let ethernet = EthernetRepr {
        src_addr: EthernetAddress(who.guest_mac),
        dst_addr: EthernetAddress(who.gateway_mac),
        ethertype: if source.is_ipv4() {
            EthernetProtocol::Ipv4
        } else {
            EthernetProtocol::Ipv6
        },
    };
    ethernet.emit(&mut EthernetFrame::new_unchecked(&mut frame));
    let packet = &mut frame[ETHERNET..];
    match (source, to) {
        (IpAddr::V4(src_addr), IpAddr::V4(dst_addr)) => Ipv4Repr {
            src_addr,
            dst_addr,
            next_header: protocol,
            payload_len: payload.len(),
            hop_limit: 64,
        }
        .emit(
            &mut Ipv4Packet::new_unchecked(packet),
            &ChecksumCapabilities::default(),
        ),
        (IpAddr::V6(src_addr), IpAddr::V6(dst_addr)) => Ipv6Repr {
            src_addr,
            dst_addr,
            next_header: protocol,
            payload_len: payload.len(),
            hop_limit: 64,
        }
        .emit(&mut Ipv6Packet::new_unchecked(packet)),
        _ => panic!("two families"),
    }
    frame[ETHERNET + header..].copy_from_slice(payload);
    frame
}

/// The guest's address of the family of another address.
pub fn guest_ip(who: &Addresses, like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => who.ipv4.unwrap().guest.into(),
        IpAddr::V6(_) => who.ipv6.unwrap().guest.into(),
    }
}

/// UDP header and payload.
pub fn udp_bytes(source: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 8 + payload.len()];
    let repr = UdpRepr {
        src_port: source.port(),
        dst_port: to.port(),
    };
    repr.emit(
        &mut UdpPacket::new_unchecked(&mut bytes),
        &IpAddress::from(source.ip()),
        &IpAddress::from(to.ip()),
        payload.len(),
        |buffer| buffer.copy_from_slice(payload),
        &ChecksumCapabilities::default(),
    );
    bytes
}

pub fn udp_frame(who: &Addresses, port: u16, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let source = SocketAddr::new(guest_ip(who, to.ip()), port);
    let bytes = udp_bytes(source, to, payload);
    ip_frame(who, source.ip(), to.ip(), IpProtocol::Udp, &bytes)
}

/// The datagram in fragments of `step` bytes, a multiple of 8.
pub fn udp_fragments(
    who: &Addresses,
    port: u16,
    to: SocketAddr,
    payload: &[u8],
    step: usize,
) -> Vec<Vec<u8>> {
    let source = SocketAddr::new(guest_ip(who, to.ip()), port);
    let bytes = udp_bytes(source, to, payload);
    let pieces = bytes.chunks(step).enumerate();
    pieces
        .map(|(i, piece)| {
            let (offset, last) = ((i * step) as u16, (i + 1) * step >= bytes.len());
            if source.is_ipv4() {
                let mut frame = ip_frame(who, source.ip(), to.ip(), IpProtocol::Udp, piece);
                let mut packet = Ipv4Packet::new_unchecked(&mut frame[ETHERNET..]);
                packet.clear_flags();
                packet.set_ident(77);
                packet.set_more_frags(!last);
                packet.set_frag_offset(offset);
                packet.fill_checksum();
                return frame;
            }
            let mut header = vec![17, 0];
            header.extend((offset | u16::from(!last)).to_be_bytes());
            header.extend(77_u32.to_be_bytes());
            header.extend(piece);
            ip_frame(who, source.ip(), to.ip(), IpProtocol::Ipv6Frag, &header)
        })
        .collect()
}

pub fn syn_frame(who: &Addresses, port: u16, to: SocketAddr) -> Vec<u8> {
    let repr = TcpRepr {
        control: TcpControl::Syn,
        window_len: 1000,
        ..acknowledgement(port, to, TcpSeqNumber(1), None)
    };
    tcp_frame(who, to, &repr)
}

/// A segment that only acknowledges, with no window.
pub fn acknowledgement(
    port: u16,
    to: SocketAddr,
    seq_number: TcpSeqNumber,
    ack_number: Option<TcpSeqNumber>,
) -> TcpRepr<'static> {
    TcpRepr {
        src_port: port,
        dst_port: to.port(),
        control: TcpControl::None,
        seq_number,
        ack_number,
        window_len: 0,
        window_scale: None,
        max_seg_size: None,
        sack_permitted: false,
        sack_ranges: [None, None, None],
        timestamp: None,
        payload: &[],
    }
}

pub fn tcp_frame(who: &Addresses, to: SocketAddr, repr: &TcpRepr) -> Vec<u8> {
    let source = guest_ip(who, to.ip());
    let mut bytes = vec![0; repr.buffer_len()];
    repr.emit(
        &mut TcpPacket::new_unchecked(&mut bytes),
        &IpAddress::from(source),
        &IpAddress::from(to.ip()),
        &ChecksumCapabilities::default(),
    );
    ip_frame(who, source, to.ip(), IpProtocol::Tcp, &bytes)
}

pub fn ping_frame(who: &Addresses, to: IpAddr, sequence: u16) -> Vec<u8> {
    let repr = Icmpv4Repr::EchoRequest {
        ident: 9,
        seq_no: sequence,
        data: b"ping data",
    };
    let mut bytes = vec![0; repr.buffer_len()];
    repr.emit(
        &mut Icmpv4Packet::new_unchecked(&mut bytes),
        &ChecksumCapabilities::default(),
    );
    ip_frame(who, guest_ip(who, to), to, IpProtocol::Icmp, &bytes)
}
