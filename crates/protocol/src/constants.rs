//! Numbers and names that both sides of the protocol agree on.

/// The protocol generation this crate speaks; it is stamped into every envelope.
pub const PROTOCOL_VERSION: u8 = 7;

/// First generation whose agents understand `core.error`.
pub const FIRST_VERSION_WITH_ERRORS: u8 = 5;

/// First generation that hands its configuration over as `core.bootstrap`.
pub const FIRST_VERSION_WITH_BOOTSTRAP: u8 = 7;

/// Bytes of the length prefix in front of every frame.
pub const LENGTH_PREFIX_SIZE: usize = 4;

/// Bytes between the length prefix and the body: correlation id and flags.
pub const FRAME_HEADER_SIZE: usize = 5;

/// Largest value of a frame's length prefix (id + flags + body), in bytes.
pub const MAX_FRAME_SIZE: usize = 4 * 1024 * 1024;

/// Largest piece of a file that one `core.fs.data` carries, in bytes.
pub const FS_CHUNK_SIZE: usize = 3 * 1024 * 1024;

/// Last message for its correlation id.
pub const FLAG_TERMINAL: u8 = 0x01;

/// First message of a session.
pub const FLAG_SESSION_START: u8 = 0x02;

/// The guest is asked to power off.
pub const FLAG_SHUTDOWN: u8 = 0x04;

/// Name of the console port that carries the frames.
pub const AGENT_PORT_NAME: &str = "agent";

/// Clients that a relay serves at once.
pub const RELAY_MAX_CLIENTS: u32 = 128;

/// Correlation ids per relay client: `floor(0xFFFF_FFFF / 128)`.
pub const RELAY_ID_RANGE_STEP: u32 = u32::MAX / RELAY_MAX_CLIENTS;

/// Where the agent keeps what belongs to it in the guest.
pub const RUNTIME_MOUNT_POINT: &str = "/.msb";

/// Handoff command that stands for the first of [`HANDOFF_INIT_AUTO_CANDIDATES`] that the guest has.
pub const HANDOFF_INIT_AUTO: &str = "auto";

/// Where an init is usually found.
pub const HANDOFF_INIT_AUTO_CANDIDATES: [&str; 3] = [
    "/sbin/init",
    "/lib/systemd/systemd",
    "/usr/lib/systemd/systemd",
];

/// How long a foreign init gets to stop its services.
pub const HANDOFF_POWEROFF_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// Scripts that stand in front of every guest `PATH`.
pub const SCRIPTS_PATH: &str = "/.msb/scripts";
