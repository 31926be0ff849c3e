//! Events of the network stack as JavaScript sees them (`NetworkStackEvent`).

use crate::network_policy::PolicyReason;
use msb_netstack::event::{Event, StreamKind, VerdictDirection, VerdictSeen};
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use std::net::SocketAddr;
use std::os::fd::IntoRawFd;

#[napi(object, object_from_js = false)]
pub struct NetworkEndpoint {
    pub address: String,
    pub port: u16,
}

impl From<SocketAddr> for NetworkEndpoint {
    fn from(address: SocketAddr) -> NetworkEndpoint {
        NetworkEndpoint {
            address: address.ip().to_string(),
            port: address.port(),
        }
    }
}

#[napi(
    discriminant_case = "camelCase",
    object_from_js = false,
    use_nullable = true
)]
pub enum NetworkEvent {
    Stream {
        stream: u32,
        fd: i32,
        kind: &'static str,
        source: NetworkEndpoint,
        destination: NetworkEndpoint,
        server_name: Option<String>,
    },
    Closed {
        stream: u32,
        reason: &'static str,
    },
    DnsQuery {
        query: u32,
        transport: &'static str,
        destination: NetworkEndpoint,
        message: Buffer,
    },
    Verdict {
        action: &'static str,
        direction: &'static str,
        protocol: &'static str,
        address: Option<String>,
        port: Option<u16>,
        hostname: Option<String>,
        reason: PolicyReason,
        allow_rule: Option<String>,
        count: f64,
        first: bool,
    },
    Warning {
        message: String,
    },
    Stopped {
        error: Option<String>,
    },
}

impl From<Event> for NetworkEvent {
    fn from(event: Event) -> NetworkEvent {
        match event {
            Event::Stream {
                stream,
                end,
                kind,
                source,
                destination,
                server_name,
            } => NetworkEvent::Stream {
                stream,
                fd: end.into_raw_fd(),
                kind: match kind {
                    StreamKind::Tls => "tls",
                    StreamKind::Dot => "dot",
                    StreamKind::Plain => "plain",
                },
                source: source.into(),
                destination: destination.into(),
                server_name,
            },
            // What it holds is closed here: JavaScript is told before it looks at its descriptors again.
            Event::Closed { stream, reset, .. } => NetworkEvent::Closed {
                stream,
                reason: if reset { "reset" } else { "finished" },
            },
            Event::DnsQuery {
                query,
                tcp,
                destination,
                message,
            } => NetworkEvent::DnsQuery {
                query,
                transport: if tcp { "tcp" } else { "udp" },
                destination: destination.into(),
                message: message.into(),
            },
            Event::Verdict(seen) => verdict(seen),
            Event::Warning(message) => NetworkEvent::Warning { message },
            Event::Stopped(error) => NetworkEvent::Stopped { error },
        }
    }
}

fn verdict(seen: VerdictSeen) -> NetworkEvent {
    NetworkEvent::Verdict {
        action: if seen.allowed { "allow" } else { "deny" },
        direction: match seen.direction {
            VerdictDirection::Egress => "egress",
            VerdictDirection::Ingress => "ingress",
            VerdictDirection::Dns => "dns",
        },
        protocol: seen.protocol.name(),
        address: seen.address.map(|a| a.to_string()),
        port: seen.port,
        hostname: seen.hostname,
        reason: seen.decided_by.into(),
        allow_rule: seen.allow_rule,
        count: seen.count as f64,
        first: seen.first,
    }
}
