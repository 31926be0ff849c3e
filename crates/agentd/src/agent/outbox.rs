//! Frames on their way to the host.

use std::io::{self, IoSliceMut};

use msb_protocol::heartbeat::{HEARTBEAT, Heartbeat};
use msb_protocol::{DataFrameHead, Frame, Message, MessageType, Payload, private_frame};

use crate::port::Port;

/// Outputs of processes are read only while less than this waits for the host, in bytes.
const READ_BELOW: usize = 256 * 1024;

/// Frames of the host are read only while less than this waits for it, in bytes.
const LISTEN_BELOW: usize = 1024 * 1024;

/// Memory that is kept when nothing waits.
const KEPT_BYTES: usize = 2 * READ_BELOW;

/// Bytes that the port did not take yet.
#[derive(Debug, Default)]
pub struct Outbox {
    /// What waits, and behind it memory that was used before.
    bytes: Vec<u8>,
    /// Start of what was not written.
    start: usize,
    /// End of what waits.
    end: usize,
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
        match DataFrameHead::new(id, kind, data.len()) {
            Ok(head) => self.append(&[head.bytes(), data]),
            Err(error) => eprintln!("agentd: frame for id {id}: {error}"),
        }
    }

    /// Lets `read` fill the data of up to `frames` messages of `kind`, of `size` bytes each, where they are sent from; says
    /// how many bytes that were.
    ///
    /// # Errors
    /// Those of `read`; nothing is queued then.
    pub fn receive_data(
        &mut self,
        id: u32,
        kind: MessageType,
        (frames, size): (usize, usize),
        read: impl FnOnce(&mut [IoSliceMut<'_>]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let head = DataFrameHead::new(id, kind, size).map_err(io::Error::other)?;
        let frame = head.bytes().len() + size;
        let room = frames * frame;
        self.reserve(room);
        let mut data: Vec<_> = self.bytes[self.end..self.end + room]
            .chunks_exact_mut(frame)
            .map(|frame| IoSliceMut::new(&mut frame[head.bytes().len()..]))
            .collect();
        let count = read(&mut data)?;
        for _ in 0..count / size {
            self.finish_frame(&head, &head, size);
        }
        let rest = count % size;
        if rest > 0 {
            let own = DataFrameHead::new(id, kind, rest).map_err(io::Error::other)?;
            self.finish_frame(&head, &own, rest);
        }
        Ok(count)
    }

    /// Queues the data that was read behind the place of `reserved`, as a frame with `head`, which is not longer.
    fn finish_frame(&mut self, reserved: &DataFrameHead, head: &DataFrameHead, size: usize) {
        let data = self.end + reserved.bytes().len();
        let behind_head = self.end + head.bytes().len();
        self.bytes[self.end..behind_head].copy_from_slice(head.bytes());
        if data != behind_head {
            self.bytes.copy_within(data..data + size, behind_head);
        }
        self.end = behind_head + size;
    }

    /// Queues a heartbeat, which only the sandbox process sees.
    pub fn send_heartbeat(&mut self, heartbeat: &Heartbeat) {
        match private_frame(HEARTBEAT, heartbeat) {
            Ok(frame) => self.send_frame(&frame),
            Err(error) => eprintln!("agentd: {HEARTBEAT}: {error}"),
        }
    }

    fn send_frame(&mut self, frame: &Frame) {
        match frame.encode() {
            Ok(bytes) => self.append(&[&bytes]),
            Err(error) => eprintln!("agentd: frame for id {}: {error}", frame.id),
        }
    }

    fn append(&mut self, parts: &[&[u8]]) {
        for part in parts {
            self.reserve(part.len());
            let end = self.end + part.len();
            self.bytes[self.end..end].copy_from_slice(part);
            self.end = end;
        }
    }

    fn reserve(&mut self, room: usize) {
        if self.bytes.len() < self.end + room {
            self.bytes.resize(self.end + room, 0);
        }
    }

    /// Hands to the port what it takes.
    ///
    /// # Errors
    /// When the port is broken.
    pub fn flush(&mut self, port: &Port) -> io::Result<()> {
        self.start += port.write(&self.bytes[self.start..self.end])?;
        if self.start == self.end {
            self.bytes.truncate(KEPT_BYTES);
            self.bytes.shrink_to(KEPT_BYTES);
            (self.start, self.end) = (0, 0);
        } else if self.start > READ_BELOW {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
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
        self.end - self.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use msb_protocol::FrameDecoder;
    use msb_protocol::payload::{ExecStarted, ExecStdout};

    #[test]
    fn data_that_is_read_in_place_comes_as_messages_between_others() {
        let mut outbox = Outbox::default();
        let mut expected = Vec::new();
        for count in [0, 1, 20, 250, 300, 999, 1000, 1001, 2300, 3000] {
            outbox.send(7, &ExecStarted { pid: 1 });
            let data: Vec<u8> = (0..count).map(|index: usize| (index % 251) as u8).collect();
            let read = |slices: &mut [IoSliceMut<'_>]| {
                assert_eq!(slices.iter().map(|slice| slice.len()).sum::<usize>(), 3000);
                for (slice, piece) in slices.iter_mut().zip(data.chunks(1000)) {
                    slice[..piece.len()].copy_from_slice(piece);
                }
                Ok(count)
            };
            let stdout = MessageType::ExecStdout;
            let got = outbox.receive_data(9, stdout, (3, 1000), read).unwrap();
            assert_eq!(got, count);
            expected.push(Message::new(7, &ExecStarted { pid: 1 }).unwrap().to_frame());
            expected.extend(data.chunks(1000).map(|piece| {
                let data = piece.to_vec().into();
                Message::new(9, &ExecStdout { data }).unwrap().to_frame()
            }));
        }
        let mut decoder = FrameDecoder::new();
        decoder.push(&outbox.bytes[..outbox.end]);
        let frames = std::iter::from_fn(|| decoder.next_frame().unwrap());
        assert_eq!(frames.collect::<Vec<_>>(), expected);
        assert_eq!(decoder.buffered(), 0);
    }

    #[test]
    fn a_failed_read_queues_nothing() {
        let mut outbox = Outbox::default();
        let read = |_: &mut [IoSliceMut<'_>]| Err(io::Error::other("no"));
        let result = outbox.receive_data(9, MessageType::ExecStdout, (1, 10), read);
        assert!(result.is_err() && outbox.is_empty());
    }
}
