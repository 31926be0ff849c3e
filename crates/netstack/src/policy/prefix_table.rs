use std::collections::HashMap;
use std::hash::Hash;
use std::ops::BitAnd;

/// Rules by network prefix: a table for each length that occurs, at most 33 or 129 of them.
#[derive(Debug, Clone)]
pub(super) struct PrefixTable<Bits> {
    lengths: Vec<(Bits, HashMap<Bits, Vec<usize>>)>,
}

impl<Bits> Default for PrefixTable<Bits> {
    fn default() -> Self {
        PrefixTable {
            lengths: Vec::new(),
        }
    }
}

impl<Bits: Copy + Eq + Hash + BitAnd<Output = Bits>> PrefixTable<Bits> {
    pub(super) fn entry(&mut self, network: Bits, mask: Bits) -> &mut Vec<usize> {
        let known = self.lengths.iter().position(|(other, _)| *other == mask);
        let at = known.unwrap_or_else(|| {
            self.lengths.push((mask, HashMap::new()));
            self.lengths.len() - 1
        });
        self.lengths[at].1.entry(network).or_default()
    }

    /// Rules whose prefix contains the address.
    pub(super) fn containing(&self, address: Bits) -> impl Iterator<Item = &usize> {
        let tables = self.lengths.iter();
        tables
            .filter_map(move |(mask, networks)| networks.get(&(address & *mask)))
            .flatten()
    }
}
