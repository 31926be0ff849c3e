//! The program that the kernel starts for each event of a device.

/// Holds the path of that program; an empty one means none.
const SETTING: &str = "/sys/kernel/uevent_helper";

/// Has the kernel start none. Else each device that comes costs a fork, an exec and an exit, and an image that
/// carries `/sbin/hotplug` would have it run as root before anything else. Programs that care about devices listen
/// on netlink.
pub fn forbid() {
    // A kernel without this setting starts none anyway.
    let _ = std::fs::write(SETTING, "\n");
}
