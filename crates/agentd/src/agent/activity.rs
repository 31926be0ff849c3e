//! What the heartbeat tells about how busy the guest is (protocol section 19.1).

use std::time::SystemTime;

/// Counters since the agent started.
#[derive(Debug, Clone)]
pub struct Activity {
    /// Grows by one with every meaningful event.
    pub sequence: u64,
    /// When that was last.
    pub last: SystemTime,
    /// Frames from the host that count.
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

impl Activity {
    /// No activity yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            sequence: 0,
            last: SystemTime::now(),
            host_messages: 0,
            guest_messages: 0,
            exec_output_bytes: 0,
            fs_bytes: 0,
            tcp_bytes: 0,
        }
    }

    /// A frame of the host that counts.
    pub fn heard(&mut self) {
        self.host_messages += 1;
        self.happened();
    }

    /// A frame to the host that counts.
    pub fn said(&mut self) {
        self.guest_messages += 1;
        self.happened();
    }

    fn happened(&mut self) {
        self.sequence += 1;
        self.last = SystemTime::now();
    }
}

impl Default for Activity {
    fn default() -> Self {
        Self::new()
    }
}
