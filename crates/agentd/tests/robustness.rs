//! Frames nobody should send, clients that do not listen, processes that do not read.

mod support;

use std::time::{Duration, Instant};

use msb_protocol::constants::MAX_FRAME_SIZE;
use msb_protocol::flow::{CLIENT_FLOW, ClientFlow};
use msb_protocol::payload::{
    CoreError, CoreErrorKind, ExecExited, ExecSignal, ExecStarted, ExecStdinError, ExecStdout,
    RelayClientDisconnected, Touched,
};
use msb_protocol::{Envelope, Frame, Message, MessageType, private_frame};
use support::{TestAgent, request, shell};

#[test]
fn undecodable_frames_are_answered_and_forgotten() {
    let mut agent = TestAgent::start();
    agent.send_frame(&Frame {
        id: 5,
        flags: 0,
        body: b"\xff\xffnonsense".to_vec(),
    });
    let error: CoreError = agent.expect(5);
    assert_eq!(error.kind, CoreErrorKind::MalformedMessage);
    assert!(
        error.message.starts_with("decode message for id 5: "),
        "{}",
        error.message
    );
    agent.ping(6);
}

#[test]
fn unknown_types_are_named() {
    let mut agent = TestAgent::start();
    let mut body = Message::empty(5, MessageType::Ping).to_frame().body;
    let at = body
        .windows(4)
        .position(|window| window == b"ping")
        .unwrap();
    body[at..at + 4].copy_from_slice(b"pint");
    agent.send_frame(&Frame {
        id: 5,
        flags: 0,
        body,
    });
    let error: CoreError = agent.expect(5);
    assert_eq!(error.kind, CoreErrorKind::UnsupportedMessageType);
    assert_eq!(error.offending_type.as_deref(), Some("core.pint"));
    agent.ping(6);
}

#[test]
fn wrong_flags_and_payloads_have_the_texts_of_the_protocol() {
    let mut agent = TestAgent::start();
    let mut message = Message::empty(5, MessageType::Ping);
    message.flags = 3;
    agent.send_message(&message);
    let error: CoreError = agent.expect(5);
    assert_eq!(error.kind, CoreErrorKind::InvalidFlags);
    assert_eq!(
        error.message,
        "invalid flags for core.ping: got 3, expected 0"
    );

    agent.send_message(&Message::empty(6, MessageType::ExecRequest));
    let error: CoreError = agent.expect(6);
    assert_eq!(error.kind, CoreErrorKind::InvalidPayload);
    assert!(
        error
            .message
            .starts_with("decode payload for core.exec.request: ")
    );
    assert!(error.message.contains("cmd"), "{}", error.message);
    assert_eq!(error.offending_type.as_deref(), Some("core.exec.request"));
}

#[test]
fn old_generations_get_no_error_they_could_not_read() {
    let mut agent = TestAgent::start();
    let mut message = Message::empty(5, MessageType::ExecRequest);
    message.version = 4;
    agent.send_message(&message);
    agent.ping(5);
}

#[test]
fn frames_outside_the_limits_cost_only_themselves() {
    let mut agent = TestAgent::start();
    agent.send_bytes(&[0, 0, 0, 2, 9, 9]);
    assert_eq!(
        agent.expect::<CoreError>(0).message,
        "frame payload too short: 2 bytes (minimum 5)"
    );
    let size = u32::try_from(MAX_FRAME_SIZE + 1).unwrap();
    agent.send_bytes(&size.to_be_bytes());
    assert_eq!(
        agent.expect::<CoreError>(0).message,
        "frame too large: 4194305 bytes (max 4194304)"
    );
    agent.send_bytes(&vec![0x55; MAX_FRAME_SIZE + 1]);
    agent.ping(6);
}

#[test]
fn frames_for_nobody_are_ignored() {
    let mut agent = TestAgent::start();
    agent.input(77, b"lost");
    agent.send(77, &ExecSignal { signal: 9 });
    agent.send(
        0,
        &RelayClientDisconnected {
            id_start: 1,
            id_end_exclusive: 100,
        },
    );
    agent.send(
        77,
        &ExecExited {
            code: 0,
            signal: None,
        },
    );
    agent.ping(77);
}

#[test]
fn a_name_of_megabytes_is_answered_all_the_same() {
    let mut agent = TestAgent::start();
    let name = "\u{1}".repeat(3 << 20);
    agent.send(1, &request(&name, &[]));
    assert!(agent.finish(1).failed.unwrap().message.len() < 20_000);
    let mut envelope =
        Envelope::decode(&Message::empty(2, MessageType::Ping).to_frame().body).unwrap();
    envelope.t = name;
    agent.send_frame(&Frame {
        id: 2,
        flags: 0,
        body: envelope.encode().unwrap(),
    });
    assert_eq!(
        agent.expect::<CoreError>(2).kind,
        CoreErrorKind::UnsupportedMessageType
    );
}

#[test]
fn touch_counts_and_ping_does_not() {
    let mut agent = TestAgent::start();
    let mut touch = || {
        agent.ping(2);
        agent.send_message(&Message::empty(1, MessageType::Touch));
        agent.expect::<Touched>(1).activity_seq
    };
    let first = touch();
    assert_eq!(touch(), first + 1);
}

#[test]
fn random_bytes_do_not_end_the_agent() {
    let mut agent = TestAgent::start();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..2000 {
        let length = usize::try_from(next() % 60).unwrap();
        let mut body = Message::empty(3, MessageType::ExecRequest).to_frame().body;
        body.truncate(length);
        for _ in 0..next() % 3 {
            let at = usize::try_from(next()).unwrap() % body.len().max(1);
            if let Some(byte) = body.get_mut(at) {
                *byte = next().to_be_bytes()[0];
            }
        }
        agent.send_frame(&Frame {
            id: 3,
            flags: next().to_be_bytes()[1] & 3,
            body,
        });
        while agent.next_within(Duration::ZERO).is_some() {}
    }
    agent.ping(4);
}

#[test]
fn a_process_that_does_not_read_does_not_hold_up_the_others() {
    let mut agent = TestAgent::start();
    agent.send(1, &request("sleep", &["1000"]));
    agent.expect::<ExecStarted>(1);
    // Four times what may wait in this agent.
    let start = Instant::now();
    for _ in 0..64 {
        agent.input(1, &[1; 65536]);
    }
    agent.ping(2);
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    let error: ExecStdinError = agent.expect(1);
    assert_eq!(error.errno_name.as_deref(), Some("ENOBUFS"));
    agent.send(1, &ExecSignal { signal: 15 });
    assert_eq!(agent.expect::<ExecExited>(1).code, -1);
}

#[test]
fn a_process_that_reads_slowly_gets_everything() {
    let mut agent = TestAgent::start();
    let script = "n=0; while dd bs=262144 count=1 iflag=fullblock 2>/dev/null | \
        grep -q .; do sleep 0.05; n=$((n+1)); done; echo $n";
    agent.send(1, &shell(script));
    for _ in 0..64 {
        agent.input(1, &[b'x'; 65536]);
    }
    agent.input(1, b"");
    let outcome = agent.finish(1);
    assert_eq!(outcome.text(), "16\n");
    assert!(
        outcome.stdin_errors.is_empty(),
        "{:?}",
        outcome.stdin_errors
    );
}

#[test]
fn a_noisy_process_starves_nobody_and_memory_stays_bounded() {
    let mut agent = TestAgent::start();
    agent.send(1, &shell("yes"));
    agent.expect::<ExecStarted>(1);
    // Nobody listens for a while: the agent must stop reading, not collect.
    std::thread::sleep(Duration::from_secs(2));
    let status = std::fs::read_to_string(format!("/proc/{}/status", agent.process_id())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    let resident: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(resident < 32 * 1024, "{resident} KiB");
    let start = Instant::now();
    agent.send(2, &shell("echo quiet"));
    agent.send_message(&Message::empty(3, MessageType::Ping));
    let mut noise = 0;
    let (mut answered, mut ponged) = (false, false);
    while !(answered && ponged) {
        let message = agent.next_within(Duration::from_secs(10)).unwrap();
        match (message.id, message.kind) {
            (1, MessageType::ExecStdout) => {
                noise += message.decode::<ExecStdout>().unwrap().data.len();
            }
            (2, MessageType::ExecExited) => answered = true,
            (3, MessageType::Pong) => ponged = true,
            _ => {}
        }
    }
    assert!(noise > 0);
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?} behind {noise} bytes",
        start.elapsed()
    );
}

#[test]
fn a_held_client_waits_alone_and_goes_on_where_it_was() {
    let flow = |held| {
        let payload = ClientFlow {
            id_start: 1,
            id_end_exclusive: 100,
            held,
        };
        private_frame(CLIENT_FLOW, &payload).unwrap()
    };
    let mut agent = TestAgent::start();
    agent.send_frame(&flow(true));
    agent.send(
        1,
        &shell("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; exit 3"),
    );
    agent.expect::<ExecStarted>(1);
    assert_eq!(agent.shell(200, "echo other").text(), "other\n");
    assert!(agent.next_within(Duration::from_millis(700)).is_none());
    agent.send_frame(&flow(false));
    let mut lines = 0;
    let code = loop {
        let message = agent.next_for(1);
        match message.kind {
            MessageType::ExecStdout => {
                let data = message.decode::<ExecStdout>().unwrap().data;
                lines += data.iter().filter(|byte| **byte == b'\n').count();
            }
            _ => break message.decode::<ExecExited>().unwrap().code,
        }
    };
    assert_eq!((lines, code), (20_000, 3));
}

#[test]
fn the_heartbeat_tells_what_is_open() {
    let mut agent = TestAgent::start();
    agent.send(1, &request("sleep", &["1000"]));
    agent.expect::<ExecStarted>(1);
    let file = agent.folder.join("heartbeat.json");
    let end = Instant::now() + Duration::from_secs(10);
    let text = loop {
        match std::fs::read_to_string(&file) {
            Ok(text) if text.contains("\"heartbeat_seq\":2") => break text,
            _ if Instant::now() > end => panic!("no second heartbeat"),
            _ => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    assert!(text.contains("\"active_exec_sessions\":1"), "{text}");
    assert!(text.contains("\"host_messages\":1"), "{text}");
    let report = agent.heartbeat(2);
    assert_eq!(report.active_exec_sessions, 1);
    assert!(text.contains(&report.timestamp), "{text}");
    assert!(0 < report.memory_available && report.memory_available <= report.memory_total);
    assert!(report.upper_used > 0);
}

#[test]
fn pings_are_no_activity_and_touches_are() {
    let mut agent = TestAgent::start();
    let before = agent.heartbeat(1).activity_seq;
    agent.ping(5);
    agent.ping(6);
    assert_eq!(agent.heartbeat(2).activity_seq, before);
    agent.send_message(&Message::empty(7, MessageType::Touch));
    let touched: Touched = agent.expect(7);
    assert_eq!(agent.heartbeat(3).activity_seq, touched.activity_seq);
    assert!(touched.activity_seq > before);
}

#[test]
fn shutdown_and_a_closed_port_end_the_loop() {
    let mut agent = TestAgent::start();
    agent.send(1, &request("sleep", &["1000"]));
    agent.expect::<ExecStarted>(1);
    agent.send_message(&Message::shutdown());
    assert_eq!(agent.last_words(), "Shutdown");
    assert_eq!(TestAgent::start().hang_up(), "PortClosed");
}
