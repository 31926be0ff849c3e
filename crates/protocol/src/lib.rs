//! Wire codec of the host-guest agent protocol.
//!
//! The protocol carries *frames* (a length, a correlation id, flags, a body) whose body is a CBOR
//! *envelope* (generation, message type, payload). This crate holds the three layers and nothing
//! else: no sockets, no processes, no clocks.
//!
//! ```
//! use msb_protocol::{FrameDecoder, Message, payload::Touched};
//!
//! let bytes = Message::new(7, &Touched { activity_seq: 42 })?.to_frame().encode()?;
//! let mut decoder = FrameDecoder::new();
//! decoder.push(&bytes);
//! let frame = decoder.next_frame()?.ok_or("incomplete")?;
//! let touched: Touched = Message::from_frame(&frame)?.decode()?;
//! assert_eq!(touched.activity_seq, 42);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod cbor;
pub mod constants;
mod data_frame;
mod decoder;
mod envelope;
pub mod flow;
mod frame;
pub mod heartbeat;
mod message;
mod message_type;
pub mod payload;
mod private;
pub mod template;

pub use cbor::CborError;
pub use constants::PROTOCOL_VERSION;
pub use data_frame::{DataFrameHead, decode_data_frame};
pub use decoder::FrameDecoder;
pub use envelope::{Envelope, EnvelopeError};
pub use frame::{Frame, FrameError};
pub use message::{Message, MessageError, Payload};
pub use message_type::{MessageType, UnknownMessageType};
pub use private::private_frame;
