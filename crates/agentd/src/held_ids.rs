//! Clients whose output waits.

use std::ops::Range;

/// Ranges of correlation ids, one a client: few, since a relay has 128 clients at most.
#[derive(Debug, Default)]
pub struct HeldIds(Vec<Range<u32>>);

impl HeldIds {
    /// Holds the ids in the range, or lets them go.
    pub fn set(&mut self, ids: Range<u32>, held: bool) {
        self.0.retain(|range| *range != ids);
        if held {
            self.0.push(ids);
        }
    }

    /// Whether `id` waits.
    #[must_use]
    pub fn contains(&self, id: u32) -> bool {
        self.0.iter().any(|range| range.contains(&id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_range_is_held_and_let_go_by_itself() {
        let mut held = HeldIds::default();
        held.set(1..10, true);
        held.set(1..10, true);
        held.set(10..20, true);
        held.set(1..10, false);
        assert!(!held.contains(9));
        assert!(held.contains(10) && held.contains(19));
        assert!(!held.contains(20));
    }
}
