//! Address groups (spec: network 11.2).

use serde::Deserialize;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What kind of place an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    Public,
    Loopback,
    Private,
    #[serde(alias = "link-local")]
    LinkLocal,
    Metadata,
    Multicast,
    Host,
}

/// Addresses that stand for the host.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gateways {
    pub ipv4: Option<Ipv4Addr>,
    pub ipv6: Option<Ipv6Addr>,
}

impl Gateways {
    pub fn contain(&self, address: IpAddr) -> bool {
        match canonical(address) {
            IpAddr::V4(v4) => self.ipv4 == Some(v4),
            IpAddr::V6(v6) => self.ipv6 == Some(v6),
        }
    }
}

/// IPv4-mapped IPv6 as the IPv4 that it means.
pub fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// IPv4 address inside a translated one: NAT64's well-known prefix (RFC 6052) and 6to4 (RFC 3056).
pub fn embedded_ipv4(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(v6) = address else { return None };
    let s = v6.segments();
    let join = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match s {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

/// The group of an address, which is at most one.
///
/// A translated address (NAT64, 6to4) of a place that is not public counts as that place, stricter than the
/// reference, which calls all of them public: else they would be another way to write a private address.
pub fn group_of(address: IpAddr, gateways: &Gateways) -> Option<Group> {
    let address = canonical(address);
    if address.is_unspecified() {
        return None;
    }
    if gateways.contain(address) {
        return Some(Group::Host);
    }
    let group = match address {
        IpAddr::V4(v4) => group_v4(v4),
        IpAddr::V6(v6) => group_v6(v6),
    };
    match embedded_ipv4(address) {
        Some(inner) => group_of(IpAddr::V4(inner), gateways),
        None => Some(group),
    }
}

fn group_v4(address: Ipv4Addr) -> Group {
    const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
    let [a, b, ..] = address.octets();
    match (a, b) {
        _ if address == METADATA => Group::Metadata,
        (127, _) => Group::Loopback,
        (10, _) | (172, 16..=31) | (192, 168) | (100, 64..=127) => Group::Private,
        (169, 254) => Group::LinkLocal,
        (224..=239, _) => Group::Multicast,
        _ => Group::Public,
    }
}

fn group_v6(address: Ipv6Addr) -> Group {
    match address.segments()[0] {
        _ if address == Ipv6Addr::LOCALHOST => Group::Loopback,
        0xfc00..=0xfdff => Group::Private,
        0xfe80..=0xfebf => Group::LinkLocal,
        0xff00..=0xffff => Group::Multicast,
        _ => Group::Public,
    }
}
