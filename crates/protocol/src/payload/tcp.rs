//! Payloads of `core.tcp.*` (protocol section 6.4).

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// `core.tcp.connect`: open a socket from inside the guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpConnect {
    /// Name or address, resolved in the guest.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// `core.tcp.data`: bytes of the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpData {
    /// The bytes.
    pub data: ByteBuf,
}

/// `core.tcp.failed`: the stream failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpFailed {
    /// Why.
    pub error: String,
}
