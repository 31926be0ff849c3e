//! Documents as TypeScript writes them (`packages/native/src/network.ts`).

use crate::address::Addresses;
use crate::policy::{
    Facts, Gateways, HostnameSource, Protocol, Question, canonical, normalise_name,
};
use crate::rate::LimitOptions;
use serde::Deserialize;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `NetworkStackOptions`. In Rust the frame stream is an argument of its own, so its number is not looked at.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StackOptions {
    pub frame_fd: Option<i32>,
    pub addresses: Addresses,
    pub policy_json: String,
    pub platform_policy_json: Option<String>,
    pub tls: Option<TlsOptions>,
    #[serde(default)]
    pub hand_up_plain: bool,
    #[serde(default)]
    pub limits: Limits,
    pub rate_limiter: Option<RateLimiter>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TlsOptions {
    pub intercepted_ports: Vec<u16>,
    pub bypass: Vec<String>,
    pub block_quic: bool,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub struct RateLimiter {
    pub egress: Option<LimitOptions>,
    pub ingress: Option<LimitOptions>,
}

/// Bounds on what a guest can multiply.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Limits {
    pub max_connections: usize,
    pub max_published_connections: usize,
    pub max_udp_sessions: usize,
    pub max_pings: usize,
    pub max_dns_queries: usize,
}

/// No configuration may go beyond it.
pub const HARD_MAX_CONNECTIONS: usize = 4096;

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_connections: 256,
            max_published_connections: 256,
            max_udp_sessions: 256,
            max_pings: 64,
            max_dns_queries: 256,
        }
    }
}

/// `PolicyContext`: what a stand-alone evaluation knows.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct PolicyContext {
    pub gateway_ipv4: Option<Ipv4Addr>,
    pub gateway_ipv6: Option<Ipv6Addr>,
    pub resolved: Vec<Resolved>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolved {
    pub name: String,
    pub addresses: Vec<IpAddr>,
}

impl PolicyContext {
    pub fn names_of(&self, question: &Question) -> Vec<String> {
        let Some(address) = question.address().map(canonical) else {
            return Vec::new();
        };
        let resolved = self.resolved.iter();
        let matching = resolved.filter(|r| r.addresses.iter().any(|a| canonical(*a) == address));
        matching
            .filter_map(|r| normalise_name(&r.name).ok())
            .collect()
    }

    pub fn facts<'a>(&self, names: &'a [String]) -> Facts<'a> {
        Facts {
            gateways: Gateways {
                ipv4: self.gateway_ipv4,
                ipv6: self.gateway_ipv6,
            },
            names,
        }
    }
}

/// `PolicyQuestion`.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
pub enum QuestionDocument {
    Egress {
        protocol: Protocol,
        address: IpAddr,
        port: Option<u16>,
        hostname: Option<HostnameDocument>,
    },
    Ingress {
        protocol: Protocol,
        address: IpAddr,
        port: u16,
    },
    Dns {
        name: Option<String>,
        protocol: Protocol,
        port: u16,
    },
    Answer {
        protocol: Protocol,
        address: IpAddr,
    },
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HostnameDocument {
    Cache,
    Deferred,
    Sni(String),
}

impl QuestionDocument {
    /// The question with its names in normal form; a server name that is none is an error.
    pub fn read(self) -> Result<Question, crate::policy::NameError> {
        Ok(match self {
            QuestionDocument::Egress {
                protocol,
                address,
                port,
                hostname,
            } => Question::Egress {
                protocol,
                address,
                port,
                hostname: match hostname {
                    None | Some(HostnameDocument::Cache) => HostnameSource::Cache,
                    Some(HostnameDocument::Deferred) => HostnameSource::Deferred,
                    Some(HostnameDocument::Sni(n)) => HostnameSource::Sni(normalise_name(&n)?),
                },
            },
            QuestionDocument::Ingress {
                protocol,
                address,
                port,
            } => Question::Ingress {
                protocol,
                address,
                port,
            },
            // Not every name that can be asked for is one that a rule can hold.
            QuestionDocument::Dns {
                name,
                protocol,
                port,
            } => Question::Dns {
                name: name.and_then(|n| normalise_name(&n).ok()),
                protocol,
                port,
            },
            QuestionDocument::Answer { protocol, address } => {
                Question::Answer { protocol, address }
            }
        })
    }
}
