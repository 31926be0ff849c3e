//! Mounting, and the file systems every Linux program expects (protocol section 14.1).

use std::ffi::CString;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use msb_protocol::payload::MountFlags as Options;
use rustix::io::Errno;
use rustix::mount::MountFlags;

use super::error::{Context, InitError};

const KERNEL_VIEW: MountFlags = MountFlags::NODEV
    .union(MountFlags::NOEXEC)
    .union(MountFlags::NOSUID)
    .union(MountFlags::RELATIME);

const NO_PROGRAMS: MountFlags = MountFlags::NOEXEC
    .union(MountFlags::NOSUID)
    .union(MountFlags::RELATIME);

/// Target, type, flags; in this order.
const ESSENTIAL: [(&str, &str, MountFlags); 6] = [
    ("/dev", "devtmpfs", MountFlags::RELATIME),
    ("/proc", "proc", KERNEL_VIEW),
    ("/sys", "sysfs", KERNEL_VIEW),
    ("/sys/fs/cgroup", "cgroup2", KERNEL_VIEW),
    ("/dev/pts", "devpts", NO_PROGRAMS),
    ("/dev/shm", "tmpfs", NO_PROGRAMS),
];

/// What the kernel's `/dev` lacks. Images send logs to `/dev/stdout`.
const LINKS: [(&str, &str); 4] = [
    ("/proc/self/fd", "/dev/fd"),
    ("/proc/self/fd/0", "/dev/stdin"),
    ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"),
];

/// How many of [`ESSENTIAL`] the initramfs needs.
const EARLY: usize = 3;

/// Mounts what the agent itself needs to find its port and its disks.
///
/// # Errors
/// [`InitError::Mount`] for the first that fails.
pub fn early_mounts() -> Result<(), InitError> {
    ESSENTIAL[..EARLY]
        .iter()
        .try_for_each(|(target, kind, flags)| {
            ensure_folder(target)?;
            mount_unless_busy(kind, target, *flags)
        })
}

/// Mounts what programs expect, in the final root.
///
/// # Errors
/// [`InitError::Mount`] for the first that fails.
pub fn essential_mounts() -> Result<(), InitError> {
    for (target, kind, flags) in ESSENTIAL {
        ensure_folder(target)?;
        mount_unless_busy(kind, target, flags)?;
    }
    LINKS
        .iter()
        .try_for_each(|(target, link)| match symlink(target, link) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(error).context(format_args!("link {link}"))
            }
            _ => Ok(()),
        })
}

/// Lets go of the initramfs's own views, which the final root hides.
pub fn detach_early_mounts() {
    for (target, _, _) in &ESSENTIAL[..EARLY] {
        // One that stays costs nothing but a line in nobody's mount table.
        let _ = rustix::mount::unmount(*target, rustix::mount::UnmountFlags::DETACH);
    }
}

fn mount_unless_busy(kind: &str, target: &str, flags: MountFlags) -> Result<(), InitError> {
    match rustix::mount::mount(kind, target, kind, flags, None) {
        Ok(()) | Err(Errno::BUSY) => Ok(()),
        Err(error) => Err(InitError::Mount {
            target: target.to_owned(),
            source: error.into(),
        }),
    }
}

/// Mounts `source` of type `kind` at `target` with `data` as options of the file system.
///
/// # Errors
/// [`InitError::Mount`] with what the kernel said.
pub fn mount(
    source: &str,
    target: &str,
    kind: &str,
    flags: MountFlags,
    data: &str,
) -> Result<(), InitError> {
    let failed = |source| InitError::Mount {
        target: target.to_owned(),
        source,
    };
    let data = CString::new(data).map_err(|error| failed(io::Error::other(error)))?;
    rustix::mount::mount(source, target, kind, flags, data.as_c_str())
        .map_err(|error| failed(error.into()))
}

/// A folder with mode 0755, and its parents; fine when it is there.
///
/// # Errors
/// When it cannot be made.
pub fn ensure_folder(path: impl AsRef<Path>) -> Result<(), InitError> {
    let path = path.as_ref();
    std::fs::create_dir_all(path).context(format_args!("create folder {}", path.display()))
}

/// The kernel's flags for `options`.
#[must_use]
pub fn kernel_flags(options: Options) -> MountFlags {
    let mut flags = MountFlags::RELATIME;
    flags.set(MountFlags::RDONLY, options.readonly);
    flags.set(MountFlags::NOEXEC, options.noexec);
    flags.set(MountFlags::NOSUID, options.nosuid);
    flags.set(MountFlags::NODEV, options.nodev);
    flags
}
