//! User-space TCP/IP between a guest's Ethernet frames and the host's sockets, closed by policy.
//!
//! [`policy`] is the one evaluator of network policies, [`index`] the binding of names to addresses that it asks,
//! [`rate`] the token buckets over frames, [`address`] the plan of the two-host network.

pub mod address;
pub mod index;
pub mod policy;
pub mod rate;
pub mod wire;
