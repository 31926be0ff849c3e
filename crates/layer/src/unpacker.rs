//! Unpacking from compressed bytes to what the archive's reader gets.

use crate::consumer::{Condensed, Consumer};
use crate::decoder::{Compression, DecodeError, Decoder};
use crate::elider::Elider;
use crate::spool::Spool;
use std::io;
use std::path::Path;
use thiserror::Error;

/// Bytes unpacked at a time.
const BUFFER_BYTES: usize = 256 * 1024;
/// Unpacked bytes after which a call returns, so that the reader can refuse a layer before it fills the disk.
const CALL_BYTES: usize = 4 * 1024 * 1024;

/// Why a layer cannot be unpacked.
#[derive(Debug, Error)]
pub enum Failure {
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error("{0}")]
    Spool(#[from] io::Error),
}

/// What is there after a call, also after one that ends in a failure.
#[derive(Debug, Default)]
pub struct Output {
    pub condensed: Condensed,
    /// Input is left: call again, without new input.
    pub more: bool,
    pub failure: Option<Failure>,
    /// At the end: digest of the unpacked bytes, in hexadecimal.
    pub sha256: Option<String>,
}

pub struct Unpacker {
    decoder: Decoder,
    consumer: Consumer,
    /// Input that an earlier call did not get to.
    left: Vec<u8>,
}

impl Unpacker {
    /// Bodies go to the file at `spool`, made when it is first needed.
    pub fn new(compression: Compression, spool: &Path) -> io::Result<Self> {
        Ok(Self {
            decoder: Decoder::new(compression),
            consumer: Consumer::start(Elider::new(Spool::new(spool)), BUFFER_BYTES)?,
            left: Vec::new(),
        })
    }

    /// Unpacks the next pieces of the layer, or goes on with earlier ones. What comes of them may be in the output of
    /// a later call.
    pub fn push(&mut self, pieces: &[&[u8]]) -> Output {
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
        // What the decoder itself still holds comes out without input.
        let more = made >= CALL_BYTES || !self.left.is_empty();
        if result.is_err() {
            self.consumer.finish();
        }
        self.output(more, result, None)
    }

    /// To be called when no more input comes: the last output, and the digest. The spool file is complete then.
    pub fn finish(&mut self) -> Output {
        let sha256 = self.consumer.finish();
        let result = self.decoder.end().map_err(Failure::from);
        self.output(false, result, sha256)
    }

    fn unpack(&mut self, piece: &[u8], at: &mut usize, made: &mut usize) -> Result<(), Failure> {
        while *made < CALL_BYTES {
            let Some(mut buffer) = self.consumer.buffer() else {
                return Err(io::Error::other("the layer's thread ended").into());
            };
            let (filled, result) = fill(&mut self.decoder, piece, at, &mut buffer);
            let is_full = filled == buffer.len();
            self.consumer.consume(buffer, filled);
            *made += filled;
            result?;
            if !is_full {
                break;
            }
        }
        Ok(())
    }

    fn output(&self, more: bool, result: Result<(), Failure>, sha256: Option<String>) -> Output {
        let (condensed, spool_failure) = self.consumer.take();
        let failure = spool_failure.map(Failure::Spool).or(result.err());
        Output {
            condensed,
            more: more && failure.is_none(),
            sha256: sha256.filter(|_| failure.is_none()),
            failure,
        }
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
