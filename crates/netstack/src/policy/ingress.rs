//! Ingress evaluation (spec: network 11.6).

use super::matching::Target;
use super::model::{Policy, Protocol};
use super::question::{Facts, Verdict};
use std::net::IpAddr;

impl Policy {
    pub(super) fn ingress(
        &self,
        protocol: Protocol,
        peer: IpAddr,
        port: u16,
        facts: &Facts,
    ) -> Verdict {
        let target = Target::new(peer, &facts.gateways);
        let candidates = self.index.candidates().of_target(&target);
        let mut rules = self.in_order(candidates.of_names(facts.names));
        let found = rules.find(|(_, rule)| {
            rule.is_ingress()
                && rule.covers(protocol, Some(port))
                && rule
                    .matches_address(&target)
                    .unwrap_or_else(|| rule.matches_any_name(facts.names))
        });
        match found {
            Some((index, rule)) => Verdict::rule(index, rule.action),
            None => Verdict::default(self.default_ingress),
        }
    }
}
