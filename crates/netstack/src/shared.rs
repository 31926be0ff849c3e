//! What the stack's thread and its owner both touch. Every lock is held for microseconds.

use crate::command::Command;
use crate::event::EventQueue;
use crate::index::{HostnameIndex, HostnameInsert};
use crate::policy::{
    DecidedBy, Facts, Gateways, HostnameSource, Outcome, Policy, PolicyError, Question, Verdict,
    allow_rule,
};
use crate::verdict_log::VerdictLog;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

/// Totals and what is live; names as in `NetworkCounters`.
#[derive(Default)]
pub struct Counters {
    pub frames_from_guest: AtomicU64,
    pub bytes_from_guest: AtomicU64,
    pub frames_to_guest: AtomicU64,
    pub bytes_to_guest: AtomicU64,
    pub frames_dropped: AtomicU64,
    pub tcp_opened: AtomicU64,
    pub tcp_refused: AtomicU64,
    pub dns_queries: AtomicU64,
    pub tcp_live: AtomicU64,
    pub udp_live: AtomicU64,
}

pub fn bump(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

pub struct Shared {
    pub events: EventQueue,
    pub counters: Counters,
    gateways: Gateways,
    policy: RwLock<Arc<Policy>>,
    platform: Option<Policy>,
    index: Mutex<HostnameIndex>,
    verdicts: Mutex<VerdictLog>,
    commands: Mutex<VecDeque<Command>>,
}

/// A verdict with what the guest's side knew.
pub struct Judgement {
    pub verdict: Verdict,
    pub allow_rule: Option<String>,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub fn new(
        events: EventQueue,
        gateways: Gateways,
        policy: Policy,
        platform: Option<Policy>,
    ) -> Shared {
        Shared {
            events,
            counters: Counters::default(),
            gateways,
            policy: RwLock::new(Arc::new(policy)),
            platform,
            index: Mutex::default(),
            verdicts: Mutex::default(),
            commands: Mutex::default(),
        }
    }

    pub fn set_policy(&self, json: &str) -> Result<(), PolicyError> {
        let policy = Arc::new(Policy::from_json(json)?);
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = policy;
        Ok(())
    }

    pub fn gateways(&self) -> Gateways {
        self.gateways
    }

    /// Asks both policies; with `report` the verdict is told to the owner.
    pub fn judge(&self, question: &Question, report: bool) -> Judgement {
        let names = match question.address() {
            Some(address) => self.names_of(address),
            None => Vec::new(),
        };
        let facts = Facts {
            gateways: self.gateways,
            names: &names,
        };
        let policy = self
            .policy
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let verdict = match self.platform_refuses(question, &facts) {
            Some(refusal) => refusal,
            None => policy.evaluate(question, &facts),
        };
        // What is deferred is told when it is decided.
        if report && verdict.outcome != Outcome::Defer {
            lock(&self.verdicts).record(question, verdict, &facts, &self.events);
        }
        let refused = verdict.outcome == Outcome::Deny && verdict.decided_by != DecidedBy::Platform;
        Judgement {
            verdict,
            allow_rule: if refused {
                allow_rule(question, &facts)
            } else {
                None
            },
        }
    }

    /// Records a refusal that is no policy's.
    pub fn report_limit(&self, question: &Question) {
        let facts = Facts {
            gateways: self.gateways,
            names: &[],
        };
        let verdict = Verdict {
            outcome: Outcome::Deny,
            decided_by: DecidedBy::Limit,
        };
        lock(&self.verdicts).record(question, verdict, &facts, &self.events);
    }

    /// The platform's policy knows addresses only; what it has no say in passes.
    fn platform_refuses(&self, question: &Question, facts: &Facts) -> Option<Verdict> {
        let platform = self.platform.as_ref()?;
        let (protocol, address, port) = match question {
            Question::Egress {
                hostname: HostnameSource::Sni(_),
                ..
            }
            | Question::Ingress { .. }
            | Question::Dns { .. } => return None,
            Question::Egress {
                protocol,
                address,
                port,
                ..
            } => (*protocol, *address, *port),
            Question::Answer { protocol, address } => (*protocol, *address, None),
        };
        let asked = Question::Egress {
            protocol,
            address,
            port,
            hostname: HostnameSource::Cache,
        };
        let allowed = platform.evaluate(&asked, facts).outcome == Outcome::Allow;
        (!allowed).then_some(Verdict {
            outcome: Outcome::Deny,
            decided_by: DecidedBy::Platform,
        })
    }

    pub fn names_of(&self, address: IpAddr) -> Vec<String> {
        lock(&self.index).names_of(address, Instant::now())
    }

    pub fn insert_hostnames(&self, inserts: Vec<HostnameInsert>) {
        let now = Instant::now();
        let mut index = lock(&self.index);
        for insert in inserts {
            index.insert(insert, now);
        }
    }

    /// Once a second: repetitions are told, old names forgotten.
    pub fn tidy(&self) {
        lock(&self.verdicts).tell_repeated(&self.events);
        lock(&self.index).expire(Instant::now());
    }

    pub fn send(&self, command: Command) {
        lock(&self.commands).push_back(command);
    }

    pub fn take_commands(&self) -> VecDeque<Command> {
        std::mem::take(&mut *lock(&self.commands))
    }

    /// Something was asked about a stream that the stack's thread has not heard yet.
    pub fn has_word_about(&self, stream: u32) -> bool {
        let commands = lock(&self.commands);
        commands.iter().any(|command| command.is_about(stream))
    }
}
