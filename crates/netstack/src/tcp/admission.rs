use super::flow::{Flow, Stage, Tuple};
use super::flows::Flows;
use crate::core::Core;
use crate::net::Net;
use crate::policy::{HostnameSource, Outcome, Protocol, Question};
use crate::shared::bump;
use crate::token::Owner;
use mio::Interest;
use mio::net::TcpStream;
use std::net::SocketAddr;

/// Who may come in: connections that the guest opens, and those of published ports.
impl Flows {
    /// Decides on a SYN (spec: network 5.1). Without a socket the stack answers it with a reset.
    pub(super) fn open(&mut self, tuple: Tuple, net: &mut Net, core: &Core) -> Option<u32> {
        let (port, tls) = (tuple.remote.port(), core.settings.tls.is_some());
        let question = Question::Egress {
            protocol: Protocol::Tcp,
            address: tuple.remote.ip(),
            port: Some(port),
            hostname: HostnameSource::Deferred,
        };
        let outcome = match port {
            // The policy applies to each query.
            53 => Outcome::Allow,
            853 if !tls => Outcome::Deny,
            _ => core.shared.judge(&question, true).verdict.outcome,
        };
        let full = self.outbound >= core.settings.limits.max_connections;
        if full && outcome != Outcome::Deny {
            core.shared.report_limit(&question);
        }
        if full || outcome == Outcome::Deny {
            bump(&core.shared.counters.tcp_refused);
            return None;
        }
        let handle = net.listen(tuple.remote)?;
        let deferred = outcome == Outcome::Defer;
        self.outbound += 1;
        bump(&core.shared.counters.tcp_opened);
        Some(self.insert(tuple, handle, Stage::Opening { deferred }, false, core.now))
    }

    /// Connects a peer of a published port to the guest.
    pub fn enter(
        &mut self,
        peer: TcpStream,
        guest: SocketAddr,
        local: SocketAddr,
        net: &mut Net,
        core: &Core,
    ) -> Result<u32, TcpStream> {
        let tuple = Tuple {
            guest,
            remote: local,
        };
        let full = self.inbound >= core.settings.limits.max_published_connections;
        if full || self.tuples.contains_key(&tuple) {
            return Err(peer);
        }
        let Some(handle) = net.connect(guest, local) else {
            return Err(peer);
        };
        self.inbound += 1;
        Ok(self.insert(tuple, handle, Stage::Entering(peer), true, core.now))
    }

    /// Watches the host peer of a connection that has just been entered.
    pub fn watch_peer(&mut self, id: u32, core: &Core) {
        if let Some(Flow {
            stage: Stage::Entering(peer),
            ..
        }) = self.table.get_mut(&id)
        {
            let interest = Interest::READABLE | Interest::WRITABLE;
            // Without it the connection stalls and runs out of time, nothing worse.
            let _ = core
                .registry
                .register(peer, Owner::Flow(id).token(), interest);
        }
    }
}
