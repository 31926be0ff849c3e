//! A running agent loop and a client on the other end of its socket.

#![allow(clippy::unwrap_used, dead_code)] // Helpers; each test file uses its share.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use msb_protocol::heartbeat::{HEARTBEAT, Heartbeat};
use msb_protocol::payload::{
    ExecExited, ExecFailed, ExecRequest, ExecStarted, ExecStderr, ExecStdin, ExecStdinError,
    ExecStdout,
};
use msb_protocol::{Envelope, Frame, FrameDecoder, Message, MessageType, Payload, cbor};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_bytes::ByteBuf;

/// No single wait of these tests is longer.
pub const PATIENCE: Duration = Duration::from_secs(20);

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n";
const GROUP: &str = "root:x:0:\nann:x:1000:\naudio:x:29:ann\n";

pub struct TestAgent {
    pub folder: PathBuf,
    process: Child,
    socket: UnixStream,
    decoder: FrameDecoder,
    /// Messages for other ids, met while waiting.
    pending: Vec<Message>,
    heartbeats: Vec<Heartbeat>,
}

/// Everything a finished process left behind.
#[derive(Debug, Default)]
pub struct Outcome {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub stdin_errors: Vec<ExecStdinError>,
    pub pid: Option<u32>,
    pub code: Option<i32>,
    pub failed: Option<ExecFailed>,
}

impl Outcome {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

impl TestAgent {
    pub fn start() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("agentd-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("passwd"), PASSWD).unwrap();
        std::fs::write(folder.join("group"), GROUP).unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let process = Command::new(program())
            .arg(&folder)
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut agent = Self {
            folder,
            process,
            socket: ours,
            decoder: FrameDecoder::new(),
            pending: vec![],
            heartbeats: vec![],
        };
        assert_eq!(agent.next_for(0).kind, MessageType::Ready);
        agent
    }

    pub fn send<P: Payload>(&mut self, id: u32, payload: &P) {
        self.send_message(&Message::new(id, payload).unwrap());
    }

    pub fn send_message(&mut self, message: &Message) {
        self.send_bytes(&message.to_frame().encode().unwrap());
    }

    pub fn send_frame(&mut self, frame: &Frame) {
        self.send_bytes(&frame.encode().unwrap());
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
    }

    /// Writes what the agent takes within `limit`; says how much that was.
    pub fn send_within(&mut self, bytes: &[u8], limit: Duration) -> usize {
        let end = Instant::now() + limit;
        let mut written = 0;
        while written < bytes.len() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            self.socket.set_write_timeout(Some(left)).unwrap();
            match self.socket.write(&bytes[written..]) {
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        self.socket.set_write_timeout(None).unwrap();
        written
    }

    pub fn input(&mut self, id: u32, data: &[u8]) {
        self.send(
            id,
            &ExecStdin {
                data: ByteBuf::from(data),
            },
        );
    }

    /// The next message, whoever it is for; `None` when none comes within `limit`.
    pub fn next_within(&mut self, limit: Duration) -> Option<Message> {
        if !self.pending.is_empty() {
            return Some(self.pending.remove(0));
        }
        self.receive(limit)
    }

    /// The heartbeat with this number.
    pub fn heartbeat(&mut self, sequence: u64) -> Heartbeat {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = self
                .heartbeats
                .iter()
                .find(|beat| beat.heartbeat_seq == sequence)
            {
                return found.clone();
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no heartbeat {sequence}");
            let message = self.receive(left.min(Duration::from_millis(100)));
            self.pending.extend(message);
        }
    }

    /// Heartbeats come by themselves and are no message of the public table.
    fn keep_heartbeat(&mut self, frame: &Frame) -> bool {
        let Ok(envelope) = Envelope::decode(&frame.body) else {
            return false;
        };
        if envelope.t != HEARTBEAT {
            return false;
        }
        assert_eq!((frame.id, frame.flags), (0, 0));
        self.heartbeats.push(cbor::from_slice(&envelope.p).unwrap());
        true
    }

    fn receive(&mut self, limit: Duration) -> Option<Message> {
        let end = Instant::now() + limit;
        let mut buffer = vec![0; 65536];
        loop {
            if let Some(frame) = self.decoder.next_frame().unwrap() {
                if self.keep_heartbeat(&frame) {
                    continue;
                }
                return Some(Message::from_frame(&frame).unwrap());
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            self.socket.set_read_timeout(Some(left)).unwrap();
            match self.socket.read(&mut buffer) {
                Ok(0) => panic!("the agent closed its socket"),
                Ok(count) => self.decoder.push(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// The next message for `id`; others are kept.
    pub fn next_for(&mut self, id: u32) -> Message {
        if let Some(position) = self.pending.iter().position(|message| message.id == id) {
            return self.pending.remove(position);
        }
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let message = self
                .receive(left)
                .unwrap_or_else(|| panic!("nothing for id {id}"));
            if message.id == id {
                return message;
            }
            self.pending.push(message);
        }
    }

    pub fn expect<P: Payload>(&mut self, id: u32) -> P {
        let message = self.next_for(id);
        assert_eq!(message.kind, P::TYPE, "{message:?}");
        message.decode().unwrap()
    }

    /// Reads until the process of `id` is over.
    pub fn finish(&mut self, id: u32) -> Outcome {
        let mut outcome = Outcome::default();
        loop {
            let message = self.next_for(id);
            match message.kind {
                MessageType::ExecStarted => {
                    outcome.pid = Some(message.decode::<ExecStarted>().unwrap().pid);
                }
                MessageType::ExecStdout => {
                    assert!(outcome.pid.is_some(), "output before the start");
                    outcome
                        .stdout
                        .extend(message.decode::<ExecStdout>().unwrap().data.into_vec());
                }
                MessageType::ExecStderr => {
                    outcome
                        .stderr
                        .extend(message.decode::<ExecStderr>().unwrap().data.into_vec());
                }
                MessageType::ExecStdinError => {
                    outcome.stdin_errors.push(message.decode().unwrap());
                }
                MessageType::ExecExited => {
                    outcome.code = Some(message.decode::<ExecExited>().unwrap().code);
                    return outcome;
                }
                MessageType::ExecFailed => {
                    outcome.failed = Some(message.decode().unwrap());
                    return outcome;
                }
                other => panic!("unexpected {other}: {message:?}"),
            }
        }
    }

    /// Runs a shell script with no input.
    pub fn shell(&mut self, id: u32, script: &str) -> Outcome {
        self.send(id, &shell(script));
        self.input(id, b"");
        self.finish(id)
    }

    pub fn ping(&mut self, id: u32) {
        self.send_message(&Message::empty(id, MessageType::Ping));
        assert_eq!(self.next_for(id).kind, MessageType::Pong);
    }

    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Closes the socket and gives back what the agent printed at its end.
    pub fn hang_up(mut self) -> String {
        self.socket.shutdown(std::net::Shutdown::Both).unwrap();
        self.last_words()
    }

    pub fn last_words(&mut self) -> String {
        let mut text = String::new();
        self.process
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert!(self.process.wait().unwrap().success());
        text.trim().to_owned()
    }
}

impl Drop for TestAgent {
    fn drop(&mut self) {
        // Each child leads a process group, which nobody ends when the agent is killed.
        let agent = self.process.id();
        let children = std::fs::read_to_string(format!("/proc/{agent}/task/{agent}/children"));
        for pid in children.unwrap_or_default().split_whitespace() {
            if let Some(pid) = pid.parse().ok().and_then(Pid::from_raw) {
                let _ = kill_process_group(pid, Signal::KILL);
            }
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Cargo builds examples next to the tests but does not tell them where.
fn program() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    let program = path.join("examples").join("socket-agent");
    assert!(
        program.exists(),
        "{} is missing: cargo build --examples",
        program.display()
    );
    program
}

pub fn request(cmd: &str, args: &[&str]) -> ExecRequest {
    ExecRequest {
        cmd: cmd.into(),
        args: args.iter().map(|arg| (*arg).into()).collect(),
        env: vec![],
        cwd: None,
        user: None,
        tty: false,
        rows: 24,
        cols: 80,
        rlimits: vec![],
    }
}

pub fn shell(script: &str) -> ExecRequest {
    request("/bin/sh", &["-c", script])
}
