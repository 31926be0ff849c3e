//! All members of a gzip stream (RFC 1952), as Node's `createGunzip` reads them: zeros after a member end the stream.

use crate::decoder::{DecodeError, Step};
use flate2::{Decompress, FlushDecompress, Status};

const WINDOW_BITS: u8 = 15;

/// Where in the stream the next byte is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    InMember,
    BetweenMembers,
    /// Behind padding, where everything is left out.
    Behind,
}

pub struct Gzip {
    member: Decompress,
    place: Place,
}

impl Gzip {
    pub fn new() -> Self {
        Self {
            member: Decompress::new_gzip(WINDOW_BITS),
            place: Place::InMember,
        }
    }

    pub fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, DecodeError> {
        if self.place == Place::BetweenMembers && !input.is_empty() {
            if input[0] == 0 {
                self.place = Place::Behind;
            } else {
                self.member = Decompress::new_gzip(WINDOW_BITS);
                self.place = Place::InMember;
            }
        }
        if self.place != Place::InMember {
            return Ok(Step {
                taken: input.len(),
                made: 0,
            });
        }
        let (taken, made) = (self.member.total_in(), self.member.total_out());
        let status = self
            .member
            .decompress(input, output, FlushDecompress::None)
            .map_err(|error| {
                DecodeError::Broken(error.message().unwrap_or("incorrect data").to_owned())
            })?;
        if status == Status::StreamEnd {
            self.place = Place::BetweenMembers;
        }
        Ok(Step {
            taken: (self.member.total_in() - taken) as usize,
            made: (self.member.total_out() - made) as usize,
        })
    }

    pub fn end(&self) -> Result<(), DecodeError> {
        if self.place == Place::InMember {
            return Err(DecodeError::GzipCutOff);
        }
        Ok(())
    }
}
