//! From frames to actions. A frame nobody can read costs its sender an error, never the agent.

use std::time::Instant;

use msb_protocol::constants::FIRST_VERSION_WITH_ERRORS;
use msb_protocol::payload::{
    ClockSync, CoreError, CoreErrorKind, ExecRequest, ExecResize, ExecSignal, ExecStdin, Touched,
};
use msb_protocol::{Envelope, Frame, Message, MessageType, PROTOCOL_VERSION, Payload};
use rustix::process::Signal;

use super::{Agent, LoopEnd};
use crate::clock;
use crate::exec::Session;

impl Agent {
    /// Handles the frames that were read, as long as their answers find room.
    pub(super) fn handle_frames(&mut self) -> Option<LoopEnd> {
        while self.listens() {
            match self.port.next_frame() {
                Ok(None) => break,
                Ok(Some(frame)) => {
                    if let Some(message) = self.open_envelope(&frame) {
                        if message.kind == MessageType::Shutdown {
                            return Some(LoopEnd::Shutdown);
                        }
                        self.handle(&message);
                    }
                }
                Err(error) => {
                    let kind = CoreErrorKind::MalformedMessage;
                    self.refuse(0, PROTOCOL_VERSION, kind, error.to_string(), None);
                }
            }
        }
        None
    }

    /// The message of `frame`, when it is one for us.
    fn open_envelope(&mut self, frame: &Frame) -> Option<Message> {
        let id = frame.id;
        let envelope = match Envelope::decode(&frame.body) {
            Ok(envelope) => envelope,
            Err(error) => {
                let text = format!("decode message for id {id}: {error}");
                self.refuse(
                    id,
                    PROTOCOL_VERSION,
                    CoreErrorKind::MalformedMessage,
                    text,
                    None,
                );
                return None;
            }
        };
        let version = envelope.v;
        let kind = match envelope.message_type() {
            Ok(kind) => kind,
            Err(error) => {
                let wire = Some(envelope.t);
                let kind = CoreErrorKind::UnsupportedMessageType;
                self.refuse(id, version, kind, error.to_string(), wire);
                return None;
            }
        };
        if frame.flags != kind.flags() {
            let (got, expected) = (frame.flags, kind.flags());
            let text = format!("invalid flags for {kind}: got {got}, expected {expected}");
            let wire = Some(kind.wire().to_owned());
            self.refuse(id, version, CoreErrorKind::InvalidFlags, text, wire);
            return None;
        }
        Some(Message {
            id,
            flags: frame.flags,
            version,
            kind,
            payload: envelope.p.into_vec(),
        })
    }

    fn handle(&mut self, message: &Message) {
        use MessageType as T;
        let id = message.id;
        if !matches!(message.kind, T::ClockSync | T::Ping | T::Touch) {
            self.activity.heard();
        }
        match message.kind {
            T::Ping => self.outbox.send_message(&Message::empty(id, T::Pong)),
            T::Touch => {
                self.activity.heard();
                self.outbox.send(
                    id,
                    &Touched {
                        activity_seq: self.activity.sequence,
                    },
                );
            }
            T::ClockSync => {
                if let Some(sync) = self.payload::<ClockSync>(message) {
                    if let Err(error) = clock::synchronise(sync.unix_time_nanos) {
                        eprintln!("agentd: clock sync: {error}");
                    }
                }
            }
            T::ExecRequest => {
                if let Some(request) = self.payload::<ExecRequest>(message) {
                    self.start_session(id, &request);
                }
            }
            T::ExecStdin => {
                if let Some(stdin) = self.payload::<ExecStdin>(message) {
                    self.take_input(id, stdin.data.into_vec());
                }
            }
            T::ExecResize => {
                if let Some(size) = self.payload::<ExecResize>(message) {
                    if let Some(session) = self.sessions.get_mut(id) {
                        // A terminal that is being closed has no size any more.
                        let _ = session.resize(size.rows, size.cols);
                    }
                }
            }
            T::ExecSignal => {
                if let Some(order) = self.payload::<ExecSignal>(message) {
                    let session = self.sessions.get_mut(id);
                    if let (Some(session), Some(signal)) =
                        (session, Signal::from_named_raw(order.signal))
                    {
                        session.signal(signal);
                    }
                }
            }
            T::FsRequest | T::TcpConnect => {
                let text = format!("{} is not available in this build", message.kind);
                let wire = Some(message.kind.wire().to_owned());
                let kind = CoreErrorKind::UnsupportedMessageType;
                self.refuse(id, message.version, kind, text, wire);
            }
            // Not meant for a guest, or nothing left to do.
            _ => {}
        }
    }

    fn start_session(&mut self, id: u32, request: &ExecRequest) {
        match Session::start(request, &self.config.defaults, Instant::now()) {
            Ok(session) => {
                if let Some(replaced) = self.sessions.insert(id, session) {
                    replaced.signal(Signal::KILL);
                }
            }
            Err(failed) => self.send_failed(id, &failed),
        }
    }

    fn take_input(&mut self, id: u32, data: Vec<u8>) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let now = Instant::now();
        if data.is_empty() {
            session.end_input();
        } else {
            session.input.push(data, now);
            self.write_input(id, now);
        }
    }

    /// The payload of `message`; a payload that does not fit is answered.
    fn payload<P: Payload>(&mut self, message: &Message) -> Option<P> {
        match message.decode() {
            Ok(payload) => Some(payload),
            Err(error) => {
                let wire = Some(message.kind.wire().to_owned());
                let kind = CoreErrorKind::InvalidPayload;
                self.refuse(message.id, message.version, kind, error.to_string(), wire);
                None
            }
        }
    }

    /// Answers `core.error`, when the sender's generation knows it.
    fn refuse(
        &mut self,
        id: u32,
        version: u8,
        kind: CoreErrorKind,
        message: String,
        offending_type: Option<String>,
    ) {
        if version < FIRST_VERSION_WITH_ERRORS {
            eprintln!("agentd: id {id}: {message}");
            return;
        }
        self.outbox.send(
            id,
            &CoreError {
                kind,
                message,
                offending_type,
            },
        );
    }
}
