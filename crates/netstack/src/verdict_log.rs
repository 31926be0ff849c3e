//! Verdicts as they are told: the first of a kind at once, repetitions as counts.

use crate::event::{Event, EventQueue, VerdictDirection, VerdictSeen};
use crate::policy::{DecidedBy, Facts, HostnameSource, Outcome, Question, Verdict, allow_rule};
use std::collections::HashMap;
use std::net::IpAddr;

#[derive(Clone, PartialEq, Eq, Hash)]
struct Kind {
    allowed: bool,
    direction: VerdictDirection,
    protocol: crate::policy::Protocol,
    /// A name stands for all its addresses.
    hostname: Option<String>,
    address: Option<IpAddr>,
    port: Option<u16>,
    decided_by: DecidedBy,
}

struct Repeated {
    seen: VerdictSeen,
    /// Not told yet.
    count: u64,
}

/// Bounded in size and in events a second: a guest that tries everything fills the log, and what is new is not told
/// until the next round, in which every kind counts as new.
#[derive(Default)]
pub struct VerdictLog {
    kinds: HashMap<Kind, Repeated>,
}

const MAX_KINDS: usize = 1024;

impl VerdictLog {
    pub fn record(
        &mut self,
        question: &Question,
        verdict: Verdict,
        facts: &Facts,
        events: &EventQueue,
    ) {
        let allowed = verdict.outcome == Outcome::Allow;
        let Some(kind) = kind_of(question, verdict, facts, allowed) else {
            return;
        };
        if let Some(repeated) = self.kinds.get_mut(&kind) {
            repeated.count += 1;
            return;
        }
        if self.kinds.len() >= MAX_KINDS {
            return;
        }
        let seen = VerdictSeen {
            allowed,
            direction: kind.direction,
            protocol: kind.protocol,
            address: question.address(),
            port: kind.port,
            hostname: kind.hostname.clone(),
            decided_by: kind.decided_by,
            allow_rule: match verdict.decided_by {
                DecidedBy::Rule(_) | DecidedBy::Default if !allowed => allow_rule(question, facts),
                _ => None,
            },
            count: 1,
            first: true,
        };
        events.push(Event::Verdict(seen.clone()));
        self.kinds.insert(kind, Repeated { seen, count: 0 });
    }

    /// Tells what came again since the last call.
    pub fn tell_repeated(&mut self, events: &EventQueue) {
        for repeated in self.kinds.values_mut().filter(|r| r.count > 0) {
            events.push(Event::Verdict(VerdictSeen {
                count: std::mem::take(&mut repeated.count),
                first: false,
                ..repeated.seen.clone()
            }));
        }
        if self.kinds.len() >= MAX_KINDS {
            self.kinds.clear();
        }
    }
}

fn kind_of(question: &Question, verdict: Verdict, facts: &Facts, allowed: bool) -> Option<Kind> {
    let (direction, protocol, port, hostname) = match question {
        Question::Egress {
            protocol,
            port,
            hostname: HostnameSource::Sni(name),
            ..
        } => (
            VerdictDirection::Egress,
            *protocol,
            *port,
            Some(name.clone()),
        ),
        Question::Egress { protocol, port, .. } => (
            VerdictDirection::Egress,
            *protocol,
            *port,
            facts.names.first().cloned(),
        ),
        Question::Ingress { protocol, port, .. } => {
            (VerdictDirection::Ingress, *protocol, Some(*port), None)
        }
        Question::Dns {
            name,
            protocol,
            port,
        } => (VerdictDirection::Dns, *protocol, Some(*port), name.clone()),
        Question::Answer { .. } => return None,
    };
    Some(Kind {
        allowed,
        direction,
        protocol,
        address: if hostname.is_some() {
            None
        } else {
            question.address()
        },
        hostname,
        port,
        decided_by: verdict.decided_by,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Gateways, Protocol};

    #[test]
    fn a_guest_that_tries_everything_causes_a_bounded_number_of_events() {
        let (mut log, events) = (VerdictLog::default(), EventQueue::new(|| {}));
        let facts = Facts {
            gateways: Gateways::default(),
            names: &[],
        };
        let verdict = Verdict {
            outcome: Outcome::Deny,
            decided_by: DecidedBy::Default,
        };
        for round in 1..=3 {
            for i in 0..100_000_u32 {
                let question = Question::Egress {
                    protocol: Protocol::Tcp,
                    address: std::net::Ipv4Addr::from(i).into(),
                    port: Some(80),
                    hostname: HostnameSource::Cache,
                };
                log.record(&question, verdict, &facts, &events);
            }
            log.tell_repeated(&events);
            assert_eq!(events.take().len(), MAX_KINDS, "{round}");
            assert!(log.kinds.is_empty());
        }
    }
}
