//! Regular files that are stored without their holes (GNU tar manual, "Storing Sparse Files").

mod expander;
mod gnu;
mod map_reader;
mod pax;

pub use expander::Expander;
pub use gnu::GnuMap;
pub use pax::of_pax;

use super::MAX_NUMBER;
use crate::failure::Failure;

/// A stretch of a sparse file that the archive stores; what is between stretches is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub offset: u64,
    pub length: u64,
}

#[derive(Debug)]
pub struct SparseFile {
    /// Length of the file with its holes, bytes.
    pub size: u64,
    /// None when the map stands at the front of the member's body (GNU.sparse 1.0).
    pub map: Option<Vec<Stretch>>,
}

/// Checks a map: stretches in order, without overlap, inside the file, and together as long as what is stored.
fn check(map: &[Stretch], file_bytes: u64, stored_bytes: u64) -> Result<(), Failure> {
    let (mut end, mut stored) = (0, 0);
    for stretch in map {
        let is_exact = stretch.offset <= MAX_NUMBER && stretch.length <= MAX_NUMBER;
        if !is_exact || stretch.offset < end {
            return Err(invalid());
        }
        end = stretch.offset + stretch.length;
        stored += stretch.length;
    }
    if end > file_bytes || stored != stored_bytes {
        return Err(invalid());
    }
    Ok(())
}

fn invalid() -> Failure {
    Failure::refused("invalid sparse map in tar")
}
