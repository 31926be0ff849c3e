//! Whether an address in a DNS answer is admitted explicitly, for rebind protection (spec: network 11.7).

use super::matching::Target;
use super::model::{Destination, Policy, Protocol};
use super::question::{Facts, Outcome, Verdict};
use std::net::IpAddr;

impl Policy {
    pub(super) fn answer(&self, protocol: Protocol, address: IpAddr, facts: &Facts) -> Verdict {
        let target = Target::new(address, &facts.gateways);
        let mut rules = self.in_order(self.index.candidates().of_target(&target));
        let found = rules.find(|(_, rule)| {
            rule.is_egress()
                && rule.ports.is_empty()
                && rule.covers_protocol(protocol)
                && matches!(
                    rule.destination,
                    Destination::Cidr(_) | Destination::Group(_)
                )
                && rule.matches_address(&target) == Some(true)
        });
        match found {
            Some((index, rule)) => Verdict::rule(index, rule.action),
            None => Verdict::default(Outcome::None),
        }
    }
}
