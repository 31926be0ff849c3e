//! What happens to unpacked bytes, on a thread of its own: SHA-256, and reading the archive. It takes half as long as
//! unpacking, which goes on meanwhile.

use crate::failure::Failure;
use crate::tar::Scanner;
use sha2::{Digest, Sha256};
use std::io;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// Buffers between unpacking and the thread.
const BUFFERS: usize = 6;

/// A buffer and how much of it is used.
type Filled = (Vec<u8>, usize);

/// All of an archive that came.
pub struct Consumed {
    /// Digest of it in hexadecimal.
    pub sha256: String,
    pub scanner: Scanner,
}

/// The thread's end of the channels.
struct Work {
    filled: Receiver<Filled>,
    give_back: Sender<Vec<u8>>,
    failure: Arc<Mutex<Option<Failure>>>,
}

pub struct Consumer {
    filled: Option<SyncSender<Filled>>,
    free: Receiver<Vec<u8>>,
    /// Buffers made so far; more are made when all are in use.
    buffers: usize,
    buffer_bytes: usize,
    failure: Arc<Mutex<Option<Failure>>>,
    thread: Option<JoinHandle<Consumed>>,
}

impl Consumer {
    /// Starts the thread; it ends with the consumer.
    pub fn start(scanner: Scanner, buffer_bytes: usize) -> io::Result<Self> {
        let (filled, receiver) = sync_channel(BUFFERS);
        let (give_back, free) = channel();
        let failure = Arc::<Mutex<Option<Failure>>>::default();
        let work = Work {
            filled: receiver,
            give_back,
            failure: failure.clone(),
        };
        let thread = thread::Builder::new()
            .name("layer".into())
            .spawn(move || work.run(scanner))?;
        Ok(Self {
            filled: Some(filled),
            free,
            buffers: 0,
            buffer_bytes,
            failure,
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

    /// The failure that ended reading, told once.
    pub fn failure(&self) -> Option<Failure> {
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Waits until everything is done; nothing can be given after it. None when it was asked for before.
    pub fn finish(&mut self) -> Option<Consumed> {
        self.filled = None;
        self.thread.take()?.join().ok()
    }
}

impl Work {
    fn run(self, mut scanner: Scanner) -> Consumed {
        let mut hash = Sha256::new();
        let mut failed = false;
        for (buffer, bytes) in &self.filled {
            let used = &buffer[..bytes];
            if !failed {
                hash.update(used);
                if let Err(failure) = scanner.push(used) {
                    failed = true;
                    *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
                }
            }
            let _ = self.give_back.send(buffer);
        }
        Consumed {
            sha256: hash
                .finalize()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            scanner,
        }
    }
}
