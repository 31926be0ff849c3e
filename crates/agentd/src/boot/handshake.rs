//! The frames before the agent is ready (protocol section 9).

use std::io;
use std::time::{Duration, Instant};

use super::handshake_error::HandshakeError;
use crate::port::{Fill, Port};
use msb_protocol::constants::FIRST_VERSION_WITH_BOOTSTRAP;
use msb_protocol::payload::{GuestBootstrap, InitResolved, UserIds};
use msb_protocol::template::{
    TEMPLATE_PREPARE, TEMPLATE_READY, TEMPLATE_WAKE, TemplateReady, TemplateWake,
};
use msb_protocol::{CborError, Envelope, Frame, Message, MessageType, cbor, private_frame};
use rustix::event::PollFlags;

/// How long each side may keep the other waiting.
const PATIENCE: Duration = Duration::from_secs(60);

/// A port that nobody is connected to is always "ready"; look again after this long.
const RECONNECT_PAUSE: Duration = Duration::from_millis(5);

/// Random bytes that a copy of a template needs, at least.
const MIN_ENTROPY_BYTES: usize = 32;

/// What the guest does for the messages in front of the bootstrap.
pub trait BeforeBootstrap {
    /// Make this guest a template.
    fn prepare_template(&mut self) -> TemplateReady;
    /// This guest becomes somebody.
    ///
    /// # Errors
    /// When it would not differ from other copies.
    fn wake(&mut self, wake: TemplateWake) -> io::Result<()>;
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
    // Whether this guest differs from every other one.
    let mut unique = true;
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
                    &private_frame(TEMPLATE_READY, &ready).map_err(encode)?,
                    WHAT,
                )?;
                deadline = None;
                unique = false;
            }
            TEMPLATE_WAKE => {
                let wake: TemplateWake =
                    cbor::from_slice(&envelope.p).map_err(|source| HandshakeError::Payload {
                        what: "template wake",
                        source,
                    })?;
                unique |= wake.entropy.len() >= MIN_ENTROPY_BYTES;
                hooks
                    .wake(wake)
                    .map_err(|error| HandshakeError::Wake(error.to_string()))?;
                deadline = Some(Instant::now() + PATIENCE);
            }
            _ if !unique => {
                let text = format!("{MIN_ENTROPY_BYTES} random bytes must come first");
                return Err(HandshakeError::Wake(text));
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

#[cfg(test)]
mod tests;
