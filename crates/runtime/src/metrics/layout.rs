//! Where things stand in the registry, version 3. Native byte order, which is little-endian on all hosts.
//!
//! A header of 256 bytes, then one slot of 512 bytes a sandbox. Readers find it by name, also those of other
//! programs and older releases: nothing here may move without another version, which is part of the name.

pub const MAGIC: u64 = u64::from_le_bytes([0x4d, 0x53, 0x42, 0x4d, 0x45, 0x54, 0x30, 0x31]);
pub const VERSION: u32 = 3;
pub const HEADER_LEN: usize = 256;
pub const SLOT_LEN: usize = 512;
pub const DEFAULT_CAPACITY: u32 = 1024;
/// Bounds what a header can make us map.
pub const MAX_CAPACITY: u32 = 65_536;

/// Offsets in the header.
pub mod header {
    pub const MAGIC: usize = 0x00;
    pub const VERSION: usize = 0x08;
    pub const HEADER_LEN: usize = 0x0c;
    pub const SLOT_LEN: usize = 0x10;
    pub const CAPACITY: usize = 0x14;
    pub const STATE: usize = 0x18;
    pub const CREATED_AT_MS: usize = 0x20;
    /// Grows with every change of a slot's owner.
    pub const GENERATION: usize = 0x28;
}

/// Values of [`header::STATE`].
pub mod registry_state {
    pub const INITIALISING: u32 = 1;
    pub const READY: u32 = 2;
}

/// Offsets in a slot.
pub mod slot {
    pub const STATE: usize = 0x00;
    /// The registry's at the moment the slot changed hands.
    pub const GENERATION: usize = 0x08;
    /// Odd while the writer is at it.
    pub const SEQUENCE: usize = 0x10;
    /// Sandbox id in the low half, run id in the high half.
    pub const SANDBOX_AND_RUN: usize = 0x18;
    pub const PID: usize = 0x20;
    pub const STARTED_AT_MS: usize = 0x28;
    pub const SAMPLED_AT_MS: usize = 0x30;
    pub const FLAGS: usize = 0x38;
    pub const MEMORY_LIMIT: usize = 0x40;
    pub const VCPU_TIME_NS: usize = 0x48;
    /// Bits of an `f32`.
    pub const CPU_PERCENT: usize = 0x50;
    pub const MEMORY_USED: usize = 0x58;
    pub const MEMORY_AVAILABLE: usize = 0x60;
    pub const HOST_RESIDENT: usize = 0x68;
    pub const DISK_READ: usize = 0x70;
    pub const DISK_WRITE: usize = 0x78;
    pub const NET_RX: usize = 0x80;
    pub const NET_TX: usize = 0x88;
    pub const UPPER_USED: usize = 0x90;
    pub const UPPER_FREE: usize = 0x98;
    pub const UPPER_HOST_ALLOCATED: usize = 0xa0;
    /// `u16`; the rest of the word is padding.
    pub const NAME_LEN: usize = 0xa8;
    pub const NAME: usize = 0xb0;
    pub const NAME_SIZE: usize = 128;
}

/// Values of [`slot::STATE`].
pub mod slot_state {
    pub const FREE: u32 = 0;
    pub const RESERVED: u32 = 1;
    pub const ACTIVE: u32 = 2;
    pub const STALE: u32 = 3;
}

/// Bits of [`slot::FLAGS`]: which figures were measured.
pub mod flag {
    pub const CPU: u32 = 1;
    pub const MEMORY_USED: u32 = 2;
    pub const MEMORY_AVAILABLE: u32 = 4;
    pub const HOST_RESIDENT: u32 = 8;
    pub const UPPER_USED: u32 = 16;
    pub const UPPER_FREE: u32 = 32;
    pub const UPPER_HOST_ALLOCATED: u32 = 64;
}

/// Bytes of a registry with so many slots.
pub fn registry_len(capacity: u32) -> usize {
    HEADER_LEN + capacity as usize * SLOT_LEN
}
