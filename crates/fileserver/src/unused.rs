//! Descriptors that the guest has no use for any more.

use std::sync::{Mutex, PoisonError};

/// So many are kept at most before they are closed.
const MAX_UNUSED: usize = 64;

/// They are closed when nobody waits: with its last descriptor goes a removed file, whose space the host's file system
/// may give back to the disk before it returns.
#[derive(Default)]
pub struct Unused(Mutex<Vec<Box<dyn Send>>>);

impl Unused {
    /// Keeps a descriptor, or what holds one, to be closed later.
    pub fn put(&self, owner: impl Send + 'static) {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        list.push(Box::new(owner));
        let full = list.len() >= MAX_UNUSED;
        drop(list);
        if full {
            self.close();
        }
    }

    /// Closes them all.
    pub fn close(&self) {
        let list = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        drop(list);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn what_is_put_is_kept_until_it_is_closed_or_becomes_much() {
        let (unused, thing) = (Unused::default(), Arc::new(()));
        unused.put(Arc::clone(&thing));
        assert_eq!(Arc::strong_count(&thing), 2);
        unused.close();
        assert_eq!(Arc::strong_count(&thing), 1);
        for _ in 0..10 * MAX_UNUSED {
            unused.put(Arc::clone(&thing));
        }
        assert!(Arc::strong_count(&thing) <= MAX_UNUSED);
    }
}
