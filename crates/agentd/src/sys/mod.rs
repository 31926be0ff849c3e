//! The only `unsafe` of this crate: what neither the standard library nor rustix offers safely.
//!
//! * [`spawn`] starts a program; everything its process needs is prepared in [`crate::exec::ExecPlan`].
//! * [`fork_sharing_root`] and [`become_program`] make another program process 1.
//! * [`ChildSignals`] turns SIGCHLD into a readable descriptor.
//! * [`add_entropy`], [`claim_zeroed`], [`become_file_server`] and [`signal_everyone`] are single system calls.

#![allow(unsafe_code)]

mod child;
mod raw;

use std::ffi::{CString, c_int, c_void};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

pub use child::{ChildMemory, spawn};

use crate::rlimit::ResourceLimit;

/// Which side of a fork this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forked {
    /// The process that forked.
    Parent,
    /// The new one.
    Child,
}

/// Forks a process that shares root and working directory with this one, so that either enters a new root for both.
/// To be called while there are no threads.
///
/// # Errors
/// When the process cannot be made.
pub fn fork_sharing_root() -> io::Result<Forked> {
    let flags = libc::CLONE_FS | libc::SIGCHLD;
    // SAFETY: without CLONE_VM this is fork(2); the single thread goes on in both processes.
    match unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Forked::Child),
        _ => Ok(Forked::Parent),
    }
}

/// The program that becomes process 1.
#[derive(Debug)]
pub struct InitProgram {
    /// Arguments; the first is the path.
    pub argv: Vec<CString>,
    /// Environment, `KEY=VALUE`.
    pub envp: Vec<CString>,
    /// Working directory; as it is when absent.
    pub cwd: Option<CString>,
    /// Limits of everything in the sandbox.
    pub limits: Vec<ResourceLimit>,
}

/// Executes `program` in place of this process, with signals as a program expects them. Comes back with an exit code
/// when that failed: 126 for the folder or the limits, 127 for the program (protocol section 14.6).
#[must_use]
pub fn become_program(program: &InitProgram) -> i32 {
    let argv = child::pointers(&program.argv);
    let envp = child::pointers(&program.envp);
    // SAFETY: plain system calls on live memory; both arrays end in null.
    unsafe {
        for signal in 1..32 {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
        // The agent keeps its own working directory.
        libc::unshare(libc::CLONE_FS);
        let cwd = program.cwd.as_ref();
        if cwd.is_some_and(|cwd| libc::chdir(cwd.as_ptr()) == -1)
            || child::set_limits(&program.limits).is_err()
        {
            return 126;
        }
        libc::execve(argv[0], argv.as_ptr(), envp.as_ptr());
    }
    127
}

/// SIGCHLD as a descriptor. Blocked for this thread and all it starts later.
#[derive(Debug)]
pub struct ChildSignals(OwnedFd);

impl ChildSignals {
    /// Blocks the signal and opens the descriptor.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn open() -> io::Result<Self> {
        // SAFETY: signal set calls on a live set; the descriptor is new and ours.
        unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            libc::sigaddset(&raw mut set, libc::SIGCHLD);
            if libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) == -1 {
                return Err(io::Error::last_os_error());
            }
            match libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) {
                -1 => Err(io::Error::last_os_error()),
                fd => Ok(Self(OwnedFd::from_raw_fd(fd))),
            }
        }
    }

    /// Forgets the signals that came; children are then asked for with `waitpid`.
    pub fn drain(&self) {
        let mut buffer = [0; 512];
        while rustix::io::read(&self.0, &mut buffer).is_ok_and(|count| count > 0) {}
    }
}

impl AsFd for ChildSignals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

const RNDADDENTROPY: libc::c_ulong = 0x4008_5203;
const RNDRESEEDCRNG: libc::c_ulong = 0x5207;
const MAX_ENTROPY_BYTES: usize = 256;

/// Credits `bytes` (256 at most are used) to the kernel's random generator and makes it start
/// afresh from them. `device` is `/dev/urandom`.
///
/// # Errors
/// When the kernel refuses; only root may do this.
pub fn add_entropy(device: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<()> {
    #[repr(C)]
    struct PoolInfo {
        entropy_bits: c_int,
        size: c_int,
        bytes: [u8; MAX_ENTROPY_BYTES],
    }
    let used = bytes.len().min(MAX_ENTROPY_BYTES);
    let size = c_int::try_from(used).map_err(io::Error::other)?;
    let mut info = PoolInfo {
        entropy_bits: size * 8,
        size,
        bytes: [0; MAX_ENTROPY_BYTES],
    };
    info.bytes[..used].copy_from_slice(&bytes[..used]);
    // SAFETY: the ioctl reads a struct of exactly this layout; the second takes no argument.
    unsafe {
        if libc::ioctl(device.as_raw_fd(), RNDADDENTROPY as _, &raw const info) == -1
            || libc::ioctl(device.as_raw_fd(), RNDRESEEDCRNG as _, 0) == -1
        {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Memory that was zeroed by taking it; given back when dropped.
#[derive(Debug)]
pub struct ZeroedMemory {
    address: *mut c_void,
    size: usize,
}

impl Drop for ZeroedMemory {
    fn drop(&mut self) {
        // SAFETY: exactly the mapping that `claim_zeroed` made.
        unsafe { libc::munmap(self.address, self.size) };
    }
}

/// Takes `size` bytes of memory, all of it at once, so that the kernel zeroes the pages.
///
/// # Errors
/// When there is no address space.
pub fn claim_zeroed(size: usize) -> io::Result<ZeroedMemory> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE;
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a fresh anonymous mapping that nothing else refers to.
    let address = unsafe { libc::mmap(std::ptr::null_mut(), size, protection, flags, -1, 0) };
    if address == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    Ok(ZeroedMemory { address, size })
}

/// Makes this thread one that serves a file system: memory that it asks for is not made free by writing to that very
/// file system, and no signal for the process comes to it. A SIGCHLD that did would be lost for [`ChildSignals`].
pub fn become_file_server() {
    const PR_SET_IO_FLUSHER: c_int = 57;
    // SAFETY: signal set calls on a live set, and a request with plain numbers. An older kernel refuses the latter,
    // and nothing else happens.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, std::ptr::null_mut());
        libc::prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
    }
}

/// Sends `signal` to every process but this one (and init).
pub fn signal_everyone(signal: rustix::process::Signal) {
    // SAFETY: kill(2) with the special target -1.
    unsafe { libc::kill(-1, signal.as_raw()) };
}

/// Sends signal number `signal`, real-time signals included, to process 1.
pub fn signal_init(signal: i32) {
    // SAFETY: kill(2) with a plain number.
    unsafe { libc::kill(1, signal) };
}

/// Sets `limit` on this process and takes it back.
///
/// # Errors
/// When the kernel refuses it.
pub fn prove_limit(limit: ResourceLimit) -> io::Result<()> {
    let prlimit = |new: &libc::rlimit64, old: &mut libc::rlimit64| {
        // SAFETY: prlimit of this process between two live structs.
        let result = unsafe {
            libc::syscall(
                libc::SYS_prlimit64,
                0,
                limit.resource,
                std::ptr::from_ref(new),
                std::ptr::from_mut(old),
            )
        };
        if result == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    };
    let wanted = libc::rlimit64 {
        rlim_cur: limit.soft,
        rlim_max: limit.hard,
    };
    let mut before = libc::rlimit64 {
        rlim_cur: 0,
        rlim_max: 0,
    };
    prlimit(&wanted, &mut before)?;
    prlimit(
        &before,
        &mut libc::rlimit64 {
            rlim_cur: 0,
            rlim_max: 0,
        },
    )
}
