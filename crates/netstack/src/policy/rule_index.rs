//! Finds the rules that may match, so that an evaluation does not walk over all of them.

use super::group::Group;
use super::matching::Target;
use super::model::{Action, Cidr, Destination, Policy, Rule};
use super::prefix_table::PrefixTable;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

/// Rules by their destination. Numbers of rules are indices into the policy's list, ascending in each entry.
///
/// It selects and never judges: every rule that could match is among the [`Candidates`], and what is among them is
/// still compared in full. First match therefore holds as if all rules were walked over.
#[derive(Debug, Clone, Default)]
pub(super) struct RuleIndex {
    any: Vec<usize>,
    groups: HashMap<Group, Vec<usize>>,
    ipv4: PrefixTable<u32>,
    ipv6: PrefixTable<u128>,
    domains: HashMap<String, Vec<usize>>,
    suffixes: HashMap<String, Vec<usize>>,
    /// Denied names: each of them defers a connection whose name is not known yet.
    denied_names: Vec<usize>,
}

impl RuleIndex {
    pub(super) fn new(rules: &[Rule]) -> RuleIndex {
        let mut index = RuleIndex::default();
        for (number, rule) in rules.iter().enumerate() {
            index.entry(&rule.destination).push(number);
            let is_name = matches!(
                rule.destination,
                Destination::Domain(_) | Destination::DomainSuffix(_)
            );
            if is_name && rule.action == Action::Deny {
                index.denied_names.push(number);
            }
        }
        index
    }

    fn entry(&mut self, destination: &Destination) -> &mut Vec<usize> {
        match destination {
            Destination::Any => &mut self.any,
            Destination::Group(group) => self.groups.entry(*group).or_default(),
            Destination::Cidr(Cidr::V4 { network, mask }) => self.ipv4.entry(*network, *mask),
            Destination::Cidr(Cidr::V6 { network, mask }) => self.ipv6.entry(*network, *mask),
            Destination::Domain(name) => self.domains.entry(name.clone()).or_default(),
            Destination::DomainSuffix(name) => self.suffixes.entry(name.clone()).or_default(),
        }
    }

    /// The rules for any destination, to which others are added.
    pub(super) fn candidates(&self) -> Candidates<'_> {
        Candidates {
            index: self,
            numbers: self.any.clone(),
        }
    }
}

/// Rules that may match one question.
pub(super) struct Candidates<'a> {
    index: &'a RuleIndex,
    numbers: Vec<usize>,
}

impl Candidates<'_> {
    pub(super) fn of_group(mut self, group: Group) -> Self {
        let rules = self.index.groups.get(&group);
        self.numbers.extend(rules.into_iter().flatten());
        self
    }

    /// Groups and prefixes that an address is in, as it is written and, where it is a translated one, as it is meant.
    pub(super) fn of_target(mut self, target: &Target) -> Self {
        let RuleIndex { ipv4, ipv6, .. } = self.index;
        match target.address {
            IpAddr::V4(v4) => self.numbers.extend(ipv4.containing(v4.into())),
            IpAddr::V6(v6) => self.numbers.extend(ipv6.containing(v6.into())),
        }
        if let Some(v4) = target.embedded {
            self.numbers.extend(ipv4.containing(v4.into()));
        }
        match target.group {
            Some(group) => self.of_group(group),
            None => self,
        }
    }

    pub(super) fn of_names<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        let RuleIndex {
            domains, suffixes, ..
        } = self.index;
        // A guest may have resolved thousands of names below one suffix, which may have thousands of rules.
        let mut seen = HashSet::new();
        for name in names {
            let name = name.as_ref();
            self.numbers.extend(domains.get(name).into_iter().flatten());
            if suffixes.is_empty() {
                continue;
            }
            let below_dots = name.match_indices('.').map(|(dot, _)| &name[dot + 1..]);
            let with_rules = std::iter::once(name)
                .chain(below_dots)
                .filter_map(|suffix| suffixes.get_key_value(suffix));
            for (suffix, numbers) in with_rules {
                if seen.insert(suffix) {
                    self.numbers.extend(numbers);
                }
            }
        }
        self
    }

    /// Of the names that are denied the first whose rule applies. It either decides a deferred question or leaves it to
    /// what follows, and there further denied names say nothing new.
    pub(super) fn and_first_denied_name(mut self, applies: impl Fn(usize) -> bool) -> Self {
        let mut denied = self.index.denied_names.iter().copied();
        self.numbers.extend(denied.find(|number| applies(*number)));
        self
    }

    /// Numbers of the rules, ascending, each once.
    fn in_order(self) -> Vec<usize> {
        let mut numbers = self.numbers;
        // Stable, since that one makes use of runs that are in order already.
        numbers.sort();
        numbers.dedup();
        numbers
    }
}

impl Policy {
    /// The rules that were found, in the policy's order.
    pub(super) fn in_order(&self, candidates: Candidates) -> impl Iterator<Item = (usize, &Rule)> {
        let numbers = candidates.in_order().into_iter();
        numbers.map(|number| (number, &self.rules[number]))
    }
}

#[cfg(test)]
mod tests;
