use super::sni::{Hello, read_hello};
use crate::core::Core;
use crate::event::StreamKind;
use crate::policy::{HostnameSource, Outcome, Protocol, Question};
use smoltcp::socket::tcp::Socket;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Waits for the guest's first bytes, to decide by the server name. The bytes stay in the socket.
pub struct Peek {
    /// The port is intercepted: without a server name there is nothing to serve.
    intercepted: bool,
    deadline: Instant,
}

/// What to do with a connection once its first bytes were seen.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    Wait,
    Refuse,
    Dial,
    HandUp(StreamKind, Option<String>),
}

const LIMIT: usize = 16 * 1024;
const PLAIN_WAIT: Duration = Duration::from_secs(5);
const TLS_WAIT: Duration = Duration::from_secs(10);

impl Peek {
    pub fn new(intercepted: bool, now: Instant) -> Peek {
        let wait = if intercepted { TLS_WAIT } else { PLAIN_WAIT };
        Peek {
            intercepted,
            deadline: now + wait,
        }
    }

    pub fn decide(&self, guest: &mut Socket, destination: SocketAddr, core: &Core) -> Decision {
        let (hello, length) = match guest.peek(LIMIT) {
            Ok(bytes) => (read_hello(bytes), bytes.len()),
            Err(_) => (Hello::Incomplete, 0),
        };
        let patient = length < LIMIT && guest.may_recv() && core.now < self.deadline;
        if hello == Hello::Incomplete && patient {
            return Decision::Wait;
        }
        let is_tls = hello != Hello::NotTls && length > 0;
        let name = match hello {
            Hello::Name(name) => Some(name),
            _ => None,
        };
        if self.intercepted && name.is_none() {
            return Decision::Refuse;
        }
        if !allowed(core, destination, name.as_ref()) {
            return Decision::Refuse;
        }
        match name {
            Some(name) if self.intercepted && !bypassed(core, &name) => {
                Decision::HandUp(StreamKind::Tls, Some(name))
            }
            _ if self.intercepted || is_tls || !core.settings.hand_up_plain => Decision::Dial,
            name => Decision::HandUp(StreamKind::Plain, name),
        }
    }
}

fn bypassed(core: &Core, name: &str) -> bool {
    let tls = core.settings.tls.as_ref();
    tls.is_some_and(|tls| tls.bypass.iter().any(|pattern| pattern.matches(name)))
}

fn allowed(core: &Core, destination: SocketAddr, name: Option<&String>) -> bool {
    let question = Question::Egress {
        protocol: Protocol::Tcp,
        address: destination.ip(),
        port: Some(destination.port()),
        hostname: name
            .cloned()
            .map_or(HostnameSource::Cache, HostnameSource::Sni),
    };
    core.shared.judge(&question, true).verdict.outcome == Outcome::Allow
}
