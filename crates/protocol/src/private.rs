//! Messages between host and agent that are none of a client's business.
//!
//! They stay out of [`crate::MessageType`], which is the public table. Host and agent come from one
//! build, so they need no generation of their own. All travel with id 0 and flags 0.

use serde::Serialize;
use serde_bytes::ByteBuf;

use crate::cbor::{self, CborError};
use crate::constants::PROTOCOL_VERSION;
use crate::envelope::Envelope;
use crate::frame::Frame;

/// The frame of such a message.
///
/// # Errors
/// [`CborError`] when the payload has no CBOR form.
pub fn private_frame<T: Serialize>(kind: &str, payload: &T) -> Result<Frame, CborError> {
    let envelope = Envelope {
        v: PROTOCOL_VERSION,
        t: kind.to_owned(),
        p: ByteBuf::from(cbor::to_vec(payload)?),
    };
    Ok(Frame {
        id: 0,
        flags: 0,
        body: envelope.encode()?,
    })
}
