//! TCP between a guest with its own stack and real host sockets.

#![allow(clippy::unwrap_used)]

mod support;

use smoltcp::socket::tcp::State;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;
use support::{ALLOW_ALL, TestStack, options, wait_until};

fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Bytes that tell their position.
fn pattern(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) as u8
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn fifty_megabytes_both_ways_at_once_arrive_unchanged() {
    transfer(50_000_000, 1500);
}

#[test]
fn segments_are_as_large_as_the_guests_route_takes() {
    transfer(20_000_000, 32768);
}

/// Moves this many bytes both ways at once, over a route of this MTU.
fn transfer(size: usize, mtu: usize) {
    let (listener, port) = listener();
    let (stack, mut guest) = TestStack::with_route_mtu(options(ALLOW_ALL), mtu);
    let server = thread::spawn(move || {
        let (peer, _) = listener.accept().unwrap();
        let mut writer = peer.try_clone().unwrap();
        let sender = thread::spawn(move || {
            writer.write_all(&pattern(size, 1)).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let mut received = Vec::new();
        (&peer).read_to_end(&mut received).unwrap();
        sender.join().unwrap();
        received
    });
    let to = guest.gateway(port);
    let handle = guest.established(to);
    let outgoing = pattern(size, 2);
    let (mut sent, mut incoming) = (0, Vec::with_capacity(size));
    let started = std::time::Instant::now();
    guest_transfer(
        &mut guest,
        handle,
        &outgoing,
        &mut sent,
        &mut incoming,
        size,
    );
    println!("both ways: {} ms", started.elapsed().as_millis());
    guest.socket(handle).close();
    guest.until("closed", |g| {
        matches!(g.state(handle), State::Closed | State::TimeWait)
    });
    assert!(incoming == pattern(size, 1));
    assert!(server.join().unwrap() == outgoing);
    guest.until("no connection left", |_| stack.live() == 0);
    assert_eq!(guest.wire.largest, (mtu + 14, mtu + 14));
}

fn guest_transfer(
    guest: &mut support::Guest,
    handle: smoltcp::iface::SocketHandle,
    outgoing: &[u8],
    sent: &mut usize,
    incoming: &mut Vec<u8>,
    size: usize,
) {
    let deadline = std::time::Instant::now() + Duration::from_secs(120);
    while *sent < outgoing.len() || incoming.len() < size {
        assert!(
            std::time::Instant::now() < deadline,
            "{sent} {}",
            incoming.len()
        );
        let socket = guest.socket(handle);
        if socket.can_send() {
            *sent += socket.send_slice(&outgoing[*sent..]).unwrap();
        }
        while socket.can_recv() {
            socket
                .recv(|bytes| {
                    incoming.extend_from_slice(bytes);
                    (bytes.len(), ())
                })
                .unwrap();
        }
        guest.turn();
    }
}

#[test]
fn two_hundred_and_fifty_six_connections_at_once_and_not_one_more() {
    let (listener, port) = listener();
    let server = thread::spawn(move || {
        let peers: Vec<TcpStream> = (0..256).map(|_| listener.accept().unwrap().0).collect();
        for mut peer in peers {
            let mut word = [0; 5];
            peer.read_exact(&mut word).unwrap();
            peer.write_all(&word).unwrap();
        }
    });
    let (stack, mut guest) = TestStack::with_policy(ALLOW_ALL);
    let to = guest.gateway(port);
    let handles: Vec<_> = (0..256).map(|_| guest.connect(to)).collect();
    guest.until("all open", |g| {
        handles.iter().all(|h| g.socket(*h).may_send())
    });
    assert_eq!(stack.live(), 256);
    let refused = guest.connect(to);
    guest.until("refused", |g| g.state(refused) == State::Closed);
    for (i, handle) in handles.iter().enumerate() {
        guest.send(*handle, format!("{i:05}").as_bytes());
    }
    for (i, handle) in handles.iter().enumerate() {
        assert_eq!(guest.receive_all(*handle), format!("{i:05}").as_bytes());
        guest.socket(*handle).close();
    }
    server.join().unwrap();
    guest.until("none left", |_| stack.live() == 0);
    let limit = stack.events().into_iter().any(|event| {
        matches!(event, msb_netstack::event::Event::Verdict(v)
            if v.decided_by == msb_netstack::policy::DecidedBy::Limit)
    });
    assert!(limit);
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Other tests of this file open descriptors at the same time: this one counts in a process of its own.
#[test]
fn ten_thousand_short_connections_leave_nothing_behind() {
    if std::env::var_os("MSB_NETSTACK_ALONE").is_none() {
        let name = "ten_thousand_short_connections_leave_nothing_behind";
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env("MSB_NETSTACK_ALONE", "1")
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        return;
    }
    let (listener, port) = listener();
    thread::spawn(move || {
        for peer in listener.incoming() {
            let mut peer = peer.unwrap();
            let mut byte = [0];
            if peer.read_exact(&mut byte).is_ok() {
                let _ = peer.write_all(&byte);
            }
        }
    });
    let (stack, mut guest) = TestStack::with_policy(ALLOW_ALL);
    let to = guest.gateway(port);
    let mut before = (0, 0);
    for i in 0..10_000 {
        if i == 1000 {
            before = (open_descriptors(), resident_kib());
        }
        let handle = guest.established(to);
        guest.send(handle, b"x");
        assert_eq!(guest.receive_all(handle), b"x");
        guest.socket(handle).close();
        guest.until("closed", |g| {
            matches!(g.state(handle), State::Closed | State::TimeWait)
        });
        guest.remove(handle);
        stack.events();
    }
    guest.until("none left", |_| stack.live() == 0);
    let (descriptors, kib) = (open_descriptors(), resident_kib());
    println!(
        "descriptors {} -> {descriptors}, KiB {} -> {kib}",
        before.0, before.1
    );
    assert!(descriptors <= before.0 + 2);
    assert!(kib < before.1 + 8 * 1024);
}

#[test]
fn either_side_may_end_first() {
    let (listener, port) = listener();
    let server = thread::spawn(move || {
        // The host ends first and still receives.
        let (mut peer, _) = listener.accept().unwrap();
        peer.write_all(b"bye").unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        let mut first = Vec::new();
        peer.read_to_end(&mut first).unwrap();
        // The guest ends first and still receives.
        let (mut peer, _) = listener.accept().unwrap();
        let mut second = Vec::new();
        peer.read_to_end(&mut second).unwrap();
        peer.write_all(b"answer after the end").unwrap();
        (first, second)
    });
    let (stack, mut guest) = TestStack::with_policy(ALLOW_ALL);
    let to = guest.gateway(port);
    let handle = guest.established(to);
    assert_eq!(guest.receive_all(handle), b"bye");
    guest.send(handle, b"still here");
    guest.socket(handle).close();
    let handle = guest.established(to);
    guest.send(handle, b"question");
    guest.socket(handle).close();
    assert_eq!(guest.receive_all(handle), b"answer after the end");
    let (first, second) = server.join().unwrap();
    assert_eq!(
        (&first[..], &second[..]),
        (&b"still here"[..], &b"question"[..])
    );
    guest.until("none left", |_| stack.live() == 0);
}

#[test]
fn resets_cross_in_both_directions() {
    let (listener, port) = listener();
    let server = thread::spawn(move || {
        let (peer, _) = listener.accept().unwrap();
        socket2::SockRef::from(&peer)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
        drop(peer);
        let (mut peer, _) = listener.accept().unwrap();
        let mut byte = [0];
        peer.read_exact(&mut byte).unwrap();
        peer.read(&mut byte).unwrap_err().kind()
    });
    let (stack, mut guest) = TestStack::with_policy(ALLOW_ALL);
    let to = guest.gateway(port);
    let handle = guest.established(to);
    guest.until("reset by the host", |g| g.state(handle) == State::Closed);
    let handle = guest.established(to);
    guest.send(handle, b"x");
    guest.idle(Duration::from_millis(50));
    guest.socket(handle).abort();
    guest.until("none left", |_| stack.live() == 0);
    assert_eq!(server.join().unwrap(), ErrorKind::ConnectionReset);
}

#[test]
fn nobody_listening_is_a_reset() {
    let (listener, port) = listener();
    drop(listener);
    let (stack, mut guest) = TestStack::with_policy(ALLOW_ALL);
    let to = guest.gateway(port);
    let handle = guest.connect(to);
    guest.until("reset", |g| g.state(handle) == State::Closed);
    guest.until("none left", |_| stack.live() == 0);
}

#[test]
fn a_host_that_stalls_holds_the_guest_back_and_loses_nothing() {
    const SIZE: usize = 20_000_000;
    let (listener, port) = listener();
    let (go, wait) = std::sync::mpsc::channel();
    let server = thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        wait.recv().unwrap();
        let mut all = Vec::new();
        peer.read_to_end(&mut all).unwrap();
        all
    });
    let (_stack, mut guest) = TestStack::with_policy(ALLOW_ALL);
    let to = guest.gateway(port);
    let handle = guest.established(to);
    let data = pattern(SIZE, 3);
    let mut sent = 0;
    let mut last = usize::MAX;
    while last != sent {
        last = sent;
        let end = std::time::Instant::now() + Duration::from_millis(300);
        while std::time::Instant::now() < end {
            sent += guest.socket(handle).send_slice(&data[sent..]).unwrap();
            guest.turn();
        }
    }
    assert!(sent < SIZE);
    go.send(()).unwrap();
    guest.send(handle, &data[sent..]);
    guest.socket(handle).close();
    guest.until("closed", |g| {
        matches!(
            g.state(handle),
            State::FinWait2 | State::TimeWait | State::Closed
        )
    });
    let received = thread::spawn(move || server.join().unwrap());
    guest.until("received", |_| received.is_finished());
    assert!(received.join().unwrap() == data);
}

#[test]
fn single_bytes_arrive_one_by_one() {
    let (listener, port) = listener();
    let server = thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        peer.set_nodelay(true).unwrap();
        for byte in b"slow and steady" {
            peer.write_all(&[*byte]).unwrap();
            thread::sleep(Duration::from_millis(20));
        }
    });
    let (_stack, mut guest) = TestStack::with_policy(ALLOW_ALL);
    let to = guest.gateway(port);
    let handle = guest.established(to);
    assert_eq!(guest.receive_all(handle), b"slow and steady");
    server.join().unwrap();
}

#[test]
fn ipv6_reaches_the_host_too() {
    let (listener, port) = listener();
    let server = thread::spawn(move || listener.accept().unwrap().0.write_all(b"six").unwrap());
    let (_stack, mut guest) = TestStack::with_policy(ALLOW_ALL);
    // Nothing listens on ::1, so the other loopback address answers.
    let gateway = guest.addresses.ipv6.unwrap().gateway;
    let handle = guest.established((gateway, port).into());
    assert_eq!(guest.receive_all(handle), b"six");
    server.join().unwrap();
}

#[test]
fn stopping_resets_host_peers_and_closes_the_stream() {
    let (listener, port) = listener();
    let (stack, mut guest) = TestStack::start(options(ALLOW_ALL));
    let to = guest.gateway(port);
    guest.established(to);
    let (mut peer, _) = listener.accept().unwrap();
    guest.idle(Duration::from_millis(50));
    stack.stack.stop();
    let mut byte = [0];
    wait_until("peer is reset", || match peer.read(&mut byte) {
        Err(e) => e.kind() == ErrorKind::ConnectionReset,
        Ok(_) => false,
    });
}
