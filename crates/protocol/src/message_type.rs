//! The table of message types (protocol section 4). It only ever grows.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::constants::{FLAG_SESSION_START, FLAG_SHUTDOWN, FLAG_TERMINAL};

/// A type that this generation does not know.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[error("unknown message type: {0}")]
pub struct UnknownMessageType(pub String);

macro_rules! message_types {
    ($($(#[$doc:meta])* $name:ident = $wire:literal, since $since:literal, flags $flags:expr;)*) => {
        /// What a message is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum MessageType { $($(#[$doc])* $name,)* }

        impl MessageType {
            /// Every type, in the order of the schema snapshot.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name on the wire.
            #[must_use]
            pub const fn wire(self) -> &'static str {
                match self { $(Self::$name => $wire,)* }
            }

            /// The generation that introduced it.
            #[must_use]
            pub const fn since(self) -> u8 {
                match self { $(Self::$name => $since,)* }
            }

            /// The flags every frame of this type carries.
            #[must_use]
            pub const fn flags(self) -> u8 {
                match self { $(Self::$name => $flags,)* }
            }
        }

        impl FromStr for MessageType {
            type Err = UnknownMessageType;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($wire => Ok(Self::$name),)*
                    _ => Err(UnknownMessageType(text.to_owned())),
                }
            }
        }
    };
}

message_types! {
    /// The agent accepts commands.
    Ready = "core.ready", since 1, flags 0;
    /// The guest's default user is known.
    InitResolved = "core.init.resolved", since 1, flags 0;
    /// The host finished what depends on the default user.
    InitAck = "core.init.ack", since 1, flags 0;
    /// Power off.
    Shutdown = "core.shutdown", since 1, flags FLAG_SHUTDOWN;
    /// A relay client is gone.
    RelayClientDisconnected = "core.relay.client.disconnected", since 1, flags 0;
    /// Step the wall clock.
    ClockSync = "core.clock.sync", since 1, flags 0;
    /// Are you there?
    Ping = "core.ping", since 6, flags 0;
    /// Answer to a ping.
    Pong = "core.pong", since 6, flags FLAG_TERMINAL;
    /// Count as activity.
    Touch = "core.touch", since 6, flags 0;
    /// Answer to a touch.
    Touched = "core.touched", since 6, flags FLAG_TERMINAL;
    /// A message could not be handled.
    Error = "core.error", since 5, flags FLAG_TERMINAL;
    /// Start a process.
    ExecRequest = "core.exec.request", since 1, flags FLAG_SESSION_START;
    /// The process runs.
    ExecStarted = "core.exec.started", since 1, flags 0;
    /// Input of the process; empty data is the end.
    ExecStdin = "core.exec.stdin", since 1, flags 0;
    /// Input could not be delivered.
    ExecStdinError = "core.exec.stdin.error", since 1, flags 0;
    /// Output, or everything a terminal shows.
    ExecStdout = "core.exec.stdout", since 1, flags 0;
    /// Error output.
    ExecStderr = "core.exec.stderr", since 1, flags 0;
    /// The process ended.
    ExecExited = "core.exec.exited", since 1, flags FLAG_TERMINAL;
    /// The process never ran.
    ExecFailed = "core.exec.failed", since 1, flags FLAG_TERMINAL;
    /// New size of the terminal.
    ExecResize = "core.exec.resize", since 1, flags 0;
    /// Signal to the process group.
    ExecSignal = "core.exec.signal", since 1, flags 0;
    /// One file system operation.
    FsRequest = "core.fs.request", since 2, flags FLAG_SESSION_START;
    /// Its result.
    FsResponse = "core.fs.response", since 2, flags FLAG_TERMINAL;
    /// A piece of a file.
    FsData = "core.fs.data", since 2, flags 0;
    /// Open a socket from inside the guest.
    TcpConnect = "core.tcp.connect", since 4, flags FLAG_SESSION_START;
    /// The socket is connected.
    TcpConnected = "core.tcp.connected", since 4, flags 0;
    /// Bytes of the stream.
    TcpData = "core.tcp.data", since 4, flags 0;
    /// One direction ended.
    TcpEof = "core.tcp.eof", since 4, flags 0;
    /// Tear the stream down.
    TcpClose = "core.tcp.close", since 4, flags 0;
    /// The stream is gone.
    TcpClosed = "core.tcp.closed", since 4, flags FLAG_TERMINAL;
    /// The stream failed.
    TcpFailed = "core.tcp.failed", since 4, flags FLAG_TERMINAL;
    /// Configuration of the guest; the first frame it gets.
    Bootstrap = "core.bootstrap", since 7, flags 0;
}

impl fmt::Display for MessageType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.wire())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_read_back() {
        for kind in MessageType::ALL {
            assert_eq!(kind.wire().parse(), Ok(*kind));
            assert_eq!(
                MessageType::ALL
                    .iter()
                    .filter(|k| k.wire() == kind.wire())
                    .count(),
                1
            );
        }
        assert_eq!(MessageType::ALL.len(), 32);
        assert_eq!(
            "core.nope".parse::<MessageType>().unwrap_err().to_string(),
            "unknown message type: core.nope"
        );
    }
}
