//! A guest made of smoltcp on the other end of the frame stream, and the stack under test.
#![allow(dead_code)]

mod guest;
mod policies;
mod stack;
mod wire;

pub use guest::Guest;
pub use policies::*;
pub use stack::{TestStack, options, wait_until};
