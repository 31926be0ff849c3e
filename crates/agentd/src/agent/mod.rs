//! The agent's loop (protocol section 15): one thread, one `poll`.
//!
//! Nothing here blocks. What bounds what:
//!
//! * Output of processes, files and connections is read only while little waits for the host, one
//!   read a turn, everybody in turns: memory stays bounded and nobody starves.
//! * What the host sends for them waits in queues. While their sum exceeds the budget, frames of
//!   the host are not read. Who takes nothing for [`STALL_LIMIT`] in that state loses what waits
//!   for it (`core.exec.stdin.error`, `core.tcp.failed`), so that the others go on.

mod activity;
mod connections;
mod dispatch;
mod files;
mod heartbeat;
mod leftovers;
mod outbox;
mod processes;
mod readiness;

use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use msb_protocol::Frame;
use msb_protocol::flow;
use msb_protocol::payload::{BINARY_PATHS, Ready};
use rustix::event::PollFlags;
use rustix::process::Signal;
use thiserror::Error;

use crate::exec::{ExecDefaults, Sessions, SourceKind};
use crate::fs::FsService;
use crate::held_ids::HeldIds;
use crate::port::{Fill, Port};
use crate::sys::ChildSignals;
use crate::tcp::TcpSessions;
use crate::waker::Waker;
use activity::Activity;
use heartbeat::{Heartbeat, OpenSessions};
use leftovers::Leftovers;
use outbox::Outbox;
use readiness::{Source, Watch};

/// Who took nothing for this long loses what waits for it, when others wait because of that.
pub const STALL_LIMIT: Duration = Duration::from_secs(3);

/// Name of the relay's sessions that outlive their clients. The agent has no part in them; it speaks for the relay,
/// which comes from the same build, because clients read `core.ready` and nothing else.
const EXEC_SESSIONS: &str = "exec-sessions";

/// Bytes of output in one frame: with the envelope around it two writes to the port.
const OUTPUT_CHUNK: usize = 64 * 1024 - 128;

/// What the loop needs to know about the guest.
#[derive(Debug, Default)]
pub struct AgentConfig {
    /// What processes have in common.
    pub defaults: ExecDefaults,
    /// Where the heartbeat goes; nowhere when absent.
    pub heartbeat_folder: Option<PathBuf>,
    /// What may wait for processes, files and connections together, in bytes.
    pub input_budget: usize,
}

/// What the agent offers beyond the generation, for `core.ready`.
#[must_use]
pub fn extensions() -> Vec<String> {
    [flow::EXTENSION, EXEC_SESSIONS, BINARY_PATHS]
        .map(str::to_owned)
        .to_vec()
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
    /// Ends of children or threads cannot be noticed.
    #[error("signals: {0}")]
    Signals(io::Error),
}

/// Who produces output. Each turn another one is served first.
#[derive(Debug, Clone, Copy)]
enum Producer {
    Processes,
    Connections,
    Files,
}

impl Producer {
    const TURNS: [[Self; 3]; 3] = [
        [Self::Processes, Self::Connections, Self::Files],
        [Self::Connections, Self::Files, Self::Processes],
        [Self::Files, Self::Processes, Self::Connections],
    ];
}

/// The agent at work.
pub struct Agent {
    port: Port,
    outbox: Outbox,
    sessions: Sessions,
    leftovers: Leftovers,
    connections: TcpSessions,
    /// Started by the first file operation.
    files: Option<FsService>,
    /// Whether the file service may have events that were not taken.
    files_ready: bool,
    waker: Waker,
    children: ChildSignals,
    activity: Activity,
    heartbeat: Option<Heartbeat>,
    /// Clients whose output waits.
    held: HeldIds,
    config: AgentConfig,
    buffer: Vec<u8>,
    /// The frame that is being handled. New memory for each of the large ones would be mapped and given back each time,
    /// which was a third of what bulk input cost.
    frame: Frame,
    turn: usize,
}

impl Agent {
    /// An agent that talks through `port`.
    ///
    /// # Errors
    /// When the ends of children or threads cannot be noticed.
    pub fn new(port: Port, config: AgentConfig) -> Result<Self, LoopError> {
        let folder = config.heartbeat_folder.clone();
        let waker = Waker::new().map_err(LoopError::Signals)?;
        Ok(Self {
            port,
            outbox: Outbox::default(),
            sessions: Sessions::default(),
            leftovers: Leftovers::default(),
            connections: TcpSessions::new(waker.clone()),
            files: None,
            files_ready: false,
            waker,
            children: ChildSignals::open().map_err(LoopError::Signals)?,
            activity: Activity::new(),
            heartbeat: folder.map(|folder| Heartbeat::new(folder, Instant::now())),
            held: HeldIds::default(),
            config,
            buffer: vec![0; OUTPUT_CHUNK],
            frame: Frame::default(),
            turn: 0,
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
            let end = self.handle_frames();
            self.outbox.flush(&self.port).map_err(LoopError::Port)?;
            if let Some(end) = end {
                return Ok(end);
            }
            let ready = self.wait()?;
            if self.serve(&ready)? == Fill::Closed {
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
        self.outbox.may_listen() && self.waiting_input() <= self.config.input_budget
    }

    fn waiting_input(&self) -> usize {
        let files = self.files.as_ref().map_or(0, FsService::waiting_bytes);
        self.sessions.waiting_input() + self.connections.waiting_bytes() + files
    }

    fn wait(&self) -> Result<Vec<Source>, LoopError> {
        let timeout = if self.files_ready && self.outbox.has_room() {
            Some(Duration::ZERO)
        } else {
            self.next_deadline()
                .map(|at| at.saturating_duration_since(Instant::now()))
        };
        readiness::wait(&self.watches(), timeout).map_err(LoopError::Poll)
    }

    fn watches(&self) -> Vec<Watch<'_>> {
        let read = self.outbox.has_room();
        let mut port = PollFlags::empty();
        port.set(PollFlags::IN, self.listens());
        port.set(PollFlags::OUT, !self.outbox.is_empty());
        let mut watches = vec![
            (Source::Port, self.port.as_fd(), port),
            (Source::Children, self.children.as_fd(), PollFlags::IN),
            (Source::Threads, self.waker.as_fd(), PollFlags::IN),
        ];
        let held = |id| self.held.contains(id);
        let sources = self.sessions.sources(read);
        for (id, kind, fd) in sources
            .into_iter()
            .filter(|(id, kind, _)| !matches!(kind, SourceKind::Output(_)) || !held(*id))
        {
            let output = kind == SourceKind::Input;
            let events = if output {
                PollFlags::OUT
            } else {
                PollFlags::IN
            };
            watches.push((Source::Exec(id, kind), fd, events));
        }
        for (id, fd, read, write) in self.connections.sources(read) {
            let mut events = PollFlags::empty();
            events.set(PollFlags::IN, read && !held(id));
            events.set(PollFlags::OUT, write);
            if events.is_empty() {
                // A closed peer is reported whatever is asked for, and would keep the loop busy.
                continue;
            }
            watches.push((Source::Tcp(id), fd, events));
        }
        let leftovers = self.leftovers.fds().iter().enumerate();
        watches.extend(
            leftovers.map(|(index, fd)| (Source::Leftover(index), fd.as_fd(), PollFlags::IN)),
        );
        watches
    }

    fn next_deadline(&self) -> Option<Instant> {
        let mut deadlines: Vec<Instant> = Vec::new();
        deadlines.extend(self.heartbeat.as_ref().map(Heartbeat::next));
        deadlines.extend(
            self.sessions
                .iter()
                .filter_map(|(_, session)| session.look_at()),
        );
        if self.outbox.has_room() {
            deadlines.extend(
                self.sessions
                    .iter()
                    .filter(|(id, _)| !self.held.contains(*id))
                    .filter_map(|(_, session)| session.deadline()),
            );
        }
        if !self.listens() {
            deadlines.push(Instant::now() + STALL_LIMIT / 4);
        }
        deadlines.into_iter().min()
    }

    fn serve(&mut self, ready: &[Source]) -> Result<Fill, LoopError> {
        let now = Instant::now();
        if ready.contains(&Source::Children) {
            self.reap(now);
        }
        self.check_starts(now);
        if ready.contains(&Source::Threads) {
            self.waker.drain();
            self.files_ready = self.files.is_some();
            self.take_connections();
        }
        self.turn = (self.turn + 1) % Producer::TURNS.len();
        for producer in Producer::TURNS[self.turn] {
            match producer {
                Producer::Processes => self.serve_processes(ready, now),
                Producer::Connections => self.serve_connections(ready, now),
                Producer::Files => self.serve_files(),
            }
        }
        self.discard_leftovers(ready);
        self.read_ended(now);
        self.finish_processes(now);
        self.give_up_on_stalled(now);
        self.beat(now);
        if ready.contains(&Source::Port) {
            return self.port.fill().map_err(LoopError::Port);
        }
        Ok(Fill::Nothing)
    }

    fn discard_leftovers(&mut self, ready: &[Source]) {
        // From the back, because an ended one moves those behind it.
        for source in ready.iter().rev() {
            if let Source::Leftover(index) = source {
                self.leftovers.discard(*index, &mut self.buffer);
            }
        }
    }

    fn give_up_on_stalled(&mut self, now: Instant) {
        if self.waiting_input() <= self.config.input_budget {
            return;
        }
        let process = self.sessions.worst_stalled(now, STALL_LIMIT);
        let connection = self.connections.worst_stalled(now, STALL_LIMIT);
        let of_process = process.map_or(0, |(_, bytes)| bytes);
        match (process, connection) {
            (_, Some((id, bytes))) if bytes > of_process => self.give_up_on_connection(id),
            (Some((id, _)), _) => self.give_up_on_input(id),
            _ => {}
        }
    }

    fn beat(&mut self, now: Instant) {
        let open = OpenSessions {
            exec: self.sessions.len(),
            fs: self.files.as_ref().map_or(0, FsService::open_streams),
            tcp: self.connections.len(),
        };
        let Some(heartbeat) = &mut self.heartbeat else {
            return;
        };
        let report = heartbeat.beat(now, &self.activity, open);
        // A host that does not listen misses some; the next one says it all.
        if let Some(report) = report.filter(|_| self.outbox.has_room()) {
            self.outbox.send_heartbeat(&report);
        }
    }
}
