//! Starts programs: [`spawn`].
//!
//! The child shares the agent's memory until it executes its program (`clone` with `CLONE_VM`), on a stack of its own.
//! A copy of the memory, as fork makes it, costs page tables, and a fault for each page that either side touches
//! afterwards; on an emulated machine that is a third of the whole start. Unlike with vfork the agent does not wait: a
//! program may lie on a file system that takes its time.
//!
//! So a child must leave the agent's memory alone: it reads its [`Order`], uses its stack, allocates nothing, takes no
//! lock, and calls the kernel past the C library ([`raw`]). Threads and handlers of signals do not exist for it.

use std::ffi::{CString, c_int, c_void};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use rustix::process::Pid;

use super::raw::{self, ErrorNumber};
use crate::exec::{ExecPlan, SpawnReport, Spawned, Stage};
use crate::rlimit::ResourceLimit;
use crate::user::Credentials;

/// Stack of a child, in units of 16 bytes, its alignment: 8 KiB. Much more would be mapped and unmapped for each child.
const STACK_UNITS: usize = 512;

/// Memory that a child uses until it executes its program. Given back by [`Self::free`] only: dropped any sooner it
/// would be taken from under the child, so it is lost then.
#[derive(Debug)]
pub struct ChildMemory(*mut Order);

impl ChildMemory {
    /// Gives the memory back. To be called when the status pipe was closed at its other end: the kernel takes a child's
    /// memory away before it closes descriptors, at exec as at the end.
    pub fn free(self) {
        // SAFETY: made by `Box::into_raw` in `spawn`, and nobody else has it any more.
        drop(unsafe { Box::from_raw(self.0) });
    }
}

/// What a child has to do.
struct Order {
    plan: ExecPlan,
    argv: Vec<*const libc::c_char>,
    envp: Vec<*const libc::c_char>,
    stdio: [RawFd; 3],
    status: RawFd,
    stack: Vec<u128>,
}

/// Starts `plan` with `stdio` as descriptors 0, 1 and 2, in a session of its own.
///
/// # Errors
/// When the status pipe or the process cannot be made.
pub fn spawn(plan: ExecPlan, stdio: [BorrowedFd<'_>; 3]) -> io::Result<Spawned> {
    let (status, status_write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&status, true)?;
    let order = Box::into_raw(Box::new(Order {
        argv: pointers(&plan.argv),
        envp: pointers(&plan.envp),
        plan,
        stdio: stdio.map(|fd| fd.as_raw_fd()),
        status: status_write.as_raw_fd(),
        stack: vec![0; STACK_UNITS],
    }));
    let memory = ChildMemory(order);
    // SAFETY: order and stack live until `ChildMemory::free`; descriptors are copied, not shared, by the call. What
    // the child does is in `run`.
    let pid = unsafe {
        let top = (*order).stack.as_mut_ptr().add(STACK_UNITS);
        libc::clone(
            run,
            top.cast(),
            libc::CLONE_VM | libc::SIGCHLD,
            order.cast(),
        )
    };
    match Pid::from_raw(pid.max(0)) {
        Some(pid) => Ok(Spawned {
            pid,
            status,
            memory,
        }),
        None => {
            let error = io::Error::last_os_error();
            memory.free();
            Err(error)
        }
    }
}

/// The strings as the kernel takes them: pointers, then null.
pub(super) fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings
        .iter()
        .map(|s| s.as_ptr())
        .chain([std::ptr::null()])
        .collect()
}

/// The child: executes its program, or reports and ends.
extern "C" fn run(order: *mut c_void) -> c_int {
    // SAFETY: `spawn` keeps the order alive, and nobody changes it meanwhile.
    let order = unsafe { &*order.cast_const().cast::<Order>() };
    // SAFETY: the order's pointers are live, and its arrays end in null.
    let report = unsafe { carry_out(order) }.encode();
    // SAFETY: a write from a live buffer, then the end of this process.
    unsafe {
        let address = report.as_ptr().addr();
        let _ = raw::call(
            libc::SYS_write,
            [number(order.status), address, report.len(), 0, 0],
        );
        loop {
            let _ = raw::call(libc::SYS_exit_group, [127, 0, 0, 0, 0]);
        }
    }
}

/// Every step up to the program; comes back only when one failed.
unsafe fn carry_out(order: &Order) -> SpawnReport {
    let plan = &order.plan;
    // SAFETY: plain system calls on live memory; no allocation, no locks, no C library.
    let result = unsafe {
        (|| {
            default_signals().map_err(at(Stage::Session))?;
            raw::call(libc::SYS_setsid, [0; 5]).map_err(at(Stage::Session))?;
            for (target, source) in (0..).zip(order.stdio) {
                place_descriptor(source, target).map_err(at(Stage::Stdio))?;
            }
            if plan.terminal {
                let request = [0, libc::TIOCSCTTY as usize, 0, 0, 0];
                raw::call(libc::SYS_ioctl, request).map_err(at(Stage::Terminal))?;
            }
            set_limits(&plan.sandbox_limits).map_err(at(Stage::Limits))?;
            let cwd = [plan.cwd.as_ptr().addr(), 0, 0, 0, 0];
            raw::call(libc::SYS_chdir, cwd).map_err(at(Stage::Cwd))?;
            if plan.restricted {
                restrict().map_err(at(Stage::Profile))?;
            }
            if let Some(credentials) = &plan.credentials {
                become_user(credentials).map_err(at(Stage::User))?;
            }
            set_limits(&plan.request_limits).map_err(at(Stage::Limits))?;
            execute(order).map_err(at(Stage::Exec))
        })()
    };
    match result {
        Err(report) => report,
        // Never: a program that runs does not come back here.
        Ok(()) => at(Stage::Exec)(libc::EIO),
    }
}

fn at(stage: Stage) -> impl Fn(ErrorNumber) -> SpawnReport {
    move |errno| SpawnReport { stage, errno }
}

/// A descriptor or a constant, none of which is negative, as an argument of a system call.
fn number(value: c_int) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// No signal blocked, and SIGPIPE, which the agent ignores, as programs expect it.
unsafe fn default_signals() -> Result<(), ErrorNumber> {
    /// Size of the kernel's signal set, in bytes.
    const SET_SIZE: usize = 8;
    let none = 0_u64;
    // The kernel's `sigaction`: handler, flags, restorer, mask. All zero is the default action.
    let default = [0_usize; 4];
    let (none, default) = (std::ptr::from_ref(&none).addr(), default.as_ptr().addr());
    let set_mask = [number(libc::SIG_SETMASK), none, 0, SET_SIZE, 0];
    let act = [number(libc::SIGPIPE), default, 0, SET_SIZE, 0];
    // SAFETY: both read live memory of the kernel's layout.
    unsafe {
        raw::call(libc::SYS_rt_sigprocmask, set_mask)?;
        raw::call(libc::SYS_rt_sigaction, act)?;
    }
    Ok(())
}

/// Makes `target` the same as `source`, and one that the program inherits.
unsafe fn place_descriptor(source: RawFd, target: RawFd) -> Result<(), ErrorNumber> {
    let (source, target) = (number(source), number(target));
    // SAFETY: plain numbers.
    unsafe {
        if source == target {
            let inherit = [target, number(libc::F_SETFD), 0, 0, 0];
            raw::call(libc::SYS_fcntl, inherit)?;
        } else {
            raw::call(libc::SYS_dup3, [source, target, 0, 0, 0])?;
        }
    }
    Ok(())
}

/// Tries the candidates as execvp does: a place without the file is passed over, one that may not
/// be used is remembered, anything else is final.
unsafe fn execute(order: &Order) -> Result<(), ErrorNumber> {
    let candidates = &order.plan.candidates;
    let (argv, envp) = (order.argv.as_ptr().addr(), order.envp.as_ptr().addr());
    let mut outcome = libc::ENOENT;
    for path in candidates {
        // SAFETY: both arrays end in null and point to live strings.
        match unsafe { raw::call(libc::SYS_execve, [path.as_ptr().addr(), argv, envp, 0, 0]) } {
            Err(libc::ENOENT | libc::ENOTDIR) if candidates.len() > 1 => {}
            Err(libc::EACCES) => outcome = libc::EACCES,
            other => return other.map(drop),
        }
    }
    Err(outcome)
}

/// Sets limits of this process. 64-bit limits and any resource number, whatever the C library's types are.
pub(super) unsafe fn set_limits(limits: &[ResourceLimit]) -> Result<(), ErrorNumber> {
    for limit in limits {
        let value = [limit.soft, limit.hard];
        let resource = limit.resource as usize;
        // SAFETY: reads a live struct of the kernel's layout.
        unsafe {
            raw::call(
                libc::SYS_prlimit64,
                [0, resource, value.as_ptr().addr(), 0, 0],
            )?
        };
    }
    Ok(())
}

/// Past the C library, whose own would try to change the ids of the agent's threads too.
unsafe fn become_user(credentials: &Credentials) -> Result<(), ErrorNumber> {
    let groups = &credentials.groups;
    // SAFETY: system calls on a live array.
    unsafe {
        raw::call(
            libc::SYS_setgroups,
            [groups.len(), groups.as_ptr().addr(), 0, 0, 0],
        )?;
        raw::call(libc::SYS_setgid, [credentials.gid as usize, 0, 0, 0, 0])?;
        raw::call(libc::SYS_setuid, [credentials.uid as usize, 0, 0, 0, 0])?;
    }
    Ok(())
}

const CAP_SYS_ADMIN: u32 = 21;
const CAPABILITY_VERSION_3: u32 = 0x2008_0522;

#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: c_int,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapabilityWord {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// The `restricted` profile: no new privileges, no ambient capabilities, no CAP_SYS_ADMIN.
unsafe fn restrict() -> Result<(), ErrorNumber> {
    let control = |[option, a, b]: [usize; 3]| {
        // SAFETY: plain numbers.
        unsafe { raw::call(libc::SYS_prctl, [option, a, b, 0, 0]) }
    };
    control([number(libc::PR_SET_NO_NEW_PRIVS), 1, 0])?;
    control([
        number(libc::PR_CAP_AMBIENT),
        number(libc::PR_CAP_AMBIENT_CLEAR_ALL),
        0,
    ])?;
    control([number(libc::PR_CAPBSET_DROP), CAP_SYS_ADMIN as usize, 0])?;
    let header = CapabilityHeader {
        version: CAPABILITY_VERSION_3,
        pid: 0,
    };
    let mut words = [CapabilityWord::default(); 2];
    let header = std::ptr::from_ref(&header).addr();
    // SAFETY: calls on live structs of the kernel's layout.
    unsafe {
        raw::call(
            libc::SYS_capget,
            [header, words.as_mut_ptr().addr(), 0, 0, 0],
        )?;
        let keep = !(1 << CAP_SYS_ADMIN);
        words[0].effective &= keep;
        words[0].permitted &= keep;
        words[0].inheritable &= keep;
        raw::call(libc::SYS_capset, [header, words.as_ptr().addr(), 0, 0, 0])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
