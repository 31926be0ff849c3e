//! Processes on a terminal.

mod support;

use msb_protocol::MessageType;
use msb_protocol::payload::{
    ExecExited, ExecFailureKind, ExecRequest, ExecResize, ExecStarted, ExecStdout,
};
use support::{TestAgent, request, shell};

fn on_terminal(script: &str) -> ExecRequest {
    ExecRequest {
        tty: true,
        rows: 33,
        cols: 101,
        ..shell(script)
    }
}

/// Reads output of id 1 until `text` shows up.
fn wait_for(agent: &mut TestAgent, text: &str) -> String {
    let mut seen = String::new();
    while !seen.contains(text) {
        let output: ExecStdout = agent.expect(1);
        seen.push_str(&String::from_utf8_lossy(&output.data));
    }
    seen
}

#[test]
fn everything_is_one_output_of_the_given_size() {
    let mut agent = TestAgent::start();
    agent.send(
        1,
        &on_terminal("stty size; test -t 0 && test -t 2 && echo tty >&2; exit 6"),
    );
    let outcome = agent.finish(1);
    assert_eq!(outcome.text(), "33 101\r\ntty\r\n");
    assert_eq!(outcome.code, Some(6));
    assert!(outcome.stderr.is_empty());
}

#[test]
fn a_resize_is_signalled() {
    let mut agent = TestAgent::start();
    agent.send(
        1,
        &on_terminal("trap 'stty size; exit 0' WINCH; echo up; while :; do sleep 0.05; done"),
    );
    agent.expect::<ExecStarted>(1);
    wait_for(&mut agent, "up");
    agent.send(
        1,
        &ExecResize {
            rows: 50,
            cols: 132,
        },
    );
    wait_for(&mut agent, "50 132");
    assert_eq!(agent.expect::<ExecExited>(1).code, 0);
}

#[test]
fn typed_input_arrives_and_control_d_ends_it() {
    let mut agent = TestAgent::start();
    agent.send(1, &on_terminal("stty -echo; echo up; cat; echo end"));
    agent.expect::<ExecStarted>(1);
    wait_for(&mut agent, "up");
    agent.input(1, b"");
    agent.input(1, b"hello\n");
    wait_for(&mut agent, "hello");
    agent.input(1, b"\x04");
    wait_for(&mut agent, "end");
}

#[test]
fn control_c_interrupts_the_foreground() {
    let mut agent = TestAgent::start();
    agent.send(
        1,
        &on_terminal("trap 'echo interrupted; exit 9' INT; echo up; while :; do sleep 0.05; done"),
    );
    agent.expect::<ExecStarted>(1);
    wait_for(&mut agent, "up");
    agent.input(1, b"\x03");
    wait_for(&mut agent, "interrupted");
    assert_eq!(agent.expect::<ExecExited>(1).code, 9);
}

#[test]
fn a_missing_program_is_a_failure_and_not_an_exit() {
    let mut agent = TestAgent::start();
    agent.send(
        1,
        &ExecRequest {
            tty: true,
            ..request("no-such-program", &[])
        },
    );
    let failed = agent.finish(1).failed.unwrap();
    assert_eq!(
        (failed.kind, failed.stage.as_deref()),
        (ExecFailureKind::NotFound, Some("execvp"))
    );
}

#[test]
fn a_background_job_is_hung_up_when_its_terminal_closes() {
    let mut agent = TestAgent::start();
    agent.send(1, &on_terminal("sleep 1000 & echo started; exit 0"));
    let outcome = agent.finish(1);
    assert_eq!(outcome.code, Some(0));
    agent.send_message(&msb_protocol::Message::empty(2, MessageType::Ping));
    assert_eq!(agent.next_for(2).kind, MessageType::Pong);
}
