//! A guest that has no memory for segments inside its window, and says so.

#![allow(clippy::unwrap_used)]

mod support;

use smoltcp::wire::{Ipv4Packet, TcpPacket, TcpRepr, TcpSeqNumber};
use std::io::Write;
use std::net::TcpListener;
use std::time::{Duration, Instant};
use support::{ALLOW_ALL, Guest, TestStack, acknowledgement, tcp_frame, wait_until};

const PORT: u16 = 40_000;
/// How long the stack's timer for lost segments runs at least.
const RETRANSMISSION: Duration = Duration::from_secs(1);
/// A busy machine may hold any single one up.
const ATTEMPTS: usize = 5;

#[test]
fn what_was_dropped_comes_again_when_the_window_opens_and_not_by_the_timer() {
    let quick = (0..ATTEMPTS).any(|_| time_until_sent_again() < RETRANSMISSION);
    assert!(quick, "waited for the timer {ATTEMPTS} times");
}

/// Drops all of a full window; how long from before it was sent until its first byte comes again.
fn time_until_sent_again() -> Duration {
    let (_stack, mut guest) = TestStack::with_policy(ALLOW_ALL);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = guest.gateway(listener.local_addr().unwrap().port());
    let handle = guest.connect_from(PORT, to);
    guest.until("connect", |g| g.socket(handle).may_send());
    let (mut peer, _) = listener.accept().unwrap();
    let sent = Instant::now();
    peer.write_all(&[7; 100_000]).unwrap();

    // From here on nothing reaches the guest's own stack.
    let mut dropped = Vec::new();
    wait_until("a full window", || {
        dropped.extend(segments(&mut guest));
        dropped.iter().map(|segment| segment.length).sum::<usize>() > 60_000
    });
    let first = dropped[0];
    let closed = acknowledgement(PORT, to, first.acknowledges, Some(first.sequence));
    let reopened = TcpRepr {
        window_len: 30_000,
        ..closed
    };
    for repr in [closed, reopened] {
        let frame = tcp_frame(&guest.addresses, to, &repr);
        guest.wire.send(&frame);
    }
    wait_until("the first byte again", || {
        segments(&mut guest)
            .iter()
            .any(|segment| segment.sequence == first.sequence && segment.length > 0)
    });
    sent.elapsed()
}

#[derive(Clone, Copy)]
struct Segment {
    sequence: TcpSeqNumber,
    acknowledges: TcpSeqNumber,
    length: usize,
}

/// Segments with data that came from the stack.
fn segments(guest: &mut Guest) -> Vec<Segment> {
    guest.wire.pump();
    let frames = guest.wire.frames.drain(..);
    let segments = frames.filter(|frame| frame[12..14] == [8, 0]).map(|frame| {
        let ip = Ipv4Packet::new_checked(&frame[14..]).unwrap();
        let tcp = TcpPacket::new_checked(ip.payload()).unwrap();
        Segment {
            sequence: tcp.seq_number(),
            acknowledges: tcp.ack_number(),
            length: tcp.payload().len(),
        }
    });
    segments.filter(|segment| segment.length > 0).collect()
}
