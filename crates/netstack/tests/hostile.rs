//! A guest that does everything wrong: the stack goes on, bounded, and serves the next honest connection.

#![allow(clippy::unwrap_used)]

mod support;

use msb_netstack::policy::Policy;
use msb_netstack::sni;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use support::{
    ALLOW_ALL, Guest, TestStack, client_hello, ping_frame, syn_frame, udp_fragments, udp_frame,
};

/// Deterministic noise; `MSB_FUZZ_SEED` and `MSB_FUZZ_SECONDS` make a long run.
struct Noise(u64);

impl Noise {
    fn new(seed: u64) -> Noise {
        let given = std::env::var("MSB_FUZZ_SEED")
            .ok()
            .and_then(|s| s.parse().ok());
        // xorshift never leaves zero.
        Noise(given.unwrap_or(seed).max(1))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    /// Flips, cuts, grows or overwrites.
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            if bytes.is_empty() {
                return;
            }
            let at = self.below(bytes.len());
            match self.below(5) {
                0 => bytes[at] ^= 1 << self.below(8),
                1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)],
                2 => bytes.truncate(at),
                3 => bytes.extend((0..self.below(64)).map(|i| i as u8)),
                _ => bytes[at] = self.next() as u8,
            }
        }
    }
}

/// Runs for a short while, or as long as `MSB_FUZZ_SECONDS` says.
fn while_time_lasts(mut step: impl FnMut()) {
    let seconds = std::env::var("MSB_FUZZ_SECONDS")
        .ok()
        .and_then(|s| s.parse().ok());
    let end = Instant::now() + Duration::from_secs_f64(seconds.unwrap_or(1.0));
    while Instant::now() < end {
        for _ in 0..50 {
            step();
        }
    }
}

/// An honest connection still works.
#[track_caller]
fn still_serves(guest: &mut Guest) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = guest.gateway(listener.local_addr().unwrap().port());
    let handle = guest.connect_from(61_000, to);
    guest.until("connect", |g| g.socket(handle).may_send());
    guest.send(handle, b"honest");
    let (mut peer, _) = listener.accept().unwrap();
    let mut word = [0; 6];
    guest.idle(Duration::from_millis(20));
    peer.read_exact(&mut word).unwrap();
    assert_eq!(&word, b"honest");
}

#[test]
fn damaged_frames_of_every_kind() {
    let (stack, mut guest) = TestStack::with_policy(ALLOW_ALL);
    let who = guest.addresses.clone();
    let to: SocketAddr = guest.gateway(9);
    let to6 = SocketAddr::new(who.ipv6.unwrap().gateway.into(), 9);
    let mut seeds = vec![
        syn_frame(&who, 4000, to),
        syn_frame(&who, 4000, to6),
        udp_frame(&who, 4000, to, &[1; 100]),
        udp_frame(&who, 4000, to6, &[1; 100]),
        ping_frame(&who, to.ip(), 1),
    ];
    seeds.extend(udp_fragments(&who, 4000, to, &[2; 3000], 1000));
    seeds.extend(udp_fragments(&who, 4000, to6, &[2; 3000], 1000));
    let mut noise = Noise::new(0x5eed);
    while_time_lasts(|| {
        let mut frame = seeds[noise.below(seeds.len())].clone();
        noise.damage(&mut frame);
        guest.wire.send(&frame);
        guest.wire.pump();
        guest.wire.frames.clear();
        stack.events();
    });
    assert!(stack.live() <= 256);
    still_serves(&mut guest);
}

#[test]
fn other_senders_are_not_listened_to() {
    let (stack, mut guest) = TestStack::with_policy(ALLOW_ALL);
    let who = guest.addresses.clone();
    let to = guest.gateway(53);
    let mut wrong_mac = udp_frame(&who, 4000, to, b"q");
    wrong_mac[6..12].copy_from_slice(&[2, 1, 1, 1, 1, 1]);
    let mut neighbour = who.clone();
    neighbour.ipv4.as_mut().unwrap().guest = [172, 16, 0, 10].into();
    let mut other_target = udp_frame(&who, 4000, to, b"q");
    other_target[0..6].copy_from_slice(&[2, 1, 1, 1, 1, 1]);
    for frame in [
        wrong_mac,
        udp_frame(&neighbour, 4000, to, b"q"),
        other_target,
        vec![],
        vec![0; 9000],
    ] {
        guest.wire.send(&frame);
    }
    guest.frames_within(Duration::from_millis(100));
    assert!(stack.events().is_empty());
    assert_eq!(
        stack
            .stack
            .counters()
            .frames_dropped
            .load(Ordering::Relaxed),
        5
    );
    still_serves(&mut guest);
}

#[test]
fn a_flood_of_syns_stays_bounded_and_runs_out() {
    let (stack, mut guest) = TestStack::with_policy(ALLOW_ALL);
    let who = guest.addresses.clone();
    let to = guest.gateway(9);
    for port in 1024..9000 {
        guest.wire.send(&syn_frame(&who, port, to));
        if port % 100 == 0 {
            guest.wire.pump();
            guest.wire.frames.clear();
        }
    }
    guest.frames_within(Duration::from_millis(300));
    let counters = stack.stack.counters();
    assert_eq!(stack.live(), 256);
    assert!(counters.tcp_refused.load(Ordering::Relaxed) > 7000);
    // Half-open connections run into the handshake's time limit.
    let deadline = Instant::now() + Duration::from_secs(16);
    while stack.live() > 0 {
        assert!(Instant::now() < deadline, "{}", stack.live());
        guest.frames_within(Duration::from_millis(100));
    }
    still_serves(&mut guest);
}

#[test]
fn windows_of_one_byte_hold_nobody_up() {
    const LENGTH: usize = 2000;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for peer in listener.incoming() {
            let bytes: Vec<u8> = (0..LENGTH).map(|i| i as u8).collect();
            // The guest goes away at the end of the test.
            let _ = peer.unwrap().write_all(&bytes);
        }
    });
    let (stack, mut guest) = TestStack::with_policy(ALLOW_ALL);
    let to = guest.gateway(port);
    let narrow: Vec<_> = (0..100).map(|_| guest.connect_narrow(to)).collect();
    for &handle in &narrow {
        guest.until("connect", |g| g.socket(handle).may_send());
    }
    assert_eq!(stack.live(), 100);
    still_serves(&mut guest);
    // Who reads on gets everything, byte by byte.
    let received = guest.receive(narrow[0], LENGTH);
    assert!(received.iter().enumerate().all(|(i, b)| *b == i as u8));
}

#[test]
fn options_of_every_length_are_no_harm() {
    let (stack, mut guest) = TestStack::with_policy(ALLOW_ALL);
    let who = guest.addresses.clone();
    let to = guest.gateway(9);
    let mut noise = Noise::new(0x0b71);
    for port in 1024..4000 {
        let mut frame = syn_frame(&who, port, to);
        // Forty bytes of them: the most that the field for the header's length can say.
        frame.truncate(14 + 20 + 20);
        frame.extend((0..40).map(|_| noise.next() as u8));
        let mut packet = smoltcp::wire::Ipv4Packet::new_unchecked(&mut frame[14..]);
        packet.set_total_len(80);
        packet.fill_checksum();
        let mut segment = smoltcp::wire::TcpPacket::new_unchecked(&mut frame[34..]);
        segment.set_header_len(60);
        let source = who.ipv4.unwrap().guest.into();
        segment.fill_checksum(&source, &to.ip().into());
        guest.wire.send(&frame);
        guest.wire.pump();
        guest.wire.frames.clear();
        stack.events();
    }
    assert!(stack.live() <= 256);
    // Those that were taken for a beginning run into the handshake's time limit.
    guest.until("room", |_| stack.live() < 256);
    still_serves(&mut guest);
}

#[test]
fn fragments_that_overlap_or_never_end_are_forgotten() {
    let (stack, mut guest) = TestStack::with_policy(ALLOW_ALL);
    let who = guest.addresses.clone();
    let to = guest.gateway(53);
    for id in 0..2000_u16 {
        let mut frames = udp_fragments(&who, 4000, to, &[3; 2000], 800);
        for frame in &mut frames {
            frame[18..20].copy_from_slice(&id.to_be_bytes());
            let mut packet = smoltcp::wire::Ipv4Packet::new_unchecked(&mut frame[14..]);
            packet.fill_checksum();
        }
        // The second piece twice, then the rest: the set is thrown away at the overlap.
        for index in [0, 1, 1, 2] {
            guest.wire.send(&frames[index]);
        }
        guest.wire.pump();
    }
    guest.frames_within(Duration::from_millis(200));
    assert!(stack.events().is_empty());
    still_serves(&mut guest);
}

#[test]
fn policies_and_hellos_in_pieces() {
    let seed = format!("{} {}", ALLOW_ALL, support::deny_name("a.com"));
    let mut noise = Noise::new(0xbadc0de);
    while_time_lasts(|| {
        let mut text = seed.clone().into_bytes();
        noise.damage(&mut text);
        let _ = Policy::from_json(&String::from_utf8_lossy(&text));
        let mut hello = client_hello("name.example");
        noise.damage(&mut hello);
        sni::read_hello(&hello);
    });
}
