//! The loop's end of the file service.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread;

use msb_protocol::payload::FsOp;

use super::reply::FsEvent;
use super::worker::{Command, Order, Outlet, Shared, Worker};
use crate::waker::Waker;

/// Events that may wait for the loop.
const MAX_EVENTS: usize = 4;

/// A running file service.
pub struct FsService {
    orders: Sender<Order>,
    events: Receiver<(u32, FsEvent)>,
    shared: Arc<Shared>,
}

impl FsService {
    /// Starts the thread; `waker` tells about its events.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(waker: Waker) -> io::Result<Self> {
        let (orders, worker_orders) = channel();
        let (worker_events, events) = sync_channel(MAX_EVENTS);
        let shared = Arc::new(Shared::default());
        let worker_shared = Arc::clone(&shared);
        let outlet = Outlet {
            events: worker_events,
            waker,
        };
        thread::Builder::new()
            .name("files".to_owned())
            .spawn(move || Worker::new(worker_orders, outlet, worker_shared).run())?;
        Ok(Self {
            orders,
            events,
            shared,
        })
    }

    /// Asks for `op`, which takes `size` bytes while it waits.
    pub fn request(&self, id: u32, op: FsOp, size: usize) {
        self.order(id, Command::Request(op), size);
    }

    /// Hands a piece to a write stream.
    pub fn data(&self, id: u32, data: Vec<u8>) {
        let size = data.len();
        self.order(id, Command::Data(data), size);
    }

    /// Frees everything of the ids in the range.
    pub fn disconnected(&self, start: u32, end: u32) {
        self.order(start, Command::Disconnected(end), 0);
    }

    /// Read streams of the ids in the range wait from now on, or go on.
    pub fn set_flow(&self, ids: Range<u32>, held: bool) {
        self.order(ids.start, Command::Flow { end: ids.end, held }, 0);
    }

    fn order(&self, id: u32, command: Command, size: usize) {
        self.shared.waiting.fetch_add(size, Ordering::Relaxed);
        // The thread lives as long as this end of the channel.
        let _ = self.orders.send((id, command, size));
    }

    /// The next event, if there is one.
    #[must_use]
    pub fn next_event(&self) -> Option<(u32, FsEvent)> {
        self.events.try_recv().ok()
    }

    /// Bytes that wait for the thread.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        self.shared.waiting.load(Ordering::Relaxed)
    }

    /// Streams that are open, both ways.
    #[must_use]
    pub fn open_streams(&self) -> usize {
        self.shared.streams.load(Ordering::Relaxed)
    }
}
