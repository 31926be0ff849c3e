//! What only Linux does this way.

use std::io;

use super::{check, close};

/// Two connected stream sockets that no child inherits.
pub fn socket_pair() -> io::Result<[i32; 2]> {
    let mut pair = [-1; 2];
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC;
    check(unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, pair.as_mut_ptr()) })?;
    Ok(pair)
}

/// Reading and writing end of a pipe that no child inherits.
pub fn pipe() -> io::Result<[i32; 2]> {
    let mut ends = [-1; 2];
    check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    Ok(ends)
}

/// `F_SETSIG` of `asm-generic/fcntl.h`, which the libc crate does not name.
const F_SETSIG: i32 = 10;

/// In a new process, before it becomes its program: has the kernel end it with its parent, and take care that it never
/// gains rights. Below zero on failure.
///
/// The parent's end is told in two ways, since each misses what the other sees:
/// - `PR_SET_PDEATHSIG` fires when the parent's *thread* that forked ends. The program can clear it, and the kernel does
///   when the program gains rights by being executed or changes its user.
/// - The lifeline, a pipe whose only writer is the parent, fires when the last of the parent's threads is gone, whichever
///   forked. It is watched by the kernel (`O_ASYNC` with SIGKILL as its signal, `fcntl(2)`), so a program that knows
///   nothing of it, such as QEMU, needs no thread or guard for it. It survives whatever the program becomes; it is lost
///   only when the program closes a descriptor that it does not know.
pub unsafe fn bind_to_parent(lifeline: i32) -> i32 {
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL)
            | libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            | libc::fcntl(lifeline, libc::F_SETOWN, libc::getpid())
            | libc::fcntl(lifeline, F_SETSIG, libc::SIGKILL)
            | libc::fcntl(lifeline, libc::F_SETFL, libc::O_RDONLY | libc::O_ASYNC)
    }
}

/// Nothing to do: whoever started this process has asked for it.
#[allow(clippy::unnecessary_wraps)]
pub fn end_with_parent() -> io::Result<()> {
    Ok(())
}

/// Marks every descriptor from `first` on. Kernels before 5.11 get a bounded loop.
pub unsafe fn close_on_exec_from(first: u32) -> i32 {
    const CLOSE_RANGE_CLOEXEC: u32 = 4;
    unsafe {
        if libc::syscall(libc::SYS_close_range, first, u32::MAX, CLOSE_RANGE_CLOEXEC) == 0 {
            return 0;
        }
        for fd in first as i32..4096 {
            libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC);
        }
        0
    }
}

/// Number of the last failure of this thread.
pub unsafe fn errno() -> i32 {
    unsafe { *libc::__errno_location() }
}

/// First step of making an empty virtual machine that this host refuses, with its error.
pub fn kvm_refusal() -> Option<(&'static str, io::Error)> {
    // `_IO(KVMIO, 0x01)` of linux/kvm.h; the same on every architecture.
    const KVM_CREATE_VM: libc::Ioctl = 0xAE01;
    let opened = check(unsafe { libc::open(c"/dev/kvm".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC) });
    let kvm = match opened {
        Ok(fd) => fd,
        Err(error) => return Some(("open", error)),
    };
    // Type 0 is the default machine; the answer is a descriptor that nobody else has.
    let made = check(unsafe { libc::ioctl(kvm, KVM_CREATE_VM, 0) });
    close(kvm);
    match made {
        Ok(machine) => {
            close(machine);
            None
        }
        Err(error) => Some(("KVM_CREATE_VM", error)),
    }
}
