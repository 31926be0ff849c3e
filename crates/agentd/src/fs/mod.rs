//! Files of the guest for the host (protocol section 17).
//!
//! A thread of its own does the work, one operation after the other, so that a slow disk holds up
//! nobody but other file operations. Streams are read a chunk at a time, in turns.

mod handles;
mod info;
mod operations;
mod reply;
mod service;
mod worker;

pub use reply::FsEvent;
pub use service::FsService;
