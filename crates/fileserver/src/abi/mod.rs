//! The FUSE protocol's messages: `linux/fuse.h`, little-endian, version 7.36.

mod fields;
pub mod flags;
pub mod opcode;
mod reply;
mod request;

pub use fields::Fields;
pub use reply::Reply;
pub use request::{HEADER_BYTES, Header};
