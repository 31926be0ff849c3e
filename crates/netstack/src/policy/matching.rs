//! How one rule is compared with one address.

use super::document::mask;
use super::group::{Gateways, canonical, embedded_ipv4, group_of};
use super::model::{Action, Cidr, Destination, Direction, Protocol, Rule};
use super::name::has_suffix;
use std::net::IpAddr;

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
                || port.is_some_and(|port| self.ports.iter().any(|range| range.contains(&port))))
    }

    pub(super) fn covers_protocol(&self, protocol: Protocol) -> bool {
        self.protocols.is_empty() || self.protocols.contains(&protocol)
    }

    /// Whether an address-like destination matches; none when the destination is a name.
    pub(super) fn matches_address(&self, address: IpAddr, gateways: &Gateways) -> Option<bool> {
        match &self.destination {
            Destination::Any => Some(true),
            Destination::Group(group) => Some(group_of(address, gateways) == Some(*group)),
            Destination::Cidr(cidr) => {
                let address = canonical(address);
                // A denied prefix is denied in translated notation too; an allowed one is not widened by it.
                let translated = match self.action {
                    Action::Deny => embedded_ipv4(address),
                    Action::Allow => None,
                };
                Some(
                    cidr.contains(address) || translated.is_some_and(|v4| cidr.contains(v4.into())),
                )
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
        address.is_ipv4() == self.network.is_ipv4() && mask(address, self.prefix) == self.network
    }
}
