//! Who waits for answers.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, TryLockError};

/// Counts answers that are missing, and lets one thread at a time wait for them.
pub struct Pending<T> {
    missing: AtomicUsize,
    reader: Mutex<T>,
}

impl<T> Pending<T> {
    /// Nothing is missing; `reader` is what its thread works with.
    pub fn new(reader: T) -> Self {
        Self {
            missing: AtomicUsize::new(0),
            reader: Mutex::new(reader),
        }
    }

    /// So many more will come. To be called before the requests are sent.
    pub fn add(&self, count: usize) {
        self.missing.fetch_add(count, Ordering::SeqCst);
    }

    /// Calls `read`, which tells how many came, until none is missing; returns at once when another thread does.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn settle(&self, mut read: impl FnMut(&mut T) -> io::Result<usize>) -> io::Result<()> {
        // Once more after letting go: a request that was sent meanwhile found the place taken.
        while self.missing.load(Ordering::SeqCst) > 0 {
            let mut reader = match self.reader.try_lock() {
                Ok(reader) => reader,
                Err(TryLockError::WouldBlock) => return Ok(()),
                Err(TryLockError::Poisoned(_)) => return Err(io::Error::other("a thread failed")),
            };
            while self.missing.load(Ordering::SeqCst) > 0 {
                let came = read(&mut reader)?;
                // An answer to nothing is none.
                let _ = self
                    .missing
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |missing| {
                        Some(missing.saturating_sub(came))
                    });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn one_thread_waits_for_the_answers_of_all() {
        let pending = Pending::new(());
        pending.add(1);
        let (answer, answers) = channel::<usize>();
        let (reading, began) = channel();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                pending.settle(move |()| {
                    reading.send(()).unwrap();
                    Ok(answers.recv().unwrap())
                })
            });
            began.recv().unwrap();
            pending.add(1);
            // The place is taken.
            pending.settle(|()| panic!("two threads read")).unwrap();
            answer.send(1).unwrap();
            began.recv().unwrap();
            answer.send(1).unwrap();
            waiting.join().unwrap().unwrap();
        });
        pending.settle(|()| panic!("nothing is missing")).unwrap();
    }

    #[test]
    fn no_answer_is_left_behind() {
        let pending = Pending::new(());
        let came = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        pending.add(1);
                        let settled = pending.settle(|()| {
                            came.fetch_add(1, Ordering::SeqCst);
                            Ok(1)
                        });
                        settled.unwrap();
                    }
                });
            }
        });
        assert_eq!(came.into_inner(), 30_000);
        assert_eq!(pending.missing.into_inner(), 0);
    }
}
