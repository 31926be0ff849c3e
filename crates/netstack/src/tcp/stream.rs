use crate::STREAM_WINDOW;
use crate::event::Event;
use crate::shared::Shared;
use smoltcp::socket::tcp::Socket;
use std::collections::VecDeque;

/// A connection that the owner serves, with credit in both directions.
pub struct Stream {
    id: u32,
    /// Bytes that the owner still takes.
    credit: usize,
    to_guest: VecDeque<Vec<u8>>,
    /// Bytes of the first chunk that went out.
    sent: usize,
    guest_ended: bool,
    end_wanted: bool,
    /// The owner wants no more data.
    deaf: bool,
    /// Something was written, so the connection cannot be given back.
    touched: bool,
    /// Everything that was delivered, while the connection can still be given back: some of it may be on its way to
    /// the owner when the owner gives it back.
    delivered: Vec<u8>,
    consumed: usize,
}

/// An owner that took more keeps the connection.
const LOOKED_AT: usize = 64 * 1024;

const CHUNK: usize = 16 * 1024;

impl Stream {
    pub fn new(id: u32, shared: &Shared) -> Stream {
        shared.open_window(id);
        Stream {
            id,
            credit: STREAM_WINDOW,
            to_guest: VecDeque::new(),
            sent: 0,
            guest_ended: false,
            end_wanted: false,
            deaf: false,
            touched: false,
            delivered: Vec::new(),
            consumed: 0,
        }
    }

    pub fn write(&mut self, data: Vec<u8>) {
        self.keep();
        if !self.end_wanted && !data.is_empty() {
            self.to_guest.push_back(data);
        }
    }

    pub fn consumed(&mut self, bytes: usize) {
        self.credit = (self.credit + bytes).min(STREAM_WINDOW);
        self.consumed = self.consumed.saturating_add(bytes);
        if self.consumed > LOOKED_AT {
            self.keep();
        }
    }

    /// The owner serves the connection to its end.
    fn keep(&mut self) {
        self.touched = true;
        self.delivered = Vec::new();
    }

    pub fn end(&mut self) {
        self.end_wanted = true;
    }

    pub fn close(&mut self) {
        self.end_wanted = true;
        self.deaf = true;
    }

    pub fn may_be_given_back(&self) -> bool {
        !self.touched && !self.end_wanted
    }

    /// What the owner was given and the destination has to get.
    pub fn take_delivered(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.delivered)
    }

    /// Moves what can be moved; true when both directions have ended.
    pub fn pump(&mut self, guest: &mut Socket, shared: &Shared) -> bool {
        self.deliver(guest, shared);
        self.flush(guest, shared);
        self.end_wanted && self.to_guest.is_empty() && (self.guest_ended || self.deaf)
    }

    fn deliver(&mut self, guest: &mut Socket, shared: &Shared) {
        while guest.can_recv() && (self.credit > 0 || self.deaf) {
            let limit = if self.deaf {
                usize::MAX
            } else {
                self.credit.min(CHUNK)
            };
            let taken = guest.recv(|bytes| {
                let count = bytes.len().min(limit);
                (
                    count,
                    if self.deaf {
                        Vec::new()
                    } else {
                        bytes[..count].to_vec()
                    },
                )
            });
            let Ok(data) = taken else { return };
            if !data.is_empty() {
                self.credit -= data.len();
                if !self.touched {
                    self.delivered.extend_from_slice(&data);
                }
                let stream = self.id;
                shared.events.push(Event::Data { stream, data });
            }
        }
        if !self.guest_ended && !guest.may_recv() {
            self.guest_ended = true;
            shared.events.push(Event::End { stream: self.id });
        }
    }

    fn flush(&mut self, guest: &mut Socket, shared: &Shared) {
        let mut freed = 0;
        while let Some(chunk) = self.to_guest.front() {
            match guest.send_slice(&chunk[self.sent..]) {
                Ok(count) if count > 0 => {
                    self.sent += count;
                    freed += count;
                }
                _ => break,
            }
            if self.sent == chunk.len() {
                self.to_guest.pop_front();
                self.sent = 0;
            }
        }
        if freed > 0 {
            shared.release(self.id, freed);
            let (stream, bytes) = (self.id, freed);
            shared.events.push(Event::Credit { stream, bytes });
        }
        if self.end_wanted && self.to_guest.is_empty() {
            guest.close();
        }
    }
}
