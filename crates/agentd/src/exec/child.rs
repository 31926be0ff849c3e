//! What passes between the agent and a child that is not a program yet.

use std::ffi::CString;
use std::os::fd::OwnedFd;

use rustix::process::Pid;

use super::failure::Stage;
use crate::rlimit::ResourceLimit;
use crate::sys::ChildMemory;
use crate::user::Credentials;

/// Everything a child needs, ready for use in the child.
#[derive(Debug)]
pub struct ExecPlan {
    /// Paths to try, in this order.
    pub candidates: Vec<CString>,
    /// Arguments with `argv[0]`.
    pub argv: Vec<CString>,
    /// Environment, `KEY=VALUE`.
    pub envp: Vec<CString>,
    /// Working directory.
    pub cwd: CString,
    /// Whether standard input is a terminal that becomes the controlling one.
    pub terminal: bool,
    /// Limits set while still root.
    pub sandbox_limits: Vec<ResourceLimit>,
    /// Limits set as the final user.
    pub request_limits: Vec<ResourceLimit>,
    /// User to become.
    pub credentials: Option<Credentials>,
    /// Give up privileges first.
    pub restricted: bool,
}

/// A child on its way to its program, or there already.
#[derive(Debug)]
pub struct Spawned {
    /// Its process id, which is also the id of its session and process group.
    pub pid: Pid,
    /// Ends without a byte when exec succeeded; else after a [`SpawnReport`].
    pub status: OwnedFd,
    /// What it uses until then.
    pub memory: ChildMemory,
}

/// What a child says when it could not execute its program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpawnReport {
    /// The step that failed.
    pub stage: Stage,
    /// Linux error number.
    pub errno: i32,
}

impl SpawnReport {
    /// Bytes of a report on the status pipe.
    pub const SIZE: usize = 5;

    /// Reads a report; `None` when `bytes` is none.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let [stage, a, b, c, d] = *bytes.first_chunk::<{ Self::SIZE }>()?;
        Some(Self {
            stage: Stage::from_code(stage)?,
            errno: i32::from_ne_bytes([a, b, c, d]),
        })
    }

    /// The report's bytes; made without allocating, because a child does it.
    #[must_use]
    pub fn encode(self) -> [u8; Self::SIZE] {
        let [a, b, c, d] = self.errno.to_ne_bytes();
        [self.stage as u8, a, b, c, d]
    }
}
