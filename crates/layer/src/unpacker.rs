//! Reading a layer: from compressed bytes to its tree, on two threads. One unpacks, the other is the consumer's.

use crate::consumer::Consumer;
use crate::decoder::{Compression, Decoder};
use crate::failure::Failure;
use crate::limits::Limits;
use crate::queue::Queue;
use crate::spool::Spool;
use crate::tar::Scanner;
use crate::tree::Tree;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

/// Bytes unpacked at a time.
const BUFFER_BYTES: usize = 128 * 1024;

/// A layer that has been read.
pub struct UnpackedLayer {
    pub tree: Tree,
    /// The bytes of its files.
    pub spool: Spool,
    /// Digest of the unpacked bytes, in hexadecimal.
    pub sha256: String,
}

pub struct Unpacker {
    input: Arc<Queue>,
    /// None once it is waited for.
    thread: Option<JoinHandle<Result<UnpackedLayer, Failure>>>,
    spool_path: PathBuf,
}

/// What the unpacking thread has.
struct Work {
    input: Arc<Queue>,
    decoder: Decoder,
    consumer: Consumer,
    spool_path: PathBuf,
}

impl Unpacker {
    /// Bodies go to the file at `spool`, made when it is first needed.
    pub fn start(compression: Compression, spool: &Path, limits: Limits) -> io::Result<Self> {
        let input = Arc::<Queue>::default();
        let spool_path = spool.to_owned();
        let work = Work {
            input: input.clone(),
            decoder: Decoder::new(compression),
            consumer: Consumer::start(Scanner::new(Spool::new(spool), limits), BUFFER_BYTES)?,
            spool_path: spool_path.clone(),
        };
        let thread = thread::Builder::new()
            .name("unpack".into())
            .spawn(move || work.run())?;
        Ok(Self {
            input,
            thread: Some(thread),
            spool_path,
        })
    }

    /// Where the layer's bytes go. It is abandoned once they cannot become a layer; `finish` says why.
    pub fn input(&self) -> Arc<Queue> {
        self.input.clone()
    }

    /// To be called when no more input comes. Waits until all of it is read.
    pub fn finish(mut self) -> Result<UnpackedLayer, Failure> {
        self.input.end();
        let joined = self.thread.take().and_then(|thread| thread.join().ok());
        joined.unwrap_or_else(|| Err(thread_ended(&self.spool_path)))
    }
}

impl Drop for Unpacker {
    /// Ends the thread of a layer that nobody finishes.
    fn drop(&mut self) {
        self.input.abandon();
    }
}

impl Work {
    fn run(mut self) -> Result<UnpackedLayer, Failure> {
        let unpacked = self.unpack_all();
        self.input.abandon();
        // What came before a broken place is read first, and may be refused.
        let consumed = self.consumer.finish();
        self.consumer.failure().map_or(Ok(()), Err)?;
        unpacked?;
        self.decoder.end().map_err(Failure::Decode)?;
        let consumed = consumed.ok_or_else(|| thread_ended(&self.spool_path))?;
        let (tree, spool) = consumed.scanner.finish()?;
        Ok(UnpackedLayer {
            tree,
            spool,
            sha256: consumed.sha256,
        })
    }

    fn unpack_all(&mut self) -> Result<(), Failure> {
        let mut output = Output {
            buffer: self.empty_buffer()?,
            filled: 0,
        };
        let result = self.unpack_into(&mut output);
        self.consumer.consume(output.buffer, output.filled);
        result
    }

    fn unpack_into(&mut self, output: &mut Output) -> Result<(), Failure> {
        while let Some(piece) = self.input.take() {
            self.unpack(&piece, output)?;
            self.input.give_back(piece);
        }
        Ok(())
    }

    /// Unpacks a piece, and what the decoder itself still holds. Full buffers go to the consumer.
    fn unpack(&mut self, piece: &[u8], output: &mut Output) -> Result<(), Failure> {
        let mut at = 0;
        loop {
            output.fill(&mut self.decoder, piece, &mut at)?;
            if output.filled < output.buffer.len() {
                return Ok(());
            }
            let full = std::mem::replace(&mut output.buffer, self.empty_buffer()?);
            self.consumer
                .consume(full, std::mem::take(&mut output.filled));
            // A piece may become a thousand times as long.
            self.consumer.failure().map_or(Ok(()), Err)?;
            if self.input.is_abandoned() {
                return Err(Failure::Cancelled);
            }
        }
    }

    fn empty_buffer(&mut self) -> Result<Vec<u8>, Failure> {
        let buffer = self.consumer.buffer();
        buffer.ok_or_else(|| thread_ended(&self.spool_path))
    }
}

/// A buffer that is being filled with unpacked bytes.
struct Output {
    buffer: Vec<u8>,
    filled: usize,
}

impl Output {
    /// Unpacks from `at` on until the buffer is full or the piece is used up.
    fn fill(&mut self, decoder: &mut Decoder, piece: &[u8], at: &mut usize) -> Result<(), Failure> {
        while self.filled < self.buffer.len() {
            let step = decoder.step(&piece[*at..], &mut self.buffer[self.filled..]);
            let step = step.map_err(Failure::Decode)?;
            *at += step.taken;
            self.filled += step.made;
            if step.taken == 0 && step.made == 0 {
                break;
            }
        }
        Ok(())
    }
}

fn thread_ended(spool: &Path) -> Failure {
    Failure::writing(spool)(io::Error::other("the layer's thread ended"))
}
