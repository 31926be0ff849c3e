//! A policy in the form that is evaluated.

use super::document::{self, PolicyError};
use super::group::Group;
use serde::Deserialize;
use std::ops::RangeInclusive;

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

#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub direction: Direction,
    pub destination: Destination,
    /// Empty means any.
    pub protocols: Vec<Protocol>,
    /// Guest-side ports; empty means any.
    pub ports: Vec<RangeInclusive<u16>>,
    pub action: Action,
}

/// Rules in order and what holds when none decides.
#[derive(Debug, Clone)]
pub struct Policy {
    pub(super) default_egress: Action,
    pub(super) default_ingress: Action,
    pub(super) rules: Vec<Rule>,
}

impl Policy {
    /// Reads `network.policy` (spec: network 18). A missing default means deny.
    pub fn from_json(text: &str) -> Result<Policy, PolicyError> {
        document::read(text)
    }
}
