//! What can be asked of a policy, and the answer.

use super::group::Gateways;
use super::model::{Action, Protocol};
use std::net::IpAddr;

/// Where the host name of an egress question comes from (spec: network 11.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostnameSource {
    /// Server name of a ClientHello, normalised.
    Sni(String),
    /// Live names in the hostname index.
    Cache,
    /// Not known yet: the question of a TCP SYN.
    Deferred,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// From the guest to an address (11.5). No port for ICMP.
    Egress {
        protocol: Protocol,
        address: IpAddr,
        port: Option<u16>,
        hostname: HostnameSource,
    },
    /// From a peer to a guest port (11.6).
    Ingress {
        protocol: Protocol,
        address: IpAddr,
        port: u16,
    },
    /// A DNS question over the guest's transport (11.8); no name when it is not a valid one.
    Dns {
        name: Option<String>,
        protocol: Protocol,
        port: u16,
    },
    /// Explicit admission of an address in a DNS answer (11.7).
    Answer { protocol: Protocol, address: IpAddr },
}

impl Question {
    /// Address that the question is about.
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Question::Egress { address, .. }
            | Question::Ingress { address, .. }
            | Question::Answer { address, .. } => Some(*address),
            Question::Dns { .. } => None,
        }
    }
}

/// What an evaluation knows besides the policy.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub gateways: Gateways,
    /// Live names of the question's address in the hostname index.
    pub names: &'a [String],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Allow,
    Deny,
    /// Allowed to open; decided when a server name is seen.
    Defer,
    /// Nothing answers explicitly (only [`Question::Answer`]).
    None,
}

impl From<Action> for Outcome {
    fn from(action: Action) -> Outcome {
        match action {
            Action::Allow => Outcome::Allow,
            Action::Deny => Outcome::Deny,
        }
    }
}

/// Who decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DecidedBy {
    /// Index into the policy's rules.
    Rule(usize),
    Default,
    /// The platform's policy.
    Platform,
    /// A bound, not a policy.
    Limit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    pub outcome: Outcome,
    pub decided_by: DecidedBy,
}

impl Verdict {
    pub(super) fn rule(index: usize, outcome: impl Into<Outcome>) -> Verdict {
        Verdict {
            outcome: outcome.into(),
            decided_by: DecidedBy::Rule(index),
        }
    }

    pub(super) fn default(outcome: impl Into<Outcome>) -> Verdict {
        Verdict {
            outcome: outcome.into(),
            decided_by: DecidedBy::Default,
        }
    }
}
