//! Bytes on their way from whoever receives a layer to the thread that unpacks it, so that neither waits for the other's
//! every step.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes from which on a queue is full. More than this is taken nevertheless: whoever gives is asked to wait.
const FULL_BYTES: usize = 1024 * 1024;
/// Bytes left in a full queue when it has room again: enough work until more comes.
const ROOM_BYTES: usize = FULL_BYTES / 2;
/// Capacity of one buffer.
const BUFFER_BYTES: usize = 128 * 1024;

#[derive(Default)]
struct State {
    filled: VecDeque<Vec<u8>>,
    /// In all filled buffers.
    bytes: usize,
    /// Empty buffers, to be filled again.
    free: Vec<Vec<u8>>,
    is_taker_waiting: bool,
    /// Nothing is given any more.
    is_ended: bool,
    /// Nothing is taken any more.
    is_abandoned: bool,
}

/// Bytes between two threads, in order.
#[derive(Default)]
pub struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    emptied: Condvar,
}

impl Queue {
    /// Gives a copy of some bytes; false when it is time to `wait`.
    pub fn give(&self, mut bytes: &[u8]) -> bool {
        let mut state = self.locked();
        if state.is_abandoned {
            return false;
        }
        state.bytes += bytes.len();
        while !bytes.is_empty() {
            let buffer = state.buffer_with_room();
            let (here, rest) = bytes.split_at(bytes.len().min(BUFFER_BYTES - buffer.len()));
            buffer.extend_from_slice(here);
            bytes = rest;
        }
        if state.is_taker_waiting {
            self.filled.notify_one();
        }
        state.bytes < FULL_BYTES
    }

    /// Waits until there is room; false when nothing more is wanted.
    pub fn wait(&self) -> bool {
        let is_full = |state: &mut State| state.bytes > ROOM_BYTES && !state.is_abandoned;
        let state = self.emptied.wait_while(self.locked(), is_full);
        !state.unwrap_or_else(PoisonError::into_inner).is_abandoned
    }

    /// Says that nothing more comes.
    pub fn end(&self) {
        self.locked().is_ended = true;
        self.filled.notify_one();
    }

    /// Takes the next bytes, or waits for them; None at the end. The buffer is to be given back.
    pub fn take(&self) -> Option<Vec<u8>> {
        let mut state = self.locked();
        state.is_taker_waiting = true;
        let is_empty =
            |state: &mut State| state.filled.is_empty() && !state.is_ended && !state.is_abandoned;
        state = self
            .filled
            .wait_while(state, is_empty)
            .unwrap_or_else(PoisonError::into_inner);
        state.is_taker_waiting = false;
        let buffer = state.filled.pop_front()?;
        state.bytes -= buffer.len();
        if state.bytes <= ROOM_BYTES {
            self.emptied.notify_one();
        }
        Some(buffer)
    }

    /// Gives a taken buffer back to be filled again.
    pub fn give_back(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut state = self.locked();
        if !state.is_abandoned {
            state.free.push(buffer);
        }
    }

    /// Throws away what is there, and all that is given from now on. Its buffers are not kept.
    pub fn abandon(&self) {
        let mut state = self.locked();
        state.is_abandoned = true;
        state.filled = VecDeque::new();
        state.free = Vec::new();
        state.bytes = 0;
        self.filled.notify_one();
        self.emptied.notify_one();
    }

    pub fn is_abandoned(&self) -> bool {
        self.locked().is_abandoned
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn buffer_with_room(&mut self) -> &mut Vec<u8> {
        let has_room = |buffer: &Vec<u8>| buffer.len() < BUFFER_BYTES;
        if !self.filled.back().is_some_and(has_room) {
            let free = self.free.pop();
            let buffer = free.unwrap_or_else(|| Vec::with_capacity(BUFFER_BYTES));
            self.filled.push_back(buffer);
        }
        let last = self.filled.len() - 1;
        &mut self.filled[last]
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;

    #[test]
    fn bytes_arrive_in_order_whatever_their_pieces() {
        let queue = Arc::new(Queue::default());
        let giver = queue.clone();
        let given: Vec<u8> = (0..3_000_000u32).map(|at| (at % 251) as u8).collect();
        let expected = given.clone();
        let thread = thread::spawn(move || {
            let mut at = 0;
            for bytes in (1..).map(|step: usize| step * 4099 % 300_000) {
                let end = given.len().min(at + bytes);
                if !giver.give(&given[at..end]) {
                    assert!(giver.wait());
                }
                at = end;
                if at == given.len() {
                    break;
                }
            }
            giver.end();
        });
        let mut taken = Vec::new();
        while let Some(buffer) = queue.take() {
            assert!(buffer.len() <= BUFFER_BYTES);
            taken.extend_from_slice(&buffer);
            queue.give_back(buffer);
        }
        thread.join().unwrap();
        assert!(taken == expected);
    }

    #[test]
    fn a_full_queue_asks_to_wait_until_half_of_it_is_taken() {
        let queue = Queue::default();
        assert!(queue.give(&[1; FULL_BYTES - 1]));
        assert!(!queue.give(&[1]));
        let mut taken = 0;
        while taken < FULL_BYTES / 2 {
            taken += queue.take().unwrap().len();
        }
        assert!(queue.wait());
    }

    #[test]
    fn who_waits_for_an_abandoned_queue_is_told() {
        let queue = Arc::new(Queue::default());
        queue.give(&[1; FULL_BYTES]);
        let giver = queue.clone();
        let thread = thread::spawn(move || giver.wait());
        queue.abandon();
        assert!(!thread.join().unwrap());
        assert!(!queue.give(&[1]) && queue.take().is_none());
    }
}
