use super::{Schedule, Stack};
use crate::event::Event;
use crate::frame::FlushOutcome;
use crate::token::Owner;
use mio::{Events, Interest};
use std::io;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const SWEEP: Duration = Duration::from_secs(1);
const EVENTS: usize = 256;

impl Schedule {
    pub(crate) fn new(now: Instant) -> Schedule {
        Schedule {
            readable: true,
            until_writable: false,
            again: false,
            limited_until: None,
            next_sweep: now + SWEEP,
        }
    }

    fn until(&mut self, at: Instant) {
        self.limited_until = Some(self.limited_until.map_or(at, |other| other.min(at)));
    }
}

impl Stack {
    /// Runs until it is told to stop or the monitor closes the stream.
    pub fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        let error = loop {
            match self.turn(&mut events) {
                Ok(true) => {}
                Ok(false) => break None,
                // The monitor ended with frames unread.
                Err(e) if is_closed(&e) => break None,
                Err(e) => break Some(e.to_string()),
            }
        };
        self.flows.abandon_all(&self.core);
        let shared = self.core.shared.clone();
        drop(self);
        shared.tidy();
        shared.events.push(Event::Stopped(error));
        shared.events.announce();
    }

    /// One turn; false when it is time to end.
    fn turn(&mut self, events: &mut Events) -> io::Result<bool> {
        let timeout = self.timeout();
        match self.poll.poll(events, Some(timeout)) {
            Err(e) if e.kind() != io::ErrorKind::Interrupted => return Err(e),
            _ => {}
        }
        self.core.now = Instant::now();
        self.net.begin(self.core.now);
        self.schedule.again = false;
        self.schedule.limited_until = None;
        self.dispatch(events);
        if !self.obey() || !self.read_frames()? {
            return Ok(false);
        }
        let waiting = self
            .listeners
            .accept(&mut self.flows, &mut self.net, &self.core);
        let received = self
            .udp
            .receive(&mut self.net, &mut self.emitter, &self.core);
        self.schedule.again |= waiting || received;
        if self.core.now >= self.schedule.next_sweep {
            self.sweep();
        }
        self.flows.serve(&mut self.net, &mut self.core);
        self.send()?;
        self.flows.reap(&mut self.net, &self.core);
        self.core.shared.events.announce();
        Ok(true)
    }

    fn timeout(&mut self) -> Duration {
        let schedule = &self.schedule;
        let limited = schedule.limited_until;
        if schedule.again || (schedule.readable && limited.is_none()) {
            return Duration::ZERO;
        }
        let now = Instant::now();
        let mut timeout = schedule.next_sweep.saturating_duration_since(now);
        if let Some(until) = limited {
            timeout = timeout.min(until.saturating_duration_since(now));
        }
        // A full queue is waited for by its descriptor, not by the clock.
        if self.net.out.has_room()
            && let Some(delay) = self.net.delay(now)
        {
            timeout = timeout.min(delay);
        }
        timeout
    }

    /// Lets the stack send and writes what it sent, until one of them has to wait.
    fn send(&mut self) -> io::Result<()> {
        let outcome = loop {
            self.net.egress();
            let full = !self.net.out.has_room();
            match self.net.out.flush(&mut self.stream, self.core.now)? {
                FlushOutcome::Done if full => {}
                outcome => break outcome,
            }
        };
        if let FlushOutcome::Limited(wait) = outcome {
            self.hold_until(wait);
        }
        self.wake_for_room(outcome == FlushOutcome::Full)?;
        let counters = &self.core.shared.counters;
        counters
            .frames_to_guest
            .store(self.net.out.frames, Ordering::Relaxed);
        counters
            .bytes_to_guest
            .store(self.net.out.bytes, Ordering::Relaxed);
        Ok(())
    }

    /// Whether to be woken when the stream has room. Asked for only then, since the poller tells of every byte that the
    /// monitor takes, which would be a turn for nothing.
    fn wake_for_room(&mut self, until_writable: bool) -> io::Result<()> {
        if self.schedule.until_writable == until_writable {
            return Ok(());
        }
        self.schedule.until_writable = until_writable;
        let interest = if until_writable {
            Interest::READABLE | Interest::WRITABLE
        } else {
            Interest::READABLE
        };
        let token = Owner::Frames.token();
        self.core
            .registry
            .reregister(&mut self.stream, token, interest)
    }

    /// What is done once a second.
    fn sweep(&mut self) {
        let now = self.core.now;
        self.schedule.next_sweep = now + SWEEP;
        self.fragments.expire(now);
        self.udp.expire(now, &self.core);
        self.pings.expire(now);
        self.core.queries.expire(now);
        self.core.shared.tidy();
        self.flows.mark_all();
    }

    pub(crate) fn hold_until(&mut self, wait: Duration) {
        self.schedule.until(self.core.now + wait);
    }
}

fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}
