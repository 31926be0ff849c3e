//! Payloads of `core.*` control messages (protocol section 6.1).

use serde::{Deserialize, Serialize};

/// `core.ready`: the agent accepts commands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// `CLOCK_BOOTTIME` when the agent started, in nanoseconds.
    pub boot_time_ns: u64,
    /// How long the guest's set-up took, in nanoseconds.
    pub init_time_ns: u64,
    /// `CLOCK_BOOTTIME` just before this message, in nanoseconds.
    pub ready_time_ns: u64,
    /// Version of the agent's package; empty when unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub agent_version: String,
    /// What this build offers beyond the generation; readers pass over names that they do not know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<String>,
}

/// A numeric user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserIds {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
}

/// `core.init.resolved`: who commands run as unless they say otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitResolved {
    /// The guest's default user.
    pub default_user: UserIds,
}

/// `core.touched`: the activity counter after a touch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touched {
    /// Grows by one with every meaningful event.
    pub activity_seq: u64,
}

/// `core.clock.sync`: the host's wall clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockSync {
    /// Nanoseconds since 1970.
    pub unix_time_nanos: u64,
}

/// `core.relay.client.disconnected`: the owner of an id range is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayClientDisconnected {
    /// First id of the range.
    pub id_start: u32,
    /// First id behind the range.
    pub id_end_exclusive: u32,
}

/// What was wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CoreErrorKind {
    /// Not a frame, or its body is no envelope.
    MalformedMessage,
    /// The receiver does not handle this type.
    UnsupportedMessageType,
    /// The sender's generation is not served.
    UnsupportedProtocolGeneration,
    /// The flags do not belong to the type.
    InvalidFlags,
    /// The payload does not fit the type.
    InvalidPayload,
    /// The id belongs to no session.
    InvalidSession,
}

/// `core.error`: a message could not be handled; the last word on its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoreError {
    /// What was wrong.
    pub kind: CoreErrorKind,
    /// The same for people.
    pub message: String,
    /// Wire name of the type the offending message had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offending_type: Option<String>,
}
