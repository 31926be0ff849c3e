//! libkrun for microsandbox: a machine is described by a [`Machine`], and [`Machine::enter`] becomes it.
//!
//! libkrun takes its process over: when the guest ends, the process exits from a thread of libkrun's, with no
//! destructor run and no buffer flushed. So a machine is entered in a process of its own that does nothing else.
//!
//! `unsafe` stands in `context` only.

#[cfg(target_os = "linux")]
mod confine;
mod context;
mod error;
mod machine;

#[cfg(target_os = "linux")]
pub use confine::Confinement;
pub use error::KrunError;
pub use machine::{Disk, DiskFormat, DiskSync, Machine, Network, Port};

/// Most virtual processors that the hypervisor of this host offers, or why it offers none.
///
/// Opens `/dev/kvm` (Linux) for a moment, so it answers whether a virtual processor can be made at all, not
/// whether an operating system can boot.
pub fn max_vcpus() -> Result<u32, KrunError> {
    context::max_vcpus()
}
