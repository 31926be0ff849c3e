//! Whether a name may be asked for (spec: network 11.8).

use super::group::Group;
use super::model::{Destination, Policy, Protocol};
use super::question::Verdict;

impl Policy {
    pub(super) fn lookup(&self, name: Option<&str>, protocol: Protocol, port: u16) -> Verdict {
        let candidates = self.index.candidates().of_group(Group::Host);
        let mut rules = self.in_order(candidates.of_names(name));
        let found = rules.find(|(_, rule)| {
            rule.is_egress()
                && match &rule.destination {
                    Destination::Any | Destination::Group(Group::Host) => {
                        rule.covers(protocol, Some(port))
                    }
                    // A name that may be connected to on some port may be resolved over any transport.
                    Destination::Domain(_) | Destination::DomainSuffix(_) => {
                        name.is_some_and(|name| rule.matches_name(name))
                    }
                    Destination::Cidr(_) | Destination::Group(_) => false,
                }
        });
        match found {
            Some((index, rule)) => Verdict::rule(index, rule.action),
            None => Verdict::default(self.default_egress),
        }
    }
}
