//! User-space TCP/IP between a guest's Ethernet frames and the host's sockets, closed by policy.
//!
//! [`Netstack`] runs a stack on a thread of its own. [`policy`] is the one evaluator of network policies, [`index`]
//! the binding of names to addresses that it asks, [`rate`] the token buckets over frames, [`address`] the plan of
//! the two-host network, [`wire`] the documents in which TypeScript asks for all of it.

pub mod address;
mod command;
mod core;
pub mod event;
mod frame;
mod handle;
mod host_pattern;
pub mod index;
mod link;
mod net;
mod packet;
mod pings;
pub mod policy;
mod ports;
mod queries;
pub mod rate;
mod shared;
mod stack;
mod tcp;
mod token;
mod udp;
mod verdict_log;
pub mod wire;

pub use handle::{Netstack, StackError};
pub use shared::{Counters, Judgement};
pub use tcp::sni;
