//! Names that say something about lower layers (OCI image spec, "Whiteouts").

use crate::failure::Failure;

const PREFIX: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

#[derive(Debug, PartialEq, Eq)]
pub enum Whiteout<'a> {
    /// The directory around it hides all of what lower layers have there.
    Opaque,
    /// That name is deleted.
    Delete(&'a [u8]),
}

/// What a member's name says about lower layers; None for an ordinary name.
pub fn parse(name: &[u8]) -> Result<Option<Whiteout<'_>>, Failure> {
    match name.strip_prefix(PREFIX) {
        None | Some(b"") => Ok(None),
        Some(_) if name == OPAQUE => Ok(Some(Whiteout::Opaque)),
        Some(b"." | b"..") => Err(Failure::about("invalid whiteout in tar:", name)),
        Some(deleted) => Ok(Some(Whiteout::Delete(deleted))),
    }
}
