//! Ports of the gateway for connections into the guest.

const FIRST: u16 = 49152;

/// Counts through 49152 to 65535, over and over.
pub struct EphemeralPorts(u16);

impl Default for EphemeralPorts {
    fn default() -> EphemeralPorts {
        EphemeralPorts(FIRST)
    }
}

impl EphemeralPorts {
    pub fn next(&mut self) -> u16 {
        let port = self.0;
        self.0 = self.0.checked_add(1).unwrap_or(FIRST);
        port
    }
}
