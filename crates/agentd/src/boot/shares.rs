//! Folders and files of the host at their places in the guest (protocol section 14.3).

use std::fs::{File, remove_dir};
use std::path::Path;

use msb_protocol::payload::BootstrapFileMount;
use rustix::mount::{MountFlags, UnmountFlags, mount_bind, mount_remount, unmount};

use super::error::{Context, InitError};
use super::mount::ensure_folder;
use crate::share::mount_share;

/// Where shares of files are mounted until the file is in its place.
const STAGING: &str = "/.msb/file-mounts";

/// Mounts the share of port `port` at `target`, which exists.
///
/// # Errors
/// [`InitError`] with what the kernel or the host said.
pub fn mount_folder(
    port: usize,
    tag: &str,
    target: &str,
    flags: MountFlags,
) -> Result<(), InitError> {
    mount_share(port, tag, target, flags).map_err(|source| InitError::Mount {
        target: target.to_owned(),
        source,
    })
}

/// Puts the one file of a share at `target`, which is made when it is missing.
///
/// # Errors
/// [`InitError`] naming the step.
pub fn mount_file(
    port: usize,
    spec: &BootstrapFileMount,
    target: &str,
    flags: MountFlags,
) -> Result<(), InitError> {
    let staging = format!("{STAGING}/{}", spec.tag);
    ensure_folder(&staging)?;
    mount_folder(port, &spec.tag, &staging, flags)?;
    if let Some(parent) = Path::new(target).parent() {
        ensure_folder(parent)?;
    }
    if !Path::new(target).exists() {
        File::create(target).context(format_args!("create {target}"))?;
    }
    mount_bind(format!("{staging}/{}", spec.filename), target)
        .context(format_args!("bind {target}"))?;
    mount_remount(target, MountFlags::BIND | flags, "")
        .context(format_args!("remount {target}"))?;
    unmount(&*staging, UnmountFlags::DETACH).context(format_args!("detach {staging}"))?;
    remove_dir(&staging).context(format_args!("remove {staging}"))?;
    // Stays as long as another file is staged.
    let _ = remove_dir(STAGING);
    Ok(())
}
