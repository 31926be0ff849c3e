//! DNS queries that wait for the owner's answer.

use crate::event::Event;
use crate::shared::{Shared, bump};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Where the answer goes.
#[derive(Debug, Clone, Copy)]
pub enum Asker {
    Udp {
        guest: SocketAddr,
        resolver: SocketAddr,
    },
    /// A TCP connection.
    Flow(u32),
}

struct Pending {
    asker: Asker,
    expires: Instant,
}

/// Bounded by `maxDnsQueries`.
pub struct Queries {
    pending: HashMap<u32, Pending>,
    next: u32,
    limit: usize,
}

/// The owner has its own, shorter time-out; this one only keeps forgotten queries from piling up.
const LIFETIME: Duration = Duration::from_secs(60);

impl Queries {
    pub fn new(limit: usize) -> Queries {
        Queries {
            pending: HashMap::new(),
            next: 1,
            limit,
        }
    }

    pub fn has_room(&self) -> bool {
        self.pending.len() < self.limit
    }

    /// Hands a query up; false when too many wait.
    pub fn ask(
        &mut self,
        asker: Asker,
        destination: SocketAddr,
        message: Vec<u8>,
        shared: &Shared,
        now: Instant,
    ) -> bool {
        if !self.has_room() {
            return false;
        }
        let query = self.next;
        self.next = self.next.wrapping_add(1).max(1);
        let expires = now + LIFETIME;
        self.pending.insert(query, Pending { asker, expires });
        bump(&shared.counters.dns_queries);
        shared.events.push(Event::DnsQuery {
            query,
            tcp: matches!(asker, Asker::Flow(_)),
            destination,
            message,
        });
        true
    }

    pub fn take(&mut self, query: u32) -> Option<Asker> {
        self.pending.remove(&query).map(|pending| pending.asker)
    }

    pub fn expire(&mut self, now: Instant) {
        self.pending.retain(|_, pending| pending.expires > now);
    }
}
