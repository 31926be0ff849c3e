//! Egress evaluation (spec: network 11.5).

use super::matching::Target;
use super::model::{Action, Policy, Protocol, Rule};
use super::question::{Facts, HostnameSource, Outcome, Question, Verdict};

/// How one rule answers.
enum Match {
    No,
    Yes,
    /// Depends on the server name.
    Defer,
}

struct Flow<'a> {
    protocol: Protocol,
    target: Target,
    port: Option<u16>,
    hostname: &'a HostnameSource,
}

impl Policy {
    /// Answers any question.
    pub fn evaluate(&self, question: &Question, facts: &Facts) -> Verdict {
        match question {
            Question::Egress {
                protocol,
                address,
                port,
                hostname,
            } => self.egress(
                &Flow {
                    protocol: *protocol,
                    target: Target::new(*address, &facts.gateways),
                    port: *port,
                    hostname,
                },
                facts,
            ),
            Question::Ingress {
                protocol,
                address,
                port,
            } => self.ingress(*protocol, *address, *port, facts),
            Question::Dns {
                name,
                protocol,
                port,
            } => self.lookup(name.as_deref(), *protocol, *port),
            Question::Answer { protocol, address } => self.answer(*protocol, *address, facts),
        }
    }

    fn egress(&self, flow: &Flow, facts: &Facts) -> Verdict {
        let mut rules = self.egress_rules(flow, facts);
        while let Some((index, rule)) = rules.next() {
            match match_rule(rule, flow, facts) {
                Match::No => {}
                Match::Yes => return Verdict::rule(index, rule.action),
                Match::Defer if rule.action == Action::Allow => {
                    return Verdict::rule(index, Outcome::Defer);
                }
                // Another name than the denied one may still be allowed further down.
                Match::Defer if self.tail_may_allow(rules, flow, facts) => {
                    return Verdict::rule(index, Outcome::Defer);
                }
                Match::Defer => return Verdict::rule(index, Outcome::Deny),
            }
        }
        Verdict::default(self.default_egress)
    }

    fn egress_rules(&self, flow: &Flow, facts: &Facts) -> impl Iterator<Item = (usize, &Rule)> {
        let (protocol, port) = (flow.protocol, flow.port);
        let applies = move |rule: &Rule| rule.is_egress() && rule.covers(protocol, port);
        let candidates = self.index.candidates().of_target(&flow.target);
        let candidates = match flow.hostname {
            HostnameSource::Sni(name) => candidates.of_names([name]),
            HostnameSource::Cache => candidates.of_names(facts.names),
            HostnameSource::Deferred => candidates
                .of_names(facts.names)
                .and_first_denied_name(|index| applies(&self.rules[index])),
        };
        self.in_order(candidates)
            .filter(move |(_, rule)| applies(rule))
    }

    fn tail_may_allow<'a>(
        &self,
        tail: impl Iterator<Item = (usize, &'a Rule)>,
        flow: &Flow,
        facts: &Facts,
    ) -> bool {
        for (_, rule) in tail {
            match (match_rule(rule, flow, facts), rule.action) {
                (Match::Yes, action) => return action == Action::Allow,
                (Match::Defer, Action::Allow) => return true,
                (Match::Defer, Action::Deny) | (Match::No, _) => {}
            }
        }
        self.default_egress == Action::Allow
    }
}

fn match_rule(rule: &Rule, flow: &Flow, facts: &Facts) -> Match {
    if let Some(matches) = rule.matches_address(&flow.target) {
        return if matches { Match::Yes } else { Match::No };
    }
    let cached = || rule.matches_any_name(facts.names);
    let matches = match (flow.hostname, rule.action) {
        (HostnameSource::Deferred, Action::Deny) => return Match::Defer,
        (HostnameSource::Deferred, Action::Allow) if cached() => return Match::Defer,
        (HostnameSource::Deferred, Action::Allow) => false,
        (HostnameSource::Sni(name), Action::Deny) => rule.matches_name(name),
        // The name alone proves nothing: the guest chose it. The address must have been resolved for it.
        (HostnameSource::Sni(name), Action::Allow) => rule.matches_name(name) && cached(),
        (HostnameSource::Cache, _) => cached(),
    };
    if matches { Match::Yes } else { Match::No }
}
