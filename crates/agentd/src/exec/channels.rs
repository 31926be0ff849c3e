//! The descriptors between the agent and a process.

use std::os::fd::OwnedFd;

use super::output::Output;

/// Both sides of a process's standard descriptors. The agent's ends never block.
pub struct Channels {
    /// Descriptors 0, 1 and 2 of the process.
    pub child: [OwnedFd; 3],
    /// Where the agent writes input.
    pub input: OwnedFd,
    /// Where the agent reads output.
    pub outputs: Vec<Output>,
}
