//! Connected descriptors that can be handed to a child.

use crate::{error, sys};
use napi_derive::napi;

/// Two connected stream sockets, close-on-exec.
#[napi]
pub fn socket_pair() -> napi::Result<Vec<i32>> {
    sys::socket_pair()
        .map(Vec::from)
        .map_err(|e| error::system("socketpair", &e))
}

/// A pipe `[read, write]`, close-on-exec.
#[napi]
pub fn pipe() -> napi::Result<Vec<i32>> {
    sys::pipe()
        .map(Vec::from)
        .map_err(|e| error::system("pipe2", &e))
}
