//! The end of the guest: processes first, then file systems, then the machine (protocol section
//! 19.4).

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use msb_protocol::constants::HANDOFF_POWEROFF_TIMEOUT;
use rustix::fs::sync;
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount_remount, unmount};
use rustix::process::{Signal, WaitOptions, wait};
use rustix::system::{RebootCommand, reboot};

use crate::sys::{signal_everyone, signal_init};

/// How long processes may take to end by themselves.
const GRACE: Duration = Duration::from_millis(300);

/// How long the kernel may take to end them.
const KILL_LIMIT: Duration = Duration::from_millis(300);

const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// File systems without anything to save.
const PSEUDO: [&str; 23] = [
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "ramfs",
    "rootfs",
    "securityfs",
    "selinuxfs",
    "sysfs",
    "tmpfs",
    "tracefs",
];

/// Ends everything and restarts the machine, which the VMM takes as its end: without ACPI a
/// power-off would only halt the processor. Every step is best effort.
pub fn power_off(upper: Option<OwnedFd>) -> ! {
    sync();
    if !is_process_1() {
        ask_init_to_power_off();
    }
    end_processes();
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    for path in disk_mounts(&mounts).into_iter().rev() {
        if unmount(&*path, UnmountFlags::empty()).is_err() {
            let _ = mount_remount(&*path, MountFlags::RDONLY, "");
        }
    }
    if let Some(upper) = upper {
        // The layer is mounted where no path leads to any more.
        let path = format!("/proc/self/fd/{}", upper.as_raw_fd());
        let _ = mount_remount(path, MountFlags::RDONLY, "");
    }
    sync();
    restart()
}

/// SIGRTMIN+4 as a C library for systemd counts it: "power off". Our own C library counts otherwise.
const POWER_OFF_SIGNAL: i32 = 38;

fn is_process_1() -> bool {
    std::process::id() == 1
}

/// Leaves the end to an init that took over, for a while: it knows how to stop its services. One that does not listen
/// for the signal is not waited for.
fn ask_init_to_power_off() {
    let status = std::fs::read_to_string("/proc/1/status").unwrap_or_default();
    if !listens_for(&status, POWER_OFF_SIGNAL) {
        return;
    }
    signal_init(POWER_OFF_SIGNAL);
    std::thread::sleep(HANDOFF_POWEROFF_TIMEOUT);
}

/// Whether a process catches `signal`, or blocks it to read it from a descriptor, by its `/proc/PID/status`.
fn listens_for(status: &str, signal: i32) -> bool {
    let masks = status.lines().filter_map(|line| {
        let mask = line
            .strip_prefix("SigCgt:")
            .or_else(|| line.strip_prefix("SigBlk:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    });
    masks.fold(0, std::ops::BitOr::bitor) & (1 << (signal - 1)) != 0
}

/// Restarts the machine at once.
pub fn restart() -> ! {
    let error = reboot(RebootCommand::Restart);
    eprintln!("agentd: restart: {error:?}");
    // Process 1 must not end; the host sees that the machine does not and ends it.
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

fn end_processes() {
    for (signal, limit) in [(Signal::TERM, GRACE), (Signal::KILL, KILL_LIMIT)] {
        signal_everyone(signal);
        let deadline = Instant::now() + limit;
        let ended = all_ended(deadline);
        if !is_process_1() {
            // Most processes are children of the other init.
            std::thread::sleep(deadline.saturating_duration_since(Instant::now()));
        } else if ended {
            return;
        }
    }
}

/// Collects children until none is left; false when `deadline` passed first.
fn all_ended(deadline: Instant) -> bool {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Err(_) => return true,
            Ok(None) if Instant::now() >= deadline => return false,
            Ok(None) => std::thread::sleep(POLL_INTERVAL),
        }
    }
}

/// Mount points with something to save, in the order they were mounted.
fn disk_mounts(mounts: &str) -> Vec<String> {
    let path_of = |line: &str| {
        let mut fields = line.split(' ');
        let path = fields.nth(1)?;
        let kind = fields.next()?;
        (!PSEUDO.contains(&kind)).then(|| unescape(path))
    };
    mounts.lines().filter_map(path_of).collect()
}

/// Blanks and the like stand in the mount table as `\040`.
fn unescape(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail
            .get(..3)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) if *first == b'\\' => {
                bytes.push(byte);
                rest = &tail[3..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_something_to_save_is_unmounted() {
        let mounts = "overlay / overlay rw,relatime 0 0\ndevtmpfs /dev devtmpfs rw 0 0\n\
            tmpfs /.msb tmpfs rw 0 0\n/dev/vdc /data\\040disk ext4 rw 0 0\nproc /proc proc rw 0 0\n";
        assert_eq!(disk_mounts(mounts), ["/", "/data disk"]);
    }

    #[test]
    fn signals_are_caught_or_blocked_or_neither() {
        let status = "Name:\tinit\nSigBlk:\t0000002000000000\nSigIgn:\t0000000000001000\nSigCgt:\t0000000000004002\n";
        assert!(listens_for(status, 38));
        assert!(listens_for(status, 15));
        assert!(!listens_for(status, 13));
        assert!(!listens_for("", 38));
    }

    #[test]
    fn escapes_are_octal_and_anything_else_stays() {
        assert_eq!(unescape("/a\\134b\\011c"), "/a\\b\tc");
        assert_eq!(unescape("/tail\\04"), "/tail\\04");
    }
}
