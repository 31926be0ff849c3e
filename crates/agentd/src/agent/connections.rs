//! The loop's dealings with TCP connections.

use std::time::Instant;

use msb_protocol::payload::{TcpConnect, TcpFailed};
use msb_protocol::{Message, MessageType};

use super::Agent;
use super::readiness::Source;
use crate::tcp::TcpChunk;
use crate::text::shorten;

impl Agent {
    pub(super) fn open_connection(&mut self, id: u32, to: TcpConnect) {
        if let Err(error) = self.connections.open(id, to.host, to.port, Instant::now()) {
            self.fail_connection(id, error);
        }
    }

    pub(super) fn take_connection_data(&mut self, id: u32, data: Vec<u8>) {
        self.activity.tcp_bytes += data.len() as u64;
        let now = Instant::now();
        let Some(session) = self.connections.get_mut(id) else {
            self.fail_connection(id, format!("unknown TCP session: {id}"));
            return;
        };
        session.push(data, now);
        self.write_connection(id, now);
    }

    pub(super) fn end_connection_data(&mut self, id: u32) {
        if let Some(session) = self.connections.get_mut(id) {
            session.end();
            self.write_connection(id, Instant::now());
        }
    }

    /// Tells about connections that were opened, or were not.
    pub(super) fn take_connections(&mut self) {
        while let Some((id, result)) = self.connections.next_result() {
            match result {
                Ok(()) => {
                    self.activity.said();
                    self.outbox
                        .send_message(&Message::empty(id, MessageType::TcpConnected));
                }
                Err(error) => self.fail_connection(id, error),
            }
        }
    }

    pub(super) fn serve_connections(&mut self, ready: &[Source], now: Instant) {
        for source in ready {
            if let Source::Tcp(id) = *source {
                self.write_connection(id, now);
                if self.outbox.has_room() && !self.held.contains(id) {
                    self.read_connection(id);
                }
            }
        }
    }

    fn write_connection(&mut self, id: u32, now: Instant) {
        let result = self
            .connections
            .get_mut(id)
            .map(|session| session.write(now));
        if let Some(Err(error)) = result {
            self.fail_connection(id, error);
        }
    }

    fn read_connection(&mut self, id: u32) {
        let Some(session) = self.connections.get_mut(id) else {
            return;
        };
        match session.read(&mut self.buffer) {
            TcpChunk::Nothing => return,
            TcpChunk::Broken(error) => return self.fail_connection(id, error),
            TcpChunk::End => self
                .outbox
                .send_message(&Message::empty(id, MessageType::TcpEof)),
            TcpChunk::Data(count) => {
                self.activity.tcp_bytes += count as u64;
                self.outbox
                    .send_data(id, MessageType::TcpData, &self.buffer[..count]);
            }
        }
        self.activity.said();
        self.connections.served(id);
    }

    pub(super) fn give_up_on_connection(&mut self, id: u32) {
        self.fail_connection(id, "write TCP stream: the peer takes nothing".to_owned());
    }

    fn fail_connection(&mut self, id: u32, error: String) {
        self.connections.close(id);
        self.activity.said();
        self.outbox.send(
            id,
            &TcpFailed {
                error: shorten(error),
            },
        );
    }
}
