//! Operating system errors as JavaScript sees them.

use std::io;

/// Names the failed call in front of the system's text, e.g. `flock: Bad file descriptor (os error 9)`.
pub fn system(call: &str, error: &io::Error) -> napi::Error {
    napi::Error::from_reason(format!("{call}: {error}"))
}
