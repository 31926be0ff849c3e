//! A policy in the form that is evaluated.

use super::document::{self, PolicyError};
use super::group::Group;
use super::rule_index::RuleIndex;
use serde::Deserialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Allow,
    Deny,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Direction {
    Egress,
    Ingress,
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    Tcp,
    Udp,
    Icmpv4,
    Icmpv6,
}

impl Protocol {
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Icmpv4 => "icmpv4",
            Protocol::Icmpv6 => "icmpv6",
        }
    }
}

/// Network prefix: the network's bits under its mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cidr {
    V4 { network: u32, mask: u32 },
    V6 { network: u128, mask: u128 },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Destination {
    Any,
    Cidr(Cidr),
    Domain(String),
    DomainSuffix(String),
    Group(Group),
}

/// Set of protocols, a bit for each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Protocols(u8);

impl Protocols {
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn contains(self, protocol: Protocol) -> bool {
        self.0 & Protocols::bit(protocol) != 0
    }

    fn bit(protocol: Protocol) -> u8 {
        1 << protocol as u8
    }
}

impl FromIterator<Protocol> for Protocols {
    fn from_iter<I: IntoIterator<Item = Protocol>>(protocols: I) -> Protocols {
        let bits = protocols.into_iter().map(Protocols::bit);
        Protocols(bits.fold(0, |all, bit| all | bit))
    }
}

/// Ports from `start` to `end`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) struct PortRange {
    pub start: u16,
    pub end: u16,
}

impl PortRange {
    pub(super) fn contains(self, port: u16) -> bool {
        (self.start..=self.end).contains(&port)
    }
}

#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub direction: Direction,
    pub action: Action,
    /// Empty means any.
    pub protocols: Protocols,
    /// Guest-side ports; empty means any.
    pub ports: Box<[PortRange]>,
    pub destination: Destination,
}

/// Rules in order and what holds when none decides.
#[derive(Debug, Clone)]
pub struct Policy {
    pub(super) default_egress: Action,
    pub(super) default_ingress: Action,
    pub(super) rules: Vec<Rule>,
    pub(super) index: RuleIndex,
}

impl Policy {
    /// Reads `network.policy` (spec: network 18). A missing default means deny.
    pub fn from_json(text: &str) -> Result<Policy, PolicyError> {
        document::read(text)
    }
}
