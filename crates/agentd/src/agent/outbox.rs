//! Frames on their way to the host.

use std::io;

use msb_protocol::heartbeat::{HEARTBEAT, Heartbeat};
use msb_protocol::{Frame, Message, MessageType, Payload, encode_data_frame, private_frame};

use crate::port::Port;

/// Outputs of processes are read only while less than this waits for the host, in bytes.
const READ_BELOW: usize = 256 * 1024;

/// Frames of the host are read only while less than this waits for it, in bytes.
const LISTEN_BELOW: usize = 1024 * 1024;

/// Bytes that the port did not take yet.
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    /// Start of what was not written.
    start: usize,
}

impl Outbox {
    /// Queues `payload` for `id`. What cannot be encoded (it is too large) is logged and dropped:
    /// there is nobody to tell.
    pub fn send<P: Payload>(&mut self, id: u32, payload: &P) {
        match Message::new(id, payload) {
            Ok(message) => self.send_message(&message),
            Err(error) => eprintln!("agentd: {} for id {id}: {error}", P::TYPE),
        }
    }

    /// Queues a message.
    pub fn send_message(&mut self, message: &Message) {
        self.send_frame(&message.to_frame());
    }

    /// Queues a message of `kind`, whose payload is `data` alone.
    pub fn send_data(&mut self, id: u32, kind: MessageType, data: &[u8]) {
        if let Err(error) = encode_data_frame(id, kind, data, &mut self.bytes) {
            eprintln!("agentd: frame for id {id}: {error}");
        }
    }

    /// Queues a heartbeat, which only the sandbox process sees.
    pub fn send_heartbeat(&mut self, heartbeat: &Heartbeat) {
        match private_frame(HEARTBEAT, heartbeat) {
            Ok(frame) => self.send_frame(&frame),
            Err(error) => eprintln!("agentd: {HEARTBEAT}: {error}"),
        }
    }

    fn send_frame(&mut self, frame: &Frame) {
        if let Err(error) = frame.encode_into(&mut self.bytes) {
            eprintln!("agentd: frame for id {}: {error}", frame.id);
        }
    }

    /// Hands to the port what it takes.
    ///
    /// # Errors
    /// When the port is broken.
    pub fn flush(&mut self, port: &Port) -> io::Result<()> {
        self.start += port.write(&self.bytes[self.start..])?;
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.bytes.shrink_to(READ_BELOW);
            self.start = 0;
        } else if self.start > READ_BELOW {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        Ok(())
    }

    /// Whether the port should be watched for writing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting() == 0
    }

    /// Whether outputs of processes may be read.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.waiting() < READ_BELOW
    }

    /// Whether frames of the host may be read: they cause answers.
    #[must_use]
    pub fn may_listen(&self) -> bool {
        self.waiting() < LISTEN_BELOW
    }

    fn waiting(&self) -> usize {
        self.bytes.len() - self.start
    }
}
