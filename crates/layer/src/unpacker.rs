//! Reading a layer: from compressed bytes to its tree.

use crate::consumer::Consumer;
use crate::decoder::{Compression, DecodeError, Decoder};
use crate::failure::Failure;
use crate::limits::Limits;
use crate::spool::Spool;
use crate::tar::Scanner;
use crate::tree::Tree;
use std::io;
use std::path::{Path, PathBuf};

/// Bytes unpacked at a time.
const BUFFER_BYTES: usize = 256 * 1024;
/// Unpacked bytes after which a call returns, so that a layer can be refused before it fills the disk.
const CALL_BYTES: usize = 4 * 1024 * 1024;

/// A layer that has been read.
pub struct UnpackedLayer {
    pub tree: Tree,
    /// The bytes of its files.
    pub spool: Spool,
    /// Digest of the unpacked bytes, in hexadecimal.
    pub sha256: String,
}

pub struct Unpacker {
    decoder: Decoder,
    consumer: Consumer,
    spool_path: PathBuf,
    /// Input that an earlier call did not get to.
    left: Vec<u8>,
}

impl Unpacker {
    /// Bodies go to the file at `spool`, made when it is first needed.
    pub fn new(compression: Compression, spool: &Path, limits: Limits) -> io::Result<Self> {
        let scanner = Scanner::new(Spool::new(spool), limits);
        Ok(Self {
            decoder: Decoder::new(compression),
            consumer: Consumer::start(scanner, BUFFER_BYTES)?,
            spool_path: spool.to_owned(),
            left: Vec::new(),
        })
    }

    /// Unpacks the next pieces of the layer, or goes on with earlier ones. True when input is left: call again, without
    /// new input. A failure may be one of what an earlier call was given.
    pub fn push(&mut self, pieces: &[&[u8]]) -> Result<bool, Failure> {
        let mut made = 0;
        let left = std::mem::take(&mut self.left);
        let mut result = Ok(());
        for piece in std::iter::once(left.as_slice()).chain(pieces.iter().copied()) {
            let mut at = 0;
            if result.is_ok() && made < CALL_BYTES {
                result = self.unpack(piece, &mut at, &mut made);
            }
            if result.is_ok() {
                self.left.extend_from_slice(&piece[at..]);
            }
        }
        if result.is_err() {
            // What came before the broken place is read first, and may be refused.
            self.consumer.finish();
        }
        self.consumer.failure().map_or(Ok(()), Err)?;
        result?;
        // What the decoder itself still holds comes out without input.
        Ok(made >= CALL_BYTES || !self.left.is_empty())
    }

    /// To be called when no more input comes.
    pub fn finish(mut self) -> Result<UnpackedLayer, Failure> {
        let consumed = self.consumer.finish();
        self.consumer.failure().map_or(Ok(()), Err)?;
        self.decoder.end().map_err(Failure::Decode)?;
        let consumed = consumed.ok_or_else(|| self.thread_ended())?;
        let (tree, spool) = consumed.scanner.finish()?;
        Ok(UnpackedLayer {
            tree,
            spool,
            sha256: consumed.sha256,
        })
    }

    fn unpack(&mut self, piece: &[u8], at: &mut usize, made: &mut usize) -> Result<(), Failure> {
        while *made < CALL_BYTES {
            let Some(mut buffer) = self.consumer.buffer() else {
                return Err(self.thread_ended());
            };
            let (filled, result) = fill(&mut self.decoder, piece, at, &mut buffer);
            let is_full = filled == buffer.len();
            self.consumer.consume(buffer, filled);
            *made += filled;
            result.map_err(Failure::Decode)?;
            if !is_full {
                break;
            }
        }
        Ok(())
    }

    fn thread_ended(&self) -> Failure {
        Failure::writing(&self.spool_path)(io::Error::other("the layer's thread ended"))
    }
}

/// Unpacks from `at` on until the buffer is full or the piece is used up; says how much is in the buffer.
fn fill(
    decoder: &mut Decoder,
    piece: &[u8],
    at: &mut usize,
    buffer: &mut [u8],
) -> (usize, Result<(), DecodeError>) {
    let mut filled = 0;
    while filled < buffer.len() {
        match decoder.step(&piece[*at..], &mut buffer[filled..]) {
            Ok(step) => {
                *at += step.taken;
                filled += step.made;
                if step.taken == 0 && step.made == 0 {
                    break;
                }
            }
            Err(error) => return (filled, Err(error)),
        }
    }
    (filled, Ok(()))
}
