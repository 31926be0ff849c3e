use super::host_socket::HostSocket;
use smoltcp::socket::tcp::{Socket, State};
use std::io;

/// Moves bytes between a guest connection and a host connection, both half-closes included, without a copy of its
/// own: from one socket's buffer into the other.
pub struct Splice {
    pub host: HostSocket,
    /// Bytes for the host that are no longer in the guest socket.
    pending: Vec<u8>,
    sent: usize,
    host_ended: bool,
    guest_ended: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    Open,
    /// Both directions have ended.
    Finished,
}

impl Splice {
    pub fn new(host: HostSocket, pending: Vec<u8>) -> Splice {
        Splice {
            host,
            pending,
            sent: 0,
            host_ended: false,
            guest_ended: false,
        }
    }

    /// Moves what can be moved. An error is the host connection's.
    pub fn pump(&mut self, guest: &mut Socket) -> io::Result<Progress> {
        self.send_to_host(guest)?;
        self.receive_from_host(guest)?;
        let finished = self.host_ended && self.guest_ended;
        Ok(if finished {
            Progress::Finished
        } else {
            Progress::Open
        })
    }

    fn send_to_host(&mut self, guest: &mut Socket) -> io::Result<()> {
        while self.sent < self.pending.len() && self.host.is_writable() {
            self.sent += self.host.write(&self.pending[self.sent..])?;
        }
        if self.sent == self.pending.len() {
            (self.pending, self.sent) = (Vec::new(), 0);
            while self.host.is_writable() && guest.can_recv() {
                let host = &mut self.host;
                let moved = guest.recv(|bytes| match host.write(bytes) {
                    Ok(count) => (count, Ok(())),
                    Err(e) => (0, Err(e)),
                });
                moved.unwrap_or(Ok(()))?;
            }
        }
        if matches!(guest.state(), State::TimeWait | State::Closed) {
            self.rescue(guest);
        }
        if !self.guest_ended && self.pending.is_empty() && !guest.may_recv() {
            self.host.end();
            self.guest_ended = true;
        }
        Ok(())
    }

    /// The guest socket is about to go away; what it still holds for the host must not.
    fn rescue(&mut self, guest: &mut Socket) {
        while guest.can_recv() {
            let pending = &mut self.pending;
            let taken = guest.recv(|bytes| {
                pending.extend_from_slice(bytes);
                (bytes.len(), ())
            });
            if taken.is_err() {
                return;
            }
        }
    }

    fn receive_from_host(&mut self, guest: &mut Socket) -> io::Result<()> {
        while !self.host_ended && self.host.is_readable() && guest.can_send() {
            let host = &mut self.host;
            let moved = guest.send(|room| match host.read(room) {
                Ok(Some(0)) => (0, Ok(true)),
                Ok(count) => (count.unwrap_or(0), Ok(false)),
                Err(e) => (0, Err(e)),
            });
            if moved.unwrap_or(Ok(false))? {
                self.host_ended = true;
                guest.close();
            }
        }
        Ok(())
    }
}
