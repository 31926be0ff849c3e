//! Datagrams of the guest: DNS queries, replies of published ports, and everything else over host sockets.

mod path_mtu;
mod publish;
mod relay;

use crate::core::Core;
use crate::net::Net;
use crate::packet::{Datagram, Emitter};
use crate::policy::{HostnameSource, Outcome, Protocol, Question};
use crate::queries::Asker;
pub use publish::PublishedPorts;
pub use relay::Relay;
use std::sync::atomic::Ordering;
use std::time::Instant;

pub struct Udp {
    pub relay: Relay,
    pub published: PublishedPorts,
}

const DNS: u16 = 53;
/// DNS over QUIC, multicast DNS, LLMNR and NetBIOS: ways around the resolver, or names that nobody here serves.
const UNSERVED: [u16; 4] = [853, 5353, 5355, 137];

impl Udp {
    pub fn new() -> Udp {
        Udp {
            relay: Relay::default(),
            published: PublishedPorts::default(),
        }
    }

    /// A whole datagram of the guest (spec: network 6.1).
    pub fn on_datagram(
        &mut self,
        datagram: &Datagram,
        net: &mut Net,
        emitter: &Emitter,
        core: &mut Core,
    ) {
        let port = datagram.destination.port();
        if port == DNS {
            let asker = Asker::Udp {
                guest: datagram.source,
                resolver: datagram.destination,
            };
            let (shared, now) = (core.shared.clone(), core.now);
            let message = datagram.payload.to_vec();
            core.queries
                .ask(asker, datagram.destination, message, &shared, now);
            return;
        }
        if self.published.answer(datagram) {
            return;
        }
        let quic = core.settings.tls.as_ref().is_some_and(|tls| tls.block_quic);
        if quic && core.settings.intercepts(port) || UNSERVED.contains(&port) {
            return;
        }
        let question = Question::Egress {
            protocol: Protocol::Udp,
            address: datagram.destination.ip(),
            port: Some(port),
            hostname: HostnameSource::Cache,
        };
        if core.shared.judge(&question, true).verdict.outcome == Outcome::Allow {
            self.relay.send(datagram, net, emitter, core);
        }
    }

    /// Moves datagrams of ready host sockets to the guest; true when more may wait.
    pub fn receive(&mut self, net: &mut Net, emitter: &mut Emitter, core: &Core) -> bool {
        let relayed = self.relay.receive(net, emitter);
        let published = self.published.receive(net, emitter, core);
        relayed || published
    }

    pub fn expire(&mut self, now: Instant, core: &Core) {
        self.relay.expire(now);
        self.published.expire(now);
        let live = self.relay.len() as u64;
        core.shared.counters.udp_live.store(live, Ordering::Relaxed);
    }
}
