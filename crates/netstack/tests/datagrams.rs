//! UDP, DNS and echo between raw frames of a guest and real host sockets.

#![allow(clippy::unwrap_used)]

mod support;

use msb_netstack::event::Event;
use msb_netstack::index::HostnameInsert;
use smoltcp::socket::tcp::State;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use support::{
    ALLOW_ALL, DEFAULT, TestStack, allow_name, options, ping_frame, udp_fragments, udp_frame,
};

/// Sends everything back to where it came from.
fn echo_server(address: &str) -> SocketAddr {
    let socket = UdpSocket::bind(address).unwrap();
    let at = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = vec![0; 65536];
        while let Ok((count, from)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(&buffer[..count], from);
        }
    });
    at
}

#[test]
fn datagrams_of_every_size_come_back_from_where_they_went() {
    let (_stack, mut guest) = TestStack::with_policy(ALLOW_ALL);
    let who = guest.addresses.clone();
    let (port4, port6) = (
        echo_server("127.0.0.1:0").port(),
        echo_server("[::1]:0").port(),
    );
    let gateway4 = SocketAddr::new(who.ipv4.unwrap().gateway.into(), port4);
    let gateway6 = SocketAddr::new(who.ipv6.unwrap().gateway.into(), port6);
    for to in [gateway4, gateway6] {
        for size in [0, 1, 1000, 1452, 1453, 1473, 4000, 30_000, 65_000] {
            let payload: Vec<u8> = (0..size).map(|i| (i * 7) as u8).collect();
            if size <= 1400 {
                guest.wire.send(&udp_frame(&who, 5000, to, &payload));
            } else {
                for frame in udp_fragments(&who, 5000, to, &payload, 1448) {
                    guest.wire.send(&frame);
                }
            }
            let received = guest.next_udp();
            assert_eq!((received.source, received.destination.port()), (to, 5000));
            assert!(received.payload == payload, "{to} {size}");
        }
    }
}

#[test]
fn sessions_are_bounded_and_the_oldest_gives_way() {
    let mut options = options(ALLOW_ALL);
    options.limits.max_udp_sessions = 8;
    let (stack, mut guest) = TestStack::start(options);
    let who = guest.addresses.clone();
    let to = guest.gateway(echo_server("127.0.0.1:0").port());
    for port in 5000..5100 {
        guest.wire.send(&udp_frame(&who, port, to, b"x"));
        assert_eq!(guest.next_udp().destination.port(), port);
    }
    guest.frames_within(Duration::from_millis(1200));
    assert_eq!(stack.stack.counters().udp_live.load(Ordering::Relaxed), 8);
}

#[test]
fn denied_and_unserved_datagrams_vanish() {
    let (stack, mut guest) = TestStack::with_policy(DEFAULT);
    let who = guest.addresses.clone();
    for to in [
        "10.0.0.1:1000",
        "127.0.0.1:1000",
        "1.1.1.1:853",
        "224.0.0.251:5353",
        "1.1.1.1:137",
    ] {
        guest
            .wire
            .send(&udp_frame(&who, 5000, to.parse().unwrap(), b"x"));
    }
    assert!(guest.frames_within(Duration::from_millis(300)).is_empty());
    let denied = stack
        .events()
        .iter()
        .filter(|e| matches!(e, Event::Verdict(v) if !v.allowed))
        .count();
    // Unserved ports are no matter of policy.
    assert_eq!(denied, 2);
}

#[test]
fn a_dns_answer_is_in_the_index_when_it_arrives() {
    let (stack, mut guest) = TestStack::with_policy(&allow_name("a.com"));
    let who = guest.addresses.clone();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = guest.gateway(listener.local_addr().unwrap().port());
    let resolver: SocketAddr = "9.9.9.9:53".parse().unwrap();
    guest
        .wire
        .send(&udp_frame(&who, 5353, resolver, b"a question"));
    let query = stack.event(&mut guest, |event| match event {
        Event::DnsQuery {
            query,
            tcp,
            destination,
            message,
        } => {
            assert_eq!(
                (tcp, destination, &message[..]),
                (false, resolver, &b"a question"[..])
            );
            Some(query)
        }
        _ => None,
    });
    let inserts = vec![HostnameInsert {
        name: "a.com".into(),
        ipv6: false,
        addresses: vec![to.ip()],
        ttl: Duration::from_secs(30),
    }];
    stack.stack.respond(query, Some(vec![7; 3000]), inserts);
    let answer = guest.next_udp();
    assert_eq!((answer.source, answer.payload.len()), (resolver, 3000));
    let handle = guest.established(to);
    assert_eq!(guest.state(handle), State::Established);
    // Answered queries are gone.
    stack.stack.respond(query, Some(vec![7; 3]), Vec::new());
    assert!(
        guest
            .frames_within(Duration::from_millis(100))
            .iter()
            .all(|f| f[23] != 17)
    );
}

#[test]
fn dns_over_tcp_is_taken_apart_and_put_together() {
    let (stack, mut guest) = TestStack::with_policy(DEFAULT);
    let handle = guest.established("8.8.8.8:53".parse().unwrap());
    guest.send(handle, b"\0\x03one\0\x03two\0");
    let mut queries = Vec::new();
    guest.until("two queries", |_| {
        for event in stack.events() {
            if let Event::DnsQuery {
                query,
                tcp,
                message,
                ..
            } = event
            {
                assert!(tcp);
                queries.push((query, message));
            }
        }
        queries.len() == 2
    });
    assert_eq!(
        (&queries[0].1[..], &queries[1].1[..]),
        (&b"one"[..], &b"two"[..])
    );
    stack
        .stack
        .respond(queries[1].0, Some(b"second".to_vec()), Vec::new());
    stack
        .stack
        .respond(queries[0].0, Some(b"first".to_vec()), Vec::new());
    assert_eq!(guest.receive(handle, 15), b"\0\x06second\0\x05first");
    // The guest ends in the middle of a message: nothing more to answer.
    guest.socket(handle).close();
    guest.until("none left", |_| stack.live() == 0);
}

#[test]
fn queries_that_nobody_answers_are_bounded() {
    let mut options = options(DEFAULT);
    options.limits.max_dns_queries = 10;
    let (stack, mut guest) = TestStack::start(options);
    let who = guest.addresses.clone();
    for port in 5000..5200 {
        guest
            .wire
            .send(&udp_frame(&who, port, "1.1.1.1:53".parse().unwrap(), b"q"));
    }
    guest.frames_within(Duration::from_millis(200));
    let asked = stack
        .events()
        .iter()
        .filter(|e| matches!(e, Event::DnsQuery { .. }))
        .count();
    assert_eq!(asked, 10);
}

#[test]
fn published_datagrams_go_in_and_come_back() {
    let (stack, mut guest) = TestStack::with_policy(ALLOW_ALL);
    let who = guest.addresses.clone();
    let port = stack
        .stack
        .publish_udp("127.0.0.1:0".parse().unwrap(), 7000)
        .unwrap();
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    peer.send_to(b"knock", ("127.0.0.1", port)).unwrap();
    let inside = guest.next_udp();
    assert_eq!(
        (inside.destination.port(), &inside.payload[..]),
        (7000, &b"knock"[..])
    );
    guest
        .wire
        .send(&udp_frame(&who, 7000, inside.source, b"come in"));
    guest.wire.pump();
    let mut buffer = [0; 100];
    let (count, from) = peer.recv_from(&mut buffer).unwrap();
    assert_eq!((&buffer[..count], from.port()), (&b"come in"[..], port));
}

#[test]
fn the_gateway_answers_echo_only_where_the_policy_allows() {
    for (policy, answers) in [(ALLOW_ALL, 1), (DEFAULT, 0)] {
        let (_stack, mut guest) = TestStack::with_policy(policy);
        let who = guest.addresses.clone();
        guest
            .wire
            .send(&ping_frame(&who, who.ipv4.unwrap().gateway.into(), 3));
        let frames = guest.frames_within(Duration::from_millis(200));
        assert_eq!(frames.len(), answers);
        for frame in frames {
            assert_eq!(&frame[34..36], &[0, 0]);
            assert_eq!(&frame[42..], b"ping data");
        }
    }
}

#[test]
fn loopback_answers_a_relayed_echo() {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ping_group_range").unwrap();
    if !range.starts_with('0') {
        eprintln!("skipped: ping_group_range is {range}");
        return;
    }
    let (_stack, mut guest) = TestStack::with_policy(ALLOW_ALL);
    let who = guest.addresses.clone();
    for sequence in 0..100 {
        guest
            .wire
            .send(&ping_frame(&who, [127, 0, 0, 1].into(), sequence));
    }
    let frames = guest.frames_within(Duration::from_millis(500));
    assert!((1..=100).contains(&frames.len()), "{}", frames.len());
    let reply = &frames[0];
    // Echo reply from the address that was pinged, with the guest's own identifier.
    assert_eq!(
        (&reply[26..30], &reply[34..36]),
        (&[127, 0, 0, 1][..], &[0, 0][..])
    );
    assert_eq!(
        (&reply[38..40], &reply[42..]),
        (&[0, 9][..], &b"ping data"[..])
    );
}

#[test]
fn rate_limits_slow_the_guest_down_without_loss() {
    let mut options = options(ALLOW_ALL);
    options.rate_limiter = serde_json::from_value(serde_json::json!({
        "egress": {"ops": {"size": 10, "refill_time_ms": 100}},
        "ingress": {"bandwidth": {"size": 1000, "refill_time_ms": 10}},
    }))
    .unwrap();
    let (_stack, mut guest) = TestStack::start(options);
    let who = guest.addresses.clone();
    let to = guest.gateway(echo_server("127.0.0.1:0").port());
    let started = std::time::Instant::now();
    for i in 0..50 {
        guest.wire.send(&udp_frame(&who, 5000, to, &[i; 100]));
    }
    for i in 0..50 {
        assert_eq!(guest.next_udp().payload, [i; 100]);
    }
    // Ten at once, forty at ten per 100 ms.
    assert!(started.elapsed() >= Duration::from_millis(380));
}
