use super::*;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{WaitOptions, waitpid};

#[test]
fn a_child_with_everything_to_do_uses_half_its_stack_at_most() {
    let limit = |resource| ResourceLimit {
        resource,
        soft: 64,
        hard: 64,
    };
    let plan = ExecPlan {
        candidates: vec![c"/nonexistent/a".into(), c"/nonexistent/b".into()],
        argv: vec![c"a".into()],
        envp: vec![],
        cwd: c"/".into(),
        terminal: false,
        sandbox_limits: vec![limit(7)],
        request_limits: vec![limit(7)],
        credentials: Some(Credentials {
            uid: rustix::process::getuid().as_raw(),
            gid: rustix::process::getgid().as_raw(),
            groups: vec![],
        }),
        restricted: true,
    };
    let null = std::fs::File::open("/dev/null").unwrap();
    let spawned = spawn(plan, [null.as_fd(); 3]).unwrap();
    waitpid(Some(spawned.pid), WaitOptions::empty()).unwrap();
    let limit = Timespec::try_from(Duration::from_secs(20)).unwrap();
    poll(
        &mut [PollFd::new(&spawned.status, PollFlags::IN)],
        Some(&limit),
    )
    .unwrap();
    let mut report = [0; SpawnReport::SIZE];
    rustix::io::read(&spawned.status, &mut report).unwrap();
    assert!(SpawnReport::decode(&report).is_some());
    // SAFETY: the child is gone, and the memory is not given back yet.
    let stack = unsafe { &(*spawned.memory.0).stack };
    assert!(stack[..STACK_UNITS / 2].iter().all(|unit| *unit == 0));
    assert!(stack.iter().any(|unit| *unit != 0));
    spawned.memory.free();
}
