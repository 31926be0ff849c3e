//! Folders of the host: FUSE on console ports.
//!
//! The host serves the n-th share on the port `fs.n`. Shares are numbered in the order root (when the bootstrap names
//! no `block_root`), `dir_mounts`, `file_mounts`. The kernel's FUSE messages travel as they are: each begins with
//! its length, so the byte stream needs no frames of its own.

mod answers;
mod foresight;
mod message;
mod opcode;
mod outbox;
mod pending;
mod pump;

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

use msb_protocol::payload::GuestBootstrap;
use rustix::fs::{major, minor, stat};
use rustix::mount::{MountFlags, mount};

use crate::port;

/// Read ahead by as much as one request carries; the kernel's own idea is an eighth of it.
const READ_AHEAD_KIB: u32 = 1024;

/// Name of the port that serves the root file system, when a folder is one.
pub const ROOT_PORT: usize = 0;

/// Number of the first port that serves a folder of `dir_mounts`.
#[must_use]
pub fn first_folder_port(bootstrap: &GuestBootstrap) -> usize {
    usize::from(bootstrap.block_root.is_none())
}

/// Number of the first port that serves a file of `file_mounts`.
#[must_use]
pub fn first_file_port(bootstrap: &GuestBootstrap) -> usize {
    first_folder_port(bootstrap) + bootstrap.dir_mounts.len()
}

/// Mounts the share on port `number` at `target`, with `tag` as the name in the mount table. Threads of their own
/// carry its messages from then on, and nothing else.
///
/// # Errors
/// When there is no such port, or when the kernel or the host refuses.
pub fn mount_share(number: usize, tag: &str, target: &str, flags: MountFlags) -> io::Result<()> {
    let port = port::open_named(&format!("fs.{number}"))?;
    let fuse = File::options().read(true).write(true).open("/dev/fuse")?;
    let options = format!(
        "fd={},rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other",
        fuse.as_raw_fd()
    );
    let options = CString::new(options).map_err(io::Error::other)?;
    mount(tag, target, "fuse", flags, options.as_c_str())?;
    pump::start(number, port, fuse)?;
    // The first question that the host answers: a share that does not work fails the boot here.
    let device = stat(target)?.st_dev;
    let name = format!("{}:{}", major(device), minor(device));
    let read_ahead = Path::new("/sys/class/bdi").join(name).join("read_ahead_kb");
    // Slower without, but right.
    let _ = std::fs::write(read_ahead, READ_AHEAD_KIB.to_string());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use msb_protocol::payload::{BootstrapBlockRoot, BootstrapDirMount, MountFlags};

    #[test]
    fn ports_are_numbered_root_folders_files() {
        let mut bootstrap = GuestBootstrap::default();
        bootstrap.dir_mounts.push(BootstrapDirMount {
            tag: "t".into(),
            guest_path: "/data".into(),
            flags: MountFlags::default(),
        });
        assert_eq!(
            (first_folder_port(&bootstrap), first_file_port(&bootstrap)),
            (1, 2)
        );
        bootstrap.block_root = Some(BootstrapBlockRoot::DiskImage {
            device: "/dev/vda".into(),
            fstype: None,
        });
        assert_eq!(
            (first_folder_port(&bootstrap), first_file_port(&bootstrap)),
            (0, 1)
        );
    }
}
