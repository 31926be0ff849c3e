//! The middle layer (protocol section 3): a CBOR map of generation, message type and payload.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use thiserror::Error;

use crate::cbor::{self, CborError};
use crate::message_type::{MessageType, UnknownMessageType};

/// An envelope as it stands on the wire. Its type is still text, so that a type nobody knows can
/// be answered with its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Generation of the sender.
    pub v: u8,
    /// Message type, for example `core.ping`.
    pub t: String,
    /// The payload: one complete CBOR item of its own.
    pub p: ByteBuf,
}

/// A body that is not an envelope this crate knows.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum EnvelopeError {
    /// The body is not a CBOR envelope at all.
    #[error(transparent)]
    Cbor(#[from] CborError),
    /// The envelope is sound, its message type is unknown.
    #[error(transparent)]
    UnknownType(#[from] UnknownMessageType),
}

impl Envelope {
    /// Reads a frame's body.
    ///
    /// # Errors
    /// [`CborError`] when the body is no envelope.
    pub fn decode(body: &[u8]) -> Result<Self, CborError> {
        cbor::from_slice(body)
    }

    /// The body of a frame.
    ///
    /// # Errors
    /// [`CborError`] when encoding fails.
    pub fn encode(&self) -> Result<Vec<u8>, CborError> {
        cbor::to_vec(self)
    }

    /// The message type, when this generation knows it.
    ///
    /// # Errors
    /// [`UnknownMessageType`] with the text that stood there.
    pub fn message_type(&self) -> Result<MessageType, UnknownMessageType> {
        self.t.parse()
    }
}
