//! The addon's only `unsafe` code: system calls on plain descriptors and one fork.
//!
//! Why each use is sound: `flock`, `socketpair`, `pipe2`, `waitpid` and `fcntl` take integers or pointers to
//! locals that outlive the call. Between `fork` and `execve` the child runs only async-signal-safe calls on
//! memory that was prepared before the fork (no allocation, no locks), because other threads of this
//! process may have held any lock when it was copied.

use std::ffi::CString;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::raw::c_char;
use std::ptr;

/// Everything the child needs, prepared before the fork.
pub struct SpawnPlan {
    /// Program's absolute path first.
    pub argv: Vec<CString>,
    pub env: Vec<CString>,
    pub output_fd: Option<i32>,
    /// `(number here, number in the child)`, the latter 3 or higher.
    pub descriptors: Vec<(i32, i32)>,
}

/// Which call failed, and how.
pub struct SpawnFailure {
    pub step: &'static str,
    pub error: io::Error,
}

/// How a process ended.
pub enum Exit {
    Code(i32),
    Signal(i32),
}

pub fn flock(fd: i32, operation: i32) -> io::Result<()> {
    check(unsafe { libc::flock(fd, operation) }).map(|_| ())
}

pub fn socket_pair() -> io::Result<[i32; 2]> {
    let mut pair = [-1; 2];
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC;
    check(unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, pair.as_mut_ptr()) })?;
    Ok(pair)
}

pub fn pipe() -> io::Result<[i32; 2]> {
    let mut ends = [-1; 2];
    check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    Ok(ends)
}

/// First step of making an empty virtual machine that this host refuses, with its error.
#[cfg(target_os = "linux")]
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

#[cfg(not(target_os = "linux"))]
pub fn kvm_refusal() -> Option<(&'static str, io::Error)> {
    Some(("open", io::Error::from_raw_os_error(libc::ENOENT)))
}

/// Takes over an open descriptor of this process; an unopened number is refused.
pub fn own(fd: i32) -> io::Result<OwnedFd> {
    check(unsafe { libc::fcntl(fd, libc::F_GETFD) })?;
    // Open, as just asked, and the caller hands it over.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The time stamp counter and the monotonic clock in nanoseconds, read at (nearly) the same moment.
#[cfg(target_arch = "x86_64")]
pub fn read_tsc() -> Option<(u64, u64)> {
    const ATTEMPTS: usize = 1000;
    const CLOSE_NS: u64 = 500;
    let mut best: Option<(u64, u64, u64)> = None;
    for _ in 0..ATTEMPTS {
        let before = monotonic_ns()?;
        // Every x86-64 processor has the instruction; it reads a register.
        let ticks = unsafe { core::arch::x86_64::_rdtsc() };
        let after = monotonic_ns()?;
        // Whoever was interrupted in between reads too far apart; the closest pair counts.
        let distance = after.saturating_sub(before);
        if best.is_none_or(|(closest, ..)| distance < closest) {
            best = Some((distance, ticks, before + distance / 2));
        }
        if distance < CLOSE_NS {
            break;
        }
    }
    best.map(|(_, ticks, ns)| (ticks, ns))
}

#[cfg(not(target_arch = "x86_64"))]
pub fn read_tsc() -> Option<(u64, u64)> {
    None
}

#[cfg(target_arch = "x86_64")]
fn monotonic_ns() -> Option<u64> {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    check(unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) }).ok()?;
    Some(u64::try_from(time.tv_sec).ok()? * 1_000_000_000 + u64::try_from(time.tv_nsec).ok()?)
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

/// Steps of the child that can fail, by the number that it reports over the pipe.
const STEPS: [&str; 6] = [
    "prctl",
    "open /dev/null",
    "dup2",
    "close_range",
    "execve",
    "setsid",
];
const STEP_PRCTL: usize = 0;
const STEP_DEV_NULL: usize = 1;
const STEP_DUP: usize = 2;
const STEP_CLOSE: usize = 3;
const STEP_EXEC: usize = 4;
const STEP_SESSION: usize = 5;

/// Forks and executes the plan. Returns the pid once `execve` has succeeded.
pub fn spawn(plan: &SpawnPlan) -> Result<i32, SpawnFailure> {
    let at = |step| move |error| SpawnFailure { step, error };
    let argv = pointers(&plan.argv);
    let env = pointers(&plan.env);
    let [report, report_child] = pipe().map_err(at("pipe2"))?;
    // Above every number the child wants, so that placing descriptors cannot overwrite a source.
    let floor = plan
        .descriptors
        .iter()
        .map(|(_, child)| *child)
        .max()
        .unwrap_or(2)
        + 1;
    let mut moved = vec![0_i32; plan.descriptors.len()];
    let parent = unsafe { libc::getpid() };

    let pid = unsafe { libc::fork() };
    if pid == 0 {
        unsafe { child(plan, &argv, &env, &mut moved, floor, report_child, parent) }
    }
    close(report_child);
    if pid < 0 {
        let error = io::Error::last_os_error();
        close(report);
        return Err(SpawnFailure {
            step: "fork",
            error,
        });
    }
    let failure = read_report(report);
    close(report);
    match failure {
        None => Ok(pid),
        Some((step, errno)) => {
            // It has exited already; without this it would stay a zombie.
            let _ = wait(pid);
            Err(SpawnFailure {
                step: STEPS.get(step).copied().unwrap_or("spawn"),
                error: io::Error::from_raw_os_error(errno),
            })
        }
    }
}

/// Runs in the child between `fork` and `execve`.
unsafe fn child(
    plan: &SpawnPlan,
    argv: &[*const c_char],
    env: &[*const c_char],
    moved: &mut [i32],
    floor: i32,
    report: i32,
    parent: i32,
) -> ! {
    unsafe {
        let report = libc::fcntl(report, libc::F_DUPFD_CLOEXEC, floor);
        let fail = |step: usize| -> ! {
            let message = [step as i32, *libc::__errno_location()];
            libc::write(report, message.as_ptr().cast(), size_of_val(&message));
            libc::_exit(127)
        };
        // Own session: no terminal signal of the caller reaches the machine monitor.
        if libc::setsid() < 0 {
            fail(STEP_SESSION);
        }
        if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) < 0
            || libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0
        {
            fail(STEP_PRCTL);
        }
        // The parent may have died before the request above: then nobody would ever send the signal.
        if libc::getppid() != parent {
            libc::_exit(127);
        }
        reset_signals();

        let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
        if null < 0 {
            fail(STEP_DEV_NULL);
        }
        let null = libc::fcntl(null, libc::F_DUPFD_CLOEXEC, floor);
        let output = match plan.output_fd {
            Some(fd) => libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, floor),
            None => null,
        };
        for (slot, (fd, _)) in moved.iter_mut().zip(&plan.descriptors) {
            *slot = libc::fcntl(*fd, libc::F_DUPFD_CLOEXEC, floor);
            if *slot < 0 {
                fail(STEP_DUP);
            }
        }
        if libc::dup2(null, 0) < 0 || libc::dup2(output, 1) < 0 || libc::dup2(output, 2) < 0 {
            fail(STEP_DUP);
        }
        if close_on_exec_from(3) < 0 {
            fail(STEP_CLOSE);
        }
        for (fd, (_, target)) in moved.iter().zip(&plan.descriptors) {
            if libc::dup2(*fd, *target) < 0 {
                fail(STEP_DUP);
            }
        }
        libc::execve(argv[0], argv.as_ptr(), env.as_ptr());
        fail(STEP_EXEC)
    }
}

/// Default dispositions and an empty mask; Node ignores SIGPIPE and an ignored signal survives `execve`.
unsafe fn reset_signals() {
    unsafe {
        for signal in 1..32 {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut none = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut());
    }
}

/// Marks every descriptor from `first` on. Kernels before 5.11 get a bounded loop.
unsafe fn close_on_exec_from(first: u32) -> i32 {
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

/// The child's failure, or nothing when `execve` closed the pipe.
fn read_report(fd: i32) -> Option<(usize, i32)> {
    let mut message = [0_i32; 2];
    loop {
        let size = size_of_val(&message);
        let got = unsafe { libc::read(fd, message.as_mut_ptr().cast(), size) };
        if got == size as isize {
            return Some((message[0] as usize, message[1]));
        }
        if got >= 0 || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return None;
        }
    }
}

fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings
        .iter()
        .map(|s| s.as_ptr())
        .chain([ptr::null()])
        .collect()
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
