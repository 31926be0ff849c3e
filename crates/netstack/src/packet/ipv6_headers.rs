use smoltcp::wire::IpProtocol;

/// What stands behind the IPv6 headers that the stack accepts.
pub(super) enum Ipv6Payload<'a> {
    Tcp(&'a [u8]),
    Udp(&'a [u8]),
    Icmp(&'a [u8]),
    /// Piece of a UDP datagram.
    Fragment {
        identification: u32,
        offset: usize,
        more: bool,
        payload: &'a [u8],
    },
}

const MAX_EXTENSION_HEADERS: usize = 4;
const AUTHENTICATION: u8 = 51;

/// Walks extension headers. They are skipped only in front of a fragment header: other traffic has no use for them.
pub(super) fn find_payload(first: IpProtocol, bytes: &[u8]) -> Option<Ipv6Payload<'_>> {
    let mut next = first;
    let mut rest = bytes;
    for skipped in 0..=MAX_EXTENSION_HEADERS {
        match next {
            IpProtocol::Tcp if skipped == 0 => return Some(Ipv6Payload::Tcp(rest)),
            IpProtocol::Udp if skipped == 0 => return Some(Ipv6Payload::Udp(rest)),
            IpProtocol::Icmpv6 if skipped == 0 => return Some(Ipv6Payload::Icmp(rest)),
            IpProtocol::Ipv6Frag => return fragment(rest),
            IpProtocol::HopByHop | IpProtocol::Ipv6Route | IpProtocol::Ipv6Opts => {
                let length = (usize::from(*rest.get(1)?) + 1) * 8;
                (next, rest) = (IpProtocol::from(*rest.first()?), rest.get(length..)?);
            }
            IpProtocol::Unknown(AUTHENTICATION) => {
                let length = (usize::from(*rest.get(1)?) + 2) * 4;
                (next, rest) = (IpProtocol::from(*rest.first()?), rest.get(length..)?);
            }
            _ => return None,
        }
    }
    None
}

/// Fragment header (RFC 8200, 4.5). Reserved bits must be clear.
fn fragment(bytes: &[u8]) -> Option<Ipv6Payload<'_>> {
    let header = bytes.first_chunk::<8>()?;
    let word = u16::from_be_bytes([header[2], header[3]]);
    let reserved = header[1] != 0 || word & 0b110 != 0;
    if reserved || IpProtocol::from(header[0]) != IpProtocol::Udp {
        return None;
    }
    Some(Ipv6Payload::Fragment {
        identification: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        offset: usize::from(word & !0b111),
        more: word & 1 == 1,
        payload: &bytes[8..],
    })
}
