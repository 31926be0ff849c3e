//! What only macOS does this way. It has no `pipe2(2)`, no `close_range(2)` and no `PR_SET_PDEATHSIG`.

use std::io;
use std::ptr;
use std::thread;

use super::{check, close};

/// Two connected stream sockets that no program inherits: Node starts its children with
/// `POSIX_SPAWN_CLOEXEC_DEFAULT`, so nobody can take them before they are marked.
pub fn socket_pair() -> io::Result<[i32; 2]> {
    let mut pair = [-1; 2];
    check(unsafe { libc::socketpair(libc::AF_UNIX, libc::SOCK_STREAM, 0, pair.as_mut_ptr()) })?;
    close_on_exec(pair)
}

/// Reading and writing end of a pipe that no program inherits; as [`socket_pair`].
pub fn pipe() -> io::Result<[i32; 2]> {
    let mut ends = [-1; 2];
    check(unsafe { libc::pipe(ends.as_mut_ptr()) })?;
    close_on_exec(ends)
}

fn close_on_exec(pair: [i32; 2]) -> io::Result<[i32; 2]> {
    for fd in pair {
        if let Err(error) = check(unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) }) {
            pair.into_iter().for_each(close);
            return Err(error);
        }
    }
    Ok(pair)
}

/// The kernel cannot be asked to end a child with its parent, nor to send any signal but SIGIO for a pipe, so the
/// child's program does it: [`end_with_parent`].
pub unsafe fn bind_to_parent(_lifeline: i32) -> i32 {
    0
}

/// Ends this process as soon as its parent is gone, by a thread that waits for that (`kqueue(2)`, `NOTE_EXIT`).
pub fn end_with_parent() -> io::Result<()> {
    let parent = unsafe { libc::getppid() };
    let queue = check(unsafe { libc::kqueue() })?;
    let mut change: libc::kevent = unsafe { std::mem::zeroed() };
    change.ident = parent as libc::uintptr_t;
    change.filter = libc::EVFILT_PROC;
    change.flags = libc::EV_ADD | libc::EV_ONESHOT;
    change.fflags = libc::NOTE_EXIT;
    let asked =
        unsafe { libc::kevent(queue, &raw const change, 1, ptr::null_mut(), 0, ptr::null()) };
    if asked < 0 || unsafe { libc::getppid() } != parent {
        // It is gone already (ESRCH), or went before it was watched.
        exit_at_once();
    }
    thread::Builder::new()
        .name("parent-watch".into())
        .spawn(move || wait_and_exit(queue))
        .map(|_| ())
}

fn wait_and_exit(queue: i32) {
    let mut event: libc::kevent = unsafe { std::mem::zeroed() };
    loop {
        let got = unsafe { libc::kevent(queue, ptr::null(), 0, &raw mut event, 1, ptr::null()) };
        let interrupted =
            got < 0 && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted;
        if !interrupted {
            exit_at_once();
        }
    }
}

/// Status of a process that SIGKILL ended, as a shell tells it.
fn exit_at_once() -> ! {
    unsafe { libc::_exit(128 + libc::SIGKILL) }
}

/// Marks every descriptor from `first` on.
pub unsafe fn close_on_exec_from(first: u32) -> i32 {
    unsafe {
        for fd in first as i32..libc::getdtablesize().min(4096) {
            libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC);
        }
    }
    0
}

/// Number of the last failure of this thread.
pub unsafe fn errno() -> i32 {
    unsafe { *libc::__error() }
}

/// There is no KVM here; machines are made by Hypervisor.framework.
pub fn kvm_refusal() -> Option<(&'static str, io::Error)> {
    Some(("open", io::Error::from_raw_os_error(libc::ENOENT)))
}
