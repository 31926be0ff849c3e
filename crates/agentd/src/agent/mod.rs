//! The agent's loop (protocol section 15): one thread, one `poll`.
//!
//! Nothing here blocks. What bounds what:
//!
//! * Outputs of processes are read only while little waits for the host, one read a turn, sessions
//!   in turns: memory stays bounded and no session starves another.
//! * Input for processes waits in per-session queues. While their sum exceeds the budget, frames of
//!   the host are not read. A process that takes nothing for [`STALL_LIMIT`] in that state loses
//!   its input (`core.exec.stdin.error`), so that the others go on.

mod activity;
mod dispatch;
mod heartbeat;
mod leftovers;
mod outbox;
mod readiness;

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use msb_protocol::payload::Ready;
use msb_protocol::payload::{ExecExited, ExecFailed, ExecStarted, ExecStderr, ExecStdout};
use rustix::io::Errno;
use rustix::process::{Signal, WaitOptions};
use serde_bytes::ByteBuf;
use thiserror::Error;

use crate::exec::{self, Chunk, ExecDefaults, OutputKind, Sessions, SourceKind, StartOutcome};
use crate::port::{Fill, Port};
use crate::sys::ChildSignals;
use activity::Activity;
use heartbeat::{Heartbeat, OpenSessions};
use leftovers::Leftovers;
use outbox::Outbox;
use readiness::Readiness;

/// A process that took no input for this long loses it, when others wait because of it.
pub const STALL_LIMIT: Duration = Duration::from_secs(3);

/// Bytes of output in one frame: with the envelope around it still one write to the port.
const OUTPUT_CHUNK: usize = 32 * 1024 - 128;

/// What the loop needs to know about the guest.
#[derive(Debug, Clone, Default)]
pub struct AgentConfig {
    /// What processes have in common.
    pub defaults: ExecDefaults,
    /// Where the heartbeat goes; nowhere when absent.
    pub heartbeat_folder: Option<PathBuf>,
    /// Input that may wait for all processes together, in bytes.
    pub input_budget: usize,
}

/// Why the loop ended in good order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoopEnd {
    /// The host asked for it.
    Shutdown,
    /// The host is gone.
    PortClosed,
}

/// Why the loop could not go on.
#[derive(Debug, Error)]
pub enum LoopError {
    /// The port is broken.
    #[error("agent port: {0}")]
    Port(io::Error),
    /// Waiting failed.
    #[error("poll: {0}")]
    Poll(io::Error),
    /// Ends of children cannot be noticed.
    #[error("child signals: {0}")]
    Signals(io::Error),
}

/// The agent at work.
pub struct Agent {
    port: Port,
    outbox: Outbox,
    sessions: Sessions,
    leftovers: Leftovers,
    children: ChildSignals,
    activity: Activity,
    heartbeat: Option<Heartbeat>,
    config: AgentConfig,
    buffer: Vec<u8>,
}

impl Agent {
    /// An agent that talks through `port`.
    ///
    /// # Errors
    /// When the ends of children cannot be noticed.
    pub fn new(port: Port, config: AgentConfig) -> Result<Self, LoopError> {
        let folder = config.heartbeat_folder.clone();
        Ok(Self {
            port,
            outbox: Outbox::default(),
            sessions: Sessions::default(),
            leftovers: Leftovers::default(),
            children: ChildSignals::open().map_err(LoopError::Signals)?,
            activity: Activity::new(),
            heartbeat: folder.map(|folder| Heartbeat::new(folder, Instant::now())),
            config,
            buffer: vec![0; OUTPUT_CHUNK],
        })
    }

    /// Says that commands are accepted.
    pub fn announce(&mut self, ready: &Ready) {
        self.outbox.send(0, ready);
    }

    /// Serves the host until it asks for the end or goes away. Processes are still there then.
    ///
    /// # Errors
    /// [`LoopError`]; nothing that a client sends leads to one.
    pub fn run(&mut self) -> Result<LoopEnd, LoopError> {
        loop {
            if let Some(end) = self.handle_frames() {
                self.outbox.flush(&self.port).map_err(LoopError::Port)?;
                return Ok(end);
            }
            self.outbox.flush(&self.port).map_err(LoopError::Port)?;
            let ready = self.wait()?;
            let now = Instant::now();
            if ready.children {
                self.reap(now);
            }
            self.serve_sessions(&ready, now);
            self.leftovers.discard(&ready.leftovers, &mut self.buffer);
            self.finish_sessions(now);
            self.give_up_on_stalled(now);
            self.beat(now);
            if ready.port && self.port.fill().map_err(LoopError::Port)? == Fill::Closed {
                return Ok(LoopEnd::PortClosed);
            }
        }
    }

    /// Asks every process group to end.
    pub fn terminate_sessions(&self) {
        for (_, session) in self.sessions.iter() {
            session.signal(Signal::TERM);
        }
    }

    /// Whether frames of the host may be read.
    fn listens(&self) -> bool {
        self.outbox.may_listen() && self.sessions.waiting_input() <= self.config.input_budget
    }

    fn wait(&self) -> Result<Readiness, LoopError> {
        let sources = self.sessions.sources(self.outbox.has_room());
        let timeout = self
            .next_deadline()
            .map(|at| at.saturating_duration_since(Instant::now()));
        readiness::wait(
            &self.port,
            self.listens(),
            !self.outbox.is_empty(),
            &self.children,
            &sources,
            self.leftovers.fds(),
            timeout,
        )
        .map_err(LoopError::Poll)
    }

    fn next_deadline(&self) -> Option<Instant> {
        let mut deadlines: Vec<Instant> = Vec::new();
        deadlines.extend(self.heartbeat.as_ref().map(Heartbeat::next));
        if self.outbox.has_room() {
            deadlines.extend(
                self.sessions
                    .iter()
                    .filter_map(|(_, session)| session.deadline()),
            );
        }
        if !self.listens() {
            deadlines.push(Instant::now() + STALL_LIMIT / 4);
        }
        deadlines.into_iter().min()
    }

    fn serve_sessions(&mut self, ready: &Readiness, now: Instant) {
        for &(id, source) in &ready.sessions {
            match source {
                SourceKind::Status => self.check_start(id),
                SourceKind::Input => self.write_input(id, now),
                SourceKind::Output(_) if !self.outbox.has_room() => {}
                SourceKind::Output(index) => self.read_output(id, index, now),
            }
        }
    }

    fn check_start(&mut self, id: u32) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        match session.check_start() {
            StartOutcome::Pending => {}
            StartOutcome::Started => {
                let pid = session.pid().as_raw_nonzero().get().unsigned_abs();
                self.activity.said();
                self.outbox.send(id, &ExecStarted { pid });
            }
            StartOutcome::Failed(failed) => {
                self.sessions.remove(id);
                self.send_failed(id, &failed);
            }
        }
    }

    fn send_failed(&mut self, id: u32, failed: &ExecFailed) {
        self.activity.said();
        self.outbox.send(id, failed);
    }

    fn write_input(&mut self, id: u32, now: Instant) {
        let session = self
            .sessions
            .get_mut(id)
            .filter(|session| session.status().is_none());
        let Some(session) = session else {
            return;
        };
        if let Err(error) = session.input.write(now) {
            self.activity.said();
            self.outbox.send(id, &exec::failure::stdin_error(&error));
        }
    }

    fn read_output(&mut self, id: u32, index: usize, now: Instant) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let Chunk::Data(kind, count) = session.read_output(index, &mut self.buffer, now) else {
            return;
        };
        let data = ByteBuf::from(&self.buffer[..count]);
        match kind {
            OutputKind::Stdout => self.outbox.send(id, &ExecStdout { data }),
            OutputKind::Stderr => self.outbox.send(id, &ExecStderr { data }),
        }
        self.activity.said();
        self.activity.exec_output_bytes += count as u64;
        self.sessions.served(id);
    }

    /// Collects every child that ended, orphans that init inherits included.
    fn reap(&mut self, now: Instant) {
        self.children.drain();
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) => {
                    if let Some(session) = self.sessions.by_pid(pid) {
                        session.ended(status.exit_status().unwrap_or(exec::CODE_SIGNALED), now);
                    }
                }
                Err(Errno::INTR) => {}
                Ok(None) | Err(_) => return,
            }
        }
    }

    fn finish_sessions(&mut self, now: Instant) {
        if !self.outbox.has_room() {
            // Not reading is our doing, so it must not look like silence.
            self.sessions
                .iter_mut()
                .for_each(|(_, session)| session.postpone_drain(now));
            return;
        }
        let finished: Vec<_> = self
            .sessions
            .iter()
            .filter_map(|(id, session)| Some((id, session.finished(now)?)))
            .collect();
        for (id, code) in finished {
            if let Some(session) = self.sessions.remove(id) {
                self.leftovers.adopt(session.into_leftover_pipes());
            }
            self.activity.said();
            self.outbox.send(id, &ExecExited { code });
        }
    }

    fn give_up_on_stalled(&mut self, now: Instant) {
        if self.sessions.waiting_input() <= self.config.input_budget {
            return;
        }
        let Some((id, session)) = self.sessions.worst_stalled(now, STALL_LIMIT) else {
            return;
        };
        session.input.abandon();
        let error = io::Error::from_raw_os_error(libc::ENOBUFS);
        self.outbox.send(id, &exec::failure::stdin_error(&error));
    }

    fn beat(&mut self, now: Instant) {
        if let Some(heartbeat) = &mut self.heartbeat {
            let open = OpenSessions {
                exec: self.sessions.len(),
                ..OpenSessions::default()
            };
            heartbeat.beat(now, &self.activity, open);
        }
    }
}
