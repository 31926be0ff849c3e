//! Flow control of one client, a private message (host to guest).
//!
//! All clients share the port, and the protocol has no credit: a host that stopped reading because of one client
//! would stop all of them. So it says instead whose output is to wait, and the agent reads that client's processes,
//! files and connections no more. It is sent only to an agent that names [`EXTENSION`] in `core.ready`.

use serde::{Deserialize, Serialize};

/// Type of the message.
pub const CLIENT_FLOW: &str = "core.relay.client.flow";

/// What an agent that knows [`CLIENT_FLOW`] lists in `core.ready`.
pub const EXTENSION: &str = "client-flow";

/// Payload of [`CLIENT_FLOW`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientFlow {
    /// First id of the client.
    pub id_start: u32,
    /// First id behind the client's.
    pub id_end_exclusive: u32,
    /// Whether its output waits from now on, or flows again.
    pub held: bool,
}
