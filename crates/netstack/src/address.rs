//! Addresses of the two-host network between guest and stack (spec: network 2).

use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

pub const MAX_SLOT: u64 = 65535;
const DEFAULT_MTU: u16 = 1500;
const MIN_MTU: u16 = 1280;
/// There is no cable: a packet of this size costs the guest about as much as one of 1500 bytes. A window holds several.
const ROUTE_MTU: u16 = 32768;
const DEFAULT_IPV4_POOL: (Ipv4Addr, u8) = (Ipv4Addr::new(172, 16, 0, 0), 12);
const DEFAULT_IPV6_POOL: (Ipv6Addr, u8) = (Ipv6Addr::new(0xfd42, 0x6d73, 0x62, 0, 0, 0, 0, 0), 48);

/// Slot and overrides that addresses are made from.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddressRequest {
    pub slot: u64,
    pub mac: Option<[u8; 6]>,
    pub mtu: Option<u16>,
    pub ipv4_address: Option<Ipv4Addr>,
    pub ipv4_pool: Option<String>,
    pub ipv6_address: Option<Ipv6Addr>,
    pub ipv6_pool: Option<String>,
    pub families: Option<Families>,
}

/// Families to use whatever routes the host has.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Families {
    pub ipv4: bool,
    pub ipv6: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Family<A> {
    pub guest: A,
    pub gateway: A,
    pub prefix_length: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Addresses {
    pub guest_mac: [u8; 6],
    pub gateway_mac: [u8; 6],
    /// MTU of the guest's interface, which says what a datagram may have.
    pub mtu: u16,
    /// What the guest's routes may take instead, for the segments of connections; these end in the stack.
    pub route_mtu: u16,
    pub ipv4: Option<Family<Ipv4Addr>>,
    pub ipv6: Option<Family<Ipv6Addr>>,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("sandbox slot {0} exceeds address pool capacity (max {1})")]
    Slot(u64, u64),
    #[error("invalid IPv4 pool `{0}`: prefix must be /30 or shorter")]
    Ipv4Pool(String),
    #[error("invalid IPv6 pool `{0}`: prefix must be /64 or shorter")]
    Ipv6Pool(String),
    #[error("invalid MTU {0}; must be at least {MIN_MTU}")]
    Mtu(u16),
}

impl Addresses {
    pub fn derive(request: &AddressRequest) -> Result<Addresses, AddressError> {
        let slot = request.slot;
        if slot > MAX_SLOT {
            return Err(AddressError::Slot(slot, MAX_SLOT));
        }
        let mtu = request.mtu.unwrap_or(DEFAULT_MTU);
        if mtu < MIN_MTU {
            return Err(AddressError::Mtu(mtu));
        }
        let [high, low] = (slot as u16).to_be_bytes();
        let (ipv4, ipv6) = active(request);
        Ok(Addresses {
            guest_mac: request.mac.unwrap_or([0x02, 0x6d, 0x73, high, low, 2]),
            gateway_mac: [0x02, 0x6d, 0x73, high, low, 1],
            mtu,
            route_mtu: request.mtu.unwrap_or(ROUTE_MTU),
            ipv4: if ipv4 { Some(ipv4_of(request)?) } else { None },
            ipv6: if ipv6 { Some(ipv6_of(request)?) } else { None },
        })
    }

    pub fn gateways(&self) -> crate::policy::Gateways {
        crate::policy::Gateways {
            ipv4: self.ipv4.map(|f| f.gateway),
            ipv6: self.ipv6.map(|f| f.gateway),
        }
    }

    /// True for the guest's own address.
    pub fn is_guest(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => self.ipv4.is_some_and(|f| f.guest == v4),
            IpAddr::V6(v6) => self.ipv6.is_some_and(|f| f.guest == v6),
        }
    }
}

fn active(request: &AddressRequest) -> (bool, bool) {
    let routed = |given: Option<bool>, target: &str| given.unwrap_or_else(|| has_route(target));
    let families = request.families;
    (
        request.ipv4_address.is_some() || routed(families.map(|f| f.ipv4), "192.0.2.1:443"),
        request.ipv6_address.is_some() || routed(families.map(|f| f.ipv6), "[2001:db8::1]:443"),
    )
}

/// Asks the host's routing table by connecting a datagram socket, which sends nothing.
fn has_route(target: &str) -> bool {
    let Ok(target) = target.parse::<SocketAddr>() else {
        return false;
    };
    let any = if target.is_ipv4() {
        "0.0.0.0:0"
    } else {
        "[::]:0"
    };
    UdpSocket::bind(any)
        .and_then(|socket| socket.connect(target))
        .is_ok()
}

fn ipv4_of(request: &AddressRequest) -> Result<Family<Ipv4Addr>, AddressError> {
    let (network, prefix) = match &request.ipv4_pool {
        None => DEFAULT_IPV4_POOL,
        Some(text) => parse_pool(text, 30).ok_or_else(|| AddressError::Ipv4Pool(text.clone()))?,
    };
    let blocks = 1_u64 << (30 - prefix);
    let guest = match request.ipv4_address {
        Some(address) => u32::from(address),
        None if request.slot >= blocks => {
            return Err(AddressError::Slot(request.slot, blocks - 1));
        }
        None => {
            let base =
                u32::from(network) & u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            base + request.slot as u32 * 4 + 2
        }
    };
    Ok(Family {
        guest: guest.into(),
        gateway: guest.wrapping_sub(1).into(),
        prefix_length: 30,
    })
}

fn ipv6_of(request: &AddressRequest) -> Result<Family<Ipv6Addr>, AddressError> {
    let (network, prefix) = match &request.ipv6_pool {
        None => DEFAULT_IPV6_POOL,
        Some(text) => parse_pool(text, 64).ok_or_else(|| AddressError::Ipv6Pool(text.clone()))?,
    };
    let capacity = 1_u64
        .checked_shl(64 - u32::from(prefix))
        .unwrap_or(u64::MAX);
    let guest = match request.ipv6_address {
        Some(address) => u128::from(address),
        None if request.slot >= capacity => {
            return Err(AddressError::Slot(request.slot, capacity - 1));
        }
        None => {
            let keep = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            (u128::from(network) & keep) + (u128::from(request.slot) << 64) + 2
        }
    };
    const HOST_BITS: u128 = u64::MAX as u128;
    Ok(Family {
        guest: guest.into(),
        gateway: ((guest & !HOST_BITS) + 1).into(),
        prefix_length: 64,
    })
}

fn parse_pool<A: std::str::FromStr>(text: &str, longest: u8) -> Option<(A, u8)> {
    let (address, prefix) = text.split_once('/')?;
    let prefix = prefix.parse().ok().filter(|p| *p <= longest)?;
    Some((address.parse().ok()?, prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn derive(slot: u64, ipv4_pool: Option<&str>) -> Result<Addresses, AddressError> {
        Addresses::derive(&AddressRequest {
            slot,
            ipv4_pool: ipv4_pool.map(str::to_owned),
            families: Some(Families {
                ipv4: true,
                ipv6: true,
            }),
            ..AddressRequest::default()
        })
    }

    #[test]
    fn slots_give_the_published_addresses() {
        let vectors = [
            (0, "172.16.0.2", "172.16.0.1", "fd42:6d73:62::2", [0, 0]),
            (1, "172.16.0.6", "172.16.0.5", "fd42:6d73:62:1::2", [0, 1]),
            (
                42,
                "172.16.0.170",
                "172.16.0.169",
                "fd42:6d73:62:2a::2",
                [0, 0x2a],
            ),
            (
                65535,
                "172.19.255.254",
                "172.19.255.253",
                "fd42:6d73:62:ffff::2",
                [255, 255],
            ),
        ];
        for (slot, guest, gateway, guest6, [high, low]) in vectors {
            let addresses = derive(slot, None).unwrap();
            let (ipv4, ipv6) = (addresses.ipv4.unwrap(), addresses.ipv6.unwrap());
            assert_eq!(ipv4.guest.to_string(), guest);
            assert_eq!(ipv4.gateway.to_string(), gateway);
            assert_eq!(ipv6.guest.to_string(), guest6);
            assert_eq!(ipv6.gateway.segments()[4..], [0, 0, 0, 1]);
            assert_eq!(addresses.guest_mac, [2, 0x6d, 0x73, high, low, 2]);
            assert_eq!(addresses.gateway_mac, [2, 0x6d, 0x73, high, low, 1]);
        }
    }

    #[test]
    fn slots_beyond_the_pool_are_refused() {
        assert_eq!(derive(65536, None), Err(AddressError::Slot(65536, 65535)));
        assert_eq!(
            derive(4, Some("10.0.0.0/28")),
            Err(AddressError::Slot(4, 3))
        );
        assert_eq!(
            derive(3, Some("10.0.0.0/28"))
                .unwrap()
                .ipv4
                .unwrap()
                .guest
                .to_string(),
            "10.0.0.14"
        );
        let bad = derive(0, Some("10.0.0.0/31"));
        assert_eq!(bad, Err(AddressError::Ipv4Pool("10.0.0.0/31".into())));
    }
}
