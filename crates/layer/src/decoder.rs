//! Decoders of compressed streams that come in pieces cut anywhere.

use crate::gzip::Gzip;
use crate::zstd::Zstd;
use thiserror::Error;

/// How a layer is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

/// Data that cannot be unpacked. The texts are those of zlib and zstd.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    #[error("cannot unpack: {0}")]
    Broken(String),
    #[error("not a zstd stream")]
    NotZstd,
    #[error("unexpected end of zstd stream")]
    ZstdCutOff,
    #[error("cannot unpack: unexpected end of file")]
    GzipCutOff,
}

/// What one step of a decoder took and made.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub taken: usize,
    pub made: usize,
}

/// One decoder.
pub enum Decoder {
    None,
    Gzip(Box<Gzip>),
    Zstd(Zstd),
}

impl Decoder {
    pub fn new(compression: Compression) -> Self {
        match compression {
            Compression::None => Self::None,
            Compression::Gzip => Self::Gzip(Box::new(Gzip::new())),
            Compression::Zstd => Self::Zstd(Zstd::new()),
        }
    }

    /// Unpacks into `output`, which has room. A step that neither takes nor makes anything needs more input.
    pub fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, DecodeError> {
        match self {
            Self::None => {
                let bytes = input.len().min(output.len());
                output[..bytes].copy_from_slice(&input[..bytes]);
                Ok(Step {
                    taken: bytes,
                    made: bytes,
                })
            }
            Self::Gzip(gzip) => gzip.step(input, output),
            Self::Zstd(zstd) => zstd.step(input, output),
        }
    }

    /// To be called when no more input comes.
    pub fn end(&self) -> Result<(), DecodeError> {
        match self {
            Self::None => Ok(()),
            Self::Gzip(gzip) => gzip.end(),
            Self::Zstd(zstd) => zstd.end(),
        }
    }
}
