//! The agent's report of every second, a private message (guest to host).
//!
//! The reference's agent writes it into a folder that it shares with the host. Ours says it over the
//! port, and the host writes the file: a guest needs no shared folder for it.

use serde::{Deserialize, Serialize};

/// Type of the message.
pub const HEARTBEAT: &str = "core.heartbeat";

/// Payload of [`HEARTBEAT`]: what `heartbeat.json` holds (protocol section 19.1), and what only the
/// guest knows about its memory and its root file system. Sizes are in bytes; 0 memory in total
/// means that it could not be measured, and so do two zeros of the file system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Heartbeat {
    /// Grows by one with every report, from 1.
    pub heartbeat_seq: u64,
    /// Grows by one with every meaningful event.
    pub activity_seq: u64,
    /// RFC 3339, UTC.
    pub timestamp: String,
    /// The same, of the last meaningful event.
    pub last_activity: String,
    /// Processes under way.
    pub active_exec_sessions: u32,
    /// File streams, both ways.
    pub active_fs_streams: u32,
    /// TCP streams.
    pub active_tcp_streams: u32,
    /// Since the agent started.
    pub activity_counters: ActivityCounters,
    /// Memory that the kernel manages.
    pub memory_total: u64,
    /// What programs could still get of it.
    pub memory_available: u64,
    /// Used blocks of the writable part of the root file system.
    pub upper_used: u64,
    /// What everybody may still write there.
    pub upper_free: u64,
}

/// Counters of [`Heartbeat`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ActivityCounters {
    /// Frames from the host that count as activity.
    pub host_messages: u64,
    /// Frames to the host that count.
    pub guest_messages: u64,
    /// Output of processes, in bytes.
    pub exec_output_bytes: u64,
    /// File data both ways, in bytes.
    pub fs_bytes: u64,
    /// TCP data both ways, in bytes.
    pub tcp_bytes: u64,
}
