//! Packets as the guest sends them and as it gets them; everything that parses hostile bytes outside the stack.

mod checksum;
mod classify;
mod emit;
mod fragments;
mod ipv6_headers;
mod too_big;
mod types;

pub use checksum::fill_tcp;
pub use classify::classify;
pub use emit::Emitter;
pub use fragments::Reassembly;
pub use too_big::TooBig;
pub use types::{Acknowledgement, Class, Datagram, Echo, Segment};
