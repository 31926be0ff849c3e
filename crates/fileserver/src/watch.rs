//! Finds out that nobody reads requests any more, because all threads are stuck in the host's file system.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

/// A share where nobody took a request in for so long, and nobody waits for one, is stuck.
const PATIENCE: Duration = Duration::from_millis(100);

/// Told of each request by two stores to memory. Its own thread looks at them now and then while there are requests, and
/// sleeps while there are none.
pub struct Watch {
    /// Requests that were taken in.
    taken: AtomicU64,
    /// A thread waits for the next one.
    reading: AtomicBool,
    awake: AtomicBool,
    ended: AtomicBool,
    thread: OnceLock<Thread>,
}

impl Watch {
    pub fn new() -> Self {
        Self {
            taken: AtomicU64::new(0),
            reading: AtomicBool::new(false),
            awake: AtomicBool::new(true),
            ended: AtomicBool::new(false),
            thread: OnceLock::new(),
        }
    }

    /// A thread waits for a request from now on.
    pub fn reads(&self) {
        self.reading.store(true, Ordering::SeqCst);
    }

    /// It got one.
    pub fn took(&self) {
        self.taken.fetch_add(1, Ordering::SeqCst);
        self.reading.store(false, Ordering::SeqCst);
        // Either this sees that the watch falls asleep, or the watch sees the request.
        if !self.awake.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    /// Lets [`Self::run`] return.
    pub fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Calls `relieve` each time that it finds the share stuck, until the end.
    pub fn run(&self, relieve: impl Fn()) {
        self.thread.get_or_init(thread::current);
        while !self.ended.load(Ordering::SeqCst) {
            if !self.awake.load(Ordering::SeqCst) {
                thread::park();
                continue;
            }
            let before = self.taken.load(Ordering::SeqCst);
            thread::sleep(PATIENCE);
            // In this order: who does not read any more has counted its request.
            let reading = self.reading.load(Ordering::SeqCst);
            if self.taken.load(Ordering::SeqCst) != before {
                continue;
            }
            if !reading {
                relieve();
                continue;
            }
            self.awake.store(false, Ordering::SeqCst);
            if self.taken.load(Ordering::SeqCst) != before {
                self.awake.store(true, Ordering::SeqCst);
            }
        }
    }

    fn wake(&self) {
        self.awake.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::mpsc::{RecvTimeoutError, channel};

    #[test]
    fn only_a_share_where_nobody_reads_is_stuck() {
        let watch = Watch::new();
        let (sender, stuck) = channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                watch.run(move || {
                    let _ = sender.send(());
                });
            });
            for _ in 0..2 {
                watch.reads();
                while watch.awake.load(Ordering::SeqCst) {
                    std::thread::sleep(PATIENCE / 10);
                }
                while stuck.try_recv().is_ok() {}
                let quiet = stuck.recv_timeout(3 * PATIENCE);
                assert_eq!(quiet, Err(RecvTimeoutError::Timeout));
                watch.took();
                stuck.recv_timeout(100 * PATIENCE).unwrap();
            }
            watch.end();
        });
    }
}
