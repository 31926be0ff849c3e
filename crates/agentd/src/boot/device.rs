//! Virtio devices and their drivers, for templates: of a device without driver a saved state knows nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Virtio's numbers of device kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceKind {
    /// Network card.
    Net = 1,
    /// Disk.
    Block = 2,
}

impl DeviceKind {
    fn driver(self) -> &'static str {
        match self {
            Self::Net => "virtio_net",
            Self::Block => "virtio_blk",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Device {
    name: String,
    number: u32,
    kind: DeviceKind,
    bound: bool,
}

const BUS: &str = "/sys/bus/virtio";

/// Takes every device of `kind` from its driver; says how many there were.
///
/// # Errors
/// When the driver does not let go.
pub fn unbind(kind: DeviceKind) -> io::Result<u32> {
    let mut count = 0;
    let devices = list(Path::new(BUS))?;
    for device in devices.iter().filter(|d| d.kind == kind && d.bound) {
        tell_driver(device, "unbind")?;
        count += 1;
    }
    Ok(count)
}

/// Gives the first `limit` devices of `kind` to their driver, in the order of their numbers: that
/// is what makes the first one vda. Bound ones count but stay.
///
/// # Errors
/// When the driver refuses.
pub fn bind(kind: DeviceKind, limit: usize) -> io::Result<()> {
    let devices = list(Path::new(BUS))?;
    let wanted = devices
        .iter()
        .filter(|device| device.kind == kind)
        .take(limit);
    for device in wanted.filter(|device| !device.bound) {
        tell_driver(device, "bind")?;
    }
    Ok(())
}

fn tell_driver(device: &Device, order: &str) -> io::Result<()> {
    let file: PathBuf = [BUS, "drivers", device.kind.driver(), order]
        .iter()
        .collect();
    fs::write(&file, &device.name)
        .map_err(|error| io::Error::new(error.kind(), format!("{order} {}: {error}", device.name)))
}

/// Disks and network cards in the order of their numbers; the folder itself is unsorted.
fn list(bus: &Path) -> io::Result<Vec<Device>> {
    let mut devices = Vec::new();
    for entry in fs::read_dir(bus.join("devices"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let number = name
            .strip_prefix("virtio")
            .and_then(|digits| digits.parse().ok());
        if let (Some(number), Some(kind)) = (number, kind_of(&entry.path())) {
            let bound = entry.path().join("driver").exists();
            devices.push(Device {
                name,
                number,
                kind,
                bound,
            });
        }
    }
    devices.sort_by_key(|device| device.number);
    Ok(devices)
}

fn kind_of(device: &Path) -> Option<DeviceKind> {
    match fs::read_to_string(device.join("device")).ok()?.trim() {
        "0x0001" => Some(DeviceKind::Net),
        "0x0002" => Some(DeviceKind::Block),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_come_in_numeric_order_and_others_are_left_alone() {
        let bus = std::env::temp_dir().join(format!("agentd-bus-{}", std::process::id()));
        for (name, kind, bound) in [
            ("virtio10", "0x0002", true),
            ("virtio9", "0x0002", false),
            ("virtio2", "0x0001", true),
            ("virtio0", "0x0003", true),
        ] {
            let device = bus.join("devices").join(name);
            fs::create_dir_all(&device).unwrap();
            fs::write(device.join("device"), format!("{kind}\n")).unwrap();
            if bound {
                fs::create_dir_all(device.join("driver")).unwrap();
            }
        }
        let found: Vec<_> = list(&bus)
            .unwrap()
            .into_iter()
            .map(|d| (d.number, d.kind, d.bound))
            .collect();
        fs::remove_dir_all(&bus).unwrap();
        assert_eq!(
            found,
            [
                (2, DeviceKind::Net, true),
                (9, DeviceKind::Block, false),
                (10, DeviceKind::Block, true)
            ]
        );
    }
}
