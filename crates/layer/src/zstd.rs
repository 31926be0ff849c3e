//! All frames of a zstd stream (RFC 8878), skippable ones included.

use crate::decoder::{DecodeError, Step};
use zstd_safe::{DCtx, InBuffer, OutBuffer, get_error_name};

/// What zstd calls data that begins with no known magic number.
const UNKNOWN_FRAME: &str = "Unknown frame descriptor";

pub struct Zstd {
    context: DCtx<'static>,
    /// No byte of a frame has come that is not complete.
    between: bool,
}

impl Zstd {
    pub fn new() -> Self {
        Self {
            context: DCtx::create(),
            between: true,
        }
    }

    pub fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, DecodeError> {
        let mut from = InBuffer::around(input);
        let mut to = OutBuffer::around(output);
        let hint = self
            .context
            .decompress_stream(&mut to, &mut from)
            .map_err(|code| match get_error_name(code) {
                UNKNOWN_FRAME => DecodeError::NotZstd,
                name => DecodeError::Broken(name.to_owned()),
            })?;
        let (taken, made) = (from.pos(), to.pos());
        // A call that does nothing asks for the next frame's header, which says nothing about this one.
        if taken > 0 || made > 0 {
            self.between = hint == 0;
        }
        Ok(Step { taken, made })
    }

    pub fn end(&self) -> Result<(), DecodeError> {
        if self.between {
            Ok(())
        } else {
            Err(DecodeError::ZstdCutOff)
        }
    }
}
