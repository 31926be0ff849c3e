//! Starting a program that ends with this process.

use std::ffi::CString;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::raw::c_char;
use std::ptr;

use super::platform::{self, pipe};
use super::{close, wait};

/// Everything the child needs, prepared before the fork.
pub struct SpawnPlan {
    /// Program's absolute path first.
    pub argv: Vec<CString>,
    pub env: Vec<CString>,
    pub output_fd: Option<i32>,
    /// `(number here, number in the child)`, the latter 3 or higher.
    pub descriptors: Vec<(i32, i32)>,
}

/// A program that runs.
pub struct Supervised {
    pub pid: i32,
    /// Writing end of the pipe that the program's life hangs on: closed when this process ends, or drops it.
    pub lifeline: OwnedFd,
}

/// Which call failed, and how.
pub struct SpawnFailure {
    pub step: &'static str,
    pub error: io::Error,
}

/// Steps of the child that can fail, by the number that it reports over the pipe.
const STEPS: [&str; 6] = [
    "bind to parent",
    "open /dev/null",
    "dup2",
    "close_range",
    "execve",
    "setsid",
];
const STEP_BIND: usize = 0;
const STEP_DEV_NULL: usize = 1;
const STEP_DUP: usize = 2;
const STEP_CLOSE: usize = 3;
const STEP_EXEC: usize = 4;
const STEP_SESSION: usize = 5;

/// Forks and executes the plan. Returns once `execve` has succeeded.
pub fn spawn(plan: &SpawnPlan) -> Result<Supervised, SpawnFailure> {
    let at = |step| move |error| SpawnFailure { step, error };
    let argv = pointers(&plan.argv);
    let env = pointers(&plan.env);
    let [report, report_child] = pipe().map_err(at("pipe"))?;
    let [lifeline_child, lifeline] = pipe().map_err(|error| {
        [report, report_child].into_iter().for_each(close);
        at("pipe")(error)
    })?;
    // Just made, and nobody else knows it.
    let lifeline = unsafe { OwnedFd::from_raw_fd(lifeline) };
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
        let own = ChildEnds {
            report: report_child,
            lifeline: lifeline_child,
        };
        unsafe { child(plan, &argv, &env, &mut moved, floor, &own, parent) }
    }
    close(report_child);
    close(lifeline_child);
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
        None => Ok(Supervised { pid, lifeline }),
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

/// Descriptors that the child has beside those of the plan.
struct ChildEnds {
    report: i32,
    lifeline: i32,
}

/// Runs in the child between `fork` and `execve`.
unsafe fn child(
    plan: &SpawnPlan,
    argv: &[*const c_char],
    env: &[*const c_char],
    moved: &mut [i32],
    floor: i32,
    own: &ChildEnds,
    parent: i32,
) -> ! {
    unsafe {
        let report = libc::fcntl(own.report, libc::F_DUPFD_CLOEXEC, floor);
        let fail = |step: usize| -> ! {
            let message = [step as i32, platform::errno()];
            libc::write(report, message.as_ptr().cast(), size_of_val(&message));
            libc::_exit(127)
        };
        // Own session: no terminal signal of the caller reaches the machine monitor.
        if libc::setsid() < 0 {
            fail(STEP_SESSION);
        }
        // Moved first: the kernel's watch is on this descriptor, and ends when it is overwritten.
        let lifeline = libc::fcntl(own.lifeline, libc::F_DUPFD_CLOEXEC, floor);
        if lifeline < 0 || platform::bind_to_parent(lifeline) < 0 {
            fail(STEP_BIND);
        }
        // The parent may have died before it was bound to: then nobody would ever send a signal.
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
        if platform::close_on_exec_from(3) < 0 {
            fail(STEP_CLOSE);
        }
        for (fd, (_, target)) in moved.iter().zip(&plan.descriptors) {
            if libc::dup2(*fd, *target) < 0 {
                fail(STEP_DUP);
            }
        }
        if libc::fcntl(lifeline, libc::F_SETFD, 0) < 0 {
            fail(STEP_BIND);
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
