//! The loop's dealings with processes.

use std::io::{self, IoSliceMut};
use std::time::Instant;

use msb_protocol::MessageType;
use msb_protocol::payload::{ExecExited, ExecFailed, ExecRequest, ExecStarted};
use rustix::io::Errno;
use rustix::process::{Signal, WaitOptions};

use super::readiness::Source;
use super::{Agent, OUTPUT_CHUNK};
use crate::exec::{self, OutputKind, Session, SourceKind, StartOutcome};

impl Agent {
    pub(super) fn start_process(&mut self, id: u32, request: &ExecRequest) {
        match Session::start(request, &self.config.defaults, Instant::now()) {
            Ok(session) => {
                if let Some(replaced) = self.sessions.insert(id, session) {
                    replaced.signal(Signal::KILL);
                }
            }
            Err(failed) => self.send_failed(id, &failed),
        }
    }

    pub(super) fn take_input(&mut self, id: u32, data: &[u8]) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        if data.is_empty() {
            session.end_input();
            return;
        }
        let now = Instant::now();
        if session.is_starting() {
            session.input.push(data, now);
            self.check_start(id);
            self.write_input(id, now);
        } else {
            let written = session.input.push_through(data, now);
            self.tell_broken_input(id, written);
        }
    }

    pub(super) fn serve_processes(&mut self, ready: &[Source], now: Instant) {
        for source in ready {
            match *source {
                Source::Exec(id, SourceKind::Status) => self.check_start(id),
                Source::Exec(id, SourceKind::Input) => self.write_input(id, now),
                Source::Exec(id, SourceKind::Output(index)) if self.outbox.has_room() => {
                    self.read_output(id, index, now);
                }
                _ => {}
            }
        }
    }

    /// Looks how the starts went of which something can be known: of processes that ended, and of silent ones.
    pub(super) fn check_starts(&mut self, now: Instant) {
        let due = |session: &Session| {
            session.is_starting()
                && (session.has_ended() || session.look_at().is_some_and(|at| at <= now))
        };
        let due: Vec<_> = self
            .sessions
            .iter()
            .filter(|(_, session)| due(session))
            .map(|(id, _)| id)
            .collect();
        for id in due {
            self.check_start(id);
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
            .filter(|session| !session.is_starting());
        let Some(session) = session else {
            return;
        };
        let written = session.input.write(now);
        self.tell_broken_input(id, written);
    }

    fn tell_broken_input(&mut self, id: u32, written: io::Result<()>) {
        if let Err(error) = written {
            self.activity.said();
            self.outbox.send(id, &exec::failure::stdin_error(&error));
        }
    }

    fn read_output(&mut self, id: u32, index: usize, now: Instant) {
        self.check_start(id);
        let session = self
            .sessions
            .get_mut(id)
            .filter(|session| !session.is_starting());
        let Some(session) = session else {
            return;
        };
        let Some(output) = session.output(index) else {
            return;
        };
        let kind = match output.kind() {
            OutputKind::Stdout => MessageType::ExecStdout,
            OutputKind::Stderr => MessageType::ExecStderr,
        };
        let frames = (output.capacity() / OUTPUT_CHUNK, OUTPUT_CHUNK);
        let read = |room: &mut [IoSliceMut<'_>]| session.read_output(index, room, now);
        let count = self.outbox.receive_data(id, kind, frames, read);
        let Ok(count @ 1..) = count else {
            return;
        };
        self.activity.said();
        self.activity.exec_output_bytes += count as u64;
        self.sessions.served(id);
    }

    /// Collects every child that ended, orphans that process 1 inherits included.
    pub(super) fn reap(&mut self, now: Instant) {
        self.children.drain();
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) => {
                    if let Some(session) = self.sessions.by_pid(pid) {
                        session.ended(exec::ExitStatus::of(status), now);
                    }
                }
                Err(Errno::INTR) => {}
                Ok(None) | Err(_) => return,
            }
        }
    }

    /// Reads what processes that ended left in their pipes, and the end behind it, without another wait: a short program
    /// is then told in one piece, and one write to the port is worth many reads.
    pub(super) fn read_ended(&mut self, now: Instant) {
        let ended: Vec<_> = self
            .sessions
            .iter()
            .filter(|(id, session)| session.has_ended() && !self.held.contains(*id))
            .map(|(id, session)| (id, session.outputs().count()))
            .collect();
        for (id, outputs) in ended {
            // From the back, because an ended one moves those behind it.
            for index in (0..outputs).rev().chain((0..outputs).rev()) {
                if self.outbox.has_room() {
                    self.read_output(id, index, now);
                }
            }
        }
    }

    pub(super) fn finish_processes(&mut self, now: Instant) {
        if !self.outbox.has_room() {
            // Not reading is our doing, so it must not look like silence.
            self.sessions
                .iter_mut()
                .for_each(|(_, session)| session.postpone_drain(now));
            return;
        }
        let held = &self.held;
        self.sessions
            .iter_mut()
            .filter(|(id, _)| held.contains(*id))
            .for_each(|(_, session)| session.postpone_drain(now));
        let finished: Vec<_> = self
            .sessions
            .iter()
            .filter_map(|(id, session)| Some((id, session.finished(now)?)))
            .collect();
        for (id, exit) in finished {
            if let Some(session) = self.sessions.remove(id) {
                self.leftovers.adopt(session.into_leftover_pipes());
            }
            self.activity.said();
            self.outbox.send(
                id,
                &ExecExited {
                    code: exit.code,
                    signal: exit.signal,
                },
            );
        }
    }

    pub(super) fn give_up_on_input(&mut self, id: u32) {
        if let Some(session) = self.sessions.get_mut(id) {
            session.input.abandon();
            let error = io::Error::from_raw_os_error(libc::ENOBUFS);
            self.outbox.send(id, &exec::failure::stdin_error(&error));
        }
    }
}
