//! Whose turn it is to read requests.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// One thread at a time has the turn. It keeps it over many requests, since to wake the next thread costs more than
/// most of them, and it can be taken away from a thread that is stuck.
pub struct Turns {
    state: Mutex<State>,
    free: Condvar,
    /// Number of the turn that counts.
    current: AtomicU64,
    /// Threads that may wait for one.
    max_waiting: usize,
}

#[derive(Default)]
struct State {
    taken: bool,
    waiting: usize,
}

/// A turn, given back when it is dropped.
pub struct Turn<'a> {
    turns: &'a Turns,
    number: u64,
}

impl Turns {
    pub fn new(max_waiting: usize) -> Self {
        Self {
            state: Mutex::default(),
            free: Condvar::new(),
            current: AtomicU64::new(0),
            max_waiting,
        }
    }

    /// Waits for a turn. @returns nothing when enough threads wait already
    pub fn take(&self) -> Option<Turn<'_>> {
        let mut state = self.lock();
        if state.taken && state.waiting >= self.max_waiting {
            return None;
        }
        state.waiting += 1;
        while state.taken {
            state = self
                .free
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting -= 1;
        state.taken = true;
        let number = self.current.fetch_add(1, Ordering::SeqCst) + 1;
        Some(Turn {
            turns: self,
            number,
        })
    }

    /// Takes the turn away from who has it. @returns whether another thread waits for it
    pub fn revoke(&self) -> bool {
        let mut state = self.lock();
        self.current.fetch_add(1, Ordering::SeqCst);
        state.taken = false;
        self.free.notify_one();
        state.waiting > 0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// Whether it was not taken away.
    pub fn counts(&self) -> bool {
        self.turns.current.load(Ordering::SeqCst) == self.number
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.turns.lock();
        if self.counts() {
            state.taken = false;
            self.turns.free.notify_one();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_has_the_turn_and_the_next_waits() {
        let turns = Turns::new(1);
        let first = turns.take().unwrap();
        std::thread::scope(|scope| {
            let next = scope.spawn(|| turns.take().map(|turn| turn.counts()));
            while turns.lock().waiting == 0 {
                std::thread::yield_now();
            }
            assert!(turns.take().is_none(), "one waits already");
            assert!(first.counts());
            drop(first);
            assert_eq!(next.join().unwrap(), Some(true));
        });
        assert!(turns.take().is_some());
    }

    #[test]
    fn a_turn_that_was_taken_away_gives_nothing_back() {
        let turns = Turns::new(1);
        let stuck = turns.take().unwrap();
        assert!(!turns.revoke());
        assert!(!stuck.counts());
        let other = turns.take().unwrap();
        drop(stuck);
        assert!(other.counts() && turns.lock().taken);
    }
}
