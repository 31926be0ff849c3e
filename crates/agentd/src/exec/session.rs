//! One process that a client started, from its start to its exit frame.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use msb_protocol::payload::{ExecFailed, ExecRequest};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitStatus, kill_process, kill_process_group};

use super::channels::Channels;
use super::input::Input;
use super::output::Output;
use super::plan::{ExecDefaults, plan};
use super::start::{Look, Start};
use super::{failure, pipe, pty};
use crate::sys;

/// After the process ended, output that others keep open is waited for as long as it comes at
/// least this often.
pub const DRAIN_QUIET: Duration = Duration::from_millis(500);

/// After the process ended, output is waited for this long at most.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// Exit code of a process that a signal ended.
pub const CODE_SIGNALED: i32 = -1;

/// What became of the start.
#[derive(Debug)]
pub enum StartOutcome {
    /// Not known yet.
    Pending,
    /// The program runs.
    Started,
    /// The program never ran.
    Failed(ExecFailed),
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExitStatus {
    /// Its exit status, or [`CODE_SIGNALED`].
    pub code: i32,
    /// The signal that ended it.
    pub signal: Option<i32>,
}

impl ExitStatus {
    /// Reads what `waitpid` gave.
    #[must_use]
    pub fn of(status: WaitStatus) -> Self {
        Self {
            code: status.exit_status().unwrap_or(CODE_SIGNALED),
            signal: status.terminating_signal(),
        }
    }
}

#[derive(Debug)]
struct Exit {
    status: ExitStatus,
    at: Instant,
}

/// A process with its input and outputs.
#[derive(Debug)]
pub struct Session {
    cmd: String,
    tty: bool,
    pid: Pid,
    /// Present until it is known how it went.
    start: Option<Start>,
    /// Input that waits for the process.
    pub input: Input,
    outputs: Vec<Output>,
    /// The process's ends of its outputs, so that these end with it and not a moment before: to be woken for each
    /// pipe that is closed on the way out would interrupt the process once more.
    held_open: Vec<OwnedFd>,
    exit: Option<Exit>,
    last_output: Instant,
}

impl Session {
    /// Starts the process of `request`.
    ///
    /// # Errors
    /// [`ExecFailed`], ready to be sent, when not even that worked.
    pub fn start(
        request: &ExecRequest,
        defaults: &ExecDefaults,
        now: Instant,
    ) -> Result<Self, ExecFailed> {
        let plan = plan(request, defaults)?;
        let owner = plan.credentials.as_ref().map(|credentials| credentials.uid);
        let channels = if request.tty {
            pty::open(request.rows, request.cols, owner)
                .map_err(|error| failure::from_pty(&request.cmd, &error))?
        } else {
            pipe::open().map_err(|error| failure::from_io(&request.cmd, "pipe", &error))?
        };
        let Channels {
            child,
            input,
            outputs,
        } = channels;
        let [stdin, stdout, stderr] = &child;
        let spawned = sys::spawn(plan, [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()])
            .map_err(|error| failure::from_io(&request.cmd, "fork", &error))?;
        let [_, stdout, stderr] = child;
        // A terminal that somebody holds would not end its readers when its session does.
        let held_open = if request.tty {
            Vec::new()
        } else {
            vec![stdout, stderr]
        };
        Ok(Self {
            cmd: request.cmd.clone(),
            tty: request.tty,
            pid: spawned.pid,
            start: Some(Start::new(spawned, now)),
            input: Input::new(input, now),
            outputs,
            held_open,
            exit: None,
            last_output: now,
        })
    }

    /// Process id, also the id of the process group.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Whether it is not known yet how the start went.
    #[must_use]
    pub fn is_starting(&self) -> bool {
        self.start.is_some()
    }

    /// The descriptor that tells how the start went, when it is to be watched.
    #[must_use]
    pub fn status(&self) -> Option<BorrowedFd<'_>> {
        self.start.as_ref().and_then(Start::watched)
    }

    /// When to look how the start went, if nothing comes of the program before.
    #[must_use]
    pub fn look_at(&self) -> Option<Instant> {
        self.start.as_ref().and_then(Start::look_at)
    }

    /// Outputs to watch; none while the start is watched, so that it is told first.
    pub fn outputs(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let wanted = self.status().is_none();
        self.outputs.iter().filter(move |_| wanted).map(AsFd::as_fd)
    }

    /// The input to watch for room; none before the program runs.
    #[must_use]
    pub fn writable_input(&self) -> Option<BorrowedFd<'_>> {
        self.input.wants_to_write().filter(|_| self.start.is_none())
    }

    /// Looks how the start went.
    pub fn check_start(&mut self) -> StartOutcome {
        match self.start.take().map(Start::look) {
            None => StartOutcome::Pending,
            Some(Look::Pending(start)) => {
                self.start = Some(start);
                StartOutcome::Pending
            }
            Some(Look::Running) => StartOutcome::Started,
            Some(Look::Failed(report)) => {
                StartOutcome::Failed(failure::from_report(&self.cmd, self.tty, report))
            }
        }
    }

    /// Output number `index`, if there is one.
    #[must_use]
    pub fn output(&self, index: usize) -> Option<&Output> {
        self.outputs.get(index)
    }

    /// Reads output number `index` once.
    ///
    /// # Errors
    /// When there is nothing to read just now, or never again; the session knows which.
    pub fn read_output(
        &mut self,
        index: usize,
        room: &mut [IoSliceMut<'_>],
        now: Instant,
    ) -> io::Result<usize> {
        let Some(output) = self.outputs.get_mut(index) else {
            return Ok(0);
        };
        let read = output.read(room);
        match &read {
            Ok(1..) => self.last_output = now,
            Err(error) if is_for_later(error) => {}
            // A terminal that nobody holds any more answers with EIO.
            Ok(0) | Err(_) => {
                self.outputs.remove(index);
            }
        }
        read
    }

    /// Takes note that the process ended.
    pub fn ended(&mut self, status: ExitStatus, now: Instant) {
        self.exit = Some(Exit { status, at: now });
        self.last_output = now;
        self.held_open.clear();
        self.input.abandon();
    }

    /// Whether the process is gone; its output may still come.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.exit.is_some()
    }

    /// How it ended, once that is known and no more output is waited for.
    #[must_use]
    pub fn finished(&self, now: Instant) -> Option<ExitStatus> {
        let exit = self.exit.as_ref().filter(|_| self.start.is_none())?;
        (self.outputs.is_empty() || self.drained_at(exit) <= now).then_some(exit.status)
    }

    /// When [`Self::finished`] may change by time alone.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.exit.as_ref().map(|exit| self.drained_at(exit))
    }

    fn drained_at(&self, exit: &Exit) -> Instant {
        (self.last_output + DRAIN_QUIET).min(exit.at + DRAIN_LIMIT)
    }

    /// Counts the wait for output anew, because the agent itself did not read.
    pub fn postpone_drain(&mut self, now: Instant) {
        self.last_output = now;
        if let Some(exit) = &mut self.exit {
            exit.at = now;
        }
    }

    /// Sends `signal` to the process group; to the process alone while it has no group yet.
    pub fn signal(&self, signal: Signal) {
        if kill_process_group(self.pid, signal) == Err(Errno::SRCH) && self.exit.is_none() {
            // Gone in the meantime is as good as signalled.
            let _ = kill_process(self.pid, signal);
        }
    }

    /// Tells the terminal its size; no terminal, no effect.
    ///
    /// # Errors
    /// When the terminal refuses.
    pub fn resize(&self, rows: u16, cols: u16) -> io::Result<()> {
        match self.input.target() {
            Some(master) if self.tty => pty::resize(master, rows, cols),
            _ => Ok(()),
        }
    }

    /// End of input. A terminal has none; its users type it.
    pub fn end_input(&mut self) {
        if !self.tty {
            self.input.end();
        }
    }

    /// Gives up the outputs that others still hold open. A terminal is closed, which hangs them
    /// up; pipes come back, so that somebody can go on reading them.
    #[must_use]
    pub fn into_leftover_pipes(self) -> Vec<OwnedFd> {
        if self.tty {
            return Vec::new();
        }
        self.outputs.into_iter().map(Output::into_fd).collect()
    }
}

fn is_for_later(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, WouldBlock};
    matches!(error.kind(), WouldBlock | Interrupted)
}
