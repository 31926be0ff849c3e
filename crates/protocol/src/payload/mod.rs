//! Payloads of every message type (protocol sections 6 and 7). Field order is wire order.

mod bootstrap;
mod core;
mod exec;
mod fs;
mod fs_path;
mod tcp;

pub use bootstrap::*;
pub use core::*;
pub use exec::*;
pub use fs::*;
pub use fs_path::*;
pub use tcp::*;

/// Ties each payload to the message type it travels under.
macro_rules! payloads {
    ($($payload:ident => $kind:ident,)*) => {
        $(impl crate::message::Payload for $payload {
            const TYPE: crate::message_type::MessageType = crate::message_type::MessageType::$kind;
        })*
    };
}

payloads! {
    Ready => Ready,
    InitResolved => InitResolved,
    RelayClientDisconnected => RelayClientDisconnected,
    ClockSync => ClockSync,
    Touched => Touched,
    CoreError => Error,
    ExecRequest => ExecRequest,
    ExecStarted => ExecStarted,
    ExecStdin => ExecStdin,
    ExecStdinError => ExecStdinError,
    ExecStdout => ExecStdout,
    ExecStderr => ExecStderr,
    ExecExited => ExecExited,
    ExecFailed => ExecFailed,
    ExecResize => ExecResize,
    ExecSignal => ExecSignal,
    FsRequest => FsRequest,
    FsResponse => FsResponse,
    FsData => FsData,
    TcpConnect => TcpConnect,
    TcpData => TcpData,
    TcpFailed => TcpFailed,
    GuestBootstrap => Bootstrap,
}
