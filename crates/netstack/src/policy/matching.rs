//! How one rule is compared with one address.

use super::group::{Gateways, Group, canonical, embedded_ipv4, group_of};
use super::model::{Action, Cidr, Destination, Direction, Protocol, Rule};
use super::name::has_suffix;
use std::net::{IpAddr, Ipv4Addr};

/// An address with what every rule asks of it, found out once.
pub(super) struct Target {
    pub(super) address: IpAddr,
    pub(super) group: Option<Group>,
    pub(super) embedded: Option<Ipv4Addr>,
}

impl Target {
    pub(super) fn new(address: IpAddr, gateways: &Gateways) -> Target {
        Target {
            address: canonical(address),
            group: group_of(address, gateways),
            embedded: embedded_ipv4(address),
        }
    }
}

impl Rule {
    pub(super) fn is_egress(&self) -> bool {
        self.direction != Direction::Ingress
    }

    pub(super) fn is_ingress(&self) -> bool {
        self.direction != Direction::Egress
    }

    /// Protocol and port filters; a rule with ports never covers ICMP.
    pub(super) fn covers(&self, protocol: Protocol, port: Option<u16>) -> bool {
        self.covers_protocol(protocol)
            && (self.ports.is_empty()
                || port.is_some_and(|port| self.ports.iter().any(|range| range.contains(port))))
    }

    pub(super) fn covers_protocol(&self, protocol: Protocol) -> bool {
        self.protocols.is_empty() || self.protocols.contains(protocol)
    }

    /// Whether an address-like destination matches; none when the destination is a name.
    pub(super) fn matches_address(&self, target: &Target) -> Option<bool> {
        match &self.destination {
            Destination::Any => Some(true),
            Destination::Group(group) => Some(target.group == Some(*group)),
            Destination::Cidr(cidr) => {
                // A denied prefix is denied in translated notation too; an allowed one is not widened by it.
                let translated = match self.action {
                    Action::Deny => target.embedded,
                    Action::Allow => None,
                };
                let inside = |v4: Ipv4Addr| cidr.contains(v4.into());
                Some(cidr.contains(target.address) || translated.is_some_and(inside))
            }
            Destination::Domain(_) | Destination::DomainSuffix(_) => None,
        }
    }

    pub(super) fn matches_name(&self, name: &str) -> bool {
        match &self.destination {
            Destination::Domain(domain) => domain == name,
            Destination::DomainSuffix(suffix) => has_suffix(name, suffix),
            _ => false,
        }
    }

    pub(super) fn matches_any_name(&self, names: &[String]) -> bool {
        names.iter().any(|name| self.matches_name(name))
    }
}

impl Cidr {
    fn contains(&self, address: IpAddr) -> bool {
        match (*self, address) {
            (Cidr::V4 { network, mask }, IpAddr::V4(v4)) => u32::from(v4) & mask == network,
            (Cidr::V6 { network, mask }, IpAddr::V6(v6)) => u128::from(v6) & mask == network,
            _ => false,
        }
    }
}
