//! The JSON form of a policy (spec: network 18).

use super::group::Group;
use super::model::{Action, Cidr, Destination, Direction, Policy, PortRange, Protocol, Rule};
use super::name::{NameError, normalise_name};
use super::rule_index::RuleIndex;
use serde::Deserialize;
use std::net::IpAddr;

/// Why a policy cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    #[error("policy: {0}")]
    Json(#[from] serde_json::Error),
    #[error("rule #{rule}: invalid CIDR `{text}`")]
    Cidr { rule: usize, text: String },
    #[error("rule #{rule}: invalid domain `{text}`: {reason}")]
    Domain {
        rule: usize,
        text: String,
        reason: NameError,
    },
    #[error("rule #{rule}: invalid port range {start}..{end}; lo must be <= hi")]
    Ports { rule: usize, start: u16, end: u16 },
}

fn deny() -> Action {
    Action::Deny
}

#[derive(Deserialize)]
struct PolicyDocument {
    #[serde(default = "deny")]
    default_egress: Action,
    #[serde(default = "deny")]
    default_ingress: Action,
    #[serde(default)]
    rules: Vec<RuleDocument>,
}

#[derive(Deserialize)]
struct RuleDocument {
    direction: Direction,
    destination: DestinationDocument,
    #[serde(default)]
    protocols: Vec<Protocol>,
    #[serde(default)]
    ports: Vec<PortRange>,
    action: Action,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum DestinationDocument {
    Any,
    Cidr(String),
    Domain(String),
    DomainSuffix(String),
    Group(Group),
}

pub(super) fn read(text: &str) -> Result<Policy, PolicyError> {
    let document: PolicyDocument = serde_json::from_str(text)?;
    let rules = document.rules.into_iter().enumerate();
    let rules: Vec<Rule> = rules.map(|(i, r)| rule(i, r)).collect::<Result<_, _>>()?;
    Ok(Policy {
        default_egress: document.default_egress,
        default_ingress: document.default_ingress,
        index: RuleIndex::new(&rules),
        rules,
    })
}

fn rule(index: usize, document: RuleDocument) -> Result<Rule, PolicyError> {
    let reversed = document.ports.iter().find(|range| range.start > range.end);
    if let Some(&PortRange { start, end }) = reversed {
        return Err(PolicyError::Ports {
            rule: index,
            start,
            end,
        });
    }
    Ok(Rule {
        direction: document.direction,
        action: document.action,
        protocols: document.protocols.into_iter().collect(),
        ports: document.ports.into(),
        destination: destination(index, document.destination)?,
    })
}

fn destination(rule: usize, document: DestinationDocument) -> Result<Destination, PolicyError> {
    let name = |text: String| {
        normalise_name(&text).map_err(|reason| PolicyError::Domain { rule, text, reason })
    };
    Ok(match document {
        DestinationDocument::Any => Destination::Any,
        DestinationDocument::Group(group) => Destination::Group(group),
        DestinationDocument::Domain(text) => Destination::Domain(name(text)?),
        DestinationDocument::DomainSuffix(text) => Destination::DomainSuffix(name(text)?),
        DestinationDocument::Cidr(text) => {
            Destination::Cidr(parse_cidr(&text).ok_or(PolicyError::Cidr { rule, text })?)
        }
    })
}

/// A prefix in CIDR notation, or a single address. Mapped IPv6 prefixes of /96 and longer become IPv4.
fn parse_cidr(text: &str) -> Option<Cidr> {
    let (address, prefix) = match text.split_once('/') {
        None => (text, None),
        Some((address, prefix)) => (address, Some(prefix.parse::<u8>().ok()?)),
    };
    let address: IpAddr = address.parse().ok()?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.unwrap_or(width);
    if prefix > width {
        return None;
    }
    let (address, prefix) = match (address, address.to_canonical()) {
        (IpAddr::V6(_), v4 @ IpAddr::V4(_)) if prefix >= 96 => (v4, prefix - 96),
        (other, _) => (other, prefix),
    };
    Some(match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            let network = u32::from(v4) & mask;
            Cidr::V4 { network, mask }
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            let network = u128::from(v6) & mask;
            Cidr::V6 { network, mask }
        }
    })
}
