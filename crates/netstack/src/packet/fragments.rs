use super::classify::udp;
use super::types::{Datagram, Fragment, FragmentKey};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Puts UDP datagrams together (spec: network 6.3). Whatever is odd discards the whole set: overlapping fragments
/// are an attack (RFC 5722), not an accident.
pub struct Reassembly {
    sets: HashMap<FragmentKey, Set>,
    /// The last complete datagram; it lives until the next fragment.
    complete: Vec<u8>,
}

struct Set {
    /// `(offset, bytes)`, in order of offset, without overlap.
    pieces: Vec<(usize, Vec<u8>)>,
    total: Option<usize>,
    expires: Instant,
}

const MAX_SETS: usize = 64;
const MAX_PIECES: usize = 128;
const LIFETIME: Duration = Duration::from_secs(10);
const MAX_IPV4_PAYLOAD: usize = 65515;
const MAX_IPV6_PAYLOAD: usize = 65535;
const UDP_HEADER: usize = 8;

impl Reassembly {
    pub fn new() -> Reassembly {
        Reassembly {
            sets: HashMap::new(),
            complete: Vec::new(),
        }
    }

    /// Adds a piece; the datagram that it completes.
    pub fn add(&mut self, fragment: &Fragment, now: Instant) -> Option<Datagram<'_>> {
        self.complete.clear();
        let key = fragment.key;
        if !self.sets.contains_key(&key) {
            self.make_room();
        }
        let set = self.sets.entry(key).or_insert_with(|| Set {
            pieces: Vec::new(),
            total: None,
            expires: now + LIFETIME,
        });
        if set.add(fragment).is_none() {
            self.sets.remove(&key);
            return None;
        }
        if !set.is_complete() {
            return None;
        }
        for (_, bytes) in self.sets.remove(&key)?.pieces {
            self.complete.extend_from_slice(&bytes);
        }
        let datagram = udp(&self.complete, key.source, key.destination, false)?;
        (datagram.payload.len() + UDP_HEADER == self.complete.len()).then_some(datagram)
    }

    pub fn expire(&mut self, now: Instant) {
        self.sets.retain(|_, set| set.expires > now);
    }

    fn make_room(&mut self) {
        while self.sets.len() >= MAX_SETS {
            let oldest = self.sets.iter().min_by_key(|(_, set)| set.expires);
            let Some(key) = oldest.map(|(key, _)| *key) else {
                return;
            };
            self.sets.remove(&key);
        }
    }
}

impl Set {
    /// None when the set cannot become a datagram any more.
    fn add(&mut self, fragment: &Fragment) -> Option<()> {
        let (offset, length) = (fragment.offset, fragment.payload.len());
        let end = offset + length;
        let limit = if fragment.key.source.is_ipv4() {
            MAX_IPV4_PAYLOAD
        } else {
            MAX_IPV6_PAYLOAD
        };
        let sound = length > 0
            && end <= limit
            && self.pieces.len() < MAX_PIECES
            && (!fragment.more || length % 8 == 0)
            && (offset != 0 || length >= UDP_HEADER)
            && self.total.is_none_or(|total| end <= total);
        if !sound {
            return None;
        }
        if !fragment.more {
            let beyond = self.pieces.last().is_some_and(|(at, b)| at + b.len() > end);
            if beyond || self.total.is_some_and(|total| total != end) {
                return None;
            }
            self.total = Some(end);
        }
        let place = self.pieces.partition_point(|(at, _)| *at < offset);
        let overlaps_before = place > 0
            && self
                .pieces
                .get(place - 1)
                .is_some_and(|(at, b)| at + b.len() > offset);
        let overlaps_after = self.pieces.get(place).is_some_and(|(at, _)| *at < end);
        if overlaps_before || overlaps_after {
            return None;
        }
        self.pieces
            .insert(place, (offset, fragment.payload.to_vec()));
        Some(())
    }

    fn is_complete(&self) -> bool {
        // Pieces do not overlap, so their sum reaches the total only without gaps.
        let held: usize = self.pieces.iter().map(|(_, bytes)| bytes.len()).sum();
        self.total == Some(held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn piece(offset: usize, more: bool, payload: &[u8]) -> Fragment<'_> {
        let address = IpAddr::from([10, 0, 0, 1]);
        let key = FragmentKey {
            source: address,
            destination: address,
            identification: 7,
        };
        Fragment {
            key,
            offset,
            more,
            payload,
        }
    }

    /// A datagram of 24 bytes: ports, length, no checksum, 16 bytes of payload.
    fn datagram() -> Vec<u8> {
        let mut bytes = vec![0, 1, 0, 2, 0, 24, 0, 0];
        bytes.extend(0..16);
        bytes
    }

    #[test]
    fn pieces_in_any_order_make_the_datagram() {
        let (bytes, now) = (datagram(), Instant::now());
        let mut reassembly = Reassembly::new();
        assert!(
            reassembly
                .add(&piece(16, false, &bytes[16..]), now)
                .is_none()
        );
        assert!(reassembly.add(&piece(0, true, &bytes[..8]), now).is_none());
        let whole = reassembly.add(&piece(8, true, &bytes[8..16]), now).unwrap();
        assert_eq!(whole.payload, &bytes[8..]);
        assert!(reassembly.sets.is_empty());
    }

    #[test]
    fn whatever_is_odd_discards_the_set() {
        let (bytes, now) = (datagram(), Instant::now());
        let first = piece(0, true, &bytes[..16]);
        let odd = [
            piece(8, false, &bytes[8..]),
            piece(0, true, &bytes[..16]),
            piece(16, true, &bytes[16..20]),
            piece(16, false, &[]),
            piece(65528, false, &bytes),
        ];
        for second in odd {
            let mut reassembly = Reassembly::new();
            assert!(reassembly.add(&first, now).is_none());
            assert!(reassembly.add(&second, now).is_none());
            assert!(reassembly.sets.is_empty(), "{second:?}");
        }
    }

    #[test]
    fn stays_bounded_and_forgets() {
        let (bytes, now) = (datagram(), Instant::now());
        let mut reassembly = Reassembly::new();
        for i in 0..1000 {
            let mut one = piece(0, true, &bytes[..16]);
            one.key.identification = i;
            reassembly.add(&one, now);
        }
        assert_eq!(reassembly.sets.len(), MAX_SETS);
        reassembly.expire(now + LIFETIME);
        assert!(reassembly.sets.is_empty());
    }
}
