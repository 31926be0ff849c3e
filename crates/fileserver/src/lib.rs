//! Serves one folder, or one file, of the host to a guest: FUSE requests come over a byte stream and are answered on
//! it (spec: runtime A12; format: `linux/fuse.h`).
//!
//! The guest is hostile. What keeps it inside its share:
//!
//! * every name of the guest is one component, and is opened with `openat2` beneath a descriptor that we hold, with
//!   no symbolic link followed ([`inodes`], [`ops::name`]);
//! * files are reopened through their descriptor, never through a path of the guest;
//! * every length, count and table that it can grow has a bound ([`limits`]);
//! * a message that breaks the framing ends the share; everything else wrong is an error code.
#![forbid(unsafe_code)]

mod abi;
mod answers;
mod attributes;
mod filesystem;
mod handles;
mod inodes;
mod limits;
mod listing;
mod ops;
mod options;
mod overlay;
mod quota;
mod serve;
mod stream;
mod turns;
mod unused;
mod watch;

pub use options::{HostPerms, ShareError, ShareOptions, StatVirt};
pub use serve::{ShareServer, serve};
