//! Before the bootstrap: becoming a template, and waking from one.
//!
//! A template knows no image, no user, no secret. Everything that must differ from guest to guest
//! comes with [`TemplateWake`] or the bootstrap. Most failures here are logged, not fatal: a template
//! that is not as small as it could be still works, and the host corrects the clock later. Random
//! numbers are the exception.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;

use msb_protocol::template::{TemplateReady, TemplateWake};

use super::device::{self, DeviceKind};
use super::disk;
use super::handshake::BeforeBootstrap;
use crate::memory::Memory;
use crate::{clock, sys};

/// Available memory that is never claimed. The kernel's own reserves are not part of what it calls
/// available, so this is what stands between us and an out-of-memory panic.
const RESERVE_BYTES: u64 = 4 << 20;

/// Memory claimed at once.
const PIECE_BYTES: u64 = 1 << 20;

/// The guest's side of warm boot.
#[derive(Debug, Default)]
pub struct Template {
    /// Serials of the disks, when the host named them.
    disks: Option<Vec<String>>,
    /// Whether the disks were taken from their driver.
    without_disks: bool,
}

impl BeforeBootstrap for Template {
    fn prepare_template(&mut self) -> TemplateReady {
        let start = clock::boot_time_nanos();
        self.without_disks = true;
        let unbound_devices = logged("unbind disks", device::unbind(DeviceKind::Block));
        logged("drop caches", fs::write("/proc/sys/vm/drop_caches", "3"));
        let zeroed_bytes = zero_free_memory();
        let prepare_time_ns = clock::boot_time_nanos() - start;
        TemplateReady {
            unbound_devices,
            zeroed_bytes,
            prepare_time_ns,
        }
    }

    fn wake(&mut self, wake: TemplateWake) -> io::Result<()> {
        if !wake.entropy.is_empty() {
            add_entropy(&wake.entropy)?;
        }
        if wake.unix_time_nanos != 0 {
            logged("set clock", clock::synchronise(wake.unix_time_nanos));
        }
        self.disks = wake.disks;
        Ok(())
    }
}

impl Template {
    /// Gives the disks to their driver, and takes the network card away if none is used. A template's disks
    /// differ from those of whoever wakes from it, so they were let go; all network cards are alike but for the
    /// address, and binding one costs an emulated guest more than anything else of its network.
    ///
    /// # Errors
    /// When a driver refuses, or a disk is not the one that the host meant.
    pub fn bind_devices(&self, with_network: bool) -> Result<(), String> {
        if self.without_disks {
            let limit = self.disks.as_ref().map_or(usize::MAX, Vec::len);
            device::bind(DeviceKind::Block, limit).map_err(|error| error.to_string())?;
        }
        if !with_network {
            device::unbind(DeviceKind::Net).map_err(|error| error.to_string())?;
        }
        let expected = self.disks.iter().flatten().enumerate();
        expected
            .filter(|(_, serial)| !serial.is_empty())
            .try_for_each(check_serial)
    }
}

fn check_serial((position, expected): (usize, &String)) -> Result<(), String> {
    let block = disk::sysfs_of(position);
    let device = block
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    match disk::serial_of(&block) {
        Some(serial) if serial == *expected => Ok(()),
        Some(serial) => Err(format!(
            "disk {device} is `{serial}`, expected `{expected}`"
        )),
        None => Err(format!("disk {device} with serial `{expected}` is missing")),
    }
}

fn add_entropy(bytes: &[u8]) -> io::Result<()> {
    let device = File::options().write(true).open("/dev/urandom")?;
    sys::add_entropy(device.as_fd(), bytes)
}

/// Free memory still holds what it was used for; taking it makes the kernel zero it, and pages of
/// zeros cost nothing to save. Says how much that was.
fn zero_free_memory() -> u64 {
    let mut pieces = Vec::new();
    while Memory::now().available > RESERVE_BYTES + PIECE_BYTES {
        let Ok(piece) = usize::try_from(PIECE_BYTES).map_err(io::Error::other) else {
            break;
        };
        match sys::claim_zeroed(piece) {
            Ok(memory) => pieces.push(memory),
            Err(_) => break,
        }
    }
    pieces.len() as u64 * PIECE_BYTES
}

fn logged<T: Default>(what: &str, result: io::Result<T>) -> T {
    result.unwrap_or_else(|error| {
        eprintln!("agentd: {what}: {error}");
        T::default()
    })
}
