//! Which names were resolved to which addresses, and until when (spec: network 12.8).

use crate::policy::{canonical, normalise_name};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Names and addresses of one DNS answer; replaces what the name had in that family.
#[derive(Debug, Clone)]
pub struct HostnameInsert {
    pub name: String,
    pub ipv6: bool,
    pub addresses: Vec<IpAddr>,
    /// At least a second is kept.
    pub ttl: Duration,
}

type Key = (String, bool);

struct Entry {
    addresses: Vec<IpAddr>,
    expires: Instant,
    /// Tells this entry from an earlier one of the same key whose expiry is still in the heap.
    version: u64,
}

/// The index. Bounded: a guest can ask for any number of names, the oldest expiry gives way.
#[derive(Default)]
pub struct HostnameIndex {
    entries: HashMap<Key, Entry>,
    names: HashMap<IpAddr, HashSet<Key>>,
    expirations: BinaryHeap<Reverse<(Instant, u64, Key)>>,
    version: u64,
}

const MAX_ENTRIES: usize = 4096;
const MAX_ADDRESSES: usize = 64;
const MAX_TTL: Duration = Duration::from_secs(7 * 24 * 3600);

impl HostnameIndex {
    pub fn insert(&mut self, insert: HostnameInsert, now: Instant) {
        let Ok(name) = normalise_name(&insert.name) else {
            return;
        };
        self.expire(now);
        let key = (name, insert.ipv6);
        self.remove(&key);
        let mut addresses: Vec<IpAddr> = insert.addresses.into_iter().map(canonical).collect();
        addresses.truncate(MAX_ADDRESSES);
        if addresses.is_empty() {
            return;
        }
        while self.entries.len() >= MAX_ENTRIES {
            self.remove_next_to_expire();
        }
        for address in &addresses {
            self.names.entry(*address).or_default().insert(key.clone());
        }
        let expires = now + insert.ttl.clamp(Duration::from_secs(1), MAX_TTL);
        self.version += 1;
        let version = self.version;
        self.expirations
            .push(Reverse((expires, version, key.clone())));
        self.entries.insert(
            key,
            Entry {
                addresses,
                expires,
                version,
            },
        );
        // Replaced entries leave their expiry behind; more of them than live ones are swept out.
        if self.expirations.len() > 2 * MAX_ENTRIES {
            let entries = &self.entries;
            self.expirations
                .retain(|Reverse((_, v, key))| entries.get(key).is_some_and(|e| e.version == *v));
        }
    }

    /// Live names of an address, without order.
    pub fn names_of(&self, address: IpAddr, now: Instant) -> Vec<String> {
        let Some(keys) = self.names.get(&canonical(address)) else {
            return Vec::new();
        };
        let live = |key: &&Key| self.entries.get(*key).is_some_and(|e| e.expires > now);
        let mut names: Vec<String> = keys.iter().filter(live).map(|(n, _)| n.clone()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Forgets what has run out.
    pub fn expire(&mut self, now: Instant) {
        while self
            .expirations
            .peek()
            .is_some_and(|Reverse((at, ..))| *at <= now)
        {
            self.remove_next_to_expire();
        }
    }

    fn remove_next_to_expire(&mut self) {
        if let Some(Reverse((_, version, key))) = self.expirations.pop()
            && self.entries.get(&key).is_some_and(|e| e.version == version)
        {
            self.remove(&key);
        }
    }

    fn remove(&mut self, key: &Key) {
        let Some(entry) = self.entries.remove(key) else {
            return;
        };
        for address in entry.addresses {
            if let Some(keys) = self.names.get_mut(&address) {
                keys.remove(key);
                if keys.is_empty() {
                    self.names.remove(&address);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(name: &str, address: &str, ttl: u64) -> HostnameInsert {
        HostnameInsert {
            name: name.into(),
            ipv6: false,
            addresses: vec![address.parse().unwrap()],
            ttl: Duration::from_secs(ttl),
        }
    }

    #[test]
    fn entries_are_replaced_and_run_out() {
        let (mut index, now) = (HostnameIndex::default(), Instant::now());
        let at = |s| now + Duration::from_secs(s);
        let names = |i: &HostnameIndex, a: &str, t| i.names_of(a.parse().unwrap(), t);
        index.insert(insert("A.com.", "1.1.1.1", 10), now);
        index.insert(insert("b.com", "::ffff:1.1.1.1", 0), now);
        assert_eq!(names(&index, "1.1.1.1", now), ["a.com", "b.com"]);
        assert_eq!(names(&index, "::ffff:1.1.1.1", at(2)), ["a.com"]);
        index.insert(insert("a.com", "2.2.2.2", 100), at(2));
        assert!(names(&index, "1.1.1.1", at(2)).is_empty());
        // The first entry's expiry must not take the second one away.
        index.expire(at(11));
        assert_eq!(names(&index, "2.2.2.2", at(11)), ["a.com"]);
        index.expire(at(103));
        assert!(index.entries.is_empty() && index.names.is_empty());
    }

    #[test]
    fn stays_bounded() {
        let (mut index, now) = (HostnameIndex::default(), Instant::now());
        for i in 0..3 * MAX_ENTRIES {
            index.insert(insert(&format!("n{i}.com"), "1.1.1.1", 60), now);
            index.insert(insert("same.com", "1.1.1.2", 60), now);
        }
        assert_eq!(index.entries.len(), MAX_ENTRIES);
        assert!(index.expirations.len() <= 2 * MAX_ENTRIES + 1);
    }
}
