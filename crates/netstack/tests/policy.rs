//! What the policy lets through, as the guest and the host see it.

#![allow(clippy::unwrap_used)]

mod support;

use msb_netstack::event::{Event, StreamKind, VerdictSeen};
use msb_netstack::index::HostnameInsert;
use msb_netstack::policy::DecidedBy;
use smoltcp::socket::tcp::State;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;
use support::{ALLOW_ALL, DEFAULT, Guest, TestStack, allow_name, client_hello, deny_name, options};

fn verdict(event: Event) -> Option<VerdictSeen> {
    match event {
        Event::Verdict(seen) => Some(seen),
        _ => None,
    }
}

fn resolved(name: &str, address: IpAddr) -> Vec<HostnameInsert> {
    vec![HostnameInsert {
        name: name.into(),
        ipv6: address.is_ipv6(),
        addresses: vec![address],
        ttl: Duration::from_secs(60),
    }]
}

/// A listener on the host that the guest reaches at the gateway.
fn server(guest: &Guest) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, guest.gateway(port))
}

#[test]
fn every_notation_of_a_closed_address_is_reset() {
    let (stack, mut guest) = TestStack::with_policy(DEFAULT);
    let closed = [
        "10.0.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "169.254.1.1",
        "172.16.0.5",
        "192.168.1.1",
        "100.64.0.1",
        "fd42:6d73:62:1::1",
        "fc00::1",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::1",
        "2002:a9fe:a9fe::1",
    ];
    for address in closed {
        let to = SocketAddr::new(address.parse().unwrap(), 80);
        let handle = guest.connect(to);
        guest.until(address, |g| g.state(handle) == State::Closed);
        let seen = stack.event(&mut guest, verdict);
        assert!(
            !seen.allowed && seen.decided_by == DecidedBy::Default,
            "{address}"
        );
        assert_eq!(seen.address, Some(to.ip()));
        guest.remove(handle);
    }
    assert_eq!(stack.live(), 0);
}

#[test]
fn repetitions_are_counted_not_repeated() {
    let (stack, mut guest) = TestStack::with_policy(DEFAULT);
    let to: SocketAddr = "10.0.0.1:80".parse().unwrap();
    for _ in 0..10 {
        let handle = guest.connect(to);
        guest.until("reset", |g| g.state(handle) == State::Closed);
        guest.remove(handle);
    }
    guest.idle(Duration::from_millis(1500));
    let seen: Vec<VerdictSeen> = stack.events().into_iter().filter_map(verdict).collect();
    assert_eq!(seen.iter().map(|s| s.count).sum::<u64>(), 10);
    assert!(seen[0].first && seen[0].count == 1 && seen.len() <= 3);
    assert_eq!(seen[0].allow_rule.as_deref(), Some("allow@10.0.0.1:tcp:80"));
}

#[test]
fn a_name_that_was_not_resolved_is_reset_and_one_that_was_is_checked() {
    let (stack, mut guest) = TestStack::with_policy(&allow_name("a.com"));
    let (listener, to) = server(&guest);
    let refused = guest.connect(to);
    guest.until("reset", |g| g.state(refused) == State::Closed);
    stack.stack.insert_hostnames(resolved("a.com", to.ip()));

    let wrong = guest.established(to);
    guest.send(wrong, &client_hello("b.com"));
    assert_eq!(guest.receive_all(wrong), b"");
    assert_eq!(guest.state(wrong), State::CloseWait);

    let right = guest.established(to);
    let hello = client_hello("a.com");
    guest.send(right, &hello);
    let (mut peer, _) = listener.accept().unwrap();
    let mut got = vec![0; hello.len()];
    guest.idle(Duration::from_millis(50));
    peer.read_exact(&mut got).unwrap();
    assert_eq!(got, hello);
    let named = stack
        .events()
        .into_iter()
        .filter_map(verdict)
        .find(|s| s.allowed)
        .unwrap();
    assert_eq!(named.hostname.as_deref(), Some("a.com"));
}

#[test]
fn a_denied_name_closes_after_the_handshake_and_others_pass() {
    let (_stack, mut guest) = TestStack::with_policy(&deny_name("a.com"));
    let (listener, to) = server(&guest);
    let denied = guest.established(to);
    guest.send(denied, &client_hello("a.com"));
    assert_eq!(guest.receive_all(denied), b"");
    let plain = guest.established(to);
    guest.send(plain, b"GET / HTTP/1.0\r\n\r\n");
    let (mut peer, _) = listener.accept().unwrap();
    peer.write_all(b"ok").unwrap();
    assert_eq!(guest.receive(plain, 2), b"ok");
}

#[test]
fn a_server_that_speaks_first_does_not_wait_where_the_address_decides() {
    // Domain rules exist, but the first one that covers this address allows it.
    let policy = r#"{"default_egress":"deny","rules":[
      {"direction":"egress","destination":{"group":"host"},"action":"allow"},
      {"direction":"egress","destination":{"domain":"a.com"},"action":"deny"}]}"#;
    let (_stack, mut guest) = TestStack::with_policy(policy);
    let (listener, to) = server(&guest);
    let started = std::time::Instant::now();
    let handle = guest.established(to);
    thread::spawn(move || {
        listener
            .accept()
            .unwrap()
            .0
            .write_all(b"220 hello")
            .unwrap()
    });
    assert_eq!(guest.receive_all(handle), b"220 hello");
    assert!(started.elapsed() < Duration::from_secs(4));
}

#[test]
fn intercepted_ports_are_handed_up_with_their_name_and_bypassed_ones_spliced() {
    let (listener, port) = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    };
    let mut options = options(ALLOW_ALL);
    options.tls = serde_json::from_value(serde_json::json!({
        "interceptedPorts": [port], "bypass": ["*.corp"], "blockQuic": true,
    }))
    .unwrap();
    let (stack, mut guest) = TestStack::start(options);
    let to = guest.gateway(port);
    let intercepted = guest.established(to);
    let hello = client_hello("Api.Example");
    guest.send(intercepted, &hello);
    let (kind, name, mut end) = stack.event(&mut guest, |event| match event {
        Event::Stream {
            kind,
            server_name,
            end,
            ..
        } => Some((kind, server_name, UnixStream::from(end))),
        _ => None,
    });
    assert_eq!(
        (kind, name.as_deref()),
        (StreamKind::Tls, Some("api.example"))
    );
    let mut got = vec![0; hello.len()];
    guest.idle(Duration::from_millis(50));
    end.read_exact(&mut got).unwrap();
    assert_eq!(got, hello);

    let bypassed = guest.established(to);
    guest.send(bypassed, &client_hello("git.corp"));
    let (mut peer, _) = listener.accept().unwrap();
    peer.write_all(b"raw").unwrap();
    assert_eq!(guest.receive(bypassed, 3), b"raw");
    let nameless = guest.established(to);
    guest.send(nameless, b"not tls at all");
    assert_eq!(guest.receive_all(nameless), b"");
}

#[test]
fn ingress_is_judged_by_the_peer() {
    let (stack, mut guest) = TestStack::with_policy(ALLOW_ALL);
    let port = stack
        .stack
        .publish_tcp("127.0.0.1:0".parse().unwrap(), 80)
        .unwrap();
    let handle = guest.listen(80);
    let peer = thread::spawn(move || {
        let mut peer = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        peer.write_all(b"from outside").unwrap();
        let mut answer = Vec::new();
        peer.read_to_end(&mut answer).unwrap();
        answer
    });
    assert_eq!(guest.receive(handle, 12), b"from outside");
    guest.send(handle, b"from inside");
    // The guest's end reaches the peer, which has not ended itself.
    guest.socket(handle).close();
    guest.until("peer done", |_| peer.is_finished());
    assert_eq!(peer.join().unwrap(), b"from inside");

    stack
        .stack
        .set_policy(r#"{"default_egress":"allow","default_ingress":"deny"}"#)
        .unwrap();
    let mut peer = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let seen = stack.event(&mut guest, |e| verdict(e).filter(|s| !s.allowed));
    assert_eq!(
        seen.allow_rule.as_deref(),
        Some("allow:ingress@127.0.0.1:tcp:80")
    );
    assert!(peer.read(&mut [0]).is_err());
}
