//! `flock(2)`, which Node has no call for.

use crate::{error, sys};
use napi_derive::napi;
use std::io;

/// What to do with the lock of an open file description.
#[napi(string_enum = "lowercase")]
pub enum FlockMode {
    Exclusive,
    Shared,
    Unlock,
}

/// Never blocks. False: another description holds a conflicting lock.
#[napi]
pub fn try_flock(fd: i32, mode: FlockMode) -> napi::Result<bool> {
    let operation = match mode {
        FlockMode::Exclusive => libc::LOCK_EX,
        FlockMode::Shared => libc::LOCK_SH,
        FlockMode::Unlock => libc::LOCK_UN,
    };
    match sys::flock(fd, operation | libc::LOCK_NB) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(e) => Err(error::system("flock", &e)),
    }
}
