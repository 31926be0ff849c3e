//! A program on its way: does it run yet?
//!
//! Its status pipe tells. To be woken for that in the middle of a start costs an emulated machine, which changes between
//! two processes then and back, a tenth of a short command. So the pipe is not watched at first: whoever hears from the
//! program (output, its end) or has something for it asks, and only a program that is silent is asked for after
//! [`PATIENCE`]. Start, output and exit of a short program then are told in one piece, too.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::child::{SpawnReport, Spawned};
use super::failure::Stage;
use crate::sys::ChildMemory;

/// For how long a silent program's start may go untold.
pub const PATIENCE: Duration = Duration::from_millis(5);

/// A start that is under way.
#[derive(Debug)]
pub struct Start {
    status: OwnedFd,
    memory: ChildMemory,
    /// Why there is no program.
    report: Option<SpawnReport>,
    /// When to look at the pipe; it is watched once that was in vain.
    look_at: Option<Instant>,
}

/// What became of a start.
#[derive(Debug)]
pub enum Look {
    /// Not known yet.
    Pending(Start),
    /// The program runs.
    Running,
    /// The program never ran.
    Failed(SpawnReport),
}

impl Start {
    /// The start of `spawned`, begun just `now`.
    #[must_use]
    pub fn new(spawned: Spawned, now: Instant) -> Self {
        Self {
            status: spawned.status,
            memory: spawned.memory,
            report: None,
            look_at: Some(now + PATIENCE),
        }
    }

    /// The pipe, when it is to be watched.
    #[must_use]
    pub fn watched(&self) -> Option<BorrowedFd<'_>> {
        self.look_at.is_none().then(|| self.status.as_fd())
    }

    /// When somebody should look, if nobody had a reason to do so before.
    #[must_use]
    pub fn look_at(&self) -> Option<Instant> {
        self.look_at
    }

    /// Looks how it went.
    #[must_use]
    pub fn look(mut self) -> Look {
        self.look_at = None;
        let mut bytes = [0; SpawnReport::SIZE];
        match rustix::io::read(&self.status, &mut bytes) {
            Err(Errno::AGAIN | Errno::INTR) => return Look::Pending(self),
            Ok(count) if count > 0 => {
                // The child is about to end; until then its memory is in use.
                self.report = Some(SpawnReport::decode(&bytes[..count]).unwrap_or(LOST_REPORT));
                return Look::Pending(self);
            }
            Ok(_) | Err(_) => {}
        }
        self.memory.free();
        self.report.map_or(Look::Running, Look::Failed)
    }
}

/// A child that died while it wrote its report.
const LOST_REPORT: SpawnReport = SpawnReport {
    stage: Stage::Exec,
    errno: libc::EIO,
};
