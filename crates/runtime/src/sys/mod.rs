//! The addon's `unsafe` system calls on plain descriptors, and one fork. What Linux and macOS do differently is in
//! [`platform`], a module of the same functions for each.
//!
//! Why each use is sound: `flock`, `socketpair`, `pipe2`, `waitpid`, `fcntl`, `tcgetattr` and `tcsetattr` take integers or pointers to
//! locals that outlive the call. Between `fork` and `execve` the child runs only async-signal-safe calls on
//! memory that was prepared before the fork (no allocation, no locks), because other threads of this
//! process may have held any lock when it was copied.

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod platform;
#[cfg(target_os = "macos")]
#[path = "macos.rs"]
mod platform;
mod spawn;
mod tsc;

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{FromRawFd, OwnedFd};

pub use platform::{end_with_parent, kvm_refusal, pipe, socket_pair};
pub use spawn::{SpawnPlan, Supervised, spawn};
pub use tsc::read_tsc;

/// How a process ended.
pub enum Exit {
    Code(i32),
    Signal(i32),
}

pub fn flock(fd: i32, operation: i32) -> io::Result<()> {
    check(unsafe { libc::flock(fd, operation) }).map(|_| ())
}

/// Clears `OPOST` of the terminal behind `fd`.
pub fn disable_output_processing(fd: i32) -> io::Result<()> {
    let mut settings = MaybeUninit::<libc::termios>::uninit();
    check(unsafe { libc::tcgetattr(fd, settings.as_mut_ptr()) })?;
    // Written by the call before, which succeeded.
    let mut settings = unsafe { settings.assume_init() };
    settings.c_oflag &= !libc::OPOST;
    check(unsafe { libc::tcsetattr(fd, libc::TCSANOW, &raw const settings) }).map(|_| ())
}

/// Takes over an open descriptor of this process; an unopened number is refused.
pub fn own(fd: i32) -> io::Result<OwnedFd> {
    check(unsafe { libc::fcntl(fd, libc::F_GETFD) })?;
    // Open, as just asked, and the caller hands it over.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Blocks until `pid` ends and reaps it.
pub fn wait(pid: i32) -> io::Result<Exit> {
    let mut status = 0;
    loop {
        match check(unsafe { libc::waitpid(pid, &raw mut status, 0) }) {
            Ok(_) if libc::WIFSIGNALED(status) => return Ok(Exit::Signal(libc::WTERMSIG(status))),
            Ok(_) => return Ok(Exit::Code(libc::WEXITSTATUS(status))),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

fn close(fd: i32) {
    unsafe { libc::close(fd) };
}

fn check(result: i32) -> io::Result<i32> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}
