//! The stack's thread: frames in, sockets served, frames out.

mod events;
mod frames;
mod turn;

use crate::core::Core;
use crate::frame::FrameReader;
use crate::net::Net;
use crate::packet::{Emitter, Reassembly};
use crate::pings::Pings;
use crate::rate::Limiter;
use crate::tcp::{Flows, Listeners};
use crate::udp::Udp;
use mio::Poll;
use mio::net::UnixStream;
use std::time::Instant;

pub struct Stack {
    pub(crate) poll: Poll,
    pub(crate) stream: UnixStream,
    pub(crate) reader: FrameReader,
    /// Limit of what the guest sends.
    pub(crate) egress: Limiter,
    pub(crate) net: Net,
    pub(crate) core: Core,
    pub(crate) emitter: Emitter,
    pub(crate) fragments: Reassembly,
    pub(crate) flows: Flows,
    pub(crate) listeners: Listeners,
    pub(crate) udp: Udp,
    pub(crate) pings: Pings,
    pub(crate) schedule: Schedule,
}

/// When the thread has to look again.
pub(crate) struct Schedule {
    /// Frames may wait in the stream.
    pub readable: bool,
    /// Frames for the guest wait until the stream has room.
    pub until_writable: bool,
    /// Something was left undone this turn.
    pub again: bool,
    /// Either rate limit holds something back until then.
    pub limited_until: Option<Instant>,
    pub next_sweep: Instant,
}
