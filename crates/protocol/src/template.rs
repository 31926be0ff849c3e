//! Private messages of warm boot, exchanged before `core.bootstrap` and never afterwards.
//!
//! No client ever sees them, because the relay accepts clients only after `core.ready`. They are
//! framed by [`crate::private_frame`].
//!
//! | type | direction | payload |
//! | --- | --- | --- |
//! | `core.template.prepare` | host to guest | `{}` |
//! | `core.template.ready` | guest to host | [`TemplateReady`] |
//! | `core.template.wake` | host to guest | [`TemplateWake`] |

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// Let go of all devices and of all memory, then wait.
pub const TEMPLATE_PREPARE: &str = "core.template.prepare";

/// The guest's memory may be saved now.
pub const TEMPLATE_READY: &str = "core.template.ready";

/// What must differ from guest to guest. Welcome in front of any bootstrap, not only after a
/// warm start.
pub const TEMPLATE_WAKE: &str = "core.template.wake";

/// Payload of [`TEMPLATE_READY`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateReady {
    /// Devices that were let go.
    pub unbound_devices: u32,
    /// Free memory that is zero now, in bytes.
    pub zeroed_bytes: u64,
    /// How long it took, in nanoseconds.
    pub prepare_time_ns: u64,
}

/// Payload of [`TEMPLATE_WAKE`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TemplateWake {
    /// Random bytes of the host, credited to the guest's generator.
    pub entropy: ByteBuf,
    /// The host's wall clock, nanoseconds since 1970; 0 leaves the guest's alone.
    pub unix_time_nanos: u64,
    /// Serial of each disk in the order of the devices (vda, vdb, ...); an empty serial is not
    /// checked, devices behind the list stay unbound. `None` binds all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disks: Option<Vec<String>>,
}
