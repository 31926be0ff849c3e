//! The root file system: out of disks (protocol section 14.2), or a folder of the host.
//!
//! We start in an initramfs, whose root can neither be unmounted nor given to pivot_root(2). So the
//! new root is moved over it and entered with chroot(2), as every initramfs does.

use std::fs::File;
use std::os::fd::OwnedFd;

use msb_protocol::constants::RUNTIME_MOUNT_POINT;
use msb_protocol::payload::{BootstrapBlockRoot, BootstrapBlockRootUpper};
use rustix::mount::{MountFlags, mount_bind, mount_move};
use rustix::process::{chdir, chroot};

use super::disk;
use super::error::{Context, InitError};
use super::mount::{detach_early_mounts, ensure_folder, essential_mounts, mount};
use super::shares;
use crate::share::ROOT_PORT;

const NEW_ROOT: &str = "/newroot";
const LOWER: &str = "/.msb/rootfs/lower";
const UPPER: &str = "/.msb/rootfs/upperfs";

/// Same budget as the share that other hosts put here.
const RUNTIME_OPTIONS: &str = "size=16777216,mode=755";

/// The agent's own folder, in memory: nothing of it stays on a disk.
///
/// # Errors
/// [`InitError`] when it cannot be mounted.
pub fn mount_runtime_folder() -> Result<(), InitError> {
    ensure_folder(RUNTIME_MOUNT_POINT)?;
    let flags = MountFlags::NODEV | MountFlags::NOSUID | MountFlags::RELATIME;
    mount(
        "tmpfs",
        RUNTIME_MOUNT_POINT,
        "tmpfs",
        flags,
        RUNTIME_OPTIONS,
    )
}

/// Puts the root together and enters it. What comes back keeps the writable layer within reach,
/// so that it can be made clean at the end.
///
/// # Errors
/// [`InitError`] naming the step.
pub fn enter(root: &BootstrapBlockRoot) -> Result<Option<OwnedFd>, InitError> {
    ensure_folder(NEW_ROOT)?;
    let upper = match root {
        BootstrapBlockRoot::DiskImage { device, fstype } => {
            disk::wait_for(device)?;
            disk::mount_disk(device, NEW_ROOT, fstype.as_deref(), MountFlags::empty())?;
            None
        }
        BootstrapBlockRoot::OciErofs { lower, upper } => Some(assemble_overlay(lower, upper)?),
    };
    switch_root()?;
    essential_mounts()?;
    Ok(upper)
}

/// Enters the folder that the host shares as the root; what is written there is written on the host.
///
/// # Errors
/// [`InitError`] naming the step.
pub fn enter_folder() -> Result<(), InitError> {
    ensure_folder(NEW_ROOT)?;
    shares::mount_folder(ROOT_PORT, "/dev/root", NEW_ROOT, MountFlags::RELATIME)?;
    switch_root()?;
    essential_mounts()
}

fn assemble_overlay(lower: &str, upper: &BootstrapBlockRootUpper) -> Result<OwnedFd, InitError> {
    ensure_folder(LOWER)?;
    disk::wait_for(lower)?;
    mount(lower, LOWER, "erofs", MountFlags::RDONLY, "")?;
    ensure_folder(UPPER)?;
    match upper {
        BootstrapBlockRootUpper::Device { device, fstype } => {
            disk::wait_for(device)?;
            mount(
                device,
                UPPER,
                fstype,
                MountFlags::empty(),
                upper_options(fstype),
            )?;
        }
        BootstrapBlockRootUpper::Tmpfs { size_mib } => {
            let size = size_mib.map(|mib| format!("size={},", u64::from(mib) << 20));
            let options = format!("{}mode=755", size.unwrap_or_default());
            mount("tmpfs", UPPER, "tmpfs", MountFlags::RELATIME, &options)?;
        }
    }
    let pin = File::open(UPPER).context(format_args!("open {UPPER}"))?;
    for folder in ["upper", "work"] {
        ensure_folder(format!("{UPPER}/{folder}"))?;
    }
    let layers = format!("lowerdir={LOWER},upperdir={UPPER}/upper,workdir={UPPER}/work");
    mount("overlay", NEW_ROOT, "overlay", MountFlags::empty(), &layers)?;
    Ok(pin.into())
}

/// An ext4 need not read the block bitmaps of all its groups when it is mounted: a new disk of 4 GiB has 32 of them, and
/// most sandboxes never write beyond the first.
fn upper_options(fstype: &str) -> &'static str {
    if fstype == "ext4" {
        "no_prefetch_block_bitmaps"
    } else {
        ""
    }
}

fn switch_root() -> Result<(), InitError> {
    let runtime = format!("{NEW_ROOT}{RUNTIME_MOUNT_POINT}");
    ensure_folder(&runtime)?;
    mount_bind(RUNTIME_MOUNT_POINT, &runtime).context("bind the agent's folder")?;
    detach_early_mounts();
    chdir(NEW_ROOT).context("enter the new root")?;
    mount_move(".", "/").context("move the new root")?;
    chroot(".").context("change root")?;
    chdir("/").context("enter /")
}
