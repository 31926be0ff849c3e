//! What happens to unpacked bytes, on a thread of its own: SHA-256, and the bodies of files go to the spool file. It
//! takes half as long as unpacking, which goes on meanwhile.

use crate::elider::{Elider, Run};
use sha2::{Digest, Sha256};
use std::io;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// Buffers between unpacking and the thread.
const BUFFERS: usize = 3;

/// A buffer and how much of it is used.
type Filled = (Vec<u8>, usize);

/// What the archive's reader gets.
#[derive(Debug, Default)]
pub struct Condensed {
    /// Bytes that were passed on, all runs' one after the other.
    pub passed: Vec<u8>,
    pub runs: Vec<Run>,
}

#[derive(Default)]
struct Shared {
    condensed: Condensed,
    failure: Option<io::Error>,
}

/// The thread's end of the channels.
struct Work {
    filled: Receiver<Filled>,
    give_back: Sender<Vec<u8>>,
    shared: Arc<Mutex<Shared>>,
}

pub struct Consumer {
    filled: Option<SyncSender<Filled>>,
    free: Receiver<Vec<u8>>,
    /// Buffers made so far; more are made when all are in use.
    buffers: usize,
    buffer_bytes: usize,
    shared: Arc<Mutex<Shared>>,
    thread: Option<JoinHandle<[u8; 32]>>,
}

impl Consumer {
    /// Starts the thread; it ends with the consumer.
    pub fn start(elider: Elider, buffer_bytes: usize) -> io::Result<Self> {
        let (filled, receiver) = sync_channel(BUFFERS);
        let (give_back, free) = channel();
        let shared = Arc::<Mutex<Shared>>::default();
        let work = Work {
            filled: receiver,
            give_back,
            shared: shared.clone(),
        };
        let thread = thread::Builder::new()
            .name("layer".into())
            .spawn(move || work.run(elider))?;
        Ok(Self {
            filled: Some(filled),
            free,
            buffers: 0,
            buffer_bytes,
            shared,
            thread: Some(thread),
        })
    }

    /// An empty buffer; waits for the thread when it has all of them. None when the thread is gone.
    pub fn buffer(&mut self) -> Option<Vec<u8>> {
        if let Ok(buffer) = self.free.try_recv() {
            return Some(buffer);
        }
        if self.buffers < BUFFERS {
            self.buffers += 1;
            return Some(vec![0; self.buffer_bytes]);
        }
        self.free.recv().ok()
    }

    /// Gives the first bytes of a buffer to the thread.
    pub fn consume(&self, buffer: Vec<u8>, bytes: usize) {
        if let Some(filled) = &self.filled {
            let _ = filled.send((buffer, bytes));
        }
    }

    /// Takes what is done, and the failure that ended it.
    pub fn take(&self) -> (Condensed, Option<io::Error>) {
        let mut shared = locked(&self.shared);
        (std::mem::take(&mut shared.condensed), shared.failure.take())
    }

    /// Waits until everything is done; nothing can be given after it. The digest of all that was given, in
    /// hexadecimal; None when it was asked for before.
    pub fn finish(&mut self) -> Option<String> {
        self.filled = None;
        let digest = self.thread.take()?.join().ok()?;
        Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl Work {
    fn run(self, mut elider: Elider) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut failed = false;
        for (buffer, bytes) in &self.filled {
            let used = &buffer[..bytes];
            if !failed {
                let mut condensed = Condensed::default();
                let result = elider.push(used, &mut condensed.passed, &mut condensed.runs);
                failed = self.done(condensed, result);
                hash.update(used);
            }
            let _ = self.give_back.send(buffer);
        }
        if !failed {
            self.done(Condensed::default(), elider.flush());
        }
        hash.finalize().into()
    }

    /// Hands over what came of a buffer; true when that was the last.
    fn done(&self, mut condensed: Condensed, result: io::Result<()>) -> bool {
        let mut shared = locked(&self.shared);
        shared.condensed.passed.append(&mut condensed.passed);
        shared.condensed.runs.append(&mut condensed.runs);
        shared.failure = result.err();
        shared.failure.is_some()
    }
}

fn locked(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
