//! Processes in pipe mode.

#![allow(clippy::unwrap_used)] // Helpers outside of #[test] functions.

mod support;

use std::time::{Duration, Instant};

use msb_protocol::payload::{
    ExecExited, ExecFailureKind, ExecRequest, ExecRlimit, ExecSignal, ExecStarted, ExecStdout,
};
use support::{PATIENCE, TestAgent, request, shell};

#[test]
fn output_errors_and_exit_code_come_apart() {
    let mut agent = TestAgent::start();
    let outcome = agent.shell(1, "echo out; echo err >&2; exit 7");
    assert_eq!(outcome.text(), "out\n");
    assert_eq!(outcome.stderr, b"err\n");
    assert_eq!(outcome.code, Some(7));
    assert!(outcome.pid.unwrap() > 1);
}

#[test]
fn a_mebibyte_goes_through_cat_unchanged() {
    let mut agent = TestAgent::start();
    let data: Vec<u8> = (0..1 << 20)
        .map(|n: u32| n.wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect();
    agent.send(1, &request("cat", &[]));
    for piece in data.chunks(100_000) {
        agent.input(1, piece);
    }
    agent.input(1, b"");
    let outcome = agent.finish(1);
    assert_eq!(outcome.code, Some(0));
    assert!(
        outcome.stdout == data,
        "{} bytes came back",
        outcome.stdout.len()
    );
    assert!(outcome.stdin_errors.is_empty());
}

#[test]
fn a_missing_program_is_reported_with_its_error_number() {
    let mut agent = TestAgent::start();
    agent.send(1, &request("no-such-program", &[]));
    let failed = agent.finish(1).failed.unwrap();
    assert_eq!(failed.kind, ExecFailureKind::NotFound);
    assert_eq!(
        (failed.errno, failed.errno_name.as_deref()),
        (Some(2), Some("ENOENT"))
    );
    assert_eq!(
        failed.message,
        "spawn \"no-such-program\": No such file or directory (os error 2)"
    );
}

#[test]
fn other_failures_have_their_own_kind() {
    let mut agent = TestAgent::start();
    let cases: [(ExecRequest, ExecFailureKind, &str); 4] = [
        (
            request("/etc/passwd", &[]),
            ExecFailureKind::PermissionDenied,
            "Command::spawn",
        ),
        (
            ExecRequest {
                cwd: Some("/no/such/folder".into()),
                ..request("ls", &[])
            },
            ExecFailureKind::BadCwd,
            "chdir",
        ),
        (
            request("", &[]),
            ExecFailureKind::NotFound,
            "Command::spawn",
        ),
        (
            request("true", &["x".repeat(3 << 20).as_str()]),
            ExecFailureKind::BadArgs,
            "Command::spawn",
        ),
    ];
    for (id, (request, kind, stage)) in (1..).zip(cases) {
        agent.send(id, &request);
        let failed = agent.finish(id).failed.unwrap();
        assert_eq!(
            (failed.kind, failed.stage.as_deref()),
            (kind, Some(stage)),
            "{failed:?}"
        );
    }
    let script = agent.folder.join("no-interpreter");
    std::fs::write(&script, "not a program").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    agent.send(9, &request(script.to_str().unwrap(), &[]));
    assert_eq!(
        agent.finish(9).failed.unwrap().kind,
        ExecFailureKind::NotExecutable
    );
}

#[test]
fn unknown_users_fail_before_anything_runs() {
    let mut agent = TestAgent::start();
    agent.send(
        1,
        &ExecRequest {
            user: Some("bob".into()),
            ..shell("true")
        },
    );
    let failed = agent.finish(1).failed.unwrap();
    assert_eq!(failed.kind, ExecFailureKind::UserSetupFailed);
    assert_eq!(
        failed.message,
        "exec session error: guest user not found: bob"
    );
    assert_eq!((failed.errno, failed.stage), (None, None));
}

#[test]
fn a_user_brings_ids_groups_and_home() {
    if !rustix_is_root() {
        eprintln!("skipped: only root can change the user");
        return;
    }
    let mut agent = TestAgent::start();
    agent.send(
        1,
        &ExecRequest {
            user: Some("ann".into()),
            ..shell("id -u; id -g; id -G; echo $HOME")
        },
    );
    assert_eq!(agent.finish(1).text(), "1000\n1000\n1000 29\n/home/ann\n");
}

fn rustix_is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn environment_folder_and_home() {
    let mut agent = TestAgent::start();
    let folder = agent.folder.canonicalize().unwrap();
    let request = ExecRequest {
        env: vec!["A=1".into(), "broken".into(), "PATH=/usr/bin:/bin".into()],
        cwd: Some(folder.to_string_lossy().into_owned()),
        ..shell("echo $A; echo $PATH; pwd; echo $HOME; ps -o sid= -p $$ | tr -d ' '; echo $$")
    };
    agent.send(1, &request);
    let text = agent.finish(1).text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines[..4],
        [
            "1",
            "/.msb/scripts:/usr/bin:/bin",
            folder.to_str().unwrap(),
            "/root"
        ]
    );
    assert_eq!(lines[4], lines[5], "the child leads its own session");
}

#[test]
fn limits_of_a_request_hold_and_unknown_ones_are_passed_over() {
    let mut agent = TestAgent::start();
    let limit = |resource: &str, n| ExecRlimit {
        resource: resource.into(),
        soft: n,
        hard: n,
    };
    agent.send(
        1,
        &ExecRequest {
            rlimits: vec![limit("NOFILE", 77), limit("fantasy", 1)],
            ..shell("ulimit -n")
        },
    );
    assert_eq!(agent.finish(1).text(), "77\n");
}

#[test]
fn signals_reach_the_whole_group_and_end_with_minus_one() {
    let mut agent = TestAgent::start();
    agent.send(1, &shell("sleep 1000 & echo $!; wait"));
    agent.expect::<ExecStarted>(1);
    let background: String =
        String::from_utf8(agent.expect::<ExecStdout>(1).data.into_vec()).unwrap();
    agent.send(1, &ExecSignal { signal: 1000 });
    agent.send(1, &ExecSignal { signal: 9 });
    assert_eq!(agent.finish_started(1), -1);
    let gone = wait_until(|| !is_running(background.trim()));
    assert!(gone, "the background job of the group lives on");
}

#[test]
fn children_start_with_default_signals() {
    let mut agent = TestAgent::start();
    let outcome = agent.shell(1, "grep -E '^Sig(Blk|Ign)' /proc/self/status");
    for line in outcome.text().lines() {
        let (name, mask) = line.split_once(":\t").unwrap();
        // Real-time signals may be ignored by whoever runs the tests.
        let standard = u64::from_str_radix(mask, 16).unwrap() & 0x7fff_ffff;
        assert_eq!(standard, 0, "{name} {mask}");
    }
    assert_eq!(agent.shell(2, "yes | head -n 1").text(), "y\n");
}

#[test]
fn no_descriptor_of_the_agent_leaks_into_children() {
    let mut agent = TestAgent::start();
    agent.send(1, &shell("sleep 1000"));
    agent.send(2, &request("ls", &["-l", "/proc/self/fd"]));
    let text = agent.finish(2).text();
    let links = text.lines().filter_map(|line| line.split_once(" -> "));
    let mut seen = 0;
    // ls itself has the folder open that it lists.
    for (front, target) in links.filter(|(_, target)| !target.ends_with("/fd")) {
        let fd = front.rsplit(' ').next().unwrap();
        if fd.parse::<u32>().unwrap() > 2 {
            // What the tests themselves were started with passes through everything.
            let inherited = std::fs::read_link(format!("/proc/self/fd/{fd}")).unwrap_or_default();
            assert_eq!(inherited.to_string_lossy(), target, "descriptor {fd}");
        }
        seen += 1;
    }
    assert!(seen >= 3, "{text}");
}

#[test]
fn closed_input_is_told_once_and_the_session_goes_on() {
    let mut agent = TestAgent::start();
    agent.send(1, &shell("exec 0<&-; echo closed; sleep 1; exit 3"));
    agent.expect::<ExecStarted>(1);
    agent.expect::<ExecStdout>(1);
    agent.input(1, b"one");
    agent.input(1, b"two");
    agent.input(1, b"");
    let mut errors = 0;
    let code = loop {
        let message = agent.next_for(1);
        match message.kind {
            msb_protocol::MessageType::ExecStdinError => {
                let error: msb_protocol::payload::ExecStdinError = message.decode().unwrap();
                assert_eq!(error.errno_name.as_deref(), Some("EPIPE"));
                assert!(error.message.starts_with("io error: "), "{}", error.message);
                errors += 1;
            }
            _ => break message.decode::<ExecExited>().unwrap().code,
        }
    };
    assert_eq!((errors, code), (1, 3));
}

#[test]
fn the_exit_does_not_wait_for_a_silent_grandchild() {
    let mut agent = TestAgent::start();
    let start = Instant::now();
    let outcome = agent.shell(1, "sleep 1000 & echo $!; exit 4");
    assert_eq!(outcome.code, Some(4));
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    let background = outcome.text();
    assert!(is_running(background.trim()));
    agent.shell(2, &format!("kill {background}"));
}

#[test]
fn a_grandchild_that_talks_on_is_not_killed_by_the_end_of_its_session() {
    let mut agent = TestAgent::start();
    let marker = agent.folder.join("survived");
    let script = format!(
        "(sleep 1; echo late; echo later; sleep 0.2; touch {}) & exit 0",
        marker.display()
    );
    let outcome = agent.shell(1, &script);
    assert_eq!((outcome.text().as_str(), outcome.code), ("", Some(0)));
    assert!(wait_until(|| marker.exists()), "SIGPIPE killed it");
}

#[test]
fn a_grandchild_that_never_stops_talking_does_not_keep_the_session() {
    let mut agent = TestAgent::start();
    let start = Instant::now();
    agent.send(
        1,
        &shell("(while :; do echo x; sleep 0.1; done) & echo $!; exit 0"),
    );
    let outcome = agent.finish(1);
    assert_eq!(outcome.code, Some(0));
    assert!(
        start.elapsed() < Duration::from_secs(15),
        "{:?}",
        start.elapsed()
    );
    let text = outcome.text();
    agent.shell(2, &format!("kill {}", text.lines().next().unwrap()));
}

#[test]
fn a_program_that_closes_its_outputs_runs_on_to_its_own_end() {
    let mut agent = TestAgent::start();
    let outcome = agent.shell(1, "echo before; exec >&- 2>&-; sleep 0.2; exit 3");
    assert_eq!(outcome.text(), "before\n");
    assert_eq!(outcome.code, Some(3));
}

#[test]
fn a_silent_program_is_told_to_have_started() {
    let mut agent = TestAgent::start();
    agent.send(1, &request("sleep", &["100"]));
    agent.expect::<ExecStarted>(1);
    agent.send(1, &ExecSignal { signal: 9 });
    assert_eq!(agent.finish_started(1), -1);
}

#[test]
fn a_reused_id_replaces_the_session() {
    let mut agent = TestAgent::start();
    agent.send(1, &shell("sleep 1000"));
    let first = agent.expect::<ExecStarted>(1).pid;
    let second = agent.shell(1, "echo second");
    assert_eq!((second.text().as_str(), second.code), ("second\n", Some(0)));
    assert!(wait_until(|| !is_running(&first.to_string())));
}

#[test]
fn a_hundred_processes_in_a_row_leave_no_zombie() {
    let mut agent = TestAgent::start();
    for id in 1..=100 {
        assert_eq!(agent.shell(id, "exit 5").code, Some(5));
    }
    let parent = agent.process_id();
    assert!(
        wait_until(|| children_of(parent).is_empty()),
        "{:?}",
        children_of(parent)
    );
}

fn children_of(pid: u32) -> Vec<String> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

/// A zombie has nothing running any more.
fn is_running(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.contains(") Z ") && !stat.contains(") X "))
}

fn wait_until(condition: impl Fn() -> bool) -> bool {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if condition() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

impl TestAgent {
    fn finish_started(&mut self, id: u32) -> i32 {
        loop {
            let message = self.next_for(id);
            if message.kind == msb_protocol::MessageType::ExecExited {
                return message.decode::<ExecExited>().unwrap().code;
            }
        }
    }
}

#[test]
fn children_that_start_at_once_leave_the_agent_alone() {
    // They share its memory until they execute their programs, or fail to.
    const COUNT: u32 = 200;
    let mut agent = TestAgent::start();
    for id in 1..=COUNT {
        if id % 2 == 0 {
            agent.send(id, &request("no-such-program", &[]));
        } else {
            agent.send(id, &request("sh", &["-c", &format!("echo {id}; exit 3")]));
        }
    }
    for id in 1..=COUNT {
        let outcome = agent.finish(id);
        if id % 2 == 0 {
            assert_eq!(outcome.failed.unwrap().errno, Some(2));
        } else {
            assert_eq!(outcome.text(), format!("{id}\n"));
            assert_eq!(outcome.code, Some(3));
        }
    }
}
