//! The rule that would have let something pass, in the command line's grammar (spec: network 19.2).

use super::group::{Group, canonical, group_of};
use super::question::{Facts, HostnameSource, Question};
use std::net::IpAddr;

/// A net-rule token such as `allow@example.com:tcp:443`; none where no single rule helps.
pub fn allow_rule(question: &Question, facts: &Facts) -> Option<String> {
    match question {
        Question::Egress {
            protocol,
            address,
            port,
            hostname,
        } => {
            let target = match hostname {
                // A name only helps when the address was resolved for it.
                HostnameSource::Sni(name) if facts.names.contains(name) => name_target(name),
                _ => match facts.names.first() {
                    Some(name) => name_target(name),
                    None => address_target(*address, facts),
                },
            };
            let port = port.map_or(String::new(), |port| format!(":{port}"));
            Some(format!("allow@{target}:{}{port}", protocol.name()))
        }
        Question::Ingress {
            protocol,
            address,
            port,
        } => {
            let target = address_target(*address, facts);
            Some(format!("allow:ingress@{target}:{}:{port}", protocol.name()))
        }
        Question::Dns { name, .. } => name.as_deref().map(|n| format!("allow@{}", name_target(n))),
        Question::Answer { address, .. } => {
            Some(format!("allow@{}", address_target(*address, facts)))
        }
    }
}

fn name_target(name: &str) -> String {
    if name.contains('.') {
        name.to_owned()
    } else {
        format!("domain={name}")
    }
}

fn address_target(address: IpAddr, facts: &Facts) -> String {
    if group_of(address, &facts.gateways) == Some(Group::Host) {
        // The gateway's address differs from sandbox to sandbox.
        return "host".to_owned();
    }
    match canonical(address) {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    }
}
