//! What every part of the stack's thread works with.

use crate::address::Addresses;
use crate::host_pattern::HostPattern;
use crate::queries::Queries;
use crate::shared::Shared;
use crate::wire::{Limits, StackOptions};
use mio::Registry;
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

pub struct TlsSettings {
    pub ports: HashSet<u16>,
    pub bypass: Vec<HostPattern>,
    pub block_quic: bool,
}

pub struct Settings {
    pub addresses: Addresses,
    pub tls: Option<TlsSettings>,
    pub hand_up_plain: bool,
    pub limits: Limits,
}

impl Settings {
    pub fn new(options: StackOptions) -> Settings {
        Settings {
            tls: options.tls.map(|tls| TlsSettings {
                ports: tls.intercepted_ports.into_iter().collect(),
                bypass: tls
                    .bypass
                    .iter()
                    .map(|text| HostPattern::parse(text))
                    .collect(),
                block_quic: tls.block_quic,
            }),
            addresses: options.addresses,
            hand_up_plain: options.hand_up_plain,
            limits: options.limits,
        }
    }

    pub fn intercepts(&self, port: u16) -> bool {
        self.tls
            .as_ref()
            .is_some_and(|tls| tls.ports.contains(&port))
    }
}

pub struct Core {
    pub shared: Arc<Shared>,
    pub registry: Registry,
    pub settings: Settings,
    pub queries: Queries,
    /// Time of this turn of the loop.
    pub now: Instant,
}

impl Core {
    /// Host addresses to try for what the guest dialled, in order (spec: network 10).
    pub fn host_targets(&self, dialled: SocketAddr) -> Vec<SocketAddr> {
        const LOOPBACK_4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
        const LOOPBACK_6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
        let address = dialled.ip().to_canonical();
        let targets = match (self.shared.gateways().contain(address), address) {
            (false, _) => vec![address],
            (true, IpAddr::V4(_)) => vec![LOOPBACK_4, LOOPBACK_6],
            (true, IpAddr::V6(_)) => vec![LOOPBACK_6, LOOPBACK_4],
        };
        let with_port = |ip| SocketAddr::new(ip, dialled.port());
        targets.into_iter().map(with_port).collect()
    }
}
