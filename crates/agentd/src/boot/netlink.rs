//! The few rtnetlink messages that a guest's network needs: built as bytes, answered by the kernel
//! one by one. Layouts are those of rtnetlink(7).

use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
};

const NLMSG_ERROR: u16 = 2;
const RTM_NEWLINK: u16 = 16;
const RTM_NEWADDR: u16 = 20;
const RTM_NEWROUTE: u16 = 24;

const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_EXCL: u16 = 0x200;
const NLM_F_CREATE: u16 = 0x400;

const IFF_UP: u32 = 1;
const IFLA_ADDRESS: u16 = 1;
const IFLA_MTU: u16 = 4;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_F_NODAD: u8 = 0x02;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_DST: u16 = 1;
const RTA_METRICS: u16 = 8;
const RTAX_MTU: u16 = 2;
const RT_TABLE_MAIN: u8 = 254;
const RTPROT_BOOT: u8 = 3;
const RT_SCOPE_UNIVERSE: u8 = 0;
const RT_SCOPE_LINK: u8 = 253;
const RTN_UNICAST: u8 = 1;

const HEADER_SIZE: usize = 16;

/// One request to the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    kind: u16,
    flags: u16,
    body: Vec<u8>,
}

impl Request {
    /// Sets Ethernet address and MTU of the card `index`.
    #[must_use]
    pub fn configure_link(index: u32, mac: [u8; 6], mtu: u16) -> Self {
        Self::link(index, 0, 0)
            .attribute(IFLA_ADDRESS, &mac)
            .attribute(IFLA_MTU, &u32::from(mtu).to_ne_bytes())
    }

    /// Switches the card `index` on.
    #[must_use]
    pub fn link_up(index: u32) -> Self {
        Self::link(index, IFF_UP, IFF_UP)
    }

    fn link(index: u32, flags: u32, change: u32) -> Self {
        let mut body = vec![0, 0, 0, 0];
        body.extend(index.to_ne_bytes());
        body.extend(flags.to_ne_bytes());
        body.extend(change.to_ne_bytes());
        Self {
            kind: RTM_NEWLINK,
            flags: 0,
            body,
        }
    }

    /// Gives the card `index` an address. IPv6 addresses are used at once, without asking around
    /// whether somebody else has them.
    #[must_use]
    pub fn add_address(index: u32, address: IpAddr, prefix_len: u8) -> Self {
        let flags = if address.is_ipv6() { IFA_F_NODAD } else { 0 };
        let mut body = vec![family(address), prefix_len, flags, RT_SCOPE_UNIVERSE];
        body.extend(index.to_ne_bytes());
        let request = Self {
            kind: RTM_NEWADDR,
            flags: NLM_F_CREATE | NLM_F_EXCL,
            body,
        }
        .attribute(IFA_ADDRESS, &octets(address));
        if address.is_ipv4() {
            request.attribute(IFA_LOCAL, &octets(address))
        } else {
            request
        }
    }

    /// Sends everything else to `gateway` through the card `index`, in packets of up to `mtu` bytes
    /// if that is not the card's.
    #[must_use]
    pub fn default_route(index: u32, gateway: IpAddr, mtu: Option<u16>) -> Self {
        Self::route(family(gateway), 0, RT_SCOPE_UNIVERSE)
            .attribute(RTA_GATEWAY, &octets(gateway))
            .attribute(RTA_OIF, &index.to_ne_bytes())
            .route_mtu(mtu)
    }

    /// The same for what is sent to the gateway itself, which the card `index` reaches.
    #[must_use]
    pub fn gateway_route(index: u32, gateway: IpAddr, mtu: Option<u16>) -> Self {
        let address = octets(gateway);
        let prefix_len = u8::try_from(8 * address.len()).unwrap_or(u8::MAX);
        Self::route(family(gateway), prefix_len, RT_SCOPE_LINK)
            .attribute(RTA_DST, &address)
            .attribute(RTA_OIF, &index.to_ne_bytes())
            .route_mtu(mtu)
    }

    fn route(family: u8, prefix_len: u8, scope: u8) -> Self {
        let mut body = vec![family, prefix_len, 0, 0];
        body.extend([RT_TABLE_MAIN, RTPROT_BOOT, scope, RTN_UNICAST]);
        body.extend([0; 4]);
        Self {
            kind: RTM_NEWROUTE,
            flags: NLM_F_CREATE | NLM_F_EXCL,
            body,
        }
    }

    /// An attribute of an attribute.
    fn route_mtu(self, mtu: Option<u16>) -> Self {
        let Some(mtu) = mtu else { return self };
        let mut metrics = 8_u16.to_ne_bytes().to_vec();
        metrics.extend(RTAX_MTU.to_ne_bytes());
        metrics.extend(u32::from(mtu).to_ne_bytes());
        self.attribute(RTA_METRICS, &metrics)
    }

    /// Attributes are padded to four bytes; their length is told without the padding.
    fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
        self.body.extend(length.to_ne_bytes());
        self.body.extend(kind.to_ne_bytes());
        self.body.extend(value);
        self.body.resize(self.body.len().next_multiple_of(4), 0);
        self
    }

    fn encode(&self, sequence: u32) -> Vec<u8> {
        let length = u32::try_from(HEADER_SIZE + self.body.len()).unwrap_or(u32::MAX);
        let flags = self.flags | NLM_F_REQUEST | NLM_F_ACK;
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(self.kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend(sequence.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(&self.body);
        bytes
    }
}

fn family(address: IpAddr) -> u8 {
    let family = if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    u8::try_from(family.as_raw()).unwrap_or_default()
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// A conversation with the kernel.
#[derive(Debug)]
pub struct Netlink {
    socket: OwnedFd,
    sequence: u32,
}

impl Netlink {
    /// Opens one.
    ///
    /// # Errors
    /// When this kernel has no rtnetlink.
    pub fn open() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        // No protocol is protocol 0, which is NETLINK_ROUTE.
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
        Ok(Self {
            socket,
            sequence: 0,
        })
    }

    /// Sends `request` and waits for the kernel's verdict.
    ///
    /// # Errors
    /// The kernel's.
    pub fn send(&mut self, request: &Request) -> io::Result<()> {
        self.sequence += 1;
        let kernel = SocketAddrNetlink::new(0, 0);
        sendto(
            &self.socket,
            &request.encode(self.sequence),
            SendFlags::empty(),
            &kernel,
        )?;
        let mut buffer = [0; 4096];
        let (_, length) = recv(&self.socket, &mut buffer[..], RecvFlags::empty())?;
        match verdict(buffer.get(..length).unwrap_or(&buffer), self.sequence) {
            Some(0) => Ok(()),
            Some(errno) => Err(io::Error::from_raw_os_error(-errno)),
            None => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "odd netlink answer",
            )),
        }
    }
}

/// The error number in the answer to message `sequence`; 0 is an acknowledgement.
fn verdict(answer: &[u8], sequence: u32) -> Option<i32> {
    let kind = u16::from_ne_bytes(*answer.get(4..)?.first_chunk()?);
    let of = u32::from_ne_bytes(*answer.get(8..)?.first_chunk()?);
    let errno = i32::from_ne_bytes(*answer.get(HEADER_SIZE..)?.first_chunk()?);
    (kind == NLMSG_ERROR && of == sequence).then_some(errno)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn messages_have_the_kernels_layout() {
        let address = Request::add_address(2, Ipv4Addr::new(172, 16, 0, 2).into(), 30);
        assert_eq!(
            hex(&address.encode(1)),
            "28000000140005060100000000000000021e0000020000000800 0100ac1000020800 0200ac100002"
                .replace(' ', "")
        );
        let route = Request::default_route(2, Ipv4Addr::new(172, 16, 0, 1).into(), None);
        assert_eq!(
            hex(&route.encode(2)),
            "2c0000001800050602000000000000000200 0000fe03000100000000 08000500ac10000108000400 02000000"
                .replace(' ', "")
        );
        let gateway = Request::gateway_route(2, Ipv4Addr::new(172, 16, 0, 1).into(), Some(32768));
        assert_eq!(
            hex(&gateway.encode(2)),
            "380000001800050602000000000000000220 0000fe03fd0100000000 08000100ac10000108000400 02000000\
             0c00080008000200 00800000"
                .replace(' ', "")
        );
        let link = Request::configure_link(2, [2, 0, 0, 0, 0, 9], 1500);
        assert_eq!(
            hex(&link.encode(3)),
            "340000001000050003000000000000000000000002000000000000000000 0000 \
             0a00010002000000 00090000 08000400dc050000"
                .replace(' ', "")
        );
    }

    #[test]
    fn an_ipv6_address_is_used_without_asking_around() {
        let request = Request::add_address(1, Ipv6Addr::LOCALHOST.into(), 128);
        assert_eq!(request.body[..4], [10, 128, IFA_F_NODAD, 0]);
        assert_eq!(request.body.len(), 8 + 4 + 16);
    }

    #[test]
    fn only_the_answer_to_our_message_counts() {
        let mut answer = vec![0; 36];
        answer[4] = 2;
        answer[8] = 7;
        answer[16..20].copy_from_slice(&(-17_i32).to_ne_bytes());
        assert_eq!(verdict(&answer, 7), Some(-17));
        assert_eq!(verdict(&answer, 8), None);
        assert_eq!(verdict(&answer[..10], 7), None);
    }
}
