//! A typed message: what the layers below carry, put together.

use serde::{Serialize, de::DeserializeOwned};
use serde_bytes::ByteBuf;
use thiserror::Error;

use crate::cbor::{self, CborError};
use crate::constants::PROTOCOL_VERSION;
use crate::envelope::{Envelope, EnvelopeError};
use crate::frame::Frame;
use crate::message_type::MessageType;

/// A payload that belongs to exactly one message type.
pub trait Payload: Serialize + DeserializeOwned {
    /// The type it travels under.
    const TYPE: MessageType;
}

/// One message with its correlation id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Correlation id.
    pub id: u32,
    /// Flags as they stood on the wire; [`MessageType::flags`] says what they should be.
    pub flags: u8,
    /// Generation of the sender.
    pub version: u8,
    /// Type of the message.
    pub kind: MessageType,
    /// The payload's CBOR.
    pub payload: Vec<u8>,
}

/// A payload that does not fit its message type.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("decode payload for {kind}: {source}")]
pub struct MessageError {
    /// Type of the message.
    pub kind: MessageType,
    /// What the decoder said.
    pub source: CborError,
}

impl Message {
    /// A message of this crate's generation.
    ///
    /// # Errors
    /// [`CborError`] when the payload has no CBOR form.
    pub fn new<P: Payload>(id: u32, payload: &P) -> Result<Self, CborError> {
        Ok(Self::with_payload(id, P::TYPE, cbor::to_vec(payload)?))
    }

    /// A message whose payload is an empty map, such as `core.pong`.
    #[must_use]
    pub fn empty(id: u32, kind: MessageType) -> Self {
        Self::with_payload(id, kind, vec![CBOR_EMPTY_MAP])
    }

    /// The one message whose payload is null.
    #[must_use]
    pub fn shutdown() -> Self {
        Self::with_payload(0, MessageType::Shutdown, vec![CBOR_NULL])
    }

    fn with_payload(id: u32, kind: MessageType, payload: Vec<u8>) -> Self {
        Self {
            id,
            flags: kind.flags(),
            version: PROTOCOL_VERSION,
            kind,
            payload,
        }
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// [`EnvelopeError`] when the body is no envelope or its type is unknown.
    pub fn from_frame(frame: &Frame) -> Result<Self, EnvelopeError> {
        let envelope = Envelope::decode(&frame.body)?;
        Ok(Self {
            id: frame.id,
            flags: frame.flags,
            version: envelope.v,
            kind: envelope.message_type()?,
            payload: envelope.p.into_vec(),
        })
    }

    /// The frame of this message.
    #[must_use]
    pub fn to_frame(&self) -> Frame {
        let envelope = Envelope {
            v: self.version,
            t: self.kind.wire().to_owned(),
            p: ByteBuf::from(self.payload.as_slice()),
        };
        // A map of a small integer, text and bytes always has a CBOR form.
        let body = envelope.encode().unwrap_or_default();
        Frame {
            id: self.id,
            flags: self.flags,
            body,
        }
    }

    /// The payload as `P`.
    ///
    /// # Errors
    /// [`MessageError`] when it does not fit; the text is what `core.error` carries.
    pub fn decode<P: DeserializeOwned>(&self) -> Result<P, MessageError> {
        cbor::from_slice(&self.payload).map_err(|source| MessageError {
            kind: self.kind,
            source,
        })
    }
}

const CBOR_EMPTY_MAP: u8 = 0xa0;
const CBOR_NULL: u8 = 0xf6;
