//! A guest made of smoltcp on the other end of the frame stream, and the stack under test.
#![allow(dead_code, unused_imports, clippy::unwrap_used)]

mod guest;
mod packets;
mod policies;
mod stack;
mod tls;
mod wire;

pub use guest::Guest;
pub use packets::*;
pub use policies::*;
pub use stack::{TestStack, options, wait_until};
pub use tls::client_hello;
