//! Connections that the owner serves, over local sockets.

#![allow(clippy::unwrap_used)]

mod support;

use msb_netstack::event::{Event, StreamKind};
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::State;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};
use support::{ALLOW_ALL, Guest, TestStack, options};

/// A stack that hands everything up, and its guest.
fn start() -> (TestStack, Guest) {
    let mut options = options(ALLOW_ALL);
    options.hand_up_plain = true;
    TestStack::start(options)
}

/// A connection of the guest: its socket, the stream's number, the owner's end.
fn open(stack: &TestStack, guest: &mut Guest, to: SocketAddr) -> (SocketHandle, u32, UnixStream) {
    let handle = guest.established(to);
    let (stream, end) = stack.event(guest, |event| match event {
        Event::Stream {
            stream, end, kind, ..
        } => {
            assert_eq!(kind, StreamKind::Plain);
            Some((stream, UnixStream::from(end)))
        }
        _ => None,
    });
    (handle, stream, end)
}

/// How a stream ended: whether by a reset, and the event itself.
fn closed(stack: &TestStack, guest: &mut Guest) -> (bool, Event) {
    stack.event(guest, |event| match event {
        Event::Closed { reset, .. } => Some((reset, event)),
        _ => None,
    })
}

/// Turns the guest while a thread of the owner's works.
fn meanwhile<T: Send + 'static>(guest: &mut Guest, work: impl FnOnce() -> T + Send + 'static) -> T {
    let worker = thread::spawn(work);
    guest.until("owner", |_| worker.is_finished());
    worker.join().unwrap()
}

#[test]
fn either_side_ends_by_itself() {
    let (stack, mut guest) = start();
    let to = guest.gateway(80);
    let (handle, stream, mut end) = open(&stack, &mut guest, to);
    guest.send(handle, b"question");
    let mut end = meanwhile(&mut guest, move || {
        let mut question = [0; 8];
        end.read_exact(&mut question).unwrap();
        assert_eq!(&question, b"question");
        end.write_all(b"answer").unwrap();
        end.shutdown(Shutdown::Write).unwrap();
        end
    });
    assert_eq!(guest.receive_all(handle), b"answer");
    guest.send(handle, b"more");
    guest.socket(handle).close();
    let more = meanwhile(&mut guest, move || {
        let mut more = Vec::new();
        end.read_to_end(&mut more).unwrap();
        more
    });
    assert_eq!(more, b"more");
    let (reset, event) = closed(&stack, &mut guest);
    assert!(!reset, "{event:?}");
    assert!(matches!(event, Event::Closed { stream: id, .. } if id == stream));
    guest.until("none left", |_| stack.live() == 0);
}

#[test]
fn an_owner_that_does_not_read_holds_the_guest_back() {
    const SIZE: usize = 8_000_000;
    /// Buffers of the guest's socket, the stack's and the two local ones.
    const BUFFERED: usize = 2_000_000;
    let (stack, mut guest) = start();
    let to = guest.gateway(80);
    let (handle, _, mut end) = open(&stack, &mut guest, to);
    let data: Vec<u8> = (0..SIZE).map(|i| (i / 7) as u8).collect();
    let mut sent = 0;
    let mut last = usize::MAX;
    while last != sent {
        last = sent;
        let until = Instant::now() + Duration::from_millis(300);
        while Instant::now() < until {
            sent += guest.socket(handle).send_slice(&data[sent..]).unwrap();
            guest.turn();
        }
    }
    assert!(sent < BUFFERED, "{sent}");
    let reader = thread::spawn(move || {
        let mut all = Vec::new();
        end.read_to_end(&mut all).unwrap();
        // And the other way, to a guest that has closed its side.
        end.write_all(&all).unwrap();
        all
    });
    guest.send(handle, &data[sent..]);
    guest.socket(handle).close();
    let back = guest.receive_all(handle);
    assert!(reader.join().unwrap() == data && back == data);
    guest.until("none left", |_| stack.live() == 0);
}

#[test]
fn a_reset_of_the_guest_is_told_before_the_stream_ends() {
    let (stack, mut guest) = start();
    let to = guest.gateway(80);
    let (handle, _, mut end) = open(&stack, &mut guest, to);
    guest.socket(handle).abort();
    let (reset, told) = closed(&stack, &mut guest);
    assert!(reset);
    end.set_nonblocking(true).unwrap();
    let mut byte = [0];
    assert_eq!(
        end.read(&mut byte).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    drop(told);
    assert_eq!(end.read(&mut byte).unwrap(), 0);
    guest.until("none left", |_| stack.live() == 0);
}

#[test]
fn a_reset_of_the_owner_is_never_an_end_for_the_guest() {
    let (stack, mut guest) = start();
    let to = guest.gateway(80);
    for _ in 0..200 {
        let (handle, stream, mut end) = open(&stack, &mut guest, to);
        end.write_all(b"half an ans").unwrap();
        stack.stack.reset(stream);
        drop(end);
        guest.until("reset", |g| {
            assert_ne!(g.state(handle), State::CloseWait);
            g.state(handle) == State::Closed
        });
        guest.remove(handle);
    }
    guest.until("none left", |_| stack.live() == 0);
}

#[test]
fn a_closed_stream_sends_what_was_written_and_takes_no_more() {
    let (stack, mut guest) = start();
    let to = guest.gateway(80);
    let (handle, stream, mut end) = open(&stack, &mut guest, to);
    guest.send(handle, b"nobody reads this");
    end.write_all(b"the last word").unwrap();
    stack.stack.close(stream);
    drop(end);
    assert_eq!(guest.receive_all(handle), b"the last word");
    guest.send(handle, &[0; 1_000_000]);
    guest.socket(handle).close();
    guest.until("none left", |_| stack.live() == 0);
}

#[test]
fn a_stream_is_given_back_with_what_came_on_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (stack, mut guest) = start();
    let to = guest.gateway(listener.local_addr().unwrap().port());
    for _ in 0..50 {
        let (handle, stream, mut end) = open(&stack, &mut guest, to);
        guest.send(handle, b"read, ");
        let end = meanwhile(&mut guest, move || {
            end.read_exact(&mut [0; 6]).unwrap();
            end
        });
        guest.send(handle, b"not read, ");
        guest.idle(Duration::from_millis(2));
        stack.stack.splice(stream);
        drop(end);
        guest.send(handle, b"later");
        guest.socket(handle).close();
        let (mut peer, _) = listener.accept().unwrap();
        let got = meanwhile(&mut guest, move || {
            let mut got = String::new();
            peer.read_to_string(&mut got).unwrap();
            peer.write_all(b"answer").unwrap();
            got
        });
        assert_eq!(got, "read, not read, later");
        assert_eq!(guest.receive_all(handle), b"answer");
        let (reset, _) = closed(&stack, &mut guest);
        assert!(!reset);
        guest.remove(handle);
    }
}

#[test]
fn a_stream_on_which_the_owner_spoke_cannot_be_given_back() {
    let (stack, mut guest) = start();
    let to = guest.gateway(80);
    let (handle, stream, mut end) = open(&stack, &mut guest, to);
    end.write_all(b"hello").unwrap();
    assert_eq!(guest.receive(handle, 5), b"hello");
    stack.stack.splice(stream);
    drop(end);
    guest.until("reset", |g| g.state(handle) == State::Closed);
    guest.until("none left", |_| stack.live() == 0);
}
