//! Tar archives of layers: POSIX ustar and pax, GNU and old V7 headers, whiteouts. The same rules, limits and texts as
//! in `packages/image/src/tar`, which is the way without native code; both are tested together.

mod builder;
mod extensions;
mod header;
mod kind;
mod number;
mod path;
mod pax;
mod scanner;
mod sparse;
mod whiteout;
mod xattrs;

pub use scanner::Scanner;

/// Bytes of a record: headers are one, bodies are padded to whole ones.
const RECORD_BYTES: usize = 512;

/// Largest number that is exact where JavaScript reads archives; larger ones mean nothing in a header either.
const MAX_NUMBER: u64 = (1 << 53) - 1;
