//! TCP out of the guest.

#![allow(clippy::unwrap_used)] // Helpers outside of #[test] functions.

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use msb_protocol::payload::{RelayClientDisconnected, TcpConnect, TcpData, TcpFailed};
use msb_protocol::{Message, MessageType};
use serde_bytes::ByteBuf;
use support::{PATIENCE, TestAgent};

impl TestAgent {
    fn connect(&mut self, id: u32, listener: &TcpListener) -> TcpStream {
        let port = listener.local_addr().unwrap().port();
        self.send(
            id,
            &TcpConnect {
                host: "127.0.0.1".into(),
                port,
            },
        );
        assert_eq!(self.next_for(id).kind, MessageType::TcpConnected);
        let (peer, _) = listener.accept().unwrap();
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        peer
    }

    fn tcp(&mut self, id: u32, data: &[u8]) {
        self.send(
            id,
            &TcpData {
                data: ByteBuf::from(data),
            },
        );
    }
}

fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

#[test]
fn bytes_go_both_ways_and_each_way_ends_by_itself() {
    let mut agent = TestAgent::start();
    let listener = listen();
    let mut peer = agent.connect(1, &listener);
    let data: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    agent.tcp(1, &data);
    agent.send_message(&Message::empty(1, MessageType::TcpEof));
    let mut got = Vec::new();
    peer.read_to_end(&mut got).unwrap();
    assert!(got == data, "{} bytes arrived", got.len());
    peer.write_all(b"answer").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    assert_eq!(&agent.expect::<TcpData>(1).data[..], b"answer");
    assert_eq!(agent.next_for(1).kind, MessageType::TcpEof);
    agent.send_message(&Message::empty(1, MessageType::TcpClose));
    agent.ping(2);
    agent.tcp(1, b"late");
    assert_eq!(agent.expect::<TcpFailed>(1).error, "unknown TCP session: 1");
}

#[test]
fn failures_name_the_peer() {
    let mut agent = TestAgent::start();
    let port = listen().local_addr().unwrap().port();
    agent.send(
        1,
        &TcpConnect {
            host: "127.0.0.1".into(),
            port,
        },
    );
    let error = agent.expect::<TcpFailed>(1).error;
    assert!(
        error.starts_with(&format!("connect 127.0.0.1:{port}: ")),
        "{error}"
    );
    assert!(error.contains("refused"), "{error}");
}

#[test]
fn a_peer_that_breaks_off_fails_the_stream() {
    let mut agent = TestAgent::start();
    let listener = listen();
    let peer = agent.connect(1, &listener);
    // Unread data makes the close a reset.
    agent.tcp(1, b"unread");
    std::thread::sleep(Duration::from_millis(100));
    drop(peer);
    assert!(
        agent
            .expect::<TcpFailed>(1)
            .error
            .starts_with("read TCP stream: ")
    );
}

#[test]
fn a_client_that_leaves_takes_its_connections_along() {
    let mut agent = TestAgent::start();
    let listener = listen();
    let mut peer = agent.connect(1, &listener);
    agent.send(
        0,
        &RelayClientDisconnected {
            id_start: 1,
            id_end_exclusive: 100,
        },
    );
    assert_eq!(peer.read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn a_peer_that_takes_nothing_holds_nobody_up() {
    let mut agent = TestAgent::start();
    let listener = listen();
    let _peer = agent.connect(1, &listener);
    for _ in 0..256 {
        agent.tcp(1, &[0; 65536]);
    }
    agent.ping(2);
    assert_eq!(
        agent.expect::<TcpFailed>(1).error,
        "write TCP stream: the peer takes nothing"
    );
}
