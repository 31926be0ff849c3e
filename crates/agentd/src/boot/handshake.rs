//! The frames before the agent is ready (protocol section 9).

use std::io;
use std::time::{Duration, Instant};

use msb_protocol::constants::FIRST_VERSION_WITH_BOOTSTRAP;
use msb_protocol::payload::{GuestBootstrap, InitResolved, UserIds};
use msb_protocol::template::{
    TEMPLATE_PREPARE, TEMPLATE_READY, TEMPLATE_WAKE, TemplateReady, TemplateWake, template_frame,
};
use msb_protocol::{CborError, Envelope, Frame, FrameError, Message, MessageType, cbor};
use rustix::event::PollFlags;
use thiserror::Error;

use crate::port::{Fill, Port};

/// How long each side may keep the other waiting.
const PATIENCE: Duration = Duration::from_secs(60);

/// A port that nobody is connected to is always "ready"; look again after this long.
const RECONNECT_PAUSE: Duration = Duration::from_millis(5);

/// Why the handshake failed.
#[derive(Debug, Error)]
pub enum HandshakeError {
    /// The port is broken.
    #[error("agent port: {0}")]
    Port(#[from] io::Error),
    /// Not a frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// Not an envelope.
    #[error("decode message for id {id}: {source}")]
    Envelope {
        /// Id of the frame.
        id: u32,
        /// What the decoder said.
        source: CborError,
    },
    /// The bootstrap is for nobody in particular.
    #[error("guest bootstrap requires id=0 and flags=0, got id={id} flags={flags}")]
    Header {
        /// Id of the frame.
        id: u32,
        /// Flags of the frame.
        flags: u8,
    },
    /// Something else came first.
    #[error("expected {expected}{place}, got {got}")]
    Unexpected {
        /// The type that should have come.
        expected: &'static str,
        /// Where in the stream.
        place: &'static str,
        /// The type that came.
        got: String,
    },
    /// The host is older than this agent.
    #[error("guest bootstrap requires protocol generation 7 or newer, got {0}")]
    Generation(u8),
    /// The payload is not what it should be.
    #[error("decode {what} payload: {source}")]
    Payload {
        /// Whose payload.
        what: &'static str,
        /// What the decoder said.
        source: CborError,
    },
    /// The host took too long.
    #[error("timed out waiting for {0}")]
    TimedOut(&'static str),
    /// The host went away.
    #[error("serial port closed while waiting for {0}")]
    Closed(&'static str),
}

/// What the guest does for the messages in front of the bootstrap.
pub trait BeforeBootstrap {
    /// Make this guest a template.
    fn prepare_template(&mut self) -> TemplateReady;
    /// This guest becomes somebody.
    fn wake(&mut self, wake: TemplateWake);
}

/// Waits for the bootstrap. Nobody at the other end yet is fine; so is a host that makes a
/// template of this guest and comes back days later.
///
/// # Errors
/// [`HandshakeError`] when something else comes, or nothing in time.
pub fn receive_bootstrap(
    port: &mut Port,
    hooks: &mut impl BeforeBootstrap,
) -> Result<GuestBootstrap, HandshakeError> {
    const WHAT: &str = "guest bootstrap";
    let mut deadline = Some(Instant::now() + PATIENCE);
    loop {
        let frame = next_frame(port, deadline, WHAT, true)?;
        let envelope =
            Envelope::decode(&frame.body).map_err(|source| HandshakeError::Envelope {
                id: frame.id,
                source,
            })?;
        match envelope.t.as_str() {
            TEMPLATE_PREPARE => {
                let ready = hooks.prepare_template();
                send(
                    port,
                    &template_frame(TEMPLATE_READY, &ready).map_err(encode)?,
                    WHAT,
                )?;
                deadline = None;
            }
            TEMPLATE_WAKE => {
                let wake =
                    cbor::from_slice(&envelope.p).map_err(|source| HandshakeError::Payload {
                        what: "template wake",
                        source,
                    })?;
                hooks.wake(wake);
                deadline = Some(Instant::now() + PATIENCE);
            }
            _ => return accept(&frame, &envelope),
        }
    }
}

fn accept(frame: &Frame, envelope: &Envelope) -> Result<GuestBootstrap, HandshakeError> {
    if envelope.t != MessageType::Bootstrap.wire() {
        return Err(HandshakeError::Unexpected {
            expected: MessageType::Bootstrap.wire(),
            place: " as first console frame",
            got: envelope.t.clone(),
        });
    }
    if frame.id != 0 || frame.flags != 0 {
        return Err(HandshakeError::Header {
            id: frame.id,
            flags: frame.flags,
        });
    }
    if envelope.v < FIRST_VERSION_WITH_BOOTSTRAP {
        return Err(HandshakeError::Generation(envelope.v));
    }
    cbor::from_slice(&envelope.p).map_err(|source| HandshakeError::Payload {
        what: "guest bootstrap",
        source,
    })
}

/// Tells the host who the default user is, and waits until it made use of that.
///
/// # Errors
/// [`HandshakeError`] when anything but the acknowledgement comes, or nothing in time.
pub fn resolve_init(port: &mut Port, default_user: UserIds) -> Result<(), HandshakeError> {
    const WHAT: &str = "init ack";
    let message = Message::new(0, &InitResolved { default_user }).map_err(encode)?;
    let deadline = Instant::now() + PATIENCE;
    let bytes = message.to_frame().encode()?;
    if !port.write_all(&bytes, deadline)? {
        return Err(HandshakeError::TimedOut(WHAT));
    }
    let frame = next_frame(port, Some(deadline), WHAT, false)?;
    let envelope = Envelope::decode(&frame.body).map_err(|source| HandshakeError::Envelope {
        id: frame.id,
        source,
    })?;
    if envelope.t == MessageType::InitAck.wire() {
        return Ok(());
    }
    let expected = MessageType::InitAck.wire();
    Err(HandshakeError::Unexpected {
        expected,
        place: "",
        got: envelope.t,
    })
}

fn encode(source: CborError) -> HandshakeError {
    HandshakeError::Payload {
        what: "own",
        source,
    }
}

fn send(port: &Port, frame: &Frame, what: &'static str) -> Result<(), HandshakeError> {
    let in_time = port.write_all(&frame.encode()?, Instant::now() + PATIENCE)?;
    if in_time {
        Ok(())
    } else {
        Err(HandshakeError::TimedOut(what))
    }
}

fn next_frame(
    port: &mut Port,
    deadline: Option<Instant>,
    what: &'static str,
    may_reconnect: bool,
) -> Result<Frame, HandshakeError> {
    loop {
        if let Some(frame) = port.next_frame()? {
            return Ok(frame);
        }
        match port.fill()? {
            Fill::Data => {}
            Fill::Nothing => {
                if !port.wait(PollFlags::IN, deadline)? {
                    return Err(HandshakeError::TimedOut(what));
                }
            }
            Fill::Closed if may_reconnect => {
                if deadline.is_some_and(|at| Instant::now() >= at) {
                    return Err(HandshakeError::TimedOut(what));
                }
                std::thread::sleep(RECONNECT_PAUSE);
            }
            Fill::Closed => return Err(HandshakeError::Closed(what)),
        }
    }
}
