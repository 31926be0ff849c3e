//! How a handshake fails; the texts are the protocol's (section 9).

use std::io;

use msb_protocol::{CborError, FrameError};
use thiserror::Error;

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
    /// A copy of a template must not go on with the random numbers of all other copies.
    #[error("wake from template: {0}")]
    Wake(String),
    /// The host took too long.
    #[error("timed out waiting for {0}")]
    TimedOut(&'static str),
    /// The host went away.
    #[error("serial port closed while waiting for {0}")]
    Closed(&'static str),
}
