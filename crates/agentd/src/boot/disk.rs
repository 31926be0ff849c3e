//! Disks of the machine: waiting for them, finding them, mounting them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::mount::MountFlags;

use super::error::{Context, InitError};
use super::mount::mount;

const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(10);

/// Waits a moment until `device` exists.
///
/// # Errors
/// [`InitError::Invalid`] when it does not appear.
pub fn wait_for(device: &str) -> Result<(), InitError> {
    retry(|| Path::new(device).exists().then_some(()))
        .ok_or_else(|| InitError::Invalid(format!("block device {device} did not appear")))
}

/// The device whose serial is `id`.
///
/// # Errors
/// [`InitError::Invalid`] when no disk carries it.
pub fn by_serial(id: &str) -> Result<String, InitError> {
    retry(|| find_serial(Path::new("/sys/block"), id))
        .map(|name| format!("/dev/{name}"))
        .ok_or_else(|| InitError::Invalid(format!("no disk has the serial `{id}`")))
}

fn find_serial(blocks: &Path, id: &str) -> Option<String> {
    let mut names: Vec<String> = std::fs::read_dir(blocks)
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with("vd"))
        .collect();
    names.sort_unstable();
    names
        .into_iter()
        .find(|name| serial_of(&blocks.join(name)).is_some_and(|serial| serial == id))
}

/// Serial of a block device by its sysfs folder.
#[must_use]
pub fn serial_of(block: &Path) -> Option<String> {
    let serial = std::fs::read_to_string(block.join("serial")).ok()?;
    Some(serial.trim_end_matches(['\0', '\n']).to_owned())
}

fn retry<T>(mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    for _ in 0..ATTEMPTS {
        if let Some(found) = attempt() {
            return Some(found);
        }
        std::thread::sleep(PAUSE);
    }
    attempt()
}

/// Mounts `device` at `target`; without `fstype` every disk file system of this kernel is tried.
///
/// # Errors
/// [`InitError`] when none fits.
pub fn mount_disk(
    device: &str,
    target: &str,
    fstype: Option<&str>,
    flags: MountFlags,
) -> Result<(), InitError> {
    let attempt = |kind: &str| {
        // A read-only ext4 with a dirty journal would want to replay it.
        let journal = kind == "ext4" && flags.contains(MountFlags::RDONLY);
        mount(
            device,
            target,
            kind,
            flags,
            if journal { "noload" } else { "" },
        )
    };
    if let Some(kind) = fstype {
        return attempt(kind);
    }
    let known = std::fs::read_to_string("/proc/filesystems").context("read /proc/filesystems")?;
    if disk_file_systems(&known).any(|kind| attempt(kind).is_ok()) {
        return Ok(());
    }
    let text = format!("failed to mount {device} at {target}: no supported filesystem found");
    Err(InitError::Invalid(text))
}

/// The entries of `/proc/filesystems` that need a device.
fn disk_file_systems(known: &str) -> impl Iterator<Item = &str> {
    known
        .lines()
        .filter(|line| !line.starts_with("nodev"))
        .map(str::trim)
}

/// sysfs folder of the disk with the given position: 0 is vda.
#[must_use]
pub fn sysfs_of(position: usize) -> PathBuf {
    Path::new("/sys/block").join(format!("vd{}", letters(position)))
}

/// a, b, ... z, aa, ab, ...
fn letters(position: usize) -> String {
    let mut name = Vec::new();
    let mut rest = position + 1;
    while rest > 0 {
        rest -= 1;
        name.push(b"abcdefghijklmnopqrstuvwxyz"[rest % 26]);
        rest /= 26;
    }
    name.iter().rev().map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_file_systems_on_disks_are_tried() {
        let known = "nodev\tsysfs\n\text3\n\text4\nnodev\toverlay\n\terofs\n";
        assert_eq!(
            disk_file_systems(known).collect::<Vec<_>>(),
            ["ext3", "ext4", "erofs"]
        );
    }

    #[test]
    fn disks_are_named_like_the_kernel_does() {
        let names: Vec<String> = [0, 1, 25, 26, 27, 701, 702].map(letters).to_vec();
        assert_eq!(names, ["a", "b", "z", "aa", "ab", "zz", "aaa"]);
    }
}
