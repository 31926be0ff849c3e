use super::checksum::is_intact;
use super::ipv6_headers::{Ipv6Payload, find_payload};
use super::types::{Acknowledgement, Class, Datagram, Echo, Fragment, FragmentKey, Segment};
use crate::address::Addresses;
use smoltcp::wire::{
    ArpPacket, EthernetAddress, EthernetFrame, EthernetProtocol, Icmpv4Message, Icmpv4Packet,
    Icmpv6Message, Icmpv6Packet, IpAddress, IpProtocol, Ipv4Packet, Ipv6Packet, TcpPacket,
    UdpPacket,
};
use std::net::{IpAddr, SocketAddr};

/// Says what a frame of the guest is (spec: network 4.4). Frames whose sender is not the guest are dropped.
pub fn classify<'a>(frame: &'a [u8], addresses: &Addresses) -> Class<'a> {
    try_classify(frame, addresses).unwrap_or(Class::Drop)
}

fn try_classify<'a>(frame: &'a [u8], addresses: &Addresses) -> Option<Class<'a>> {
    let ethernet = EthernetFrame::new_checked(frame).ok()?;
    let to = ethernet.dst_addr();
    let for_us = to == EthernetAddress(addresses.gateway_mac) || !to.is_unicast();
    if ethernet.src_addr() != EthernetAddress(addresses.guest_mac) || !for_us {
        return None;
    }
    let payload = &frame[EthernetFrame::<&[u8]>::header_len()..];
    match ethernet.ethertype() {
        EthernetProtocol::Arp => arp(payload, addresses),
        EthernetProtocol::Ipv4 => ipv4(payload, addresses),
        EthernetProtocol::Ipv6 => ipv6(payload, addresses),
        EthernetProtocol::Unknown(_) => None,
    }
}

fn arp<'a>(payload: &'a [u8], addresses: &Addresses) -> Option<Class<'a>> {
    let packet = ArpPacket::new_checked(payload).ok()?;
    let family = addresses.ipv4?;
    let honest = packet.hardware_len() == 6
        && packet.protocol_len() == 4
        && packet.source_hardware_addr() == addresses.guest_mac
        && packet.source_protocol_addr() == family.guest.octets()
        && packet.target_protocol_addr() == family.gateway.octets();
    honest.then_some(Class::Stack)
}

fn ipv4<'a>(bytes: &'a [u8], addresses: &Addresses) -> Option<Class<'a>> {
    let packet = Ipv4Packet::new_checked(bytes).ok()?;
    let (source, destination) = (packet.src_addr(), packet.dst_addr());
    let unicast = !destination.is_multicast() && !destination.is_broadcast();
    if packet.version() != 4 || source != addresses.ipv4?.guest || !packet.verify_checksum() {
        return None;
    }
    let payload = &bytes[usize::from(packet.header_len())..usize::from(packet.total_len())];
    if packet.more_frags() || packet.frag_offset() != 0 {
        return (packet.next_header() == IpProtocol::Udp).then_some(Class::Fragment(Fragment {
            key: FragmentKey {
                source: source.into(),
                destination: destination.into(),
                identification: packet.ident().into(),
            },
            offset: packet.frag_offset().into(),
            more: packet.more_frags(),
            payload,
        }));
    }
    match packet.next_header() {
        IpProtocol::Tcp if unicast => tcp(payload, source.into(), destination.into()),
        IpProtocol::Udp => {
            // On a link of that MTU a larger one would have come in pieces.
            let fits = packet.total_len() <= addresses.mtu;
            let whole = packet.dont_frag() && fits;
            udp(payload, source.into(), destination.into(), whole).map(Class::Udp)
        }
        IpProtocol::Icmp if unicast => {
            let icmp = Icmpv4Packet::new_checked(payload).ok()?;
            let echo = icmp.msg_type() == Icmpv4Message::EchoRequest && icmp.msg_code() == 0;
            (echo && icmp.verify_checksum()).then_some(Class::Echo(Echo {
                source: source.into(),
                destination: destination.into(),
                identifier: icmp.echo_ident(),
                sequence: icmp.echo_seq_no(),
                data: payload.get(8..)?,
            }))
        }
        _ => None,
    }
}

fn ipv6<'a>(bytes: &'a [u8], addresses: &Addresses) -> Option<Class<'a>> {
    let packet = Ipv6Packet::new_checked(bytes).ok()?;
    let (source, destination) = (packet.src_addr(), packet.dst_addr());
    let family = addresses.ipv6?;
    if packet.version() != 6 {
        return None;
    }
    let end = packet.header_len() + usize::from(packet.payload_len());
    let payload = bytes.get(packet.header_len()..end)?;
    let from_guest = source == family.guest;
    match find_payload(packet.next_header(), payload)? {
        Ipv6Payload::Icmp(bytes) => {
            let icmp = Icmpv6Packet::new_checked(bytes).ok()?;
            match icmp.msg_type() {
                Icmpv6Message::NeighborSolicit | Icmpv6Message::NeighborAdvert => {
                    let own = from_guest || source.is_unicast_link_local();
                    own.then_some(Class::Stack)
                }
                Icmpv6Message::EchoRequest if from_guest && !destination.is_multicast() => {
                    let intact = icmp.verify_checksum(&source, &destination);
                    intact.then_some(Class::Echo(Echo {
                        source: source.into(),
                        destination: destination.into(),
                        identifier: icmp.echo_ident(),
                        sequence: icmp.echo_seq_no(),
                        data: bytes.get(8..)?,
                    }))
                }
                _ => None,
            }
        }
        _ if !from_guest => None,
        Ipv6Payload::Tcp(bytes) if !destination.is_multicast() => {
            tcp(bytes, source.into(), destination.into())
        }
        Ipv6Payload::Tcp(_) => None,
        Ipv6Payload::Udp(bytes) => {
            let whole = end <= usize::from(addresses.mtu);
            udp(bytes, source.into(), destination.into(), whole).map(Class::Udp)
        }
        Ipv6Payload::Fragment {
            identification,
            offset,
            more,
            payload,
        } => Some(Class::Fragment(Fragment {
            key: FragmentKey {
                source: source.into(),
                destination: destination.into(),
                identification,
            },
            offset,
            more,
            payload,
        })),
    }
}

fn tcp<'a>(bytes: &'a [u8], source: IpAddr, destination: IpAddr) -> Option<Class<'a>> {
    let packet = TcpPacket::new_checked(bytes).ok()?;
    let (from, to) = (packet.src_port(), packet.dst_port());
    let addressed = from != 0 && to != 0 && !destination.is_unspecified();
    if !addressed || !is_intact(source, destination, bytes) {
        return None;
    }
    let signals = packet.syn() || packet.fin() || packet.rst();
    let acknowledges = packet.ack() && !signals && packet.payload().is_empty();
    Some(Class::Tcp(Segment {
        source: SocketAddr::new(source, from),
        destination: SocketAddr::new(destination, to),
        opens: packet.syn() && !packet.ack() && !packet.rst(),
        acknowledgement: acknowledges.then(|| Acknowledgement {
            number: packet.ack_number().0 as u32,
            window: packet.window_len(),
        }),
    }))
}

/// Checks a datagram whose bytes are complete, whole or reassembled.
pub(super) fn udp<'a>(
    bytes: &'a [u8],
    source: IpAddr,
    destination: IpAddr,
    whole: bool,
) -> Option<Datagram<'a>> {
    let packet = UdpPacket::new_checked(bytes).ok()?;
    let (from, to) = (packet.src_port(), packet.dst_port());
    let unchecked = source.is_ipv4() && packet.checksum() == 0;
    let intact = || packet.verify_checksum(&IpAddress::from(source), &IpAddress::from(destination));
    if to == 0 || !(unchecked || intact()) {
        return None;
    }
    Some(Datagram {
        source: SocketAddr::new(source, from),
        destination: SocketAddr::new(destination, to),
        whole,
        payload: &bytes[8..usize::from(packet.len())],
    })
}
