//! From frames to actions. A frame nobody can read costs its sender an error, never the agent.

use msb_protocol::cbor;
use msb_protocol::constants::FIRST_VERSION_WITH_ERRORS;
use msb_protocol::flow::{CLIENT_FLOW, ClientFlow};
use msb_protocol::payload::{
    ClockSync, CoreError, CoreErrorKind, ExecResize, ExecSignal, ExecStdin, FsData, FsRequest,
    RelayClientDisconnected, TcpData, Touched,
};
use msb_protocol::{
    Envelope, Frame, Message, MessageError, MessageType, PROTOCOL_VERSION, decode_data_frame,
};
use rustix::process::Signal;

use super::{Agent, LoopEnd};
use crate::clock;
use crate::text::shorten;

/// Memory that is kept for the bodies of frames, in bytes.
const KEPT_BODY: usize = 128 * 1024;

/// An error is answered with `core.error`.
type Handled = Result<(), MessageError>;

impl Agent {
    /// Handles the frames that were read, as long as their answers find room.
    pub(super) fn handle_frames(&mut self) -> Option<LoopEnd> {
        let mut frame = std::mem::take(&mut self.frame);
        let end = self.handle_each(&mut frame);
        frame.body.clear();
        frame.body.shrink_to(KEPT_BODY);
        self.frame = frame;
        end
    }

    fn handle_each(&mut self, frame: &mut Frame) -> Option<LoopEnd> {
        while self.listens() {
            match self.port.next_into(frame) {
                Ok(false) => break,
                Ok(true) => {
                    if let Some((kind, size)) = data_of(frame) {
                        self.take_data(frame, kind, size);
                    } else if let Some(message) = self.open_envelope(frame) {
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

    /// Takes the last `size` bytes of a frame, which are nothing but data for somebody.
    fn take_data(&mut self, frame: &Frame, kind: MessageType, size: usize) {
        self.activity.heard();
        let id = frame.id;
        let data = &frame.body[frame.body.len() - size..];
        match kind {
            MessageType::ExecStdin => self.take_input(id, data),
            MessageType::FsData => self.take_file_data(id, data.to_vec()),
            _ => self.take_connection_data(id, data.to_vec()),
        }
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
        if id == 0 && envelope.t == CLIENT_FLOW {
            self.set_flow(&envelope.p);
            return None;
        }
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
        // A client that only pings is dismissed by the relay afterwards, and must not count for that either.
        if !matches!(
            message.kind,
            T::ClockSync | T::Ping | T::Touch | T::RelayClientDisconnected
        ) {
            self.activity.heard();
        }
        let handled = match message.kind {
            T::Ping => {
                self.outbox
                    .send_message(&Message::empty(message.id, T::Pong));
                Ok(())
            }
            T::Touch => {
                self.activity.heard();
                self.outbox.send(
                    message.id,
                    &Touched {
                        activity_seq: self.activity.sequence,
                    },
                );
                Ok(())
            }
            T::ExecRequest | T::ExecStdin | T::ExecResize | T::ExecSignal => {
                self.handle_exec(message)
            }
            T::FsRequest | T::FsData => self.handle_files(message),
            T::TcpConnect | T::TcpData | T::TcpEof | T::TcpClose => self.handle_tcp(message),
            T::ClockSync => self.synchronise_clock(message),
            T::RelayClientDisconnected => self.forget_client(message),
            // Not meant for a guest.
            _ => Ok(()),
        };
        if let Err(error) = handled {
            let wire = Some(message.kind.wire().to_owned());
            let kind = CoreErrorKind::InvalidPayload;
            self.refuse(message.id, message.version, kind, error.to_string(), wire);
        }
    }

    fn handle_exec(&mut self, message: &Message) -> Handled {
        let id = message.id;
        match message.kind {
            MessageType::ExecRequest => self.start_process(id, &message.decode()?),
            MessageType::ExecStdin => {
                self.take_input(id, &message.decode::<ExecStdin>()?.data);
            }
            MessageType::ExecResize => {
                let size: ExecResize = message.decode()?;
                if let Some(session) = self.sessions.get_mut(id) {
                    // A terminal that is being closed has no size any more.
                    let _ = session.resize(size.rows, size.cols);
                }
            }
            _ => {
                let signal = Signal::from_named_raw(message.decode::<ExecSignal>()?.signal);
                if let (Some(session), Some(signal)) = (self.sessions.get_mut(id), signal) {
                    session.signal(signal);
                }
            }
        }
        Ok(())
    }

    fn handle_files(&mut self, message: &Message) -> Handled {
        if message.kind == MessageType::FsRequest {
            let request: FsRequest = message.decode()?;
            self.start_operation(message.id, request.op, message.payload.len());
        } else {
            let piece: FsData = message.decode()?;
            self.take_file_data(message.id, piece.data.into_vec());
        }
        Ok(())
    }

    fn handle_tcp(&mut self, message: &Message) -> Handled {
        let id = message.id;
        match message.kind {
            MessageType::TcpConnect => self.open_connection(id, message.decode()?),
            MessageType::TcpData => {
                self.take_connection_data(id, message.decode::<TcpData>()?.data.into_vec());
            }
            MessageType::TcpEof => self.end_connection_data(id),
            _ => self.connections.close(id),
        }
        Ok(())
    }

    /// Stops or starts the output of one client, as the relay says.
    fn set_flow(&mut self, payload: &[u8]) {
        match cbor::from_slice::<ClientFlow>(payload) {
            Ok(flow) => {
                let ids = flow.id_start..flow.id_end_exclusive;
                self.held.set(ids.clone(), flow.held);
                if let Some(files) = &self.files {
                    files.set_flow(ids, flow.held);
                }
            }
            Err(error) => eprintln!("agentd: {CLIENT_FLOW}: {error}"),
        }
    }

    fn synchronise_clock(&mut self, message: &Message) -> Handled {
        let sync: ClockSync = message.decode()?;
        if let Err(error) = clock::synchronise(sync.unix_time_nanos) {
            eprintln!("agentd: clock sync: {error}");
        }
        Ok(())
    }

    /// Frees what a client that is gone left open. Its processes were killed by the relay.
    fn forget_client(&mut self, message: &Message) -> Handled {
        let range: RelayClientDisconnected = message.decode()?;
        self.connections
            .close_range(range.id_start, range.id_end_exclusive);
        self.held.set(range.id_start..range.id_end_exclusive, false);
        if let Some(files) = &self.files {
            files.disconnected(range.id_start, range.id_end_exclusive);
        }
        Ok(())
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
        let message = shorten(message);
        let offending_type = offending_type.map(shorten);
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

/// The type of a frame that is nothing but data for somebody, as most are in bulk, and the size of that data, with which
/// it ends.
fn data_of(frame: &Frame) -> Option<(MessageType, usize)> {
    use MessageType as T;
    decode_data_frame(&frame.body)
        .filter(|(kind, _)| matches!(kind, T::ExecStdin | T::FsData | T::TcpData))
        .filter(|(kind, _)| frame.flags == kind.flags())
        .map(|(kind, data)| (kind, data.len()))
}
