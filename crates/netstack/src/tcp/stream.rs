use super::host_socket::HostSocket;
use crate::core::Core;
use crate::event::StreamKind;
use crate::shared::Shared;
use crate::token::Owner;
use mio::Interest;
use mio::net::UnixStream;
use smoltcp::socket::tcp::Socket;
use std::io;
use std::os::fd::OwnedFd;

/// A connection that the owner serves, over a pair of local sockets of which the owner has the other one. What it does
/// not read stays in their buffers, which are bounded by the kernel, and then in the guest, whose window closes.
///
/// A local socket knows no reset. The owner asks for one before it closes its end, and is told of the guest's before
/// this end is closed ([`crate::event::Event::Closed`]).
pub struct Stream {
    id: u32,
    owner: HostSocket<UnixStream>,
    /// Everything that went to the owner, as long as the connection can be given back.
    delivered: Option<Vec<u8>>,
    guest_ended: bool,
    owner_ended: bool,
    /// The owner wants no more data.
    deaf: bool,
}

/// An owner that got more keeps the connection. More than what fits the sockets and an owner reads to make up its mind.
const MAX_DELIVERED: usize = 512 * 1024;

impl Stream {
    /// The stream and the owner's end of it.
    pub fn open(id: u32, kind: StreamKind, core: &Core) -> io::Result<(Stream, OwnedFd)> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut ours = UnixStream::from_std(ours);
        let interest = Interest::READABLE | Interest::WRITABLE;
        core.registry
            .register(&mut ours, Owner::Flow(id).token(), interest)?;
        let stream = Stream {
            id,
            owner: HostSocket::of(ours),
            delivered: (kind == StreamKind::Plain).then(Vec::new),
            guest_ended: false,
            owner_ended: false,
            deaf: false,
        };
        Ok((stream, theirs.into()))
    }

    pub fn ready(&mut self, readable: bool, writable: bool) {
        self.owner.ready(readable, writable);
    }

    pub fn close(&mut self) {
        self.deaf = true;
    }

    /// This end of the stream, open as long as somebody keeps it.
    pub fn into_end(self) -> UnixStream {
        self.owner.into_stream()
    }

    /// What the owner was given and the destination has to get; none when the connection cannot be given back.
    pub fn take_delivered(&mut self) -> Option<Vec<u8>> {
        self.delivered.take()
    }

    /// Moves what can be moved; true when both directions have ended.
    pub fn pump(&mut self, guest: &mut Socket, shared: &Shared) -> bool {
        self.deliver(guest);
        self.receive(guest, shared);
        self.owner_ended && (self.guest_ended || self.deaf)
    }

    fn deliver(&mut self, guest: &mut Socket) {
        while guest.can_recv() && (self.deaf || self.owner.is_writable()) {
            if guest.recv(|bytes| (self.give(bytes), ())).is_err() {
                return;
            }
        }
        if !self.guest_ended && !guest.may_recv() {
            self.owner.end();
            self.guest_ended = true;
        }
    }

    /// Gives bytes to the owner; how many were taken.
    fn give(&mut self, bytes: &[u8]) -> usize {
        if self.deaf {
            return bytes.len();
        }
        match self.owner.write(bytes) {
            Ok(count) => {
                self.remember(&bytes[..count]);
                count
            }
            // It has closed its end.
            Err(_) => {
                self.deaf = true;
                bytes.len()
            }
        }
    }

    fn remember(&mut self, bytes: &[u8]) {
        self.delivered = self.delivered.take().and_then(|mut delivered| {
            delivered.extend_from_slice(bytes);
            (delivered.len() <= MAX_DELIVERED).then_some(delivered)
        });
    }

    fn receive(&mut self, guest: &mut Socket, shared: &Shared) {
        while !self.owner_ended && self.owner.is_readable() && guest.can_send() {
            let owner = &mut self.owner;
            let received = guest.send(|room| match owner.read(room) {
                Ok(count) => (count.unwrap_or(0), count),
                // It closed its end with bytes unread.
                Err(_) => (0, Some(0)),
            });
            match received {
                // Whether this is an end, the next turn knows, which has heard what the owner said before it closed.
                Ok(Some(0)) if shared.has_word_about(self.id) => return,
                Ok(Some(0)) => {
                    self.owner_ended = true;
                    guest.close();
                }
                Ok(Some(_)) => self.delivered = None,
                Ok(None) => {}
                Err(_) => return,
            }
        }
    }
}
