use super::flow::{Flow, Stage, Tuple};
use super::reopening::Reopening;
use super::serve;
use crate::core::Core;
use crate::net::Net;
use crate::packet::Segment;
use smoltcp::socket::tcp::State;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Every TCP connection, by number and by its ends.
#[derive(Default)]
pub struct Flows {
    pub(super) table: HashMap<u32, Flow>,
    pub(super) tuples: HashMap<Tuple, u32>,
    next: u32,
    /// Connections that something happened to.
    marked: Vec<u32>,
    /// Work done, TIME-WAIT still runs, oldest first.
    lingering: VecDeque<u32>,
    pub(super) outbound: usize,
    pub(super) inbound: usize,
}

/// TIME-WAIT only protects the guest from a late FIN of its own; a few are enough.
const MAX_LINGERING: usize = 32;
/// A guest that cannot be reached for so long does not get its last segment.
const LAST_SEGMENT: Duration = Duration::from_secs(1);

/// So many equal acknowledgements after the first make a sender send again what is not acknowledged (RFC 5681, 3.2).
/// The stack ignores them where nothing is missing.
const DUPLICATES: usize = 3;

impl Flows {
    /// A TCP frame of the guest, on its way to the stack.
    pub fn on_frame(&mut self, frame: &[u8], segment: Segment, net: &mut Net, core: &Core) {
        let tuple = Tuple {
            guest: segment.source,
            remote: segment.destination,
        };
        let mut known = self.tuples.get(&tuple).copied();
        if segment.opens {
            if let Some(id) = known.filter(|id| self.is_reusable(*id, net)) {
                self.remove(id, net);
                known = None;
            }
            if known.is_none() {
                known = self.open(tuple, net, core);
            }
        }
        net.ingest(frame);
        let Some(flow) = known.and_then(|id| self.table.get_mut(&id)) else {
            return;
        };
        let acknowledgement = segment.acknowledgement;
        if acknowledgement.is_some_and(|it| flow.reopening.is(it)) {
            (0..DUPLICATES).for_each(|_| net.ingest(frame));
        }
        let (id, state) = (flow.id, net.socket(flow.handle).state());
        flow.guest_finished |= matches!(
            state,
            State::CloseWait | State::LastAck | State::Closing | State::TimeWait
        );
        if state == State::Listen {
            // The SYN was not well-formed.
            self.remove(id, net);
        } else if !flow.marked {
            flow.marked = true;
            self.marked.push(id);
        }
    }

    fn is_reusable(&self, id: u32, net: &mut Net) -> bool {
        let flow = self.table.get(&id);
        flow.is_some_and(|flow| {
            let state = net.socket(flow.handle).state();
            flow.is_over() && matches!(state, State::TimeWait | State::Closed)
        })
    }

    pub(super) fn insert(
        &mut self,
        tuple: Tuple,
        handle: smoltcp::iface::SocketHandle,
        stage: Stage,
        inbound: bool,
        now: Instant,
    ) -> u32 {
        loop {
            self.next = self.next.wrapping_add(1);
            if self.next != 0 && !self.table.contains_key(&self.next) {
                break;
            }
        }
        let id = self.next;
        let flow = Flow {
            id,
            tuple,
            handle,
            stage,
            opened: now,
            inbound,
            marked: false,
            guest_finished: false,
            closed: None,
            reopening: Reopening::default(),
            lingering: false,
        };
        self.table.insert(id, flow);
        self.tuples.insert(tuple, id);
        id
    }

    pub fn mark(&mut self, id: u32) {
        if let Some(flow) = self.table.get_mut(&id)
            && !flow.marked
        {
            flow.marked = true;
            self.marked.push(id);
        }
    }

    /// For limits of time and for what happened inside the stack: looks at all of them.
    pub fn mark_all(&mut self) {
        let ids: Vec<u32> = self.table.keys().copied().collect();
        ids.into_iter().for_each(|id| self.mark(id));
    }

    /// A host socket became ready.
    pub fn host_ready(&mut self, id: u32, readable: bool, writable: bool) {
        match self.table.get_mut(&id).map(|flow| &mut flow.stage) {
            Some(Stage::Spliced(splice)) => splice.host.ready(readable, writable),
            Some(Stage::HandedUp(stream)) => stream.ready(readable, writable),
            _ => {}
        }
        self.mark(id);
    }

    /// Serves the marked connections; they stay marked until [`Self::reap`].
    pub fn serve(&mut self, net: &mut Net, core: &mut Core) {
        for id in &self.marked {
            if let Some(flow) = self.table.get_mut(id) {
                serve::serve(flow, net.socket(flow.handle), core);
            }
        }
    }

    /// After the stack has sent: forgets what has ended.
    pub fn reap(&mut self, net: &mut Net, core: &Core) {
        for id in std::mem::take(&mut self.marked) {
            let Some(flow) = self.table.get_mut(&id) else {
                continue;
            };
            flow.marked = false;
            let socket = net.socket(flow.handle);
            match socket.state() {
                State::Closed if flow.is_over() => {
                    // A reset that could not be sent yet keeps the address of the guest.
                    let sent = socket.remote_endpoint().is_none();
                    let since = *flow.closed.get_or_insert(core.now);
                    if sent || core.now.duration_since(since) >= LAST_SEGMENT {
                        self.remove(id, net);
                    }
                }
                State::TimeWait if flow.is_over() && !flow.lingering => {
                    flow.lingering = true;
                    let inbound = flow.inbound;
                    self.no_longer_live(inbound);
                    self.lingering.push_back(id);
                }
                _ => {}
            }
        }
        while self.lingering.len() > MAX_LINGERING {
            if let Some(id) = self.lingering.pop_front() {
                self.remove(id, net);
            }
        }
        let live = (self.outbound + self.inbound) as u64;
        core.shared.counters.tcp_live.store(live, Ordering::Relaxed);
    }

    /// Does something to a connection that the owner serves.
    pub fn with_stream(&mut self, id: u32, act: impl FnOnce(&mut super::stream::Stream)) {
        if let Some(Flow {
            stage: Stage::HandedUp(stream),
            ..
        }) = self.table.get_mut(&id)
        {
            act(stream);
            self.mark(id);
        }
    }

    pub fn reset(&mut self, id: u32, net: &mut Net, core: &Core) {
        if let Some(flow) = self.table.get_mut(&id) {
            serve::reset_stream(flow, net.socket(flow.handle), core);
            self.mark(id);
        }
    }

    pub fn give_back(&mut self, id: u32, net: &mut Net, core: &Core) {
        if let Some(flow) = self.table.get_mut(&id) {
            serve::give_back(flow, net.socket(flow.handle), core);
            self.mark(id);
        }
    }

    /// An answer for a DNS connection.
    pub fn respond(&mut self, id: u32, response: Option<&[u8]>, core: &Core) {
        if let Some(Flow {
            stage: Stage::Dns(connection),
            ..
        }) = self.table.get_mut(&id)
        {
            connection.respond(response, core.now);
            self.mark(id);
        }
    }

    /// Ends everything: host peers see resets, the owner its streams closed.
    pub fn abandon_all(&mut self, core: &Core) {
        for (_, mut flow) in self.table.drain() {
            serve::abandon(&mut flow, core);
        }
        self.tuples.clear();
    }

    fn remove(&mut self, id: u32, net: &mut Net) {
        let Some(flow) = self.table.remove(&id) else {
            return;
        };
        if !flow.lingering {
            self.no_longer_live(flow.inbound);
        }
        self.lingering.retain(|other| *other != id);
        self.tuples.remove(&flow.tuple);
        net.remove(flow.handle);
    }

    fn no_longer_live(&mut self, inbound: bool) {
        let count = if inbound {
            &mut self.inbound
        } else {
            &mut self.outbound
        };
        *count = count.saturating_sub(1);
    }
}
